"""Taking what a gateway tells: it is kept, and our books follow, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, select, update

from creditapp.db import whole_or_nothing
from creditapp.errors import DomainError
from creditapp.gateways.protocol import Told, ToldKind
from creditapp.models import EventStatus, Refund, Setting
from creditapp.services import intents, refunds
from creditapp.services.actor import SYSTEM
from creditapp.services.callbacks import captures, events
from creditapp.services.callbacks.events import Taken
from creditapp.services.callbacks.matching import Match, Teller, find_intent, match
from creditapp.services.callbacks.standing import MONEY, Standing, stand

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def take(
    session: Session, gateway: Teller, told: Told, *, body_digest: bytes, payment_id: int, clawback_id: int
) -> Taken:
    """Keep what a gateway told us, let our books follow, and return what came of it. Told again, it does nothing more.

    The numbers were reserved before, for the payment and the claw-back invoice that may follow. Money that fits nothing
    we asked for is not booked: it waits in suspense for a person.
    """
    session.execute(select(Setting.id).where(Setting.id == 1).with_for_update(read=True)).one()
    event = events.keep(session, gateway.name, told, body_digest)
    if event.deliveries > 1:
        return Taken(event.id, event.status, event.problem, event.customer_id, event.payment_id, replayed=True)
    if told.kind not in MONEY or not told.capture_ref:
        return _follow_intent(session, gateway, told, event.id)
    capture = captures.lock(session, gateway.name, told)
    standing = stand(events.told_of(session, gateway.name, told.capture_ref))
    captures.write_standing(session, capture, standing)
    problem = ""
    customer_id, booked_id = capture.customer_id, capture.payment_id
    if booked_id is None and standing.captured_minor:
        found = match(session, gateway, capture, standing)
        problem = found.problem
        if not problem:
            customer_id, booked_id, problem = _book(session, gateway, capture, standing, found, payment_id)
        if found.intent_id is not None:
            captures.note(session, capture, intent_id=found.intent_id)
    if booked_id is not None and not problem:
        _hear_of_refund(session, gateway.name, told, customer_id)
        problem = captures.follow(session, gateway.name, told.capture_ref, clawback_id=clawback_id, by=SYSTEM)
    return events.settle(session, gateway.name, told, event.id, customer_id, booked_id, problem)


def follow_up(session: Session, gateway: str, ref: str, *, clawback_id: int) -> str:
    """Let the books follow a payment outside of any call-back about it, and return why they could not; empty: done.

    What could not be followed waits in suspense for a person, as it does when a call-back tells of it.
    """
    problem = captures.follow(session, gateway, ref, clawback_id=clawback_id, by=SYSTEM)
    if problem:
        events.hold(session, gateway, ref, problem)
    return problem


def _book(
    session: Session, gateway: Teller, capture: Row[Any], standing: Standing, found: Match, payment_id: int
) -> tuple[int | None, int | None, str]:
    """Record the payment, end its intent, and return whose and which it is, or why not."""
    if found.customer_id is None or found.intent_id is None or found.intent_customer_id is None:
        raise ValueError("Money of nobody cannot be booked.")
    try:
        with whole_or_nothing(session):
            booked_id = captures.book(
                session,
                gateway.name,
                capture.ref,
                found.customer_id,
                payment_id,
                standing.captured_minor,
                invoice_ids=found.invoice_ids,
                by=SYSTEM,
            )
            intents.succeed(session, found.intent_customer_id, found.intent_id)
    except DomainError as refusal:
        return None, None, captures.sentence(session, refusal)
    return found.customer_id, booked_id, ""


def _follow_intent(session: Session, gateway: Teller, told: Told, event_id: int) -> Taken:
    """Note in the intent what is not about money: that it is pending, or has failed."""
    intent = find_intent(session, gateway.name, told.reference)
    if intent is None or told.kind not in {ToldKind.PENDING, ToldKind.FAILED}:
        return Taken(event_id, EventStatus.IGNORED)
    if told.kind == ToldKind.PENDING:
        intents.note_pending(session, intent.customer_id, intent.id)
    else:
        intents.fail(session, intent.customer_id, intent.id, told.failure or "The payment failed.")
    values = {"status": str(EventStatus.DONE), "customer_id": intent.customer_id, "intent_id": intent.id}
    session.execute(update(events.EVENTS).where(events.EVENTS.c.id == event_id).values(values))
    return Taken(event_id, EventStatus.DONE, customer_id=intent.customer_id)


def _hear_of_refund(session: Session, gateway: str, told: Told, customer_id: int | None) -> None:
    """End a refund of ours that is told of by name: it was sent, or it came back and the books are put right."""
    r = Refund
    refund_id = session.execute(
        select(r.id).where(
            r.customer_id == customer_id, r.gateway == gateway, r.gateway_ref == told.refund_ref, r.gateway_ref != ""
        )
    ).scalar()
    if refund_id is None or customer_id is None:
        return
    if told.kind == ToldKind.REFUND_FAILED:
        refunds.fail(session, customer_id, refund_id, told.failure or "The gateway could not send it.")
    elif told.kind == ToldKind.REFUNDED:
        refunds.settle(session, customer_id, refund_id, told.refund_ref)
