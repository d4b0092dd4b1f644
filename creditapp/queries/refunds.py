"""Refunds as pages show them: what can go back, and what has. Every statement stays inside one customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select

from creditapp.models import Capture, Customer, Payment, PaymentAllocation, Refund, RefundStatus, Setting, Staff
from creditapp.services.refunds import own_lots_call, refundable_credit
from creditapp.statements import run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class RefundFacts:
    """One refund, as a page shows it."""

    customer_id: int
    id: int
    payment_id: int
    invoice_id: int | None
    entry_seq: int | None
    amount_minor: int
    gateway: str
    gateway_ref: str
    status: str
    failure: str
    tries: int
    created_at: datetime
    ended_at: datetime | None
    actor: str
    staff: str | None
    method: str
    customer: str

    @property
    def waits_for_a_person(self) -> bool:
        """Whether somebody has to send the money, and say so."""
        return self.status == RefundStatus.REQUESTED and not self.gateway


@dataclass(frozen=True, slots=True)
class Part:
    """What one payment paid of an invoice, and how much of that can still go back."""

    payment_id: int
    method: str
    transaction_ref: str
    gateway: str
    """Empty where a person sends the money."""
    amount_minor: int
    left_minor: int


def find(session: Session, refund_id: int) -> RefundFacts | None:
    """Return the refund of this number, found by the plain index on numbers."""
    row = session.execute(_select().where(Refund.id == refund_id)).first()
    return RefundFacts(*row) if row else None


def of_payment(session: Session, customer_id: int, payment_id: int) -> list[RefundFacts]:
    """Return the refunds of a payment, newest first."""
    r = Refund
    statement = _select().where(r.customer_id == customer_id, r.payment_id == payment_id).order_by(r.id.desc())
    return [RefundFacts(*row) for row in session.execute(statement)]


def parts_of(session: Session, customer_id: int, invoice_id: int) -> list[Part]:
    """Return what each payment paid of the invoice, oldest first."""
    a, p, c = PaymentAllocation, Payment, Capture
    statement = (
        select(p.id, p.method, p.transaction_ref, c.gateway, a.amount_minor, a.refunded_minor)
        .add_columns(p.amount_minor - p.refunded_minor)
        .join(p, (p.customer_id == a.customer_id) & (p.id == a.payment_id))
        .outerjoin(c, (c.customer_id == p.customer_id) & (c.payment_id == p.id))
        .where(a.customer_id == customer_id, a.invoice_id == invoice_id)
        .order_by(p.id)
    )
    return [
        Part(id_, method, ref, gateway or "", amount_minor, min(amount_minor - refunded_minor, left_minor))
        for id_, method, ref, gateway, amount_minor, refunded_minor, left_minor in session.execute(statement)
    ]


def gateway_of(session: Session, customer_id: int, payment_id: int) -> str:
    """Return the gateway that brought a payment; empty where a person recorded it."""
    c = Capture
    found = session.scalar(select(c.gateway).where(c.customer_id == customer_id, c.payment_id == payment_id))
    return found or ""


def credit_left(session: Session, customer_id: int, payment_id: int) -> int:
    """Return how much of the payment is unspent credit that can go back, if the setting is on."""
    p = Payment
    left_minor = session.execute(
        select(p.amount_minor - p.refunded_minor).where(p.customer_id == customer_id, p.id == payment_id)
    ).scalar_one()
    lots = run(session, own_lots_call(customer_id, payment_id, datetime.now(UTC)))[0]
    return refundable_credit(lots, left_minor)


def is_credit_refundable(session: Session) -> bool:
    """Return whether the setting lets unspent credit go back."""
    return bool(session.scalar(select(Setting.credit_refunds).where(Setting.id == 1)))


def _select() -> Select[*tuple[Any, ...]]:
    r, p, c = Refund, Payment, Customer
    return (
        select(r.customer_id, r.id, r.payment_id, r.invoice_id, r.entry_seq, r.amount_minor, r.gateway, r.gateway_ref)
        .add_columns(r.status, r.failure, r.tries, r.created_at, r.ended_at, r.actor, Staff.name, p.method, c.name)
        .join(p, (p.customer_id == r.customer_id) & (p.id == r.payment_id))
        .join(c, c.id == r.customer_id)
        .outerjoin(Staff, (Staff.id == r.actor_id) & (r.actor == "staff"))
    )
