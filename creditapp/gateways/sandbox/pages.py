"""The pages on which a card is charged: opened, paid or declined, given up."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from creditapp.db import db, now
from creditapp.gateways.protocol import Asked, GatewayError
from creditapp.gateways.sandbox.charges import Act, charge_card, quarrel
from creditapp.gateways.sandbox.telling import tell, tell_captured
from creditapp.models import SandboxCallback, SandboxSession

LATER = timedelta(minutes=1)
"""When money that was paid later is certain."""
EXPIRES = timedelta(hours=24)
DECLINED = "The card was declined."
TOO_MUCH_MINOR = 500
"""How much too much the button pays: 5.00 in most currencies."""


class PageState(StrEnum):
    """Where a page is."""

    OPEN = "open"
    PAID = "paid"
    DECLINED = "declined"
    CLOSED = "closed"
    """Given up, or its time ran out."""


def act(session: Session, ref: str, what: Act) -> str:
    """Do what a button of the page says, and return where the customer goes on.

    What the page cannot do any more is not done: it has been paid, or closed.

    Raises:
        GatewayError: there is no such page.
    """
    page = _lock_page(session, ref)
    _expire(session, page)
    if page.status == PageState.OPEN:
        _pay(session, page, what)
    elif what in {Act.DISPUTE, Act.WIN, Act.LOSE}:
        quarrel(session, page, what)
    return page.return_url


def find(ref: str) -> SandboxSession | None:
    """Return the page, or None."""
    return db.session.get(SandboxSession, ref)


def open_page(session: Session, asked: Asked) -> str:
    """Return what the page for this reference is called; made when it is first asked for."""
    s = SandboxSession
    known = session.scalars(select(s.ref).where(s.reference == asked.reference)).first()
    if known is not None:
        return known
    ref = f"ss_{secrets.token_urlsafe(16)}"
    session.add(
        s(
            ref=ref,
            amount_minor=asked.amount_minor,
            currency=asked.currency,
            reference=asked.reference,
            description=asked.description[:200],
            return_url=asked.return_url,
            callback_url=asked.callback_url,
            status=str(PageState.OPEN),
            created_at=now(session),
        )
    )
    return ref


def close_page(session: Session, ref: str) -> bool:
    """Close the page, and return whether nothing can be paid on it any more."""
    page = _lock_page(session, ref)
    if page.status == PageState.OPEN:
        page.status = str(PageState.CLOSED)
    return page.status != PageState.PAID


def say_again(session: Session, ref: str) -> list[str]:
    """Return the bodies of all call-backs about the page whose time has come, sent or not."""
    page = _lock_page(session, ref)
    _expire(session, page)
    session.flush()
    b = SandboxCallback
    named = json.dumps(ref)
    rows = session.execute(select(b.body, b.created_at, b.tries).where(b.body.contains(named)).order_by(b.id))
    moment = now(session)
    return [row.body for row in rows if _happened(row.body) <= moment]


def _pay(session: Session, page: SandboxSession, what: Act) -> None:
    minor = page.amount_minor
    if what is Act.DECLINE:
        page.status = str(PageState.DECLINED)
        tell(session, page, f"{page.ref}-failed", "failed", failure=DECLINED)
        return
    if what is Act.LATER:
        page.status = str(PageState.PAID)
        charge = charge_card(session, page, minor)
        tell(session, page, f"{page.ref}-pending", "pending")
        tell_captured(session, page, charge, now(session) + LATER)
        return
    amounts = {Act.PAY: (minor,), Act.TWICE: (minor, minor), Act.TOO_MUCH: (minor + TOO_MUCH_MINOR,)}.get(what, ())
    for amount_minor in amounts:
        page.status = str(PageState.PAID)
        tell_captured(session, page, charge_card(session, page, amount_minor), now(session))


def _happened(body: str) -> datetime:
    return datetime.fromtimestamp(json.loads(body)["created"], UTC)


def _expire(session: Session, page: SandboxSession) -> None:
    if page.status == PageState.OPEN and now(session) - page.created_at > EXPIRES:
        page.status = str(PageState.CLOSED)
        tell(session, page, f"{page.ref}-failed", "failed", failure="The time to pay ran out.")


def _lock_page(session: Session, ref: str) -> SandboxSession:
    s = SandboxSession
    page = session.scalars(select(s).where(s.ref == ref).with_for_update()).first()
    if page is None:
        raise GatewayError("There is no such page.")
    return page
