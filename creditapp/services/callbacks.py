"""Call-backs: what gateways tell us takes effect once, in whatever order and however often it is told.

Every event is kept, and what a payment of theirs stands at is computed from all of its events, never from the one that
came last. Our books are then moved towards that. So the same set of events has one outcome.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import BigInteger, Row, Select, cast, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from creditapp.db import Base, now, whole_or_nothing
from creditapp.errors import DomainError
from creditapp.gateways.protocol import Told, ToldKind
from creditapp.models import (
    Capture,
    CreditAccount,
    Customer,
    EventStatus,
    GatewayEvent,
    Invoice,
    InvoiceStatus,
    Payment,
    Refund,
    RefundStatus,
    Setting,
)
from creditapp.money import AMOUNT_MINOR_MAX, currency
from creditapp.services import clawbacks, intents, ledger, payments, refunds
from creditapp.services.actor import SYSTEM, Actor

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

EVENTS = Base.metadata.tables[GatewayEvent.__tablename__]
CAPTURES = Base.metadata.tables[Capture.__tablename__]
MONEY = (
    *(ToldKind.CAPTURED, ToldKind.REFUNDED, ToldKind.REFUND_FAILED, ToldKind.DISPUTED),
    ToldKind.DISPUTE_CLOSED,
)
"""The kinds that are about money that moved."""
_BACK = (ToldKind.REFUNDED, ToldKind.REFUND_FAILED)
_DISPUTES = (ToldKind.DISPUTED, ToldKind.DISPUTE_CLOSED)
_SETTLED = (EventStatus.SUSPENSE, EventStatus.ASSIGNED, EventStatus.DISMISSED)
PROBLEM_CHARS_MAX = 300
_KEY_CHARS_MAX = 60
_MERGES_MAX = 20


class Teller(Protocol):
    """What call-backs need to know of the gateway that tells: every `Gateway` is one."""

    @property
    def name(self) -> str: ...

    @property
    def merchant(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of something a gateway told us; `replayed`: it had been told before, and nothing happened now."""

    event_id: int
    status: str
    problem: str = ""
    customer_id: int | None = None
    payment_id: int | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What one payment of a gateway stands at, by all that was told of it; minor units."""

    captured_minor: int = 0
    refunded_minor: int = 0
    disputed_minor: int = 0
    is_dispute_closed: bool = False


@dataclass(frozen=True, slots=True)
class _Match:
    """Whose money it is: the customer who takes it and the invoice it was asked for; or why that is not clear."""

    problem: str
    customer_id: int | None = None
    intent_id: int | None = None
    invoice_ids: tuple[int, ...] = ()
    intent_customer_id: int | None = None


def take(
    session: Session, gateway: Teller, told: Told, *, body_digest: bytes, payment_id: int, clawback_id: int
) -> Taken:
    """Keep what a gateway told us, let our books follow, and return what came of it. Told again, it does nothing more.

    The numbers were reserved before, for the payment and the claw-back invoice that may follow. Money that fits nothing
    we asked for is not booked: it waits in suspense for a person.
    """
    session.execute(select(Setting.id).where(Setting.id == 1).with_for_update(read=True)).one()
    event = _keep(session, gateway.name, told, body_digest)
    if event.deliveries > 1:
        return Taken(event.id, event.status, event.problem, event.customer_id, event.payment_id, replayed=True)
    if told.kind not in MONEY or not told.capture_ref:
        return _follow_intent(session, gateway, told, event.id)
    capture = _lock_capture(session, gateway.name, told)
    standing = stand(_told_of(session, gateway.name, told.capture_ref))
    _write_standing(session, capture, standing)
    problem = ""
    customer_id, booked_id = capture.customer_id, capture.payment_id
    if booked_id is None and standing.captured_minor:
        match = _match(session, gateway, capture, standing)
        problem = match.problem
        if not problem:
            customer_id, booked_id, problem = _book(session, gateway, capture, standing, match, payment_id)
        if match.intent_id is not None:
            _note(session, capture, intent_id=match.intent_id)
    if booked_id is not None and not problem:
        _hear_of_refund(session, gateway.name, told, customer_id)
        problem = follow(session, gateway.name, told.capture_ref, clawback_id=clawback_id, by=SYSTEM)
    return _settle_events(session, gateway.name, told, event.id, customer_id, booked_id, problem)


def is_known(session: Session, gateway: str, event_id: str) -> bool:
    """Return whether this has been told before; then no numbers need be reserved for it."""
    e = EVENTS.c
    return session.execute(select(e.id).where(e.gateway == gateway, e.event_id == event_id)).first() is not None


def stand(events: Iterable[Row[Any]]) -> Standing:
    """Return what a payment stands at: a sum of the events that depends on neither their order nor repeats.

    Amounts are cumulative, so the highest counts, until a refund has failed or a dispute has ended: then what was said
    last, by the gateway's own clock.
    """
    told = [(row.kind, row.occurred_at, row.facts) for row in events]
    captured = [int(facts.get("captured_minor", 0)) for kind, _at, facts in told if kind == ToldKind.CAPTURED]
    back = [
        (at, kind == ToldKind.REFUND_FAILED, int(facts.get("refunded_minor", 0)))
        for kind, at, facts in told
        if kind in _BACK
    ]
    disputes = [
        (at, kind == ToldKind.DISPUTE_CLOSED, int(facts.get("disputed_minor", 0)))
        for kind, at, facts in told
        if kind in _DISPUTES
    ]
    has_failed = any(failed for _at, failed, _minor in back)
    _at, is_closed, disputed_minor = max(disputes, default=(None, False, 0))
    return Standing(
        max(captured, default=0),
        max(back)[2] if has_failed else max((minor for _at, _failed, minor in back), default=0),
        disputed_minor,
        is_closed,
    )


def follow(session: Session, gateway: str, ref: str, *, clawback_id: int, by: Actor) -> str:
    """Move our books to what the gateway's payment stands at, and return why that could not be; empty: done."""
    c = CAPTURES.c
    row = session.execute(select(CAPTURES).where(c.gateway == gateway, c.ref == ref).with_for_update()).one()
    standing = Standing(row.captured_minor, row.refunded_minor, row.disputed_minor, row.is_dispute_closed)
    p = Payment
    booked_minor = session.execute(
        select(p.amount_minor).where(p.customer_id == row.customer_id, p.id == row.payment_id)
    ).scalar_one()
    problem = ""
    if standing.captured_minor > booked_minor:
        problem = f"Payment #{row.payment_id} was recorded with less than the gateway now says it captured."
    target_minor = min(_gone(session, row, standing), booked_minor)
    more_minor = target_minor - row.taken_back_minor
    if more_minor == 0:
        return problem
    move = clawbacks.take_back if more_minor > 0 else clawbacks.give_back
    key = f"back:{_key(gateway, ref)}:{row.version}"
    try:
        with whole_or_nothing(session):
            move(
                session,
                row.customer_id,
                row.payment_id,
                abs(more_minor),
                clawback_id=clawback_id,
                by=by,
                key=key,
            )
            _note(session, row, taken_back_minor=target_minor)
    except DomainError as refusal:
        return f"What went back of payment #{row.payment_id} could not be followed: {_sentence(session, refusal)}"
    return problem


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


