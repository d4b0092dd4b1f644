"""Charges of the sandbox: made, refunded, and taken back by the customer's bank."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from creditapp.db import db, now
from creditapp.gateways.protocol import GatewayError
from creditapp.gateways.sandbox.telling import tell_of
from creditapp.models import SandboxCharge, SandboxRefund, SandboxSession


class Act(StrEnum):
    """What the page's buttons do; the last three are what happens to a charge afterwards."""

    PAY = "pay"
    DECLINE = "decline"
    LATER = "later"
    TWICE = "twice"
    TOO_MUCH = "too_much"
    DISPUTE = "dispute"
    WIN = "win"
    LOSE = "lose"


def charges_of(ref: str) -> Sequence[SandboxCharge]:
    """Return what was charged on the page, the oldest first."""
    c = SandboxCharge
    return db.session.scalars(select(c).where(c.session_ref == ref).order_by(c.created_at, c.ref)).all()


def charge_card(session: Session, page: SandboxSession, amount_minor: int) -> SandboxCharge:
    """Charge the card on this page, and return the charge; telling of it is the caller's."""
    charge = SandboxCharge(
        ref=f"sc_{secrets.token_urlsafe(16)}",
        session_ref=page.ref,
        amount_minor=amount_minor,
        refunded_minor=0,
        disputed_minor=0,
        status="captured",
        created_at=now(session),
    )
    session.add(charge)
    return charge


def refund(session: Session, charge_ref: str, amount_minor: int, currency: str, *, refund_key: str) -> str:
    """Send so much of a charge back and tell of it, once under this key; return what the refund is called.

    Raises:
        GatewayError: there is no such charge, or not so much is left of it.
    """
    known = session.get(SandboxRefund, refund_key)
    if known is not None:
        return known.ref
    c = SandboxCharge
    charge = session.scalars(select(c).where(c.ref == charge_ref).with_for_update()).first()
    if charge is None:
        raise GatewayError("There is no such charge.")
    page = session.get_one(SandboxSession, charge.session_ref)
    left_minor = charge.amount_minor - charge.refunded_minor - charge.disputed_minor
    if currency != page.currency or not 0 < amount_minor <= left_minor:
        raise GatewayError("More cannot be refunded than is left of the charge.")
    charge.refunded_minor += amount_minor
    refund = SandboxRefund(
        key=refund_key,
        ref=f"sr_{secrets.token_urlsafe(16)}",
        charge_ref=charge_ref,
        amount_minor=amount_minor,
        created_at=now(session),
    )
    session.add(refund)
    count = session.scalar(select(func.count()).where(SandboxRefund.charge_ref == charge_ref))
    tell_of(session, page, charge, f"{charge.ref}-refund-{count}", "refunded", refund=refund.ref)
    return refund.ref


def quarrel(session: Session, page: SandboxSession, what: Act) -> None:
    """Let the customer's bank take the newest charge back, or say how that ended."""
    c = SandboxCharge
    charge = session.scalars(
        select(c).where(c.session_ref == page.ref).order_by(c.created_at.desc(), c.ref.desc()).limit(1)
    ).first()
    if charge is None:
        return
    is_open = charge.status == "disputed"
    if what is Act.DISPUTE and charge.status == "captured":
        charge.status, charge.disputed_minor = "disputed", charge.amount_minor - charge.refunded_minor
        tell_of(session, page, charge, f"{charge.ref}-disputed", "disputed")
    elif what in {Act.WIN, Act.LOSE} and is_open:
        charge.status = "won" if what is Act.WIN else "lost"
        charge.disputed_minor = 0 if what is Act.WIN else charge.disputed_minor
        tell_of(session, page, charge, f"{charge.ref}-closed", "dispute_closed")
