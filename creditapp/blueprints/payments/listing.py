"""The list of payments: what the URL asks for, and the page, chips and file that answer it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from creditapp.blueprints.payments.words import method_words
from creditapp.queries import payments
from creditapp.queries.payments import NotDue, PaymentFilter
from creditapp.services.payments import LABELS
from creditapp.web import lists, urls
from creditapp.web.exports import Number
from creditapp.web.filters import day, plain
from creditapp.web.lists import Column, Page, Sort

COLUMNS = (
    Column("Received"),
    Column("Customer"),
    Column("Amount", numeric=True),
    Column("Method"),
    Column("Reference"),
    Column("To invoices"),
    Column("Became credit", numeric=True),
    Column("Payment"),
)
HEADINGS = (
    *("Payment", "Received on", "User", "Name", "Company", "Amount", "Method", "Transaction reference"),
    *("To invoices", "Became credit"),
)
METHOD_CHOICES = [("", "Any"), *LABELS.items()]
ROWS_AT_ONCE = 500
_LABELS = {"from": "From", "until": "Until"}
_TYPED_CHARS_MAX = 40


@dataclass(slots=True)
class Asked:
    """What the URL asks for, as far as it makes sense."""

    wanted: PaymentFilter
    args: dict[str, str] = field(default_factory=dict)
    """The arguments that ask for this again."""
    hints: list[str] = field(default_factory=list)
    """What was left out and why, in sentences."""

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Asked:
        """Read the URL's arguments; what makes no sense is left out, and of dates it is said."""
        asked = cls(PaymentFilter())
        asked._take("q", text=urls.text(args, "q"))
        method = args.get("method", "")
        asked._take("method", method=method if method in LABELS else "")
        asked._take("customer", customer_id=urls.number(args.get("customer", "")))
        for name, column in (("from", "received_from"), ("until", "received_until")):
            typed = urls.text(args, name)
            value = urls.day(typed)
            if typed and value is None:
                problem = f"“{typed[:_TYPED_CHARS_MAX]}” is no date; write it like 2026-03-14."
                asked.hints.append(f"{problem} “{_LABELS[name]}” was left out.")
            asked._take(name, **{column: value})
        if args.get("credit") == "1":
            asked.wanted, asked.args["credit"] = replace(asked.wanted, made_credit=True), "1"
        return asked

    def _take(self, name: str, **column: Any) -> None:  # noqa: ANN401  (of the column's own type)
        [value] = column.values()
        if value is not None and value != "":
            self.wanted = replace(self.wanted, **column)
            self.args[name] = str(value)

    @property
    def is_filtered(self) -> bool:
        return self.wanted != PaymentFilter()

    def chips(self, path: str) -> list[tuple[str, str]]:
        """Return each filter at work with the URL that takes it away."""
        w = self.wanted
        said = [
            ("q", f"“{w.text}”"),
            ("method", method_words(w.method)),
            ("customer", f"User #{w.customer_id}"),
            ("from", f"From {day(w.received_from)}" if w.received_from else ""),
            ("until", f"Until {day(w.received_until)}" if w.received_until else ""),
            ("credit", "Became credit"),
        ]
        return [(words, lists.link(path, {**self.args, name: None})) for name, words in said if name in self.args]


@dataclass(frozen=True, slots=True)
class PaymentList:
    """One page, which invoices each of its payments paid, and which took none of the one that was for it."""

    page: Page
    invoices: dict[tuple[int, int], list[int]]
    not_due: dict[tuple[int, int], NotDue]


def read_page(session: Session, asked: Asked, args: Mapping[str, str], path: str) -> PaymentList:
    """Return the page of payments the URL asks for, newest first: by number, or by day where days are asked for."""
    wanted = payments.select_list(session, asked.wanted)
    names = payments.order(asked.wanted)
    read = urls.each(*[date.fromisoformat if name == "received_on" else urls.whole for name in names])
    sort = Sort(tuple(wanted.selected_columns[name] for name in names), descending=True, read=read)
    cursor = lists.read_cursor(args, sort)
    keys = lists.select_page(wanted, sort, cursor).subquery()
    forwards = cursor is not None and cursor.backwards
    order = [keys.c[name].asc() if forwards else keys.c[name].desc() for name in names]
    rows = session.execute(payments.select_rows(keys).order_by(*order)).all()
    page = lists.make_page(
        rows,
        cursor,
        key_of=lambda row: [_written(getattr(row, name)) for name in names],
        url=lambda **place: lists.link(path, {**asked.args, **place}, "payments"),
        noun="payments",
        total=lists.counted(payments.count(session, asked.wanted, most=lists.COUNT_MAX)),
    )
    shown = [(row.customer_id, row.id) for row in page.rows]
    return PaymentList(page, payments.invoices_of(session, shown), payments.not_due_of(session, shown))


def lines(session: Session, asked: Asked) -> Iterator[Sequence[Any]]:
    """Yield the rows of the file: everything the list shows on all its pages, in its order."""
    keys = payments.select_list(session, asked.wanted).subquery()
    order = [keys.c[name].desc() for name in payments.order(asked.wanted)]
    statement = payments.select_rows(keys).order_by(*order)
    found = session.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE})
    for some in found.partitions():
        paid = payments.invoices_of(session, [(row.customer_id, row.id) for row in some])
        for row in some:
            yield (
                row.id,
                row.received_on.isoformat(),
                row.customer_id,
                row.customer,
                row.company,
                Number(plain(row.amount_minor)),
                method_words(row.method),
                row.transaction_ref,
                " ".join(f"#{one}" for one in paid.get((row.customer_id, row.id), [])),
                Number(plain(row.credit_minor)),
            )


def _written(value: Any) -> Any:  # noqa: ANN401  (of a sort key)
    return value.isoformat() if isinstance(value, date) else value
