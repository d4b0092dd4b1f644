"""Customers and what each is owed: by name, or by balance, a page at a time.

By name the list walks an index. By balance it sorts every account, the one list here that costs more with more
customers: an index on balances would make each posting dearer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select

from creditapp.models import CreditAccount, Customer
from creditapp.queries.customers import CustomerFilter, select_list
from creditapp.queries.search import customers_matching
from creditapp.queries.totals import outstanding

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

BY_NAME = ("name_key", "id")
BY_BALANCE = ("balance_minor", "id")
FEW_HOLDERS = 1_000
"""So few customers with credit are better gathered first than met on the way through all names."""


def select_by_name(session: Session, typed: str, *, holders_only: bool) -> Select[*tuple[Any, ...]]:
    """Return the customers that `typed` may mean, all when it is empty, in no order, with the columns `BY_NAME`."""
    if holders_only and not typed and outstanding(session).holders <= FEW_HOLDERS:
        holders = select(CreditAccount.customer_id).where(CreditAccount.balance_minor > 0)
        return select(Customer.id, Customer.name_key).where(Customer.id.in_(holders))
    return select_list(session, CustomerFilter(text=typed, has_credit=True if holders_only else None))


def select_by_balance(session: Session, typed: str, *, holders_only: bool) -> Select[*tuple[Any, ...]]:
    """Return the same customers with the columns `BY_BALANCE`."""
    statement = select(CreditAccount.balance_minor, CreditAccount.customer_id.label("id"))
    if typed:
        statement = statement.join(Customer, Customer.id == CreditAccount.customer_id)
        statement = statement.where(customers_matching(session, typed))
    return statement.where(CreditAccount.balance_minor > 0) if holders_only else statement


def count_customers(session: Session, customers: Select[*tuple[Any, ...]], most: int) -> int:
    """Return how many customers there are, counting no further than one above `most`; in order, an index finds them."""
    some = customers.limit(most + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one()


def with_profiles(customers: Select[*tuple[Any, ...]], order: Sequence[str], *, descending: bool) -> Select[Any]:
    """Return the customers as they are read, in this order: with profile, balance and last change."""
    shown = customers.subquery("shown").c
    columns = [shown[name].desc() if descending else shown[name].asc() for name in order]
    return (
        select(
            shown.id,
            Customer.name_key,
            Customer.name,
            Customer.company,
            Customer.email,
            Customer.status,
            CreditAccount.balance_minor,
            CreditAccount.changed_at,
        )
        .join(Customer, Customer.id == shown.id)
        .join(CreditAccount, CreditAccount.customer_id == shown.id)
        .order_by(*columns)
    )
