"""The list of customers: what the URL asks for, and the page, chips and links that answer it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Subquery, column, literal
from sqlalchemy.orm import Session

from creditapp.db import db
from creditapp.models import CreditAccount, Customer, CustomerStatus
from creditapp.queries import customers
from creditapp.queries.customers import CustomerFilter
from creditapp.queries.search import Rank
from creditapp.web import lists, urls
from creditapp.web.filters import day
from creditapp.web.lists import Column, Cursor, Page, Sort

BEST_FIRST = "best"
"""The order of a search: who fits best, then by name."""
COLUMNS = (
    Column("User", "name"),
    Column("ID", "id", css="hide"),
    Column("Email"),
    Column("Customer since", "joined"),
    Column("Status"),
    Column("Balance", "balance", numeric=True),
    Column("", css="acts-c"),
)
CREDIT_CHOICES = [("", "Any"), ("yes", "With credit"), ("no", "Without credit"), ("frozen", "Frozen")]
STATUS_CHOICES = [("", "Any"), *((str(one), one.capitalize()) for one in CustomerStatus)]


@dataclass(frozen=True, slots=True)
class _Order:
    """One way to sort: the columns, how a cursor is read, and what a shown row puts into one."""

    columns: tuple[Any, ...]
    read: Callable[[Sequence[Any]], Sequence[Any]]
    key_of: Callable[[Row[Any]], Sequence[Any]]


ORDERS = {
    "name": _Order(
        (Customer.name_key, Customer.id), urls.each(urls.folded, urls.whole), lambda row: (row.name_key, row.id)
    ),
    "id": _Order((Customer.id,), urls.each(urls.whole), lambda row: (row.id,)),
    "joined": _Order(
        (Customer.joined_on, Customer.id),
        urls.each(date.fromisoformat, urls.whole),
        lambda row: (row.joined_on.isoformat(), row.id),
    ),
    "balance": _Order(
        (CreditAccount.balance_minor, Customer.id),
        urls.each(urls.whole, urls.whole),
        lambda row: (row.balance_minor, row.id),
    ),
}


BY_FIT = _Order(
    (column("rank"), *ORDERS["name"].columns),
    urls.each(Rank, urls.folded, urls.whole),
    lambda row: (row.rank, row.name_key, row.id),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the URL asks for: filter and order, as understood."""

    wanted: CustomerFilter
    sort: str

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Asked:
        """Read the URL's arguments; what makes no sense is as if it were not there."""
        sort = args.get("sort", "")
        status = args.get("status", "")
        wanted = CustomerFilter(
            text=urls.text(args, "q"),
            status=status if status in set(CustomerStatus) else "",
            has_credit={"yes": True, "no": False}.get(args.get("credit", "")),
            is_frozen=args.get("credit") == "frozen",
            joined_from=urls.day(args.get("from", "")),
            joined_until=urls.day(args.get("until", "")),
        )
        return cls(wanted, sort if sort.removeprefix("-") in ORDERS else cls._default_sort(wanted))

    @staticmethod
    def _default_sort(wanted: CustomerFilter) -> str:
        return BEST_FIRST if wanted.text else "name"

    @property
    def default_sort(self) -> str:
        """The order without a word about it in the URL."""
        return self._default_sort(self.wanted)

    @property
    def args(self) -> dict[str, str | None]:
        """The arguments that ask for this again, in their canonical form."""
        w = self.wanted
        return {
            "q": w.text,
            "status": w.status,
            "credit": "frozen" if w.is_frozen else {True: "yes", False: "no", None: None}[w.has_credit],
            "from": w.joined_from.isoformat() if w.joined_from else None,
            "until": w.joined_until.isoformat() if w.joined_until else None,
            "sort": None if self.sort == self.default_sort else self.sort,
        }

    @property
    def is_filtered(self) -> bool:
        return self.wanted != CustomerFilter()

    @property
    def order(self) -> _Order:
        return BY_FIT if self.sort == BEST_FIRST else ORDERS[self.sort.removeprefix("-")]

    @property
    def descending(self) -> bool:
        return self.sort.startswith("-")

    def chips(self, path: str) -> list[tuple[str, str]]:
        """Return each filter at work with the URL that takes it away."""
        w = self.wanted
        said = [
            (f"“{w.text}”", "q", w.text),
            (w.status.capitalize(), "status", w.status),
            ("With credit" if w.has_credit else "Without credit", "credit", w.has_credit is not None),
            ("Frozen", "credit", w.is_frozen),
            (f"Since {day(w.joined_from)}" if w.joined_from else "", "from", w.joined_from),
            (f"Until {day(w.joined_until)}" if w.joined_until else "", "until", w.joined_until),
        ]
        return [(words, lists.link(path, {**self.args, name: None})) for words, name, is_set in said if is_set]


