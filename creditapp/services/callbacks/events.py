"""The events as they were told: each is kept once, and says what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Select, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from creditapp.db import Base, now
from creditapp.gateways.protocol import Told
from creditapp.models import EventStatus, GatewayEvent
from creditapp.services.callbacks.standing import MONEY

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

EVENTS = Base.metadata.tables[GatewayEvent.__tablename__]
PROBLEM_CHARS_MAX = 300
_SETTLED = (EventStatus.SUSPENSE, EventStatus.ASSIGNED, EventStatus.DISMISSED)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of something a gateway told us; `replayed`: it had been told before, and nothing happened now."""

    event_id: int
    status: str
    problem: str = ""
    customer_id: int | None = None
    payment_id: int | None = None
    replayed: bool = False


def is_known(session: Session, gateway: str, event_id: str) -> bool:
    """Return whether this has been told before; then no numbers need be reserved for it."""
    e = EVENTS.c
    return session.execute(select(e.id).where(e.gateway == gateway, e.event_id == event_id)).first() is not None


def select_events(gateway: str, ref: str) -> Select[Any]:
    """Select all that was told about one payment of a gateway."""
    e = EVENTS.c
    return select(EVENTS).where(e.gateway == gateway, e.capture_ref == ref).order_by(e.id)


def told_of(session: Session, gateway: str, ref: str) -> Sequence[Row[Any]]:
    """Return all that was told about one payment of a gateway, in the order in which it came."""
    return session.execute(select_events(gateway, ref)).all()


def keep(session: Session, gateway: str, told: Told, body_digest: bytes) -> Row[Any]:
    """Keep the event and lock it; told again, count that."""
    row = {
        "gateway": gateway,
        "event_id": told.event_id,
        "kind": str(told.kind),
        "capture_ref": told.capture_ref if told.kind in MONEY else "",
        "amount_minor": told.amount_minor or None,
        "currency": told.currency,
        "facts": _facts(told),
        "body_digest": body_digest,
        "status": str(EventStatus.IGNORED),
        "problem": "",
        "deliveries": 1,
        "occurred_at": told.occurred_at,
        "received_at": now(session),
        "note": "",
    }
    connection = session.connection()
    engine = postgresql if connection.dialect.name == "postgresql" else sqlite
    kept = (
        engine.insert(EVENTS)
        .values(row)
        .on_conflict_do_update(
            index_elements=[EVENTS.c.gateway, EVENTS.c.event_id], set_={"deliveries": EVENTS.c.deliveries + 1}
        )
    )
    e = EVENTS.c
    return connection.execute(
        kept.returning(e.id, e.status, e.problem, e.customer_id, e.payment_id, e.deliveries)
    ).one()


def settle(
    session: Session,
    gateway: str,
    told: Told,
    event_id: int,
    customer_id: int | None,
    payment_id: int | None,
    problem: str,
) -> Taken:
    """Say in the events of this payment what became of them, one of them in suspense at most."""
    e = EVENTS.c
    status, problem = EventStatus.DONE, problem[:PROBLEM_CHARS_MAX]
    all_of_it = update(EVENTS).where(e.gateway == gateway, e.capture_ref == told.capture_ref)
    if payment_id is not None and not problem:
        waiting = (EventStatus.IGNORED, EventStatus.SUSPENSE)
        values = {"status": str(status), "customer_id": customer_id, "payment_id": payment_id, "problem": ""}
        session.execute(all_of_it.where(e.status.in_(waiting)).values(values))
    elif problem:
        others = select(e.id).where(
            e.gateway == gateway, e.capture_ref == told.capture_ref, e.status.in_(_SETTLED), e.id != event_id
        )
        is_first = session.execute(others.limit(1)).first() is None
        status = EventStatus.SUSPENSE if is_first else EventStatus.DONE
        values = {
            "status": str(status),
            "problem": problem,
            "customer_id": customer_id,
            "payment_id": payment_id,
        }
        session.execute(update(EVENTS).where(e.id == event_id).values(values))
    else:
        status = EventStatus.IGNORED
    return Taken(event_id, status, problem, customer_id, payment_id)


def hold(session: Session, gateway: str, ref: str, problem: str) -> None:
    """Let the newest event of a payment wait in suspense for this reason. What a person has seen stays as it is."""
    e = EVENTS.c
    of_it = (e.gateway == gateway, e.capture_ref == ref)
    problem = problem[:PROBLEM_CHARS_MAX]
    seen = select(e.id).where(*of_it, e.status.in_(_SETTLED), e.problem == problem)
    waits = select(e.id).where(*of_it, e.status == EventStatus.SUSPENSE)
    newest = session.execute(select(func.max(e.id)).where(*of_it)).scalar_one()
    if newest is None or session.execute(seen.union(waits).limit(1)).first() is not None:
        return
    values = {"status": str(EventStatus.SUSPENSE), "problem": problem}
    session.execute(update(EVENTS).where(e.id == newest).values(values))


def _facts(told: Told) -> dict[str, Any]:
    said = {
        "reference": told.reference,
        "session_ref": told.session_ref,
        "refund_ref": told.refund_ref,
        "dispute_ref": told.dispute_ref,
        "captured_minor": told.amount_minor,
        "refunded_minor": told.refunded_minor,
        "disputed_minor": told.disputed_minor,
        "merchant": told.merchant,
        "failure": told.failure,
    }
    return {**told.facts, **{name: value for name, value in said.items() if value}}
