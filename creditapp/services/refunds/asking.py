"""Asking for a refund: it is in the books from then on, and its money is on its way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from creditapp.db import now
from creditapp.errors import (
    CustomerClosedError,
    FormReusedError,
    InvoiceStateError,
    RefundExceedsError,
    RefundRefusedError,
)
from creditapp.models import InvoiceKind, InvoiceStatus, Kind, RefundStatus
from creditapp.services import ledger, self_dealing, survivors
from creditapp.services.bills import Bill, lock_call, move_back, read_bill, write
from creditapp.services.ledger import Account, Move, Panel, Posting
from creditapp.services.refunds.refund import (
    BY_KEY,
    CAPTURES,
    INSERT,
    IS_ALLOWED,
    MOVE_SHARE,
    PAYMENT,
    SHARE,
    Source,
    Taken,
    move,
    own_lots_call,
    read_source,
    refundable_credit,
)
from creditapp.statements import Call, Outcome, run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

HEAD_START = timedelta(minutes=1)
"""Whoever asks has this long to send it before the worker does."""
REQUESTED = "refund_requested"
"""The act in the history of an invoice."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A refund that was asked for; `replayed`: earlier, under the same key."""

    refund_id: int
    payment_id: int
    amount_minor: int
    gateway: str
    """Empty where a person sends the money."""
    replayed: bool = False


def request_for_invoice(  # noqa: PLR0913  (what is paid for, by what, and how much)
    session: Session,
    customer_id: int,
    refund_id: int,
    invoice_id: int,
    amount_minor: int,
    payment_id: int,
    *,
    by: Actor,
    key: str,
    undo_renewals: bool = False,
) -> Asked:
    """Ask for so much of what a payment paid of a paid invoice to go back, under a number that was reserved.

    The invoice stays paid until all of its money has been sent; then it is refunded, and its credit goes back to its
    lots. With `undo_renewals`, the last refund of it moves the subscriptions back that its payment had moved on. The
    same key again asks for nothing, and returns what it asked for before.

    Raises:
        RefundExceedsError: more than the payment paid of it, or than of either has not gone back yet.
        InvoiceStateError: it has not been paid, has been closed, or has added its funds to the balance.
        InvoiceNotFoundError, RefundNotFoundError: there is no such invoice or payment.
        FormReusedError: the key has asked for something else.
    """
    self_dealing.refuse(session, by, customer_id)
    content = ("refund", invoice_id, payment_id, amount_minor, undo_renewals, by.kind, by.id)
    names = {"customer_id": customer_id, "payment_id": payment_id}
    opened = _open(
        session,
        customer_id,
        (key, content),
        [CAPTURES(**names)],
        [lock_call(customer_id, invoice_id), PAYMENT(**names), SHARE(**names, invoice_id=invoice_id)],
    )
    if isinstance(opened, Asked):
        return opened
    _account, _panel, (captures, bills, payments, shares) = opened
    bill, source = read_bill(bills, invoice_id), read_source(captures, payments, payment_id)
    _check_paid(bill)
    share_left_minor = shares.rows[0][0] - shares.rows[0][1] if shares.rows else 0
    most_minor = min(share_left_minor, source.left_minor)
    if not 0 < amount_minor <= most_minor:
        raise RefundExceedsError(most_minor=most_minor, of=f"of what payment #{payment_id} paid of this invoice")
    bill.refunded_minor += amount_minor
    is_last = bill.refunded_minor == bill.paid_minor
    undone = move_back(session, customer_id, bill.id) if undo_renewals and is_last else []
    facts = {"refund": refund_id, "undone": [[one.subscription_id, str(one.period_start)] for one in undone]}
    share = MOVE_SHARE(
        its_customer=customer_id, its_payment=payment_id, its_invoice=invoice_id, more_minor=amount_minor
    )
    row = _row(session, customer_id, refund_id, payment_id, amount_minor, source, (by, key, content))
    write(
        session,
        [
            *bill.written(session, REQUESTED, by, amount_minor=amount_minor, payment_id=payment_id, facts=facts),
            share,
            *move(customer_id, payment_id, captures, amount_minor),
            INSERT(**row | {"invoice_id": invoice_id}),
        ],
    )
    return Asked(refund_id, payment_id, amount_minor, source.gateway)