def read_page(asked: Asked, args: Mapping[str, str], path: str) -> Page:
    """Return the page of customers the URL asks for."""
    order = asked.order
    cursor = lists.read_cursor(args, Sort(order.columns, asked.descending, order.read))
    found = _best_first(asked, cursor) if order is BY_FIT else _in_order(asked, cursor)
    return lists.make_page(
        found,
        cursor,
        key_of=order.key_of,
        url=lambda **place: lists.link(path, {**asked.args, **place}),
        noun="users",
        total=_total(asked, len(found), cursor),
    )


def select_file(session: Session, asked: Asked) -> Iterator[Select[Any]]:
    """Yield what is asked, one after the other, for the rows of the file in the order of the list."""
    if asked.order is BY_FIT:
        for rank in Rank:
            yield customers.select_export(session, asked.wanted, rank).order_by(*ORDERS["name"].columns)
        return
    keys = [column.desc() if asked.descending else column.asc() for column in asked.order.columns]
    yield customers.select_export(session, asked.wanted).order_by(*keys)


def _in_order(asked: Asked, cursor: Cursor | None) -> list[Row[Any]]:
    """Read the page and one row more."""
    order = asked.order
    session = db.session()
    keys = customers.select_list(session, asked.wanted, by_balance=order is ORDERS["balance"])
    page = lists.select_page(keys, Sort(order.columns, asked.descending), cursor).subquery()
    downwards = asked.descending != (cursor is not None and cursor.backwards)
    return list(session.execute(customers.select_rows(page).order_by(*_sorted(page, order.columns, downwards))))


def _best_first(asked: Asked, cursor: Cursor | None) -> list[Row[Any]]:
    """Read the page and one row more, rank by rank from where it begins: each rank is in the order of an index."""
    session = db.session()
    by_name = ORDERS["name"].columns
    backwards = cursor is not None and cursor.backwards
    found: list[Row[Any]] = []
    for rank in sorted(Rank, reverse=backwards):
        begins_in = cursor.values[0] if cursor else rank
        if len(found) > lists.PAGE_ROWS or (rank > begins_in if backwards else rank < begins_in):
            continue
        within = Cursor(cursor.values[1:], backwards) if cursor and rank == begins_in else None
        sort = Sort(by_name, descending=backwards and within is None)
        keys = customers.select_list(session, asked.wanted, rank=rank)
        page = lists.select_page(keys, sort, within, rows=lists.PAGE_ROWS - len(found)).subquery()
        rows = customers.select_rows(page).add_columns(literal(int(rank)).label("rank"))
        found += session.execute(rows.order_by(*_sorted(page, by_name, backwards)))
    return found


def _sorted(page: Subquery, columns: Sequence[Any], downwards: bool) -> list[ColumnElement[Any]]:  # noqa: FBT001
    keys = [page.c[one.key] for one in columns]
    return [key.desc() if downwards else key.asc() for key in keys]


def _total(asked: Asked, found: int, cursor: lists.Cursor | None) -> str | None:
    """Count the customers that fit. Where a text is searched for, the page itself tells whether there are more."""
    if asked.wanted.text:
        return lists.counted(found, lists.PAGE_ROWS) if cursor is None else None
    return lists.counted(customers.count(db.session(), asked.wanted, most=lists.COUNT_MAX))


def columns(asked: Asked, path: str, *, can_adjust: bool) -> list[Column]:
    """Return the heads of the table with their links."""
    made = lists.sortable(COLUMNS, asked.sort, asked.default_sort, path, asked.args)
    return made if can_adjust else made[:-1]
