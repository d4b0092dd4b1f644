"""What the payment of an invoice moves: the subscriptions on its lines are paid until the ends of their periods."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import and_, case, func, or_, select, update

from creditapp.db import Base, now
from creditapp.models import Product, Subscription, SubscriptionStatus
from creditapp.services import survivors
from creditapp.services.bills.bill import LINES
from creditapp.services.mails import paid

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SUBSCRIPTIONS = Base.metadata.tables[Subscription.__tablename__]


@dataclass(frozen=True, slots=True)
class Moved:
    """A subscription that the payment of an invoice has moved on."""

    subscription_id: int
    label: str
    """What it is for, or its product where nobody has said."""
    period_start: date
    period_end: date


def move_on(session: Session, customer_id: int, invoice_id: int, *, owner_id: int | None = None) -> None:
    """Note that the subscriptions of a paid invoice are paid for until the ends of its periods; have its owner told.

    `owner_id` is who has them now, where the invoice is of somebody who was merged. Safe to repeat.
    """
    s, line = SUBSCRIPTIONS.c, LINES.c
    of_invoice = and_(line.customer_id == customer_id, line.invoice_id == invoice_id)
    end = (
        select(func.max(line.period_end))
        .where(of_invoice, line.subscription_id == s.id)
        .correlate(SUBSCRIPTIONS)
        .scalar_subquery()
    )
    named = select(line.subscription_id).where(of_invoice, line.subscription_id.is_not(None))
    session.execute(
        update(SUBSCRIPTIONS)
        .where(s.customer_id == (owner_id or customer_id), s.id.in_(named))
        .values(
            paid_until=case((or_(s.paid_until.is_(None), s.paid_until < end), end), else_=s.paid_until),
            status=case((s.status == SubscriptionStatus.PENDING, str(SubscriptionStatus.ACTIVE)), else_=s.status),
            version=s.version + 1,
            updated_at=now(session),
        )
    )
    paid.tell(session, customer_id, invoice_id)


def moved_by(session: Session, customer_id: int, invoice_id: int) -> list[Moved]:
    """Return the subscriptions that are paid until the end of their period on this invoice, and could be moved back.

    Who was merged has none any more: those of the survivor are meant.
    """
    s, line = SUBSCRIPTIONS.c, LINES.c
    owner_id = survivors.survivor(session, customer_id)
    name = func.coalesce(func.nullif(s.label, ""), Product.name)
    rows = session.execute(
        select(s.id, name, func.min(line.period_start), func.max(line.period_end))
        .join(LINES, line.subscription_id == s.id)
        .join(Product, Product.id == s.product_id)
        .where(s.customer_id == owner_id, line.customer_id == customer_id, line.invoice_id == invoice_id)
        .group_by(s.id, s.label, Product.name, s.paid_until)
        .having(s.paid_until == func.max(line.period_end))
        .order_by(s.id)
    )
    return [Moved(*row) for row in rows]


def move_back(session: Session, customer_id: int, invoice_id: int) -> list[Moved]:
    """Take back what the payment moved on, and return it: the subscriptions are paid until their periods' starts."""
    moved = moved_by(session, customer_id, invoice_id)
    owner_id = survivors.survivor(session, customer_id)
    s = SUBSCRIPTIONS.c
    for one in moved:
        session.execute(
            update(SUBSCRIPTIONS)
            .where(s.customer_id == owner_id, s.id == one.subscription_id)
            .values(paid_until=one.period_start, version=s.version + 1, updated_at=now(session))
        )
    return moved


def drop_pending(session: Session, customer_id: int, invoice_id: int, day: date) -> None:
    """Cancel what was ordered on an invoice and never paid for."""
    s, line = SUBSCRIPTIONS.c, LINES.c
    named = select(line.subscription_id).where(
        line.customer_id == customer_id, line.invoice_id == invoice_id, line.subscription_id.is_not(None)
    )
    session.execute(
        update(SUBSCRIPTIONS)
        .where(s.customer_id == customer_id, s.id.in_(named), s.status == SubscriptionStatus.PENDING)
        .values(
            status=str(SubscriptionStatus.CANCELLED), cancelled_on=day, version=s.version + 1, updated_at=now(session)
        )
    )