def request_of_credit(
    session: Session, customer_id: int, refund_id: int, payment_id: int, amount_minor: int, *, by: Actor, key: str
) -> Asked:
    """Ask for so much of a payment to go back as is still unspent credit: it is taken off the balance at once.

    Only lots of the class *paid* that this payment became are drawn on; what was given never leaves. The same key
    again asks for nothing, and returns what it asked for before.

    Raises:
        RefundRefusedError: the setting is off, or the balance is frozen.
        RefundExceedsError: more than is unspent, or than of the payment has not gone back yet.
        RefundNotFoundError: there is no such payment.
        FormReusedError: the key has asked for something else.
    """
    self_dealing.refuse(session, by, customer_id)
    content = ("refund credit", payment_id, amount_minor, by.kind, by.id)
    names = {"customer_id": customer_id, "payment_id": payment_id}
    lots_call = own_lots_call(customer_id, payment_id, now(session))
    first = [IS_ALLOWED(), CAPTURES(**names)]
    opened = _open(session, customer_id, (key, content), first, [PAYMENT(**names), lots_call])
    if isinstance(opened, Asked):
        return opened
    account, panel, (allowed, captures, payments, lots) = opened
    source = read_source(captures, payments, payment_id)
    if not allowed.rows[0][0]:
        raise RefundRefusedError("Refunds of credit are switched off in the settings.")
    if account.frozen_at is not None:
        raise RefundRefusedError("The balance is frozen: release it first.")
    most_minor = refundable_credit(lots, source.left_minor)
    if not 0 < amount_minor <= most_minor:
        raise RefundExceedsError(most_minor=most_minor, of="of this payment’s unspent credit")
    posting = Posting(
        kind=Kind.CREDIT_REFUND,
        amount_minor=-amount_minor,
        description="Credit Refund",
        by=by,
        key=f"refund:{refund_id}",
        content=content,
        moves=_taken_from(lots, amount_minor),
        payment_id=payment_id,
    )
    row = _row(session, customer_id, refund_id, payment_id, amount_minor, source, (by, key, content))
    moved = move(customer_id, payment_id, captures, amount_minor)
    seq = account.entry_seq + 1
    ledger.post(session, account, panel, posting, *moved, INSERT(**row | {"entry_seq": seq}))
    return Asked(refund_id, payment_id, amount_minor, source.gateway)


def _open(
    session: Session, customer_id: int, asked: tuple[str, tuple[Any, ...]], first: list[Call], also: list[Call]
) -> Asked | tuple[Account, Panel, list[Outcome]]:
    """Lock what is locked first and the account, and read the rest; or return what this key asked for before.

    Who was merged has payments that can still go back; their credit is the survivor's.
    """
    key, content = asked
    by_key = BY_KEY(customer_id=customer_id, its_key=key)
    was_merged = survivors.survivor(session, customer_id) != customer_id
    try:
        account, panel, rest = ledger.open_account(
            session, customer_id, "", (), *also, by_key, debit=False, first=first, closed_too=was_merged
        )
    except CustomerClosedError:
        earlier = run(session, by_key)[0]
        if not earlier.rows:
            raise
        return _replay(Taken(*earlier.rows[0]), content)
    if rest[-1].rows:
        return _replay(Taken(*rest[-1].rows[0]), content)
    return account, panel, rest[:-1]


def _replay(earlier: Taken, content: tuple[Any, ...]) -> Asked:
    if earlier.key_digest != ledger.content_digest(content):
        raise FormReusedError
    return Asked(earlier.id, earlier.payment_id, earlier.amount_minor, earlier.gateway, replayed=True)


def _check_paid(bill: Bill) -> None:
    if bill.status == InvoiceStatus.UNPAID:
        raise InvoiceStateError(bill.id, "has not been paid in full: cancel it, then refund the credit it gives back.")
    if bill.status != InvoiceStatus.PAID:
        raise InvoiceStateError(bill.id, f"is {bill.status}: nothing is left on it.")
    if bill.kind == InvoiceKind.ADD_FUNDS:
        raise InvoiceStateError(bill.id, "has added its funds to the balance: refund its payment’s unspent credit.")


def _taken_from(lots: Outcome, amount_minor: int) -> tuple[Move, ...]:
    moves, left_minor = [], amount_minor
    for lot_seq, class_, remaining_minor, _expires_at in lots.rows:
        taken_minor = min(remaining_minor, left_minor)
        if taken_minor:
            moves.append(Move(lot_seq, class_, taken_minor))
            left_minor -= taken_minor
    return tuple(moves)


def _row(
    session: Session,
    customer_id: int,
    refund_id: int,
    payment_id: int,
    amount_minor: int,
    source: Source,
    asked: tuple[Actor, str, tuple[Any, ...]],
) -> dict[str, Any]:
    by, key, content = asked
    moment = now(session)
    return {
        "customer_id": customer_id,
        "id": refund_id,
        "payment_id": payment_id,
        "invoice_id": None,
        "entry_seq": None,
        "amount_minor": amount_minor,
        "currency": source.currency,
        "gateway": source.gateway,
        "gateway_ref": "",
        "status": str(RefundStatus.REQUESTED),
        "failure": "",
        "tries": 0,
        "next_try_at": moment + HEAD_START if source.gateway else None,
        "actor": by.kind,
        "actor_id": by.id,
        "key": key,
        "key_digest": ledger.content_digest(content),
        "created_at": moment,
        "ended_at": None,
    }
