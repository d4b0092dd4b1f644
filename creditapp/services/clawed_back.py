"""What a payment that was taken back had become, and what taking it back has come to so far.

Whose it was may have been merged since: then a part of that is under the survivor's id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Row, and_, cast, exists, func, or_, select

from creditapp.models import (
    CreditDraw,
    CreditEntry,
    CreditLot,
    InvoiceEvent,
    InvoiceKind,
    InvoiceStatus,
    Kind,
)
from creditapp.queries.merged import people_of
from creditapp.services.bills import ALLOCATIONS, INVOICES
from creditapp.services.merging import ISSUED_AGAIN
from creditapp.statements import Outcome

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

RAISED = "clawed_back"
"""What the history of a claw-back invoice says, with the payment it is about."""
_CREDIT_MADE = (Kind.OVERPAYMENT, Kind.DUPLICATE_PAYMENT, Kind.LOOSE_PAYMENT)
_OWED = (InvoiceStatus.UNPAID, InvoiceStatus.PAID)


def credit_of(session: Session, customer_id: int, payment_id: int) -> tuple[dict[int, int], int]:
    """Return the entries by which the payment's money became credit, and how much of that has been taken already.

    That is what its rest became, the funds it added, and what came back as credit of invoices it had paid.
    """
    e, a = CreditEntry, ALLOCATIONS.c
    paid = select(a.invoice_id, a.amount_minor).where(a.customer_id == customer_id, a.payment_id == payment_id)
    shares = {row.invoice_id: row.amount_minor for row in session.execute(paid)}
    rows = session.execute(
        select(e.seq, e.kind, e.amount_minor, e.invoice_id).where(
            e.customer_id == customer_id,
            or_(
                and_(e.payment_id == payment_id, e.kind.in_(_CREDIT_MADE)),
                and_(e.invoice_id.in_(list(shares)), e.kind.in_((Kind.TOP_UP, Kind.INVOICE_REFUND))),
            ),
        )
    )
    made = {
        row.seq: row.amount_minor if row.kind in _CREDIT_MADE else min(row.amount_minor, shares[row.invoice_id])
        for row in rows
    }
    gone = select(cast(func.coalesce(-func.sum(e.amount_minor), 0), BigInteger)).where(
        e.customer_id == customer_id,
        e.payment_id == payment_id,
        e.kind.in_((Kind.CHARGEBACK, Kind.CREDIT_REFUND, Kind.REVERSAL)),
    )
    gone_minor: int = session.execute(gone).scalar_one()
    elsewhere = [entry for entry in entries_to_undo(session, customer_id, payment_id) if entry.payment_id is None]
    return made, gone_minor - sum(entry.amount_minor for entry in elsewhere)


def wording(payment_id: int) -> str:
    """Return what the entry and the invoice of a claw-back say; the entry is found by it, too."""
    return f"Chargeback of Payment #{payment_id}"


@dataclass(frozen=True, slots=True)
class Owed:
    """A claw-back invoice that stands; minor units."""

    customer_id: int
    id: int
    status: str
    total_minor: int


def owed(session: Session, customer_id: int, payment_id: int) -> list[Owed]:
    """Return the claw-back invoices of the payment that have not been closed, the newest first."""
    i, e = INVOICES.c, InvoiceEvent
    rows = session.execute(
        select(i.customer_id, i.id, i.status, i.total_minor)
        .join(e, and_(e.customer_id == i.customer_id, e.invoice_id == i.id, e.action.in_((RAISED, ISSUED_AGAIN))))
        .where(
            i.customer_id.in_(people_of(session, customer_id)),
            i.kind == InvoiceKind.CLAWBACK,
            i.status.in_(_OWED),
            e.payment_id == payment_id,
        )
        .order_by(i.id.desc())
    )
    return [Owed(*row) for row in rows]


def entries_to_undo(session: Session, customer_id: int, payment_id: int) -> list[Row[Any]]:
    """Return the claw-backs of the payment that no reversal has undone, the newest first.

    What was taken from a survivor cannot name the payment of another account: its wording does.
    """
    e, later = CreditEntry, CreditEntry.__table__.alias("later")
    undone = exists().where(later.c.customer_id == e.customer_id, later.c.reversed_seq == e.seq)
    return list(
        session.execute(
            select(e.customer_id, e.seq, e.amount_minor, e.payment_id)
            .where(
                e.customer_id.in_(people_of(session, customer_id)),
                or_(e.payment_id == payment_id, e.payment_id.is_(None)),
                e.description == wording(payment_id),
                e.kind == Kind.CHARGEBACK,
                ~undone,
            )
            .order_by(e.posted_at.desc(), e.customer_id, e.seq.desc())
        )
    )


def draws_of(session: Session, customer_id: int, seq: int) -> Outcome:
    d, lot = CreditDraw, CreditLot
    rows = session.execute(
        select(d.lot_seq, lot.class_, d.amount_minor, lot.expires_at)
        .join(lot, and_(lot.customer_id == d.customer_id, lot.seq == d.lot_seq))
        .where(d.customer_id == customer_id, d.entry_seq == seq)
        .order_by(d.lot_seq.desc())
    )
    return Outcome([tuple(row) for row in rows], 0)
