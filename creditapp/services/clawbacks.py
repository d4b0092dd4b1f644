"""Claw-backs: a bank or a gateway has taken back money that our books hold as received.

What the money had become goes back too. The part that became credit is drawn off again: from its own lots first, then
from what else is there. For what is not there any more, and for the part that had paid invoices, the customer owes
anew: one unpaid claw-back invoice. `payments.refunded_minor` rises by the whole.

A payment of somebody who was merged stays where it is; what it had become is taken from the survivor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, select, update

from creditapp.db import Base, now
from creditapp.errors import AmountRangeError, PaymentNotFoundError
from creditapp.models import (
    InvoiceKind,
    InvoiceStatus,
    Kind,
    Payment,
)
from creditapp.services import clawed_back, invoices, ledger, merging, request_keys, survivors
from creditapp.services.bills import lock_call, read_bill, write
from creditapp.services.credits import Trigger
from creditapp.services.credits.applying import apply_automatically, read_rules
from creditapp.services.credits.removing import grace_of, moves_back
from creditapp.services.credits.rule import Rules
from creditapp.services.invoices import Line
from creditapp.services.ledger import Account, Move, Panel, Posting
from creditapp.services.mails import issued as mails
from creditapp.services.merging import followed
from creditapp.statements import run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

PAYMENTS = Base.metadata.tables[Payment.__tablename__]
SCOPE = "clawback"


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What became of money that was taken back: minor units off the balance, and owed anew on an invoice."""

    payment_id: int
    credit_minor: int
    owed_minor: int
    invoice_id: int | None
    replayed: bool = False


def take_back(
    session: Session,
    customer_id: int,
    payment_id: int,
    amount_minor: int,
    *,
    clawback_id: int,
    by: Actor,
    key: str,
) -> TakenBack:
    """Follow a bank that has taken back so much of a payment, and return what that came to.

    One entry takes what is there of the part that became credit; the rest is owed on an invoice under the reserved
    number `clawback_id`, on which credit is used as on any new one. The same key takes back once.

    Raises:
        AmountRangeError: nothing, or more than is left of the payment.
        PaymentNotFoundError, CustomerNotFoundError, CustomerClosedError: there is no such payment, or nobody to take
            it from.
        FormReusedError: the key has taken back something else.
    """
    read_rules(session)
    owner_id = survivors.lock(session, customer_id)
    account, panel, _rest = ledger.open_account(session, owner_id, key, ("clawback", payment_id, amount_minor))
    if request_keys.claim(session, SCOPE, key, (customer_id, payment_id, amount_minor, by.kind, by.id)) is not None:
        return TakenBack(payment_id, 0, 0, None, replayed=True)
    _raise_refunded(session, customer_id, payment_id, amount_minor)
    credit_minor = _draw(session, account, panel, (customer_id, payment_id), amount_minor, by=by, key=key)
    owed_minor = amount_minor - credit_minor
    if owed_minor == 0:
        return TakenBack(payment_id, credit_minor, 0, None)
    _owe(session, owner_id, payment_id, clawback_id, owed_minor, by=by, key=key)
    return TakenBack(payment_id, credit_minor, owed_minor, clawback_id)


def give_back(
    session: Session,
    customer_id: int,
    payment_id: int,
    amount_minor: int,
    *,
    clawback_id: int,
    by: Actor,
    key: str,
) -> None:
    """Undo so much of what was taken back of a payment: the bank has given it to us again.

    All of it is undone (entries reversed, claw-back invoices cancelled, what was paid for them is credit), and what the
    bank keeps is taken back anew: so the outcome is the same as if it had never taken more. The same key works once.

    Raises:
        AmountRangeError: nothing, or more than was taken back.
        What `take_back` raises.
    """
    rules = read_rules(session)
    owner_id = survivors.lock(session, customer_id)
    ledger.open_account(session, owner_id, "", (), debit=False)
    if request_keys.claim(session, SCOPE, key, (customer_id, payment_id, -amount_minor, by.kind, by.id)) is not None:
        return
    entries = clawed_back.entries_to_undo(session, customer_id, payment_id)
    owed = clawed_back.owed(session, customer_id, payment_id)
    taken_minor = sum(-entry.amount_minor for entry in entries) + sum(bill.total_minor for bill in owed)
    if not 0 < amount_minor <= taken_minor:
        raise AmountRangeError(amount_minor=amount_minor, limit_minor=taken_minor)
    for bill in owed:
        close = invoices.cancel if bill.status == InvoiceStatus.UNPAID else invoices.refund_to_credit
        close(session, bill.customer_id, bill.id, by=by, key=f"{key}:invoice:{bill.id}")
    _lower_refunded(session, customer_id, payment_id, taken_minor)
    for entry in entries:
        with merging.through(session, entry.customer_id):
            _undo(session, entry, rules, by=by, key=f"{key}:{entry.seq}")
    if amount_minor < taken_minor:
        kept_minor = taken_minor - amount_minor
        take_back(session, customer_id, payment_id, kept_minor, clawback_id=clawback_id, by=by, key=f"{key}:kept")


