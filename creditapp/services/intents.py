"""Payments that customers begin at a gateway: what we ask for, against which the gateway's answers are held.

While one is open no credit is applied to its invoice. Its number is reserved before (`numbers.reserve` of `intents`),
and `customer-number` is what the gateway calls it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Select, insert, select, update

from creditapp.db import Base, now
from creditapp.errors import (
    FormReusedError,
    IntentNotFoundError,
    InvoiceStateError,
    PaymentUnderwayError,
)
from creditapp.models import IntentStatus, MailEvent, PaymentIntent
from creditapp.services import ledger, mails, survivors
from creditapp.services.actor import SYSTEM
from creditapp.services.bills import INVOICES, Bill, lock_call, read_bill, write
from creditapp.statements import run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

INTENTS = Base.metadata.tables[PaymentIntent.__tablename__]
OPEN = (IntentStatus.STARTED, IntentStatus.PENDING)
FAILURE_CHARS_MAX = 200
FAILED = "payment_failed"
"""What the history of an invoice calls it, and the one ending its customer is told of by mail."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A payment that has been begun; `replayed`: earlier, and its customer goes on where they were."""

    customer_id: int
    intent_id: int
    invoice_id: int
    gateway: str
    amount_minor: int
    currency: str
    description: str
    session_ref: str = ""
    page_url: str = ""
    replayed: bool = False

    @property
    def reference(self) -> str:
        return reference(self.customer_id, self.intent_id)


def begin(
    session: Session, customer_id: int, intent_id: int, invoice_id: int, *, gateway: str, by: Actor, key: str
) -> Begun:
    """Begin a payment of what is due on the invoice, and return what to ask the gateway for.

    An open one at the same gateway over the same amount is answered in its place: it goes on. Until it ends no credit
    is applied to the invoice. The same key begins one payment.

    Raises:
        PaymentUnderwayError: another one is open, at another gateway or over another amount.
        InvoiceStateError: nothing is due on the invoice.
        InvoiceNotFoundError, CustomerNotFoundError, CustomerClosedError: there is no such invoice or customer.
        FormReusedError: the key has begun something else.
    """
    content = ("intent", invoice_id, gateway, by.kind, by.id)
    _account, panel, rest = ledger.open_account(
        session, customer_id, "", (), lock_call(customer_id, invoice_id), debit=False
    )
    bill = read_bill(rest[0], invoice_id)
    earlier = _earlier(session, customer_id, key, content)
    if earlier is not None and earlier.status in OPEN:
        return _begun(earlier)
    if bill.due_minor == 0:
        raise InvoiceStateError(invoice_id, "has nothing to be paid.")
    going = session.execute(
        _select_intents().where(
            INTENTS.c.customer_id == customer_id, INTENTS.c.invoice_id == invoice_id, INTENTS.c.status.in_(OPEN)
        )
    ).first()
    if going is not None:
        if (going.gateway, going.amount_minor) == (gateway, bill.due_minor):
            return _begun(going)
        raise PaymentUnderwayError(invoice_id=invoice_id, amount_minor=going.amount_minor)
    if earlier is not None:
        raise FormReusedError
    moment = now(session)
    row = {
        "customer_id": customer_id,
        "id": intent_id,
        "gateway": gateway,
        "invoice_id": invoice_id,
        "amount_minor": bill.due_minor,
        "currency": panel.currency,
        "status": str(IntentStatus.STARTED),
        "session_ref": "",
        "page_url": "",
        "failure": "",
        "actor": by.kind,
        "actor_id": by.id,
        "key": key,
        "key_digest": ledger.content_digest(content),
        "created_at": moment,
        "ended_at": None,
    }
    session.execute(insert(INTENTS).values(row))
    _mark_paying(session, bill, moment)
    facts = {"gateway": gateway, "intent_id": intent_id}
    write(session, bill.written(session, "payment_begun", by, amount_minor=bill.due_minor, facts=facts))
    return Begun(customer_id, intent_id, invoice_id, gateway, bill.due_minor, panel.currency, _describe(invoice_id))


def attach(session: Session, customer_id: int, intent_id: int, session_ref: str, page_url: str) -> None:
    """Keep where the customer pays. Safe to repeat; what has ended meanwhile keeps it too, as a trace."""
    owner_id = _lock(session, customer_id, intent_id)
    session.execute(_its(owner_id, intent_id).values(session_ref=session_ref, page_url=page_url))


def note_pending(session: Session, customer_id: int, intent_id: int) -> None:
    """Note that the customer has paid, and that the money is not certain yet. Nothing happens to one that has ended."""
    started = INTENTS.c.status == IntentStatus.STARTED
    owner_id = _lock(session, customer_id, intent_id)
    session.execute(_its(owner_id, intent_id).where(started).values(status=str(IntentStatus.PENDING)))


def fail(session: Session, customer_id: int, intent_id: int, failure: str) -> None:
    """End an open intent without money: credit can be applied to its invoice again. Safe to repeat."""
    _end(session, customer_id, intent_id, FAILED, failure, SYSTEM)


def give_up(session: Session, customer_id: int, intent_id: int, *, by: Actor) -> None:
    """End an open intent because somebody says so; its gateway has closed the page before. Safe to repeat."""
    _end(session, customer_id, intent_id, "payment_given_up", "Given up.", by)


