"""How a customer stands who is to go: what is open, what is on its way, and what the balance is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from creditapp.models import (
    CreditClass,
    CreditEntry,
    CreditLot,
    IntentStatus,
    Invoice,
    InvoiceStatus,
    Kind,
    Payment,
    PaymentAllocation,
    PaymentIntent,
    Refund,
    RefundStatus,
)
from creditapp.services.credits.removing import net_draws_call
from creditapp.statements import run

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

OPEN = (str(InvoiceStatus.DRAFT), str(InvoiceStatus.UNPAID))
_UNENDED = (str(IntentStatus.STARTED), str(IntentStatus.PENDING))


@dataclass(frozen=True, slots=True)
class Underway:
    """What has to arrive before anything is closed."""

    payments: int
    """How many were begun at a gateway and have not ended."""
    refunds: tuple[int, ...]
    """The numbers of those that have been asked for and not sent."""

    @property
    def is_any(self) -> bool:
        return bool(self.payments or self.refunds)


@dataclass(slots=True)
class Forecast:
    """What the balance will be made of once the open invoices are cancelled; minor units."""

    balance_minor: int = 0
    """As it is now."""
    coming_minor: int = 0
    """What comes back from the open invoices."""
    lapsed_minor: int = 0
    by_class: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    refundable: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """Of the paid credit, what can go back, by payment."""

    @property
    def refundable_minor(self) -> int:
        return sum(self.refundable.values())

    @property
    def rest_minor(self) -> int:
        """Paid credit that came by no payment of this customer's, or has gone back of it already."""
        return self.by_class[CreditClass.PAID] - self.refundable_minor


def open_invoices(session: Session, customer_id: int) -> list[Any]:
    """Return the drafts and the unpaid invoices, by rising number.

    Columns: id, status, total_minor, credit_minor, paid_minor, refunded_minor.
    """
    i = Invoice
    columns = select(i.id, i.status, i.total_minor, i.credit_minor, i.paid_minor, i.refunded_minor)
    return list(session.execute(columns.where(i.customer_id == customer_id, i.status.in_(OPEN)).order_by(i.id)))


def underway(session: Session, customer_ids: Sequence[int]) -> Underway:
    """Return what is on its way to or from these customers."""
    p, r = PaymentIntent, Refund
    begun = select(func.count()).select_from(p).where(p.customer_id.in_(customer_ids), p.status.in_(_UNENDED))
    asked = select(r.id).where(r.customer_id.in_(customer_ids), r.status == RefundStatus.REQUESTED).order_by(r.id)
    return Underway(session.execute(begun).scalar_one(), tuple(session.execute(asked).scalars()))


def forecast(session: Session, customer_id: int, moment: datetime) -> Forecast:
    """Return what will have to be dealt with, and by which ways it can be."""
    bills = open_invoices(session, customer_id)
    drawn: dict[int, int] = defaultdict(int)
    for bill in bills:
        if bill.credit_minor:
            for lot_seq, _class, minor, _expires_at in run(session, net_draws_call(customer_id, bill.id))[0].rows:
                drawn[lot_seq] += minor
    found = Forecast()
    for lot in _lots(session, customer_id, drawn):
        coming_minor = drawn.get(lot.seq, 0)
        has_lapsed = lot.expires_at is not None and lot.expires_at <= moment
        found.balance_minor += lot.remaining_minor
        found.coming_minor += coming_minor
        found.lapsed_minor += lot.remaining_minor if has_lapsed else 0
        usable_minor = coming_minor + (0 if has_lapsed else lot.remaining_minor)
        found.by_class[lot.class_] += usable_minor
        payment_id = lot.payment_id or (lot.sole_payer if lot.kind == Kind.INVOICE_REFUND else None)
        if lot.class_ == CreditClass.PAID and payment_id is not None:
            found.refundable[payment_id] += usable_minor
    _add_money(session, customer_id, bills, found)
    _bound(session, customer_id, found)
    return found


def _lots(session: Session, customer_id: int, drawn: dict[int, int]) -> list[Any]:
    lot, e = CreditLot, CreditEntry
    payer = _sole_payer(e.customer_id, e.invoice_id)
    statement = (
        select(lot.seq, lot.class_, lot.remaining_minor, lot.expires_at, e.payment_id, e.kind)
        .add_columns(payer.label("sole_payer"))
        .join(e, (e.customer_id == lot.customer_id) & (e.seq == lot.seq))
        .where(lot.customer_id == customer_id, (lot.remaining_minor > 0) | lot.seq.in_(list(drawn)))
    )
    return list(session.execute(statement))


def _add_money(session: Session, customer_id: int, bills: Sequence[Any], found: Forecast) -> None:
    """Count in what was paid of the open invoices: it becomes paid credit when they are cancelled."""
    for bill in bills:
        minor = bill.paid_minor - bill.refunded_minor
        if minor:
            found.coming_minor += minor
            found.by_class[CreditClass.PAID] += minor
            i = Invoice
            payer = _sole_payer(i.customer_id, i.id)
            payment_id = session.execute(select(payer).where(i.customer_id == customer_id, i.id == bill.id)).scalar()
            if payment_id is not None:
                found.refundable[payment_id] += minor


def _bound(session: Session, customer_id: int, found: Forecast) -> None:
    """Let no more go back of a payment than came and has not gone back."""
    p = Payment
    its_own = (p.customer_id == customer_id, p.id.in_(list(found.refundable)))
    rows = session.execute(select(p.id, p.amount_minor - p.refunded_minor).where(*its_own))
    left = {row[0]: row[1] for row in rows}
    for payment_id, minor in list(found.refundable.items()):
        found.refundable[payment_id] = min(minor, left.get(payment_id, 0))


def _sole_payer(customer_id: ColumnElement[Any] | Any, invoice_id: ColumnElement[Any] | Any) -> Any:  # noqa: ANN401  (columns)
    """Select the payment that alone paid an invoice; NULL where none or several did."""
    a = PaymentAllocation.__table__.alias("shares")
    return (
        select(func.min(a.c.payment_id))
        .where(a.c.customer_id == customer_id, a.c.invoice_id == invoice_id)
        .having(func.count() == 1)
        .scalar_subquery()
    )
