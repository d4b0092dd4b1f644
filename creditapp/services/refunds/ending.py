"""Ending a refund: it was sent, or it was not and the books are put right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from creditapp.db import now
from creditapp.errors import RefundEndedError
from creditapp.models import CreditClass, InvoiceStatus, Kind, MailEvent, RefundStatus
from creditapp.services import ledger, mails, merging, survivors
from creditapp.services.actor import Actor
from creditapp.services.bills import EVENTS, Bill, lock_call, move_on, read_bill, write
from creditapp.services.credits.applying import RULES
from creditapp.services.credits.removing import grace_of, net_draws_call
from creditapp.services.credits.rule import Rules
from creditapp.services.invoices.closing import end_refunded
from creditapp.services.ledger import Account, Move, Panel, Posting
from creditapp.services.refunds import refund as refunds
from creditapp.services.refunds.asking import REQUESTED
from creditapp.services.refunds.refund import Taken
from creditapp.statements import Call, Outcome, run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

FAILURE_CHARS_MAX = 200


def settle(session: Session, customer_id: int, refund_id: int, refund_ref: str) -> bool:
    """Note that the money has been sent, and what the gateway calls that; return whether this was news.

    When all money of an invoice has gone back, it is refunded, and its credit goes back to its lots. Safe to repeat.
    What had failed stays failed: that its money has gone after all is told by the gateway's own call-backs.

    Raises:
        RefundNotFoundError: the customer has none of this number.
    """
    with _passing_on(session, customer_id, refund_id):
        return _settle(session, customer_id, refund_id, refund_ref)


def _settle(session: Session, customer_id: int, refund_id: int, refund_ref: str) -> bool:
    account, panel, taken, (rules, _captures, *rest) = _open(session, customer_id, refund_id)
    if taken.status != RefundStatus.REQUESTED:
        return False
    write(session, [_ended(session, taken, RefundStatus.DONE, refund_ref=refund_ref)])
    _tell(session, taken)
    if taken.invoice_id is None:
        return True
    bill = read_bill(rest[0], taken.invoice_id)
    on_their_way = run(session, refunds.STILL_REQUESTED(customer_id=customer_id, invoice_id=bill.id))[0].rows
    if bill.status == InvoiceStatus.PAID and bill.refunded_minor == bill.paid_minor and not on_their_way:
        found = Rules(*rules.rows[0]), rest[1]
        end_refunded(session, account, panel, bill, found, by=_asker(taken), key=f"refund:{refund_id}")
    return True


def _tell(session: Session, taken: Taken) -> None:
    """Have the customer told that the money is on its way."""
    what_for = f"It is for invoice #{taken.invoice_id}." if taken.invoice_id else "It is credit you had not used."
    facts = {"amount": taken.amount_minor, "reason": what_for}
    key = f"refund:{taken.id}"
    mails.queue(session, MailEvent.REFUND_SENT, customer_id=taken.customer_id, key=key, facts=facts)


def fail(session: Session, customer_id: int, refund_id: int, failure: str) -> bool:
    """Put the books right after a refund that was not sent, or came back; return whether this was news.

    Credit is on the balance again, in the lots it came from. Money is on its invoice again; if that has been closed
    meanwhile, the money becomes credit, as it would have when it was closed. Safe to repeat.

    Raises:
        RefundNotFoundError: the customer has none of this number.
    """
    with _passing_on(session, customer_id, refund_id):
        return _fail(session, customer_id, refund_id, failure)


def _fail(session: Session, customer_id: int, refund_id: int, failure: str) -> bool:
    account, panel, taken, (rules, captures, *rest) = _open(session, customer_id, refund_id)
    if taken.status == RefundStatus.FAILED:
        return False
    calls = [
        _ended(session, taken, RefundStatus.FAILED, failure=failure[:FAILURE_CHARS_MAX]),
        *refunds.move(customer_id, taken.payment_id, captures, -taken.amount_minor),
    ]
    if taken.invoice_id is None:
        grace = grace_of(session, panel, Rules(*rules.rows[0]))
        moves = tuple(
            Move(seq, class_, -drawn, grace.ends_at if expires and expires <= grace.moment else None)
            for seq, class_, drawn, expires in rest[0].rows
        )
        ledger.post(session, account, panel, _reversal(taken, moves), *calls)
        return True
    bill = read_bill(rest[0], taken.invoice_id)
    if bill.status == InvoiceStatus.PAID:
        _put_on_again(session, bill, taken, calls)
    else:
        event = bill.written(session, "refund_failed", _asker(taken), amount_minor=taken.amount_minor)
        ledger.post(session, account, panel, _to_credit(taken, bill), *calls, *event)
    return True


def done_by_hand(session: Session, customer_id: int, refund_id: int, reference: str, *, by: Actor, key: str) -> bool:
    """Note that a person has sent the money, and under which reference; return whether this was news.

    Raises:
        RefundEndedError: a gateway sends it, or it has ended otherwise.
        RefundNotFoundError: the customer has none of this number.
    """
    del by, key  # who sends it twice says the same; who asked for it is in the refund
    taken = refunds.find(session, customer_id, refund_id)
    _check_by_hand(taken, RefundStatus.DONE)
    return settle(session, customer_id, refund_id, reference)


def call_off(session: Session, customer_id: int, refund_id: int, *, by: Actor, key: str) -> bool:
    """Take back a refund that no person has sent, and return whether this was news.

    Raises:
        RefundEndedError: a gateway sends it, or it has ended otherwise.
        RefundNotFoundError: the customer has none of this number.
    """
    del by, key
    taken = refunds.find(session, customer_id, refund_id)
    _check_by_hand(taken, RefundStatus.FAILED)
    return fail(session, customer_id, refund_id, "Called off")


def _check_by_hand(taken: Taken, to: RefundStatus) -> None:
    if taken.gateway:
        raise RefundEndedError(taken.id, "is sent by its gateway.")
    if taken.status not in {RefundStatus.REQUESTED, to}:
        ended = "has been sent." if taken.status == RefundStatus.DONE else "has been called off."
        raise RefundEndedError(taken.id, ended)


@contextmanager
def _passing_on(session: Session, customer_id: int, refund_id: int) -> Iterator[None]:
    """Let credit that comes back to somebody who was merged go on to the survivor; settings and capture come first.

    A survivor who has gone meanwhile takes it, too, as any who has gone does of their own: it is owed.
    """
    known = refunds.find(session, customer_id, refund_id)
    run(session, RULES(), refunds.CAPTURES(customer_id=customer_id, payment_id=known.payment_id))
    owner_id = survivors.lock(session, customer_id)
    with survivors.passing(session, owner_id), merging.through(session, customer_id):
        yield


def _open(session: Session, customer_id: int, refund_id: int) -> tuple[Account, Panel, Taken, list[Outcome]]:
    """Lock settings, capture, account, invoice and refund in this order; return them, and the draws that go back.

    A customer who was closed meanwhile ends no differently: money has gone or has not, and what has not is owed.
    """
    known = refunds.find(session, customer_id, refund_id)
    first = [RULES(), refunds.CAPTURES(customer_id=customer_id, payment_id=known.payment_id)]
    if known.invoice_id is not None:
        also = [lock_call(customer_id, known.invoice_id), net_draws_call(customer_id, known.invoice_id)]
    else:
        also = [refunds.DRAWN_BY(customer_id=customer_id, entry_seq=known.entry_seq)]
    lock = refunds.LOCK(customer_id=customer_id, refund_id=refund_id)
    account, panel, rest = ledger.open_account(
        session, customer_id, "", (), *also, lock, debit=False, first=first, closed_too=True
    )
    return account, panel, refunds.read(rest[-1], refund_id), rest[:-1]


def _ended(session: Session, taken: Taken, status: RefundStatus, *, refund_ref: str = "", failure: str = "") -> Call:
    return refunds.UPDATE(
        its_customer=taken.customer_id,
        its_id=taken.id,
        status=str(status),
        gateway_ref=refund_ref or taken.gateway_ref,
        failure=failure,
        tries=taken.tries,
        next_try_at=None,
        ended_at=now(session),
    )


def _put_on_again(session: Session, bill: Bill, taken: Taken, calls: list[Call]) -> None:
    """Let the money be on the invoice again, and its subscriptions moved on if this refund had moved them back."""
    bill.refunded_minor -= taken.amount_minor
    share = refunds.MOVE_SHARE(
        its_customer=taken.customer_id,
        its_payment=taken.payment_id,
        its_invoice=bill.id,
        more_minor=-taken.amount_minor,
    )
    facts = {"refund": taken.id}
    event = bill.written(session, "refund_failed", _asker(taken), amount_minor=taken.amount_minor, facts=facts)
    write(session, [*calls, share, *event])
    if _had_undone(session, taken):
        move_on(session, bill.customer_id, bill.id, owner_id=survivors.survivor(session, bill.customer_id))


def _had_undone(session: Session, taken: Taken) -> bool:
    e = EVENTS.c
    of_invoice = (e.customer_id == taken.customer_id, e.invoice_id == taken.invoice_id, e.action == REQUESTED)
    facts: list[dict[str, Any]] = list(session.execute(select(e.facts).where(*of_invoice)).scalars())
    return any(one.get("refund") == taken.id and one.get("undone") for one in facts)


def _reversal(taken: Taken, moves: tuple[Move, ...]) -> Posting:
    return Posting(
        kind=Kind.REVERSAL,
        amount_minor=taken.amount_minor,
        description=f"Reversal of {ledger.reference(taken.customer_id, taken.entry_seq or 0)}",
        by=_asker(taken),
        key=f"refund:{taken.id}:failed",
        moves=moves,
        reversed_seq=taken.entry_seq,
        payment_id=taken.payment_id,
    )


def _to_credit(taken: Taken, bill: Bill) -> Posting:
    return Posting(
        kind=Kind.INVOICE_REFUND,
        amount_minor=taken.amount_minor,
        description=f"Refund of Invoice #{bill.id} to Credit",
        by=_asker(taken),
        key=f"refund:{taken.id}:failed",
        class_=CreditClass.PAID,
        invoice_id=bill.id,
    )


def _asker(taken: Taken) -> Actor:
    return Actor(taken.actor, taken.actor_id)
