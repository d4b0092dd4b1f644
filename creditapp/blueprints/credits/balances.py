"""The list of customer balances: what the URL asks for, its columns, one page, and the file of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from creditapp.blueprints.credits.places import BALANCES, CURSORS, ROWS, Place
from creditapp.queries import balances
from creditapp.queries.balances import BY_BALANCE, BY_NAME
from creditapp.queries.search import ID_MAX
from creditapp.queries.totals import outstanding
from creditapp.web.exports import Number
from creditapp.web.lists import COUNT_MAX, Column, Page, Sort, counted, make_page, read_cursor, select_page, sortable

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from creditapp.web.panel import Panel

BY_NAME_FIRST = "name"
SORTS = {"name", "-name", "balance", "-balance"}
SHOWN = {"": "With a balance", "all": "All"}
COLUMNS = (
    Column("Customer", "name"),
    Column("Email"),
    Column("Last change"),
    Column("Balance", "balance", numeric=True),
    Column(""),
)
HEADINGS = ("User", "Name", "Company", "Email", "Status", "Balance", "Last change (UTC)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the URL asks for."""

    typed: str
    holders_only: bool
    sort: str


@dataclass(frozen=True, slots=True)
class BalanceList:
    """The list as the page draws it."""

    page: Page
    columns: Sequence[Column]
    wanted: Wanted
    hidden: Sequence[tuple[str, str]]
    choices: Sequence[tuple[str, str]]
    empty: tuple[str, str, tuple[str, str] | None]
    export_args: dict[str, str]


def read_list(session: Session, place: Place) -> BalanceList:
    """Read one page of the list, with everything around it."""
    wanted = read(place)
    page = read_page(session, wanted, place)
    columns = sortable(COLUMNS, wanted.sort, BY_NAME_FIRST, place.path, place.args, prefix="b_", anchor="balances")
    own = {name: value for name, value in place.args.items() if name in BALANCES and name not in CURSORS}
    return BalanceList(
        page, columns, wanted, place.hidden(BALANCES, "b_sort"), list(SHOWN.items()), _empty(wanted, place), own
    )


def read(place: Place) -> Wanted:
    """Read the arguments; what makes no sense is left out, of the links too."""
    for name, known in (("b_sort", SORTS), ("b_show", SHOWN)):
        if place.get(name) not in known:
            place.forget(name)
    return Wanted(place.get("b_q"), place.get("b_show") != "all", place.get("b_sort") or BY_NAME_FIRST)


def statement(session: Session, wanted: Wanted) -> tuple[Select[*tuple[Any, ...]], Sort]:
    """Return the customers that are wanted, in no order, and how to order them."""
    descending = wanted.sort.startswith("-")
    by_name = wanted.sort.removeprefix("-") == "name"
    select_customers = balances.select_by_name if by_name else balances.select_by_balance
    customers = select_customers(session, wanted.typed, holders_only=wanted.holders_only)
    chosen = customers.selected_columns
    names = BY_NAME if by_name else BY_BALANCE
    return customers, Sort(tuple(chosen[name] for name in names), descending, _read_name_key if by_name else _read_key)


def read_page(session: Session, wanted: Wanted, place: Place) -> Page:
    """Read one page of the list."""
    customers, sort = statement(session, wanted)
    cursor = read_cursor({"after": place.get("b_after"), "before": place.get("b_before")}, sort)
    order = BY_NAME if wanted.sort.endswith("name") else BY_BALANCE
    descending = sort.descending != (cursor is not None and cursor.backwards)
    page = balances.with_profiles(select_page(customers, sort, cursor, rows=ROWS), order, descending=descending)
    return make_page(
        session.execute(page).all(),
        cursor,
        key_of=lambda row: [getattr(row, name) for name in order],
        url=lambda **to: place.url("balances", b_after=to.get("after"), b_before=to.get("before")),
        noun="users",
        total=counted(_count(session, wanted, customers.order_by(*sort.columns))),
        rows=ROWS,
    )


def _count(session: Session, wanted: Wanted, customers: Select[*tuple[Any, ...]]) -> int:
    """Return how many there are; how many hold credit is known without counting."""
    if wanted.holders_only and not wanted.typed:
        return outstanding(session).holders
    return balances.count_customers(session, customers, COUNT_MAX)


def lines(session: Session, wanted: Wanted, panel: Panel) -> Iterator[Sequence[Any]]:
    """Yield the rows of the file: everything the list shows on all its pages, in its order."""
    customers, sort = statement(session, wanted)
    order = BY_NAME if wanted.sort.endswith("name") else BY_BALANCE
    everything = balances.with_profiles(customers, order, descending=sort.descending)
    for row in session.execute(everything, execution_options={"yield_per": 1000}):
        yield (
            row.id,
            row.name,
            row.company,
            row.email,
            row.status,
            Number(panel.currency.plain(row.balance_minor)),
            f"{row.changed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if row.changed_at else None,
        )


def _empty(wanted: Wanted, place: Place) -> tuple[str, str, tuple[str, str] | None]:
    """Say what stands where there are no customers: title, text, a link."""
    if not wanted.typed and wanted.holders_only:
        return (
            "Nobody holds credit",
            "Who does is listed here.",
            ("Show all users", place.url("balances", b_show="all")),
        )
    if not wanted.typed:
        return "No users yet", "They are listed here with their balances.", None
    if wanted.holders_only:
        everybody = ("Search all users", place.url("balances", b_show="all", b_after=None, b_before=None))
        return "Nobody with a balance matches", "Try fewer letters, or look among all users.", everybody
    return "Nobody matches", "Try fewer letters, an email address or a number like #1108.", None


def _read_key(values: Sequence[Any]) -> Sequence[Any]:
    if not all(type(value) is int and abs(value) <= ID_MAX for value in values):
        raise ValueError("These are no whole numbers of the list.")
    return values


def _read_name_key(values: Sequence[Any]) -> Sequence[Any]:
    name, number = values
    if not isinstance(name, str) or "\x00" in name:
        raise ValueError("This is no name.")
    name.encode()
    _read_key([number])
    return values
