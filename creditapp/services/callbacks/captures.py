"""Payments as their gateways call them: what they stand at, and which payment of our books each has become."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Row, cast, func, insert, select, update
from sqlalchemy.dialects import postgresql

from creditapp.db import Base, now, whole_or_nothing
from creditapp.errors import DomainError
from creditapp.gateways.protocol import Told
from creditapp.models import Capture, Payment, Refund, RefundStatus, Setting
from creditapp.money import currency
from creditapp.services import clawbacks, ledger, payments
from creditapp.services.actor import Actor
from creditapp.services.callbacks.standing import Standing

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

CAPTURES = Base.metadata.tables[Capture.__tablename__]
_KEY_CHARS_MAX = 60


def lock(session: Session, gateway: str, told: Told) -> Row[Any]:
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


def write_standing(session: Session, capture: Row[Any], standing: Standing) -> None:
    """Keep what the gateway's payment stands at."""
    note(
        session,
        capture,
        captured_minor=standing.captured_minor,
        refunded_minor=standing.refunded_minor,
        disputed_minor=standing.disputed_minor,
        is_dispute_closed=standing.is_dispute_closed,
    )


def note(session: Session, capture: Row[Any], **values: Any) -> None:  # noqa: ANN401  (columns of a capture)
    """Keep this of the gateway's payment, as a new version of it."""
    c = CAPTURES.c
    session.execute(
        update(CAPTURES)
        .where(c.gateway == capture.gateway, c.ref == capture.ref)
        .values(**values, version=c.version + 1, updated_at=now(session))
    )


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
            note(session, row, taken_back_minor=target_minor)
    except DomainError as refusal:
        return f"What went back of payment #{row.payment_id} could not be followed: {sentence(session, refusal)}"
    return problem


def payment_key(gateway: str, ref: str) -> str:
    """Return the key under which a gateway's payment is recorded: once, whoever records it."""
    return f"gateway:{_key(gateway, ref)}"


def sentence(session: Session, refusal: DomainError) -> str:
    return refusal.sentence(money_words(session))


def money_words(session: Session) -> Callable[[int], str]:
    """Return how the panel's currency is written."""
    return currency(session.execute(select(Setting.currency).where(Setting.id == 1)).scalar_one()).format


def _gone(session: Session, capture: Row[Any], standing: Standing) -> int:
    """Return how much has gone back in all: what we have sent ourselves counts before the gateway has told of it."""
    r = Refund
    ours = select(cast(func.coalesce(func.sum(r.amount_minor), 0), BigInteger)).where(
        r.customer_id == capture.customer_id, r.payment_id == capture.payment_id, r.status != RefundStatus.FAILED
    )
    sent_minor = max(standing.refunded_minor, session.execute(ours).scalar_one())
    return min(standing.captured_minor, sent_minor + standing.disputed_minor)


def _key(gateway: str, ref: str) -> str:
    """Return a word for a gateway's payment that fits into any key."""
    named = f"{gateway}:{ref}"
    return named if len(named) <= _KEY_CHARS_MAX else f"{gateway}:{hashlib.sha256(ref.encode()).hexdigest()[:40]}"
