"""What two customers have who might be merged: all that would move, side by side. Amounts are minor units."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, cast, func, select

from creditapp.models import (
    CreditLot,
    Invoice,
    InvoiceStatus,
    LogIn,
    LogInKind,
    Payment,
    Product,
    Subscription,
    SubscriptionStatus,
)
from creditapp.queries.invoices import due_minor

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.queries.customers import Profile

MOST = 20
"""So many invoices and subscriptions are listed of each; the counts are of all."""


@dataclass(frozen=True, slots=True)
class LotSum:
    """What is left of one class, lapsing at one moment."""

    class_: str
    expires_at: datetime | None
    minor: int


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: the profile, and what moves if the other one is kept."""

    profile: Profile
    lots: list[LotSum]
    invoices: list[Any]
    """Open ones: id, status, due_on, total_minor, due_minor, payment_started_at."""
    invoices_count: int
    subscriptions: list[Any]
    """Live ones: id, label, product, status, next_due_on, price_minor."""
    subscriptions_count: int
    closed_invoices: int
    payments: int
    log_in: str | None
    """What they sign in with."""


def find_side(session: Session, profile: Profile) -> Side:
    """Return what this customer has."""
    i, s = Invoice, Subscription
    its_open = (i.customer_id == profile.id, i.status.in_([str(InvoiceStatus.DRAFT), str(InvoiceStatus.UNPAID)]))
    its_live = (s.customer_id == profile.id, s.status != str(SubscriptionStatus.CANCELLED))
    open_invoices = (
        select(i.id, i.status, i.due_on, i.total_minor, due_minor().label("due_minor"), i.payment_started_at)
        .where(*its_open)
        .order_by(i.id)
        .limit(MOST)
    )
    live = (
        select(s.id, s.label, Product.name.label("product"), s.status, s.next_due_on, s.price_minor)
        .join(Product, Product.id == s.product_id)
        .where(*its_live)
        .order_by(s.id)
        .limit(MOST)
    )
    log_in = select(LogIn.email).where(LogIn.kind == LogInKind.CUSTOMER, LogIn.customer_id == profile.id)
    all_invoices = _count(session, i, i.customer_id == profile.id, i.moved_to_id.is_(None))
    open_count = _count(session, i, *its_open)
    return Side(
        profile,
        _lots(session, profile.id),
        list(session.execute(open_invoices)),
        open_count,
        list(session.execute(live)),
        _count(session, s, *its_live),
        all_invoices - open_count,
        _count(session, Payment, Payment.customer_id == profile.id),
        session.execute(log_in).scalar(),
    )


def _lots(session: Session, customer_id: int) -> list[LotSum]:
    lot = CreditLot
    statement = (
        select(lot.class_, lot.expires_at, cast(func.sum(lot.remaining_minor), BigInteger))
        .where(lot.customer_id == customer_id, lot.remaining_minor > 0)
        .group_by(lot.class_, lot.expires_at)
        .order_by(lot.expires_at.is_(None), lot.expires_at, lot.class_)
    )
    return [LotSum(*row) for row in session.execute(statement)]


def _count(session: Session, table: Any, *conditions: Any) -> int:  # noqa: ANN401  (a table, and what is true of its rows)
    return session.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()
