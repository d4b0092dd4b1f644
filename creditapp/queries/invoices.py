"""Invoices across all customers: filtered, sorted, a page at a time, however many there are.

Each list is walked in the order of an index, and limited, before anything is joined to it. Where no index helps
(amounts; the due dates of what is not open) only the newest are looked at, and the page says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, Subquery, case, func, or_, select, text

from creditapp.models import Customer, Invoice, InvoiceStatus
from creditapp.queries import search
from creditapp.queries.merged import family_of, is_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

NEWEST_MAX = 10_000
"""Only so many of the newest are looked at where no index helps: nobody reads further."""
CUSTOMERS_MAX = 200
"""A search for a customer looks at the invoices of so many of them."""
RARE_MAX = 2000
"""So few invoices of a status or kind are better gathered first than met on the way through all of them."""
LAST_DAY = date(9999, 12, 31)
"""Where a draft stands that does not say when it is due."""

_INVOICES = Invoice.__table__
_OPEN = {"postgresql": "status = 'unpaid'", "sqlite": "likelihood(status = 'unpaid', 0.99)"}
"""What the index on due dates is about; without a word on how likely that is, SQLite takes the index on the status."""
_NONE = 0
"""A number that no invoice has: they count from one."""
_KEYS = ("customer_id", "id", "issued_on", "due_on")


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceFilter:
    """Which invoices a list shows; what is empty does not matter."""

    text: str = ""
    """An invoice's number, `#1234`, or what is known of its customer."""
    status: str = ""
    kind: str = ""
    customer_id: int | None = None
    issued_from: date | None = None
    issued_until: date | None = None
    total_min: int | None = None
    total_max: int | None = None

    @property
    def has_days(self) -> bool:
        return self.issued_from is not None or self.issued_until is not None

    @property
    def has_amounts(self) -> bool:
        return self.total_min is not None or self.total_max is not None

    @property
    def is_narrow(self) -> bool:
        """Whether it is about few customers, so that all of their invoices can be looked at."""
        return bool(self.text) or self.customer_id is not None


@dataclass(frozen=True, slots=True)
class InvoiceList:
    """The keys of the invoices that fit, in no order yet, and the columns that order them."""

    keys: Select[Any]
    order: tuple[ColumnElement[Any], ...]
    """Never NULL; `customer_id` and `id` are among them."""
    is_partial: bool = False
    """Only the newest `NEWEST_MAX` were looked at."""
    has_more_customers: bool = False
    """More customers fit than were looked at."""


def select_list(session: Session, wanted: InvoiceFilter, *, by_due: bool = False) -> InvoiceList:
    """Return the invoices that fit, by number or by when they are due.

    Numbers rise with the days, so within a range of days they are walked by day and number.
    """
    if wanted.is_narrow:
        return _narrow(session, wanted, by_due=by_due)
    if by_due and wanted.status == InvoiceStatus.UNPAID and not wanted.has_amounts:
        c = _INVOICES.c
        keys = _select(session, wanted, walks="open")
        return InvoiceList(keys, (c.due_on, c.customer_id, c.id))
    if by_due or wanted.has_amounts:
        everything = replace(wanted, total_min=None, total_max=None)
        newest = _select(session, everything, walks="days" if wanted.has_days else "numbers")
        newest = newest.order_by(*[column.desc() for column in _order(_INVOICES.c, wanted)]).limit(NEWEST_MAX)
        return replace(_of_pool(newest.subquery(), wanted, by_due=by_due), is_partial=True)
    keys = _select(session, wanted, walks="days" if wanted.has_days else "numbers")
    return InvoiceList(keys, _order(_INVOICES.c, wanted))


