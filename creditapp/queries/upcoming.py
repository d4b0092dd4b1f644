"""The next invoice of a customer: when it is due, what it comes to, and how much of it credit would pay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from creditapp.models import InvoiceKind, InvoiceStatus, Product, Setting, Subscription, SubscriptionStatus
from creditapp.queries.settings import read_rules
from creditapp.services.credits.rule import Owed, Trigger, decide
from creditapp.services.invoices import Line, price

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

DAYS_AHEAD = 40


@dataclass(frozen=True, slots=True)
class Upcoming:
    """What renews next, all of one day together; minor units."""

    due_on: date
    subscriptions: int
    total_minor: int
    credit_minor: int

    @property
    def to_pay_minor(self) -> int:
        return self.total_minor - self.credit_minor


def next_invoice(
    session: Session, customer_id: int, usable_minor: int, *, today: date, is_frozen: bool, override: bool | None
) -> Upcoming | None:
    """Return what the customer's active subscriptions come to on the next day one is due; None where none is soon.

    Each renews with an invoice of its own, and credit is used on one after the other, as `renewals.renew` does.
    """
    s, p = Subscription, Product
    renewing = select(s).where(s.customer_id == customer_id, s.status == SubscriptionStatus.ACTIVE)
    first = renewing.with_only_columns(func.min(s.next_due_on))
    due_on = session.execute(first).scalar_one()
    if due_on is None or due_on > today + timedelta(days=DAYS_AHEAD):
        return None
    is_gross = session.execute(select(Setting.prices_include_tax).where(Setting.id == 1)).scalar_one()
    rules = read_rules(session)
    rows = session.execute(
        renewing.with_only_columns(s.price_minor, p.tax_bp, p.is_credit_automatic)
        .join(p, p.id == s.product_id)
        .where(s.next_due_on == due_on)
        .order_by(s.id)
    ).all()
    total_minor = credit_minor = 0
    for price_minor, tax_bp, is_automatic in rows:
        line = Line(description="", unit_minor=price_minor, tax_bp=tax_bp, is_credit_automatic=is_automatic)
        _priced, sums = price([line], is_gross=is_gross)
        status = InvoiceStatus.UNPAID if sums.total_minor else InvoiceStatus.PAID
        owed = Owed(InvoiceKind.RENEWAL, status, sums.total_minor, sums.eligible_minor, 0, is_being_paid=False)
        left_minor = usable_minor - credit_minor
        decision = decide(rules, owed, left_minor, trigger=Trigger.NEW, is_frozen=is_frozen, override=override)
        total_minor += sums.total_minor
        credit_minor += decision.amount_minor
    return Upcoming(due_on, len(rows), total_minor, credit_minor)
