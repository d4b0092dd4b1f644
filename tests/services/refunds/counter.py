"""The verbs of refunds as tests call them, payments that a gateway brought, and what to look at afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from creditapp.db import db, now, transact
from creditapp.models import Capture, CreditEntry, Payment, PaymentAllocation, Refund
from creditapp.services import numbers, payments, refunds
from creditapp.services.refunds import Asked
from tests.services.invoices.desk import RECEIVED_ON, do

GATEWAY = "stripe"


def captured(customer_id: int, amount_minor: int, *invoice_ids: int) -> int:
    """Record what a gateway captured for these invoices, with what the gateway says of it; return the payment."""
    payment_id = transact(numbers.reserve, "payments")
    terms: dict[str, Any] = {"invoice_ids": invoice_ids, "method": GATEWAY, "received_on": RECEIVED_ON}
    do(payments.record, customer_id, payment_id, amount_minor, **terms, transaction_ref=f"pi_{payment_id}")
    transact(_note_capture, customer_id, payment_id, amount_minor)
    return payment_id


def back(customer_id: int, invoice_id: int, amount_minor: int, payment_id: int, **given: Any) -> Asked:  # noqa: ANN401
    """Ask for so much of an invoice's payment to go back."""
    number = transact(numbers.reserve, "refunds")
    return do(refunds.request_for_invoice, customer_id, number, invoice_id, amount_minor, payment_id, **given)


def credit_back(customer_id: int, payment_id: int, amount_minor: int, **given: Any) -> Asked:  # noqa: ANN401
    """Ask for so much of a payment's unspent credit to go back."""
    number = transact(numbers.reserve, "refunds")
    return do(refunds.request_of_credit, customer_id, number, payment_id, amount_minor, **given)


def settle(customer_id: int, refund_id: int) -> bool:
    return transact(refunds.settle, customer_id, refund_id, f"re_{refund_id}")


def fail(customer_id: int, refund_id: int) -> bool:
    return transact(refunds.fail, customer_id, refund_id, "The card has expired")


def gone(customer_id: int, payment_id: int) -> tuple[int, int, int]:
    """Return how much of a payment has gone back: as it says itself, as its invoices say, as its gateway is told."""
    db.session.rollback()
    p, a, c = Payment, PaymentAllocation, Capture
    of_payment = select(p.refunded_minor).where(p.customer_id == customer_id, p.id == payment_id)
    of_invoices = select(func.coalesce(func.sum(a.refunded_minor), 0)).where(
        a.customer_id == customer_id, a.payment_id == payment_id
    )
    told = select(func.coalesce(func.sum(c.taken_back_minor), 0)).where(c.payment_id == payment_id)
    return (
        db.session.execute(of_payment).scalar_one(),
        int(db.session.execute(of_invoices).scalar_one()),
        int(db.session.execute(told).scalar_one()),
    )


def refund(customer_id: int, refund_id: int) -> Refund:
    """Return the refund, read anew."""
    db.session.rollback()
    return db.session.get_one(Refund, (customer_id, refund_id), populate_existing=True)


def entries(customer_id: int) -> list[tuple[str, int]]:
    """Return what each entry says, and its amount."""
    db.session.rollback()
    e = CreditEntry
    rows = db.session.execute(select(e.description, e.amount_minor).where(e.customer_id == customer_id).order_by(e.seq))
    return [(row[0], row[1]) for row in rows]


def _note_capture(session: Session, customer_id: int, payment_id: int, amount_minor: int) -> None:
    session.add(
        Capture(
            gateway=GATEWAY,
            ref=f"pi_{payment_id}",
            customer_id=customer_id,
            intent_id=None,
            payment_id=payment_id,
            currency="USD",
            captured_minor=amount_minor,
            refunded_minor=0,
            disputed_minor=0,
            is_dispute_closed=False,
            taken_back_minor=0,
            version=1,
            updated_at=now(session),
        )
    )


LONG_AFTER = datetime(2099, 1, 1, tzinfo=UTC)