def count(session: Session, found: InvoiceList, most: int) -> int:
    """Return how many fit, counting no further than one above `most`; in order, an index finds them."""
    some = found.keys.order_by(*found.order).limit(most + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one()


def select_rows(page: Subquery) -> Select[*tuple[Any, ...]]:
    """Return what the list shows of the invoices on one page; the order is the caller's.

    Columns: customer_id, id, kind, status, issued_on, due_on, net, tax, total, credit, paid (minor units), due_minor,
    customer, company; `due_key` is when it is due, or `LAST_DAY`.
    """
    i = Invoice
    return (
        select(i.customer_id, i.id, i.kind, i.status, i.issued_on, i.due_on, i.net_minor, i.tax_minor, i.total_minor)
        .add_columns(i.credit_minor, i.paid_minor, due_minor().label("due_minor"), i.moved_to_id)
        .add_columns(
            Customer.name.label("customer"), Customer.company, func.coalesce(i.due_on, LAST_DAY).label("due_key")
        )
        .join_from(page, i, (i.customer_id == page.c.customer_id) & (i.id == page.c.id))
        .join(Customer, Customer.id == page.c.customer_id)
    )


def due_minor() -> ColumnElement[int]:
    """Return what is still to be paid of an invoice: nothing unless it is unpaid."""
    i = Invoice
    return case((i.status == InvoiceStatus.UNPAID, i.total_minor - i.credit_minor - i.paid_minor), else_=0)


def newest_of(session: Session, customer_id: int, most: int) -> list[Any]:
    """Return the customer's newest invoices, as `select_rows` has them, newest first.

    With them those of who was merged into the customer, but for what moved and is here again.
    """
    i = Invoice
    own = (is_of(session, i.customer_id, customer_id), or_(i.moved_to_id.is_(None), i.customer_id == customer_id))
    page = select(i.customer_id, i.id).where(*own).order_by(i.id.desc()).limit(most)
    return list(session.execute(select_rows(page.subquery()).order_by(i.id.desc())))


def _narrow(session: Session, wanted: InvoiceFilter, *, by_due: bool) -> InvoiceList:
    """Look at all invoices of few customers. OFFSET keeps the planners from walking all invoices in order instead."""
    c = _INVOICES.c
    arms: list[ColumnElement[bool]] = []
    has_more = False
    if wanted.text:
        number, customer_ids, has_more = _read_text(session, wanted.text)
        arms = [c.customer_id.in_(customer_ids)] if customer_ids else []
        arms += [c.id == number] if number is not None else []
        arms = arms or [c.id == _NONE]
    keys = select(*[c[name] for name in _KEYS], c.total_minor).where(*[or_(*arms)] if arms else [])
    keys = keys.where(*_equal(wanted), *_shown(wanted))
    if wanted.customer_id is not None:
        people = family_of(session, wanted.customer_id)
        if len(people) == 1 and not (wanted.text or by_due or wanted.has_days or wanted.has_amounts):
            return InvoiceList(keys.where(c.customer_id == people[0]), _order(c, wanted))  # as the primary key has them
        keys = keys.where(c.customer_id.in_(people))
    keys = keys.offset(0)
    return replace(_of_pool(keys.subquery(), wanted, by_due=by_due), has_more_customers=has_more)


def _read_text(session: Session, typed: str) -> tuple[int | None, list[int], bool]:
    """Return what was typed as an invoice's number and as customers, and whether more customers fit."""
    digits = typed.removeprefix("#")
    is_number = digits.isascii() and digits.isdigit() and 0 < int(digits[:17]) <= search.ID_MAX
    number = int(digits) if is_number and len(digits) < 17 else None  # noqa: PLR2004  (ID_MAX has 16 digits)
    if typed.startswith("#") or len(typed) < search.LETTERS_MIN:
        return number, [], False
    fits = search.customers_matching(session, typed)
    ids = select(Customer.id).where(fits).order_by(Customer.name_key, Customer.id).limit(CUSTOMERS_MAX + 1)
    found = list(session.execute(ids).scalars())
    return number, found[:CUSTOMERS_MAX], len(found) > CUSTOMERS_MAX


def _of_pool(pool: Subquery, wanted: InvoiceFilter, *, by_due: bool) -> InvoiceList:
    """Return those of a bounded pool whose totals fit, in any order: they are sorted as they are read."""
    p = pool.c
    keys = select(p.customer_id, p.id, p.issued_on, p.due_on)
    if wanted.total_min is not None:
        keys = keys.where(p.total_minor >= wanted.total_min)
    if wanted.total_max is not None:
        keys = keys.where(p.total_minor <= wanted.total_max)
    if by_due:
        return InvoiceList(keys, (func.coalesce(p.due_on, LAST_DAY), p.customer_id, p.id))
    return InvoiceList(keys, _order(p, wanted))


def _order(columns: Any, wanted: InvoiceFilter) -> tuple[ColumnElement[Any], ...]:  # noqa: ANN401  (of a table, or of a pool)
    by_number = (columns.id, columns.customer_id)
    return (columns.issued_on, *by_number) if wanted.has_days else by_number


def _select(session: Session, wanted: InvoiceFilter, *, walks: str) -> Select[Any]:
    """Return the keys of the invoices that fit, to be walked by number, by day, or those that are open by due date."""
    c = _INVOICES.c
    keys = select(*[c[name] for name in _KEYS], c.total_minor)
    if walks == "open" and not _is_rare(session, "kind", wanted.kind):
        keys = keys.where(text(_OPEN[session.get_bind().dialect.name]))
        return keys.where(*_equal(replace(wanted, status=""), indexed=_none_on_sqlite(session)), *_shown(wanted))
    return keys.where(*_equal(wanted, indexed=_worth_an_index(session, wanted, walks)), *_shown(wanted))


def _shown(wanted: InvoiceFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on days; what moved when customers were merged is shown where it is now."""
    c = _INVOICES.c
    found: list[ColumnElement[bool]] = [c.moved_to_id.is_(None)]
    if wanted.issued_from is not None:
        found.append(c.issued_on >= wanted.issued_from)
    if wanted.issued_until is not None:
        found.append(c.issued_on <= wanted.issued_until)
    return found


def _equal(wanted: InvoiceFilter, *, indexed: Sequence[str] = ()) -> list[ColumnElement[bool]]:
    """Return the conditions on status and kind; those that are not `indexed` are hidden from SQLite's indexes."""
    c = _INVOICES.c
    asked = {"status": wanted.status, "kind": wanted.kind}
    return [
        (c[name] if name in indexed else func.coalesce(c[name], "")) == value for name, value in asked.items() if value
    ]


def _none_on_sqlite(session: Session) -> list[str]:
    return ["status", "kind"] if session.get_bind().dialect.name == "postgresql" else []


def _worth_an_index(session: Session, wanted: InvoiceFilter, walks: str) -> list[str]:
    """Return which conditions SQLite, which keeps no statistics, should seek by index; PostgreSQL decides by itself.

    The rare one, if there is one; otherwise one index gives the order, and the rows that fit are met on the way.
    """
    asked = {name: value for name, value in (("status", wanted.status), ("kind", wanted.kind)) if value}
    if session.get_bind().dialect.name == "postgresql":
        return list(asked)
    if walks == "numbers" and len(asked) == 1:
        return list(asked)
    rare = [name for name, value in asked.items() if _is_rare(session, name, value)]
    if rare:
        return rare[-1:]
    return ["status"] if walks == "numbers" and asked else []


def _is_rare(session: Session, name: str, value: str) -> bool:
    """Return whether SQLite should gather the invoices of this status or kind; PostgreSQL decides by itself."""
    if not value or session.get_bind().dialect.name == "postgresql":
        return False
    some = select(_INVOICES.c.id).where(_INVOICES.c[name] == value).limit(RARE_MAX + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one() <= RARE_MAX