def _gone(session: Session, capture: Row[Any], standing: Standing) -> int:
    """Return how much has gone back in all: what we have sent ourselves counts before the gateway has told of it."""
    r = Refund
    ours = select(cast(func.coalesce(func.sum(r.amount_minor), 0), BigInteger)).where(
        r.customer_id == capture.customer_id, r.payment_id == capture.payment_id, r.status != RefundStatus.FAILED
    )
    sent_minor = max(standing.refunded_minor, session.execute(ours).scalar_one())
    return min(standing.captured_minor, sent_minor + standing.disputed_minor)


def payment_key(gateway: str, ref: str) -> str:
    """Return the key under which a gateway's payment is recorded: once, whoever records it."""
    return f"gateway:{_key(gateway, ref)}"


def select_events(gateway: str, ref: str) -> Select[Any]:
    """Select all that was told about one payment of a gateway."""
    e = EVENTS.c
    return select(EVENTS).where(e.gateway == gateway, e.capture_ref == ref).order_by(e.id)


def _keep(session: Session, gateway: str, told: Told, body_digest: bytes) -> Row[Any]:
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


def _facts(told: Told) -> dict[str, Any]:
    said = {
        "reference": told.reference,
        "session_ref": told.session_ref,
        "refund_ref": told.refund_ref,
        "captured_minor": told.amount_minor,
        "refunded_minor": told.refunded_minor,
        "disputed_minor": told.disputed_minor,
        "merchant": told.merchant,
        "failure": told.failure,
    }
    return {**told.facts, **{name: value for name, value in said.items() if value}}


