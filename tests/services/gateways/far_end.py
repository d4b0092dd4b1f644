"""A gateway as tests play it: what it is called, what it tells, and what our books come to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from creditapp.db import db, transact
from creditapp.gateways import Told, ToldKind
from creditapp.models import Capture, CreditEntry, GatewayEvent, Invoice, InvoiceKind, Payment
from creditapp.services import callbacks, intents, numbers
from creditapp.services.actor import SYSTEM
from creditapp.services.callbacks import Taken
from creditapp.services.intents import Begun
from tests.factories import balance_of, moment, new_key

MERCHANT = "acct_ours"
AT = moment("2026-03-02 12:00")


@dataclass
class FarEnd:
    """What call-backs need to know of a gateway."""

    name: str = "sandbox"
    merchant: str = MERCHANT


def begin(customer_id: int, invoice_id: int, *, gateway: str = "sandbox", key: str = "") -> Begun:
    intent_id = transact(numbers.reserve, "intents")
    return transact(intents.begin, customer_id, intent_id, invoice_id, gateway=gateway, by=SYSTEM, key=key or new_key())


def captured(begun: Begun, amount_minor: int | None = None, *, ref: str = "ch_1", **given: Any) -> Told:  # noqa: ANN401
    minor = begun.amount_minor if amount_minor is None else amount_minor
    return told(ToldKind.CAPTURED, ref, begun, amount_minor=minor, **given)


def told(kind: ToldKind, ref: str = "ch_1", begun: Begun | None = None, *, after_s: int = 0, **given: Any) -> Told:  # noqa: ANN401
    """Return what a gateway tells, so many seconds after it began."""
    terms: dict[str, Any] = {
        "event_id": f"{ref}-{kind}-{after_s}",
        "reference": begun.reference if begun else "",
        "capture_ref": ref,
        "currency": "USD",
        "merchant": MERCHANT,
    } | given
    return Told(kind=kind, occurred_at=AT + timedelta(seconds=after_s), **terms)


def hear(one: Told, gateway: FarEnd | None = None) -> Taken:
    """Take what was told in a transaction, as the view of call-backs does."""
    payment_id = transact(numbers.reserve, "payments")
    clawback_id = transact(numbers.reserve, "invoices")
    return transact(
        callbacks.take,
        gateway or FarEnd(),
        one,
        body_digest=bytes(32),
        payment_id=payment_id,
        clawback_id=clawback_id,
    )


def renamed(one: Told, event_id: str) -> Told:
    return replace(one, event_id=event_id)


def outcome(customer_id: int, invoice_id: int) -> dict[str, object]:
    """Return what the books say, apart from the numbers of rows and the path by which they came to say it."""
    db.session.rollback()
    i, p, c = Invoice, Payment, Capture
    invoice = db.session.execute(
        select(i.status, i.credit_minor, i.paid_minor, i.payment_started_at).where(
            i.customer_id == customer_id, i.id == invoice_id
        )
    ).one()
    paid = db.session.execute(
        select(p.amount_minor, p.credit_minor, p.refunded_minor).where(p.customer_id == customer_id)
    ).all()
    owed = select(func.sum(i.total_minor - i.credit_minor - i.paid_minor)).where(
        i.customer_id == customer_id, i.kind == InvoiceKind.CLAWBACK, i.status == "unpaid"
    )
    standing = db.session.execute(
        select(c.captured_minor, c.refunded_minor, c.disputed_minor, c.taken_back_minor).order_by(c.ref)
    ).all()
    return {
        "balance": balance_of(customer_id),
        "invoice": tuple(invoice),
        "payments": sorted(map(tuple, paid)),
        "owed": db.session.execute(owed).scalar(),
        "captures": list(map(tuple, standing)),
    }


def events() -> list[tuple[str, str, int]]:
    """Return what was kept: the kind, what became of it, and how often it was told."""
    db.session.rollback()
    e = GatewayEvent
    rows = db.session.execute(select(e.kind, e.status, e.deliveries).order_by(e.id))
    return [(row.kind, row.status, row.deliveries) for row in rows]


def wordings(customer: int) -> list[str]:
    """Return the log of the customer's credit."""
    db.session.rollback()
    e = CreditEntry
    return list(db.session.scalars(select(e.description).where(e.customer_id == customer).order_by(e.seq)))


def hold_money(ref: str = "ch_1") -> Taken:
    """Let a gateway tell of money that nobody asked for."""
    return hear(told(ToldKind.CAPTURED, ref, event_id=f"held:{ref}", amount_minor=12550))