def succeed(session: Session, customer_id: int, intent_id: int) -> None:
    """End an intent with its money, even one that had been taken for failed. The account is locked before."""
    intent = _find(session, customer_id, intent_id)
    if intent.status == IntentStatus.SUCCEEDED:
        return
    values = {"status": str(IntentStatus.SUCCEEDED), "failure": "", "ended_at": now(session)}
    session.execute(_its(customer_id, intent_id).values(values))
    _unmark(session, customer_id, intent.invoice_id)


def open_of(session: Session, customer_id: int, invoice_id: int) -> Begun | None:
    """Return the payment for this invoice that is under way, or None."""
    i = INTENTS.c
    row = session.execute(
        _select_intents().where(i.customer_id == customer_id, i.invoice_id == invoice_id, i.status.in_(OPEN))
    ).first()
    return None if row is None else _begun(row)


def find(session: Session, customer_id: int, intent_id: int) -> Begun:
    """Return the intent.

    Raises:
        IntentNotFoundError: there is none.
    """
    return _begun(_find(session, customer_id, intent_id))


def resolve(session: Session, customer_id: int, intent_id: int) -> int:
    """Return whose this intent is now: it goes on for the survivor if it was open when its customer was merged."""
    i = INTENTS.c
    owner_id = survivors.survivor(session, customer_id)
    theirs = select(i.id).where(i.customer_id == owner_id, i.id == intent_id)
    return customer_id if session.execute(theirs).first() is None else owner_id


def reference(customer_id: int, intent_id: int) -> str:
    """Return what a gateway calls a payment of ours."""
    return f"{customer_id}-{intent_id}"


def read_reference(written: str) -> tuple[int, int] | None:
    """Return the customer and the intent that a reference names, or None for what is none of ours."""
    customer, dash, intent = written.partition("-")
    known = dash and all(part.isascii() and part.isdigit() and len(part) <= 15 for part in (customer, intent))  # noqa: PLR2004
    return (int(customer), int(intent)) if known else None


def _end(session: Session, customer_id: int, intent_id: int, action: str, failure: str, by: Actor) -> None:
    customer_id = _lock(session, customer_id, intent_id)
    intent = _find(session, customer_id, intent_id)
    bill = read_bill(run(session, lock_call(customer_id, intent.invoice_id))[0], intent.invoice_id)
    values = {"status": str(IntentStatus.FAILED), "failure": failure[:FAILURE_CHARS_MAX], "ended_at": now(session)}
    ended = session.execute(_its(customer_id, intent_id).where(INTENTS.c.status.in_(OPEN)).values(values))
    if ended.rowcount == 0:  # type: ignore[attr-defined]  # an UPDATE has one
        return
    _mark_paying(session, bill, None)
    facts = {"gateway": intent.gateway, "intent_id": intent_id}
    write(session, bill.written(session, action, by, amount_minor=intent.amount_minor, facts=facts))
    if action == FAILED:
        told = {"amount": intent.amount_minor, "invoice": intent.invoice_id, "reason": failure}
        key = f"payment_failed:{intent_id}"
        mails.queue(session, MailEvent.PAYMENT_FAILED, customer_id=customer_id, key=key, facts=told)


def _lock(session: Session, customer_id: int, intent_id: int) -> int:
    """Lock the account of whoever has the intent now, and return whose it is."""
    survivors.lock(session, customer_id)
    return resolve(session, customer_id, intent_id)


def _unmark(session: Session, customer_id: int, invoice_id: int) -> None:
    i = INVOICES.c
    session.execute(
        update(INVOICES).where(i.customer_id == customer_id, i.id == invoice_id).values(payment_started_at=None)
    )


def _mark_paying(session: Session, bill: Bill, moment: datetime | None) -> None:
    """Keep in the invoice since when it is being paid; None: it is not any more."""
    i = INVOICES.c
    session.execute(
        update(INVOICES).where(i.customer_id == bill.customer_id, i.id == bill.id).values(payment_started_at=moment)
    )
    bill.payment_started_at = moment


def _earlier(session: Session, customer_id: int, key: str, content: tuple[Any, ...]) -> Row[Any] | None:
    i = INTENTS.c
    row = session.execute(_select_intents().where(i.customer_id == customer_id, i.key == key)).first()
    if row is not None and row.key_digest != ledger.content_digest(content):
        raise FormReusedError
    return row


def _find(session: Session, customer_id: int, intent_id: int) -> Row[Any]:
    i = INTENTS.c
    row = session.execute(_select_intents().where(i.customer_id == customer_id, i.id == intent_id)).first()
    if row is None:
        raise IntentNotFoundError(intent_id)
    return row


def _its(customer_id: int, intent_id: int) -> Any:  # noqa: ANN401  (an UPDATE to be completed)
    return update(INTENTS).where(INTENTS.c.customer_id == customer_id, INTENTS.c.id == intent_id)


def _select_intents() -> Select[Any]:
    i = INTENTS.c
    return select(
        *(i.customer_id, i.id, i.invoice_id, i.gateway, i.amount_minor, i.currency, i.session_ref, i.page_url),
        *(i.status, i.key_digest),
    )


def _begun(row: Row[Any]) -> Begun:
    return Begun(
        row.customer_id,
        row.id,
        row.invoice_id,
        row.gateway,
        row.amount_minor,
        row.currency,
        _describe(row.invoice_id),
        row.session_ref,
        row.page_url,
        replayed=True,
    )


def _describe(invoice_id: int) -> str:
    return f"Invoice #{invoice_id}"
