"""Suspense: money that gateways have told of and that fits nothing we asked for. A person says what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Select, and_, select, update

from creditapp.db import now
from creditapp.errors import SuspenseError
from creditapp.gateways.protocol import ToldKind
from creditapp.models import Capture, Customer, EventStatus, GatewayEvent, Setting
from creditapp.services import audit, callbacks, request_keys
from creditapp.services.audit import Action
from creditapp.services.intents import read_reference

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

NOTE_CHARS_MAX = 500
SETTLED = "This has been settled already."
_SCOPE = "suspense"


@dataclass(frozen=True, slots=True)
class Held:
    """One thing that waits: what the gateway said, and why it fits nothing. Amounts are minor units of `currency`."""

    id: int
    gateway: str
    kind: str
    capture_ref: str
    currency: str
    problem: str
    received_at: datetime
    captured_minor: int
    gone_minor: int
    customer_id: int | None
    customer: str | None
    payment_id: int | None
    intent_customer_id: int | None

    @property
    def can_be_assigned(self) -> bool:
        """Whether it is money that is in no payment yet."""
        return self.kind == ToldKind.CAPTURED and self.payment_id is None


def select_waiting() -> Select[Any]:
    """Select what waits, to be ordered by its number: the oldest waits longest. `held` reads each row."""
    return _select_held().where(GatewayEvent.status == EventStatus.SUSPENSE)


def find(session: Session, event_id: int) -> Held | None:
    """Return what waits under this number, or None where nothing does any more."""
    e = GatewayEvent
    row = session.execute(_select_held().where(e.id == event_id, e.status == EventStatus.SUSPENSE)).first()
    return None if row is None else held(row)


def assign(  # noqa: PLR0913  (one argument for each field of the form)
    session: Session,
    event_id: int,
    customer_id: int,
    invoice_id: int | None,
    *,
    payment_id: int,
    clawback_id: int,
    by: Actor,
    key: str,
) -> int:
    """Give the money to a customer as a payment, for an invoice or as credit; return the payment's number.

    What has gone back of it meanwhile is taken back at once. The numbers were reserved before. The same key assigns
    once.

    Raises:
        SuspenseError: it has been settled, is no money, or is in another currency than the panel's.
        InvoiceNotFoundError, InvoiceStateError, CustomerNotFoundError, CustomerClosedError: what `payments.record`
            raises.
        FormReusedError: the key has assigned something else.
    """
    panel = session.execute(select(Setting.currency).where(Setting.id == 1).with_for_update(read=True)).scalar_one()
    event = _lock(session, event_id)
    earlier = request_keys.claim(session, _SCOPE, key, (event_id, customer_id, invoice_id, by.id))
    if earlier is not None:
        return int(earlier)
    _check_waiting(event)
    c = Capture
    capture = session.execute(
        select(c.captured_minor, c.currency, c.payment_id)
        .where(c.gateway == event.gateway, c.ref == event.capture_ref)
        .with_for_update()
    ).first()
    if event.kind != ToldKind.CAPTURED or capture is None or capture.payment_id is not None:
        raise SuspenseError("This is about money that has been recorded. Settle it there, and dismiss it here.")
    if event.currency != panel:
        raise SuspenseError(
            f"It is in {event.currency}, the panel in {panel}. Send it back at the gateway, or record what it was "
            "worth as a payment, and dismiss it here."
        )
    named = () if invoice_id is None else (invoice_id,)
    booked_id = callbacks.book(
        session,
        event.gateway,
        event.capture_ref,
        customer_id,
        payment_id,
        capture.captured_minor,
        invoice_ids=named,
        by=by,
    )
    problem = callbacks.follow(session, event.gateway, event.capture_ref, clawback_id=clawback_id, by=by)
    if problem:
        raise SuspenseError(problem)
    _settle(session, event_id, EventStatus.ASSIGNED, by, customer_id=customer_id, payment_id=booked_id)
    request_keys.keep(session, _SCOPE, key, str(booked_id))
    after = {"gateway": event.gateway, "customer_id": customer_id, "payment_id": booked_id, "invoice_id": invoice_id}
    audit.record(session, Action.SUSPENSE_ASSIGNED, by, "gateway_event", event_id, after=after)
    return booked_id


def dismiss(session: Session, event_id: int, note: str, *, by: Actor, key: str) -> None:
    """Say that nothing is to be done about it, and why. The same key dismisses once.

    Raises:
        SuspenseError: it has been settled.
        FormReusedError: the key has dismissed something else.
    """
    event = _lock(session, event_id)
    if request_keys.claim(session, _SCOPE, key, (event_id, "dismiss", note, by.id)) is not None:
        return
    _check_waiting(event)
    _settle(session, event_id, EventStatus.DISMISSED, by, note=note)
    audit.record(session, Action.SUSPENSE_DISMISSED, by, "gateway_event", event_id, after={"gateway": event.gateway})


def _lock(session: Session, event_id: int) -> Row[*tuple[Any, ...]]:
    e = GatewayEvent
    row = session.execute(
        select(e.id, e.gateway, e.kind, e.capture_ref, e.currency, e.status).where(e.id == event_id).with_for_update()
    ).first()
    if row is None:
        raise SuspenseError(SETTLED)
    return row


def _check_waiting(event: Row[*tuple[Any, ...]]) -> None:
    if event.status != EventStatus.SUSPENSE:
        raise SuspenseError(SETTLED)


def _settle(session: Session, event_id: int, status: EventStatus, by: Actor, **values: Any) -> None:  # noqa: ANN401
    e = GatewayEvent
    settled = {"status": str(status), "resolved_by_id": by.id, "resolved_at": now(session)}
    session.execute(update(e).where(e.id == event_id).values(**settled, **values))


def _select_held() -> Select[Any]:
    e, c, customer = GatewayEvent, Capture, Customer
    return (
        select(e.id, e.gateway, e.kind, e.capture_ref, e.currency, e.problem, e.received_at, e.amount_minor, e.facts)
        .add_columns(e.customer_id, customer.name, e.payment_id, c.captured_minor, c.refunded_minor, c.disputed_minor)
        .outerjoin(c, and_(c.gateway == e.gateway, c.ref == e.capture_ref))
        .outerjoin(customer, customer.id == e.customer_id)
    )


def held(row: Row[Any]) -> Held:
    """Return a row of `select_waiting` as it is shown."""
    named = read_reference(str(row.facts.get("reference", "")))
    return Held(
        row.id,
        row.gateway,
        row.kind,
        row.capture_ref,
        row.currency,
        row.problem,
        row.received_at,
        row.captured_minor or row.amount_minor or 0,
        (row.refunded_minor or 0) + (row.disputed_minor or 0),
        row.customer_id,
        row.name,
        row.payment_id,
        named[0] if named else None,
    )