def _told_of(session: Session, gateway: str, ref: str) -> Sequence[Row[Any]]:
    return session.execute(select_events(gateway, ref)).all()


def _follow_intent(session: Session, gateway: Teller, told: Told, event_id: int) -> Taken:
    """Note in the intent what is not about money: that it is pending, or has failed."""
    intent = _find_intent(session, gateway.name, told.reference)
    if intent is None or told.kind not in {ToldKind.PENDING, ToldKind.FAILED}:
        return Taken(event_id, EventStatus.IGNORED)
    if told.kind == ToldKind.PENDING:
        intents.note_pending(session, intent.customer_id, intent.id)
    else:
        intents.fail(session, intent.customer_id, intent.id, told.failure or "The payment failed.")
    values = {"status": str(EventStatus.DONE), "customer_id": intent.customer_id, "intent_id": intent.id}
    session.execute(update(EVENTS).where(EVENTS.c.id == event_id).values(values))
    return Taken(event_id, EventStatus.DONE, customer_id=intent.customer_id)


def _lock_capture(session: Session, gateway: str, told: Told) -> Row[Any]:
    """Lock what is kept of the gateway's payment; the first who speaks of it makes the row."""
    c = CAPTURES.c
    locked = select(CAPTURES).where(c.gateway == gateway, c.ref == told.capture_ref).with_for_update()
    row = session.execute(locked).first()
    if row is not None:
        return row
    fresh = {
        "gateway": gateway,
        "ref": told.capture_ref,
        "currency": told.currency,
        "captured_minor": 0,
        "refunded_minor": 0,
        "disputed_minor": 0,
        "is_dispute_closed": False,
        "taken_back_minor": 0,
        "version": 1,
        "updated_at": now(session),
    }
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(postgresql.insert(CAPTURES).values(fresh).on_conflict_do_nothing())
    else:  # one writer at a time: nobody has made it meanwhile
        connection.execute(insert(CAPTURES).values(fresh))
    return session.execute(locked).one()


def _write_standing(session: Session, capture: Row[Any], standing: Standing) -> None:
    _note(
        session,
        capture,
        captured_minor=standing.captured_minor,
        refunded_minor=standing.refunded_minor,
        disputed_minor=standing.disputed_minor,
        is_dispute_closed=standing.is_dispute_closed,
    )


def _note(session: Session, capture: Row[Any], **values: Any) -> None:  # noqa: ANN401  (columns of a capture)
    c = CAPTURES.c
    session.execute(
        update(CAPTURES)
        .where(c.gateway == capture.gateway, c.ref == capture.ref)
        .values(**values, version=c.version + 1, updated_at=now(session))
    )


def _match(session: Session, gateway: Teller, capture: Row[Any], standing: Standing) -> _Match:
    """Hold what was told against what we had asked for, and find whose it is."""
    captured = [row for row in _told_of(session, gateway.name, capture.ref) if row.kind == ToldKind.CAPTURED]
    references = {row.facts.get("reference", "") for row in captured} - {""}
    intent = _find_intent(session, gateway.name, references.pop() if len(references) == 1 else "")
    if intent is None:
        return _Match("It names no payment that was begun here.")
    problem = _mismatch(session, gateway, intent, captured, standing)
    if problem:
        return _Match(problem, intent_id=intent.id)
    customer_id = _survivor(session, intent.customer_id)
    a, i = CreditAccount, Invoice
    closed = select(a.closed_at).where(a.customer_id == customer_id).with_for_update()
    if session.execute(closed).scalar_one() is not None:
        return _Match(f"User #{customer_id} has been closed and takes no more money.", intent_id=intent.id)
    invoice = select(i.status).where(i.customer_id == customer_id, i.id == intent.invoice_id)
    status = session.execute(invoice).scalar()
    named = () if status in {None, InvoiceStatus.DRAFT} else (intent.invoice_id,)
    return _Match("", customer_id, intent.id, named, intent.customer_id)


