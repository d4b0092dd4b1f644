"""Customers: the list that people search, filter and sort, and one profile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, Subquery, bindparam, func, select

from creditapp.errors import CustomerClosedError, MergedError
from creditapp.models import CreditAccount, Customer
from creditapp.queries import search
from creditapp.queries.search import Rank
from creditapp.queries.totals import outstanding
from creditapp.statements import Prepared, run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

FEW_HOLDERS = 1_000
"""So few customers with credit are better gathered first than met on the way through all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFilter:
    """Which customers a list shows; what is empty does not matter."""

    text: str = ""
    status: str = ""
    has_credit: bool | None = None
    is_frozen: bool = False
    joined_from: date | None = None
    joined_until: date | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """One customer with the balance, as the pages about one customer show it."""

    id: int
    name: str
    company: str
    email: str
    external_id: str | None
    status: str
    joined_on: date
    version: int
    merged_into_id: int | None
    balance_minor: int
    entries: int
    """How many entries there are: they are numbered without gaps."""
    changed_at: datetime | None
    frozen_at: datetime | None
    frozen_reason: str | None
    automatic_credit: bool | None
    erased_at: datetime | None
    """When the customer was deleted."""

    @property
    def closed_error(self) -> CustomerClosedError:
        """Why nothing more is done for who is closed: the customer has gone, or was merged into somebody."""
        if self.merged_into_id is None:
            return CustomerClosedError(self.id)
        return MergedError(self.id, self.merged_into_id)


def find_profile(session: Session, customer_id: int) -> Profile | None:
    """Return the customer with this id, if there is one."""
    rows = run(session, _PROFILE(its_id=customer_id))[0].rows
    return Profile(*rows[0]) if rows else None


def select_list(
    session: Session, wanted: CustomerFilter, *, by_balance: bool = False, rank: Rank | None = None
) -> Select[*tuple[Any, ...]]:
    """Return the keys of the customers that fit, to be ordered and limited: `id`, `name_key`, `joined_on`.

    With `by_balance`, `balance_minor` is there too, at the price of a join. With `rank`, only those whom the text fits
    so well.
    """
    conditions = _conditions(session, wanted, rank)
    statement = select(Customer.id, Customer.name_key, Customer.joined_on)
    if by_balance:
        statement = statement.add_columns(CreditAccount.balance_minor).join_from(
            Customer, CreditAccount, CreditAccount.customer_id == Customer.id
        )
    return statement.where(*conditions)


def select_rows(page: Subquery) -> Select[*tuple[Any, ...]]:
    """Return what the list shows of the customers on one page; the order is the caller's.

    Columns: id, name, company, email, status, joined_on, balance_minor, name_key.
    """
    c, a = Customer, CreditAccount
    return (
        select(c.id, c.name, c.company, c.email, c.status, c.joined_on, a.balance_minor, c.name_key)
        .join_from(page, c, c.id == page.c.id)
        .join(a, a.customer_id == page.c.id)
    )


def select_export(session: Session, wanted: CustomerFilter, rank: Rank | None = None) -> Select[*tuple[Any, ...]]:
    """Return all customers that fit, or whom the text fits so well, for a file; the order is the caller's."""
    c, a = Customer, CreditAccount
    return (
        select(c.id, c.external_id, c.name, c.company, c.email, c.status, c.joined_on, a.balance_minor, a.changed_at)
        .join(a, a.customer_id == c.id)
        .where(*_conditions(session, wanted, rank))
    )


def count(session: Session, wanted: CustomerFilter, *, most: int) -> int:
    """Return how many customers fit; counting stops at `most` and one more. In order, an index finds them."""
    some = select(Customer.id).where(*_conditions(session, wanted)).order_by(Customer.name_key, Customer.id)
    return session.execute(select(func.count()).select_from(some.limit(most + 1).subquery())).scalar_one()


def _conditions(session: Session, wanted: CustomerFilter, rank: Rank | None = None) -> list[ColumnElement[bool]]:
    c = Customer
    found: list[ColumnElement[bool]] = []
    if wanted.text and rank is not None:
        found.append(search.customers_of_rank(session, wanted.text, rank))
    elif wanted.text:
        found.append(search.customers_matching(session, wanted.text))
    if wanted.status:
        found.append(c.status == wanted.status)
    if wanted.joined_from is not None:
        found.append(c.joined_on >= wanted.joined_from)
    if wanted.joined_until is not None:
        found.append(c.joined_on <= wanted.joined_until)
    if wanted.is_frozen:
        frozen = select(CreditAccount.customer_id).where(CreditAccount.frozen_at.is_not(None))
        found.append(c.id.in_(frozen))
    if wanted.has_credit and outstanding(session).holders <= FEW_HOLDERS:
        found.append(c.id.in_(select(CreditAccount.customer_id).where(CreditAccount.balance_minor > 0)))
    elif wanted.has_credit is not None:
        # As a scalar subquery it cannot become a join that walks all accounts from the first one on.
        balance = (
            select(CreditAccount.balance_minor)
            .where(CreditAccount.customer_id == c.id)
            .correlate(Customer)
            .scalar_subquery()
        )
        # Not `= 0`, which PostgreSQL takes for rare; a balance is never below zero.
        found.append(balance > 0 if wanted.has_credit else balance <= 0)
    return found


def _select_profile() -> Select[*tuple[Any, ...]]:
    a, c = CreditAccount, Customer
    return (
        select(c.id, c.name, c.company, c.email, c.external_id, c.status, c.joined_on, c.version, c.merged_into_id)
        .add_columns(a.balance_minor, a.entry_seq, a.changed_at, a.frozen_at, a.frozen_reason, c.automatic_credit)
        .add_columns(c.erased_at)
        .join(a, a.customer_id == c.id)
        .where(c.id == bindparam("its_id"))
    )


_PROFILE = Prepared(_select_profile())
