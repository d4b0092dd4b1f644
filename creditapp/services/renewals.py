"""Renewal invoices: one for each subscription and period, however often and by how many workers this is run.

`due_after` names the next subscriptions that are due, `renew` makes their invoices, a chunk in a transaction, and uses
credit on them by the rule. Amounts are minor units, days are the panel's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import exists, func, select, tuple_

from creditapp.bulk import among
from creditapp.errors import DomainError
from creditapp.models import Product, Setting, Subscription, SubscriptionStatus
from creditapp.queries import merged
from creditapp.services.bills import INVOICES
from creditapp.services.renewal_run import SUBSCRIPTIONS, Renewed, Run, Subscribed

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

CHUNK = 1000


class Due(NamedTuple):
    """A subscription whose next period is to be invoiced."""

    next_due_on: date
    customer_id: int
    subscription_id: int


def horizon(session: Session, on: date) -> date:
    """Return up to which day periods are invoiced on this day: invoices are made some days before they are due."""
    lead_days: int = session.execute(select(Setting.renewal_lead_days).where(Setting.id == 1)).scalar_one()
    return on + timedelta(days=lead_days)


def due_after(session: Session, until: date, after: Due | None = None, *, most: int = CHUNK) -> list[Due]:
    """Return the next active subscriptions with a period that begins by `until` and has no invoice yet."""
    s = Subscription
    key = tuple_(s.next_due_on, s.customer_id, s.id)
    statement = (
        select(s.next_due_on, s.customer_id, s.id)
        .where(s.status == SubscriptionStatus.ACTIVE, s.next_due_on <= until)
        .order_by(s.next_due_on, s.customer_id, s.id)
        .limit(most)
    )
    if after is not None:
        statement = statement.where(key > tuple_(after.next_due_on, after.customer_id, after.subscription_id))
    return [Due(*row) for row in session.execute(statement)]


def count_due(session: Session, until: date) -> int:
    """Return how many active subscriptions have a period that begins by `until` and has no invoice yet."""
    s = Subscription
    is_due = (s.status == SubscriptionStatus.ACTIVE) & (s.next_due_on <= until)
    return session.execute(select(func.count()).select_from(s).where(is_due)).scalar_one()


def renew(session: Session, due: Sequence[Due], first_invoice_id: int, *, on: date) -> list[Renewed]:
    """Invoice one period of each of these subscriptions, and use credit on the invoices as the rule allows.

    The invoices get the numbers from `first_invoice_id` on, one for each subscription was reserved. A subscription that
    another run has moved on meanwhile is left alone. A customer who is refused is named, and the others go on.
    """
    if not due:
        return []
    run = Run(session, sorted({one.customer_id for one in due}), on)
    results = []
    for number, subscribed in enumerate(_lock(session, due), start=first_invoice_id):
        try:
            renewed = run.renew(subscribed, number)
        except DomainError as refusal:
            renewed = Renewed(subscribed.customer_id, subscribed.id, subscribed.next_due_on, refusal=refusal)
        if renewed is not None:
            results.append(renewed)
    run.write()
    return results


def _lock(session: Session, due: Sequence[Due]) -> list[Subscribed]:
    """Lock those of the subscriptions that are still due, and read them, by customer and number."""
    s, p, i = Subscription, Product, INVOICES.c
    its_period = (i.customer_id == s.customer_id, i.subscription_id == s.id, i.period_start == s.next_due_on)
    wanted = set(due)
    rows = session.connection().execute(
        select(s.next_due_on, s.customer_id, s.id, s.label, s.price_minor, s.cycle, s.anchor_day, s.product_id)
        .add_columns(s.paid_until, p.name, p.tax_bp, p.is_credit_automatic, exists().where(*its_period))
        .join(p, p.id == s.product_id)
        .where(
            among(session, SUBSCRIPTIONS.c.customer_id, {one.customer_id for one in due}),
            s.next_due_on <= max(one.next_due_on for one in due),
            s.status == SubscriptionStatus.ACTIVE,
        )
        .order_by(s.customer_id, s.id)
        .with_for_update(of=s)
    )
    found = [Subscribed(*row) for row in rows.all() if row[:3] in wanted]
    elsewhere = merged.periods_invoiced(session, {one.customer_id for one in found}, {one.id for one in found})
    return [one._replace(is_invoiced=True) if one[:3] in elsewhere else one for one in found] if elsewhere else found
