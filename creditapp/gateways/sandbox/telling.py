"""What the sandbox tells: call-backs are kept when something happens, and read again as any gateway's are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from creditapp.db import now
from creditapp.gateways.protocol import Told, ToldKind
from creditapp.models import SandboxCallback, SandboxCharge, SandboxSession

MERCHANT = "acct_sandbox"
AMOUNT_MAX = 10**11
_TEXT_CHARS_MAX = 120


def tell(
    session: Session,
    page: SandboxSession,
    event_id: str,
    kind: str,
    *,
    moment: datetime | None = None,
    **facts: Any,  # noqa: ANN401  (what the event says)
) -> None:
    """Keep a call-back; it is sent when its moment has come, until it is heard."""
    at = moment or now(session)
    body = {
        "id": event_id,
        "type": kind,
        "created": int(at.timestamp()),
        "session": page.ref,
        "reference": page.reference,
        "currency": page.currency,
        "merchant": MERCHANT,
        **facts,
    }
    session.add(
        SandboxCallback(
            event_id=event_id,
            url=page.callback_url,
            body=json.dumps(body),
            tries=0,
            next_try_at=at,
            answer="",
            created_at=now(session),
        )
    )


def tell_of(
    session: Session,
    page: SandboxSession,
    charge: SandboxCharge,
    event_id: str,
    kind: str,
    *,
    refund: str = "",
    moment: datetime | None = None,
) -> None:
    """Keep a call-back about a charge, with all that is true of it now."""
    facts = {
        "charge": charge.ref,
        "amount": charge.amount_minor,
        "refunded": charge.refunded_minor,
        "disputed": charge.disputed_minor,
        "refund": refund,
    }
    tell(session, page, event_id, kind, moment=moment, **facts)


def tell_captured(session: Session, page: SandboxSession, charge: SandboxCharge, moment: datetime) -> None:
    """Tell that the card was charged, at that moment."""
    tell_of(session, page, charge, f"{charge.ref}-captured", "captured", moment=moment)


def read(said: Any) -> Told:  # noqa: ANN401  (JSON)
    """Return what a body says.

    Raises:
        ValueError, KeyError, TypeError: it is not of the form that `tell` writes.
    """
    return Told(
        event_id=_text(said["id"]),
        kind=ToldKind(said["type"]),
        occurred_at=datetime.fromtimestamp(_number(said["created"]), UTC),
        reference=_text(said.get("reference", "")),
        session_ref=_text(said.get("session", "")),
        capture_ref=_text(said.get("charge", "")),
        refund_ref=_text(said.get("refund", "")),
        amount_minor=_number(said.get("amount", 0)),
        refunded_minor=_number(said.get("refunded", 0)),
        disputed_minor=_number(said.get("disputed", 0)),
        currency=_text(said.get("currency", ""))[:3],
        merchant=_text(said.get("merchant", "")),
        failure=_text(said.get("failure", "")),
    )


def _text(said: Any) -> str:  # noqa: ANN401  (JSON)
    if not isinstance(said, str) or len(said) > _TEXT_CHARS_MAX or not said.isprintable():
        raise ValueError("A text is none, or too long.")
    return said


def _number(said: Any) -> int:  # noqa: ANN401  (JSON)
    if type(said) is not int or not 0 <= said <= AMOUNT_MAX:
        raise ValueError("A number is none, or out of range.")
    return said
