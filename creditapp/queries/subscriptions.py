"""The subscriptions of one customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import Select, select

from creditapp.models import Product, Subscription, SubscriptionStatus

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class SubscriptionFacts:
    """One subscription with the name of its product, as pages show it."""

    id: int
    product_id: int
    product_name: str
    label: str
    location: str
    price_minor: int
    cycle: str
    anchor_day: int
    started_on: date
    next_due_on: date
    paid_until: date | None
    status: str
    cancelled_on: date | None
    version: int

    @property
    def is_cancelled(self) -> bool:
        return self.status == SubscriptionStatus.CANCELLED

    @property
    def renews(self) -> bool:
        """Return whether invoices are made for it."""
        return self.status == SubscriptionStatus.ACTIVE


def of_customer(session: Session, customer_id: int, *, most: int) -> list[SubscriptionFacts]:
    """Return the customer's subscriptions, oldest first, those that are cancelled after the others."""
    s = Subscription
    is_cancelled = s.status == str(SubscriptionStatus.CANCELLED)
    statement = _select().where(s.customer_id == customer_id).order_by(is_cancelled, s.id).limit(most)
    return [SubscriptionFacts(*row) for row in session.execute(statement)]


def find(session: Session, customer_id: int, subscription_id: int) -> SubscriptionFacts | None:
    """Return this subscription of the customer, if there is one."""
    s = Subscription
    statement = _select().where(s.customer_id == customer_id, s.id == subscription_id)
    row = session.execute(statement).one_or_none()
    return SubscriptionFacts(*row) if row else None


def _select() -> Select[int, int, str, str, str, int, str, int, date, date, date | None, str, date | None, int]:
    s, p = Subscription, Product
    return (
        select(s.id, s.product_id, p.name, s.label, s.location, s.price_minor, s.cycle)
        .add_columns(s.anchor_day, s.started_on, s.next_due_on, s.paid_until, s.status, s.cancelled_on, s.version)
        .join(p, p.id == s.product_id)
    )
