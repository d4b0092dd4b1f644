"""What seldom happens in a made-up panel: credit moved, a balance frozen, a payment voided, and a customer deleted."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from creditapp.db import transact_at
from creditapp.models import (
    Capture,
    CreditAccount,
    Customer,
    Invoice,
    InvoiceStatus,
    Payment,
    Reason,
    RefundStatus,
)
from creditapp.models import Refund as SentBack
from creditapp.services import credits, customer_life, freezing, numbers, payment_voiding
from creditapp.services.customer_life import Choices, Way

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

KEY = "demo-parting"
PEOPLE = 4


def play(moment: datetime, *, by: Actor) -> None:
    """Let four customers who owe nothing and hold credit live through it, if there are so many."""
    people, reason_id = transact_at(moment, _look)
    if len(people) < PEOPLE or reason_id is None:
        return
    (giver, _), (taker, _), (frozen, _), (gone, balance_minor) = people
    half_minor = transact_at(moment, credits.usable_minor, giver) // 2
    act: dict[str, Any] = {"reason_id": reason_id, "by": by, "key": f"{KEY}-transfer"}
    if half_minor:
        transact_at(moment, credits.transfer, giver, taker, half_minor, note="Both shops are hers", **act)
    transact_at(moment, freezing.freeze, frozen, "A chargeback is being looked into", by=by)
    _void(moment, by=by)
    _delete(moment, gone, balance_minor, reason_id, by=by)


def _void(moment: datetime, *, by: Actor) -> None:
    """Void the newest payment that somebody has recorded, and of which nothing has gone back."""
    found = transact_at(moment, _newest_payment)
    if found is not None:
        number = transact_at(moment, numbers.reserve, "invoices")
        act: dict[str, Any] = {"clawback_id": number, "by": by, "key": f"{KEY}-void"}
        transact_at(moment, payment_voiding.void, *found, "Entered for the wrong user", **act)


def _delete(moment: datetime, customer_id: int, balance_minor: int, reason_id: int, *, by: Actor) -> None:
    lapse = Way.EXPIRE
    choices = Choices(paid=lapse, rest=lapse, goodwill=lapse, promotional=lapse, reason_id=reason_id)
    transact_at(
        moment,
        customer_life.delete,
        customer_id,
        choices,
        version=transact_at(moment, _version, customer_id),
        seen_minor=balance_minor,
        cancel_invoices=False,
        refund_ids=(),
        by=by,
        key=f"{KEY}-delete",
    )


def _look(session: Session) -> tuple[list[tuple[int, int]], int | None]:
    """Return four customers with their balances, the newest last, and a reason that asks for no note."""
    c, a, i, r = Customer, CreditAccount, Invoice, SentBack
    owes = select(i.id).where(i.customer_id == c.id, i.status.in_((InvoiceStatus.UNPAID, InvoiceStatus.DRAFT)))
    waits = select(r.id).where(r.customer_id == c.id, r.status == RefundStatus.REQUESTED)
    free = (c.status == "active", a.balance_minor > 0, a.frozen_at.is_(None), ~owes.exists(), ~waits.exists())
    people = select(c.id, a.balance_minor).join(a, a.customer_id == c.id).where(*free)
    some = session.execute(people.order_by(c.id.desc()).limit(PEOPLE)).all()
    reason = select(Reason.id).where(Reason.is_active, ~Reason.note_required).order_by(Reason.position, Reason.id)
    return [(row[0], row[1]) for row in reversed(some)], session.execute(reason.limit(1)).scalar()


def _newest_payment(session: Session) -> tuple[int, int] | None:
    p, a, i = Payment, CreditAccount, Invoice
    captured = select(Capture.ref).where(Capture.customer_id == p.customer_id, Capture.payment_id == p.id)
    refunded = select(i.id).where(i.customer_id == p.customer_id, i.refunded_minor > 0)
    statement = (
        select(p.customer_id, p.id)
        .join(a, a.customer_id == p.customer_id)
        .where(p.refunded_minor == 0, a.closed_at.is_(None), ~captured.exists(), ~refunded.exists())
        .order_by(p.id.desc())
        .limit(1)
    )
    row = session.execute(statement).first()
    return None if row is None else (row[0], row[1])


def _version(session: Session, customer_id: int) -> int:
    return session.execute(select(Customer.version).where(Customer.id == customer_id)).scalar_one()