def _mismatch(
    session: Session, gateway: Teller, intent: Row[Any], captured: Sequence[Row[Any]], standing: Standing
) -> str:
    """Return in what the money differs from what was asked for; empty: in nothing that matters."""
    merchants = {row.facts.get("merchant", "") for row in captured} - {""}
    if gateway.merchant and merchants - {gateway.merchant}:
        return "It came to another merchant account than ours."
    currencies = {row.currency for row in captured}
    if currencies != {intent.currency}:
        return f"It is in {' and '.join(sorted(currencies))}; {intent.currency} was asked for."
    if standing.captured_minor > AMOUNT_MINOR_MAX:
        return "It is more than one payment may be."
    if standing.captured_minor < intent.amount_minor:
        money = _money(session)
        return f"{money(intent.amount_minor)} was asked for, and only {money(standing.captured_minor)} was captured."
    return ""


def _book(
    session: Session, gateway: Teller, capture: Row[Any], standing: Standing, match: _Match, payment_id: int
) -> tuple[int | None, int | None, str]:
    """Record the payment, end its intent, and return whose and which it is, or why not."""
    if match.customer_id is None or match.intent_id is None or match.intent_customer_id is None:
        raise ValueError("Money of nobody cannot be booked.")
    try:
        with whole_or_nothing(session):
            booked_id = book(
                session,
                gateway.name,
                capture.ref,
                match.customer_id,
                payment_id,
                standing.captured_minor,
                invoice_ids=match.invoice_ids,
                by=SYSTEM,
            )
            intents.succeed(session, match.intent_customer_id, match.intent_id)
    except DomainError as refusal:
        return None, None, _sentence(session, refusal)
    return match.customer_id, booked_id, ""


def book(  # noqa: PLR0913  (what a payment is)
    session: Session,
    gateway: str,
    ref: str,
    customer_id: int,
    payment_id: int,
    amount_minor: int,
    *,
    invoice_ids: Sequence[int],
    by: Actor,
) -> int:
    """Record a gateway's payment in our books, keep which one it is, and return it. The capture is locked before."""
    s = Setting
    time_zone = session.execute(select(s.time_zone).where(s.id == 1)).scalar_one()
    recorded = payments.record(
        session,
        customer_id,
        payment_id,
        amount_minor,
        invoice_ids=invoice_ids,
        method=gateway,
        received_on=now(session).astimezone(ledger.zone(time_zone)).date(),
        transaction_ref=ref,
        by=by,
        key=payment_key(gateway, ref),
    )
    c = CAPTURES.c
    session.execute(
        update(CAPTURES)
        .where(c.gateway == gateway, c.ref == ref)
        .values(customer_id=customer_id, payment_id=recorded.payment_id, version=c.version + 1, updated_at=now(session))
    )
    return recorded.payment_id


def _settle_events(
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


def _find_intent(session: Session, gateway: str, reference: str) -> Row[Any] | None:
    named = intents.read_reference(reference)
    if named is None:
        return None
    i = intents.INTENTS.c
    return session.execute(
        select(intents.INTENTS).where(i.customer_id == named[0], i.id == named[1], i.gateway == gateway)
    ).first()


def _survivor(session: Session, customer_id: int) -> int:
    """Return the customer into whom this one was merged, or this one."""
    c = Customer
    for _ in range(_MERGES_MAX):
        into = session.execute(select(c.merged_into_id).where(c.id == customer_id)).scalar()
        if into is None:
            break
        customer_id = into
    return customer_id


def _sentence(session: Session, refusal: DomainError) -> str:
    return refusal.sentence(_money(session))


def _money(session: Session) -> Callable[[int], str]:
    """Return how the panel's currency is written."""
    return currency(session.execute(select(Setting.currency).where(Setting.id == 1)).scalar_one()).format


def _key(gateway: str, ref: str) -> str:
    """Return a word for a gateway's payment that fits into any key."""
    named = f"{gateway}:{ref}"
    return named if len(named) <= _KEY_CHARS_MAX else f"{gateway}:{hashlib.sha256(ref.encode()).hexdigest()[:40]}"
