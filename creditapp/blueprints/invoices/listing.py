"""The list of invoices: what the URL asks for, and the page, chips and links that answer it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from creditapp.blueprints.invoices.words import STATUSES
from creditapp.models import InvoiceKind, InvoiceStatus
from creditapp.queries import invoices
from creditapp.queries.invoices import InvoiceFilter, InvoiceList
from creditapp.web import lists, urls
from creditapp.web.exports import Number
from creditapp.web.filters import day, money, plain
from creditapp.web.lists import Column, Page, Sort

NEWEST_FIRST = "-number"
SORTS = {"number", "-number", "due", "-due"}
COLUMNS = (
    Column("Invoice", "number", numeric=False),
    Column("Customer"),
    Column("Kind"),
    Column("Status"),
    Column("Issued"),
    Column("Due", "due"),
    Column("Total", numeric=True),
    Column("Credit", numeric=True),
    Column("Balance remaining", numeric=True),
)
HEADINGS = (
    *("Invoice", "User", "Name", "Company", "Kind", "Status", "Issued on", "Due on"),
    *("Net", "Tax", "Total", "Credit", "Paid", "Balance remaining"),
)
STATUS_CHOICES = [("", "Any"), *STATUSES.items()]
KIND_CHOICES = [("", "Any"), *((str(kind), kind.label) for kind in InvoiceKind)]
_LABELS = {"from": "Issued from", "until": "Issued until", "min": "Total from", "max": "Total to"}
_TYPED_CHARS_MAX = 40


@dataclass(slots=True)
class Asked:
    """What the URL asks for, as far as it makes sense."""

    wanted: InvoiceFilter
    sort: str = NEWEST_FIRST
    args: dict[str, str] = field(default_factory=dict)
    """The arguments that ask for this again."""
    hints: list[str] = field(default_factory=list)
    """What was left out and why, in sentences."""

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Asked:
        """Read the URL's arguments; what makes no sense is left out and said."""
        asked = cls(InvoiceFilter())
        asked._take("q", text=urls.text(args, "q"))
        for name, known in (("status", set(InvoiceStatus)), ("kind", set(InvoiceKind))):
            value = urls.text(args, name)
            asked._take(name, **{name: value if value in known else ""})
            if value and value not in known:
                asked.hints.append(f"“{value[:_TYPED_CHARS_MAX]}” is no {name} of an invoice; it was left out.")
        asked._take("customer", customer_id=urls.number(args.get("customer", "")))
        for name, column in (("from", "issued_from"), ("until", "issued_until")):
            asked._read(args, name, column, urls.day, "is no date; write it like 2026-03-14")
        for name, column in (("min", "total_min"), ("max", "total_max")):
            asked._read(args, name, column, urls.amount, "is no amount; write it like 12.50")
        if args.get("sort") in SORTS - {NEWEST_FIRST}:
            asked.sort = asked.args["sort"] = args["sort"]
        return asked

    def _read(self, args: Mapping[str, str], name: str, column: str, read: Any, problem: str) -> None:  # noqa: ANN401
        typed = urls.text(args, name)
        value = read(typed) if typed else None
        if typed and value is None:
            label = _LABELS[name]
            self.hints.append(f"“{typed[:_TYPED_CHARS_MAX]}” {problem}. “{label}” was left out.")
        self._take(name, **{column: value})

    def _take(self, name: str, **column: Any) -> None:  # noqa: ANN401  (of the column's own type)
        [value] = column.values()
        if value is None or value == "":
            return
        self.wanted = replace(self.wanted, **column)
        self.args[name] = plain(value) if name in {"min", "max"} else str(value)

    @property
    def is_filtered(self) -> bool:
        return self.wanted != InvoiceFilter()

    @property
    def is_detailed(self) -> bool:
        """Whether one of the filters is at work that are needed less often."""
        return bool(self.args.keys() & {"min", "max"})

    @property
    def carried(self) -> list[tuple[str, str]]:
        """What the filter form has no box for."""
        return [(name, self.args[name]) for name in ("customer", "sort") if name in self.args]

    @property
    def by_due(self) -> bool:
        return self.sort.endswith("due")

    @property
    def descending(self) -> bool:
        return self.sort.startswith("-")

    def chips(self, path: str) -> list[tuple[str, str]]:
        """Return each filter at work with the URL that takes it away."""
        w = self.wanted
        said = {
            "q": f"“{w.text}”",
            "status": STATUSES.get(w.status, ""),
            "kind": dict(KIND_CHOICES).get(w.kind, ""),
            "customer": f"User #{w.customer_id}",
            "from": f"Issued from {day(w.issued_from)}" if w.issued_from else "",
            "until": f"Issued until {day(w.issued_until)}" if w.issued_until else "",
            "min": f"Total from {money(w.total_min)}" if w.total_min is not None else "",
            "max": f"Total to {money(w.total_max)}" if w.total_max is not None else "",
        }
        return [
            (words, lists.link(path, {**self.args, name: None})) for name, words in said.items() if name in self.args
        ]

    def columns(self, path: str) -> list[Column]:
        """Return the heads of the table with their links."""
        return lists.sortable(COLUMNS, self.sort, NEWEST_FIRST, path, self.args)