def _undo(session: Session, entry: Row[Any], rules: Rules, *, by: Actor, key: str) -> None:
    """Give back what one claw-back took, to the lots it was taken from."""
    account, panel, _rest = ledger.open_account(session, entry.customer_id, "", (), debit=False)
    drawn, grace = clawed_back.draws_of(session, entry.customer_id, entry.seq), grace_of(session, panel, rules)
    posting = Posting(
        kind=Kind.REVERSAL,
        amount_minor=-entry.amount_minor,
        description=f"Reversal of {ledger.reference(entry.customer_id, entry.seq)}",
        by=by,
        key=key,
        moves=moves_back(drawn, -entry.amount_minor, grace),
        reversed_seq=entry.seq,
        payment_id=entry.payment_id,
    )
    ledger.post(session, account, panel, posting)


def _raise_refunded(session: Session, customer_id: int, payment_id: int, amount_minor: int) -> None:
    """Note on the payment that so much more has gone back, never more than came."""
    p = PAYMENTS.c
    row = session.execute(
        select(p.amount_minor, p.refunded_minor)
        .where(p.customer_id == customer_id, p.id == payment_id)
        .with_for_update()
    ).first()
    if row is None:
        raise PaymentNotFoundError(payment_id)
    left_minor = row.amount_minor - row.refunded_minor
    if not 0 < amount_minor <= left_minor:
        raise AmountRangeError(amount_minor=amount_minor, limit_minor=left_minor)
    _move_refunded(session, customer_id, payment_id, amount_minor)


def _lower_refunded(session: Session, customer_id: int, payment_id: int, amount_minor: int) -> None:
    _move_refunded(session, customer_id, payment_id, -amount_minor)


def _move_refunded(session: Session, customer_id: int, payment_id: int, more_minor: int) -> None:
    p = PAYMENTS.c
    session.execute(
        update(PAYMENTS)
        .where(p.customer_id == customer_id, p.id == payment_id)
        .values(refunded_minor=p.refunded_minor + more_minor)
    )


def _draw(
    session: Session,
    account: Account,
    panel: Panel,
    payment: tuple[int, int],
    amount_minor: int,
    *,
    by: Actor,
    key: str,
) -> int:
    """Take what is there of the part that became credit off the balance, and return how much that was.

    `payment` is whose it is, and its number: the account is that of the survivor, if its customer was merged.
    """
    customer_id, payment_id = payment
    made, gone_minor = clawed_back.credit_of(session, customer_id, payment_id)
    wanted_minor = min(amount_minor, max(0, sum(made.values()) - gone_minor))
    if wanted_minor == 0:
        return 0
    ledger.read_all_lots(session, account)
    own = followed(session, customer_id, set(made), account.customer_id)
    moves = _moves(account, own, wanted_minor, session)
    taken_minor = sum(move.amount_minor for move in moves)
    if taken_minor == 0:
        return 0
    posting = Posting(
        kind=Kind.CHARGEBACK,
        amount_minor=-taken_minor,
        description=clawed_back.wording(payment_id),
        by=by,
        key=key,
        content=("clawback", payment_id, amount_minor),
        moves=moves,
        payment_id=payment_id if customer_id == account.customer_id else None,
    )
    ledger.post(session, account, panel, posting)
    return taken_minor


def _moves(account: Account, own: set[int], wanted_minor: int, session: Session) -> tuple[Move, ...]:
    """Take from the payment's own lots first, even from those past their date, then in drawdown order."""
    moment = account.moment(now(session))
    first = [lot for lot in account.drawable(moment, expired_too=True) if lot.seq in own]
    then = [lot for lot in account.drawable(moment, expired_too=False) if lot.seq not in own]
    moves, left_minor = [], wanted_minor
    for lot in (*first, *then):
        taken_minor = min(lot.remaining_minor, left_minor)
        if taken_minor:
            moves.append(Move(lot.seq, lot.class_, taken_minor))
            left_minor -= taken_minor
    return tuple(moves)


def _owe(
    session: Session, customer_id: int, payment_id: int, clawback_id: int, amount_minor: int, *, by: Actor, key: str
) -> None:
    """Raise the invoice for what could not be taken off the balance, linked to its payment, and use credit on it."""
    line = Line(description=clawed_back.wording(payment_id), unit_minor=amount_minor)
    invoices.create(session, customer_id, clawback_id, [line], by=by, key=f"{key}:invoice", kind=InvoiceKind.CLAWBACK)
    bill = read_bill(run(session, lock_call(customer_id, clawback_id))[0], clawback_id)
    write(session, bill.written(session, clawed_back.RAISED, by, amount_minor=amount_minor, payment_id=payment_id))
    apply_automatically(session, customer_id, clawback_id, trigger=Trigger.NEW)
    mails.tell(session, customer_id, clawback_id)