def read_page(session: Session, asked: Asked, args: Mapping[str, str], path: str) -> Page:
    """Return the page of invoices the URL asks for, and add to the hints what its list leaves out."""
    found = invoices.select_list(session, asked.wanted, by_due=asked.by_due)
    names = _names(asked, found)
    sort = Sort(found.order, asked.descending, _reader(names))
    cursor = lists.read_cursor(args, sort)
    total = invoices.count(session, found, lists.COUNT_MAX)
    keys = lists.select_page(found.keys, sort, cursor).subquery()
    downwards = asked.descending != (cursor is not None and cursor.backwards)
    rows = session.execute(_ordered(keys, names, downwards=downwards)).all()
    _hint(asked, found, total)
    return lists.make_page(
        rows,
        cursor,
        key_of=lambda row: [_written(getattr(row, "due_key" if name == "due_on" else name)) for name in names],
        url=lambda **place: lists.link(path, {**asked.args, **place}),
        noun="invoices",
        total=lists.counted(total),
    )


def lines(session: Session, asked: Asked) -> Iterator[Sequence[Any]]:
    """Yield the rows of the file: everything the list shows on all its pages, in its order."""
    found = invoices.select_list(session, asked.wanted, by_due=asked.by_due)
    statement = _ordered(found.keys.subquery(), _names(asked, found), downwards=asked.descending)
    for row in session.execute(statement.execution_options(yield_per=1000)):
        amounts = (row.net_minor, row.tax_minor, row.total_minor, row.credit_minor, row.paid_minor, row.due_minor)
        yield (
            row.id,
            row.customer_id,
            row.customer,
            row.company,
            InvoiceKind(row.kind).label,
            STATUSES[row.status],
            row.issued_on,
            row.due_on,
            *(Number(plain(minor)) for minor in amounts),
        )


def _names(asked: Asked, found: InvoiceList) -> list[str]:
    """Return the names of the columns that order the list."""
    return ["due_on", "customer_id", "id"] if asked.by_due else [column.key or "" for column in found.order]


def _ordered(keys: Any, names: Sequence[str], *, downwards: bool) -> Any:  # noqa: ANN401  (statements)
    statement = invoices.select_rows(keys)
    by_name = {"due_on": statement.selected_columns.due_key}
    columns = [by_name[name] if name in by_name else keys.c[name] for name in names]
    return statement.order_by(*[column.desc() if downwards else column.asc() for column in columns])


def _hint(asked: Asked, found: InvoiceList, total: int) -> None:
    if found.has_more_customers:
        most = invoices.CUSTOMERS_MAX
        asked.hints.append(f"More than {most} users fit “{asked.wanted.text}”: these are invoices of the first {most}.")
    if found.is_partial and (asked.wanted.has_amounts or total > lists.COUNT_MAX):
        what = "Totals were looked for" if asked.wanted.has_amounts else "Sorted by due date"
        newest = f"{what} among the newest {invoices.NEWEST_MAX:,} invoices that fit the other filters."
        asked.hints.append(newest)


def _written(value: Any) -> Any:  # noqa: ANN401  (of a sort key)
    return value.isoformat() if isinstance(value, date) else value


def _reader(names: Sequence[str]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    return urls.each(*[urls.whole if name in {"id", "customer_id"} else date.fromisoformat for name in names])
