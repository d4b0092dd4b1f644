"""Voiding a payment: somebody had recorded it, and its money never came. What it did is taken back, and nothing goes.

What it paid is unpaid again. The credit that it made goes as far as it is unspent; for what was spent of it the
customer owes anew, on one claw-back invoice. The payment stays where it is, marked, and counts no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from creditapp.db import Base, now
from creditapp.errors import InvoiceStateError, PaymentNotFoundError, VoidPaymentError
from creditapp.models import Capture, CreditEntry, CreditLot, InvoiceKind, InvoiceStatus, Kind, Payment
from creditapp.services import audit, invoices, ledger, request_keys, self_dealing
from creditapp.services.audit import Action
from creditapp.services.bills import ALLOCATIONS, INVOICES, Bill, lock_call, move_back, read_bill, select_bill, write
from creditapp.services.clawed_back import RAISED
from creditapp.services.credits import Trigger
from creditapp.services.credits.applying import apply_automatically, read_rules
from creditapp.services.credits.undoing import expired_minor, reversed_minor
from creditapp.services.invoices import Line
from creditapp.services.ledger import Account, Move, Panel, Posting
from creditapp.services.mails import issued as mails
from creditapp.statements import run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

PAYMENTS = Base.metadata.tables[Payment.__tablename__]
SCOPE = "payment_void"
REASON_CHARS_MAX = 200
VOIDED = "payment_voided"
"""What the history of an invoice calls it; its amount is what the payment had given."""
FUNDS_TAKEN_BACK = "funds_taken_back"
"""What the history of an Add Funds invoice says beside it; its amount is what had been added to the balance."""
_CREDIT_MADE = (Kind.OVERPAYMENT, Kind.DUPLICATE_PAYMENT, Kind.LOOSE_PAYMENT)


@dataclass(frozen=True, slots=True)
class Voided:
    """What voiding came to: invoices that are open again, minor units off the balance, and owed anew on an invoice."""

    payment_id: int
    reopened: tuple[int, ...] = ()
    credit_minor: int = 0
    owed_minor: int = 0
    invoice_id: int | None = None
    replayed: bool = False


def void(  # noqa: PLR0913  (which, why, and what was reserved for it)
    session: Session,
    customer_id: int,
    payment_id: int,
    reason: str,
    *,
    clawback_id: int,
    by: Actor,
    key: str,
    undo_renewals: bool = False,
) -> Voided:
    """Say that a payment never came, and return what that comes to; `clawback_id` was reserved for what is owed.

    With `undo_renewals`, the subscriptions that were paid for with it are moved back. The same key voids once.

    Raises:
        VoidPaymentError: a gateway brought it, a part of it has gone back, or it was voided before.
        InvoiceStateError: an invoice that it paid has been closed, or a part of its money has gone back.
        PaymentNotFoundError, CustomerNotFoundError, CustomerClosedError: there is no such payment, or nobody any more.
        OwnAccountError: it is the account of who asks.
        FormReusedError: the key has voided something else.
    """
    read_rules(session)
    account, panel, _rest = ledger.open_account(session, customer_id, "", (), debit=False)
    content = (customer_id, payment_id, reason, undo_renewals, by.kind, by.id)
    if request_keys.claim(session, SCOPE, key, content) is not None:
        return Voided(payment_id, replayed=True)
    self_dealing.refuse(session, by, customer_id)
    amount_minor = _lock(session, customer_id, payment_id)
    shares = _shares(session, customer_id, payment_id)
    reopened = [
        bill
        for bill in _bills(session, customer_id, shares)
        if _reopen(session, bill, shares[bill.id], payment_id, by, undo_renewals=undo_renewals)
    ]
    made = _credit_of(session, customer_id, payment_id, [b.id for b in reopened if b.kind == InvoiceKind.ADD_FUNDS])
    credit_minor = sum(_take(session, account, panel, one, payment_id, by=by, key=key) for one in made)
    _mark(session, customer_id, payment_id, amount_minor, reason)
    owed_minor = sum(one.left_minor for one in made) - credit_minor
    if owed_minor:
        _owe(session, customer_id, payment_id, clawback_id, owed_minor, by=by, key=key)
    after = {"customer_id": customer_id, "amount_minor": amount_minor, "reason": reason}
    audit.record(session, Action.PAYMENT_VOIDED, by, "payment", payment_id, after=after)
    ids = tuple(bill.id for bill in reopened)
    return Voided(payment_id, ids, credit_minor, owed_minor, clawback_id if owed_minor else None)


def _lock(session: Session, customer_id: int, payment_id: int) -> int:
    """Lock the payment and return its amount, if it can be voided."""
    p, c = PAYMENTS.c, Capture
    row = session.execute(
        select(p.amount_minor, p.refunded_minor, p.voided_at)
        .where(p.customer_id == customer_id, p.id == payment_id)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise PaymentNotFoundError(payment_id)
    if row.voided_at is not None:
        raise VoidPaymentError(payment_id, "has been voided already.")
    captured = select(c.ref).where(c.customer_id == customer_id, c.payment_id == payment_id)
    if session.execute(captured.limit(1)).first() is not None:
        raise VoidPaymentError(payment_id, "came through a gateway: its money is there. Refund it instead.")
    if row.refunded_minor:
        raise VoidPaymentError(payment_id, "came in: a part of it has gone back. Refund the rest instead.")
    return int(row.amount_minor)


def _shares(session: Session, customer_id: int, payment_id: int) -> dict[int, int]:
    """Return what the payment gave to which invoice."""
    a = ALLOCATIONS.c
    its_own = (a.customer_id == customer_id, a.payment_id == payment_id)
    return {row[0]: row[1] for row in session.execute(select(a.invoice_id, a.amount_minor).where(*its_own))}


def _bills(session: Session, customer_id: int, invoice_ids: dict[int, int]) -> list[Bill]:
    """Lock the invoices, by rising number, and see that they can be opened again."""
    i = INVOICES.c
    statement = select_bill().where(i.customer_id == customer_id, i.id.in_(invoice_ids)).order_by(i.id)
    bills = [Bill(*row) for row in session.execute(statement.with_for_update())]
    for bill in bills:
        if bill.status not in {InvoiceStatus.UNPAID, InvoiceStatus.PAID}:
            raise InvoiceStateError(
                bill.id, f"is {bill.status}, and what was paid of it is credit. Remove that credit instead."
            )
        if bill.refunded_minor:
            raise InvoiceStateError(bill.id, "has been refunded in part: what it would be open for could not be told.")
    return bills


def _reopen(session: Session, bill: Bill, share_minor: int, payment_id: int, by: Actor, *, undo_renewals: bool) -> bool:
    """Take the payment's share off the invoice, and return whether that opened it again."""
    was_paid = bill.status == InvoiceStatus.PAID
    bill.paid_minor -= share_minor
    bill.settle(now(session))
    undone = move_back(session, bill.customer_id, bill.id) if was_paid and undo_renewals else []
    facts = {"reopened": was_paid, "undone": [[one.subscription_id, str(one.period_start)] for one in undone]}
    write(session, bill.written(session, VOIDED, by, amount_minor=share_minor, payment_id=payment_id, facts=facts))
    if was_paid and bill.kind == InvoiceKind.ADD_FUNDS:
        write(session, bill.written(session, FUNDS_TAKEN_BACK, by, amount_minor=bill.total_minor))
    return was_paid


@dataclass(frozen=True, slots=True)
class _Made:
    """An entry by which the payment's money became credit."""

    seq: int
    class_: str
    left_minor: int
    """What of it has neither been taken back nor lapsed."""
    unspent_minor: int


def _credit_of(session: Session, customer_id: int, payment_id: int, funds_ids: Sequence[int]) -> list[_Made]:
    """Return the entries by which it became credit: its rest, and the newest funds of each invoice opened again."""
    e, lot = CreditEntry, CreditLot
    rows: list[Any] = []
    columns = (
        select(e.seq, lot.class_, e.amount_minor - reversed_minor() - expired_minor(), lot.remaining_minor)
        .join(lot, (lot.customer_id == e.customer_id) & (lot.seq == e.seq))
        .where(e.customer_id == customer_id)
    )
    rows += session.execute(columns.where(e.payment_id == payment_id, e.kind.in_(_CREDIT_MADE)).order_by(e.seq))
    for invoice_id in funds_ids:
        funds = columns.where(e.invoice_id == invoice_id, e.kind == Kind.TOP_UP)
        rows += session.execute(funds.order_by(e.seq.desc()).limit(1))
    return [_Made(*row) for row in rows]


def _take(
    session: Session, account: Account, panel: Panel, made: _Made, payment_id: int, *, by: Actor, key: str
) -> int:
    """Void what is unspent of the credit, and return how much that was."""
    if made.unspent_minor == 0:
        return 0
    posting = Posting(
        kind=Kind.VOID,
        amount_minor=-made.unspent_minor,
        description=f"Void of {ledger.reference(account.customer_id, made.seq)}",
        by=by,
        key=f"{key}:{made.seq}",
        moves=(Move(made.seq, made.class_, made.unspent_minor),),
        reversed_seq=made.seq,
        payment_id=payment_id,
    )
    ledger.post(session, account, panel, posting)
    return made.unspent_minor


def _owe(
    session: Session, customer_id: int, payment_id: int, clawback_id: int, amount_minor: int, *, by: Actor, key: str
) -> None:
    """Raise the invoice for what was spent of the credit, linked to its payment, and use other credit on it."""
    line = Line(description=f"Spent credit of void payment #{payment_id}", unit_minor=amount_minor)
    invoices.create(session, customer_id, clawback_id, [line], by=by, key=f"{key}:invoice", kind=InvoiceKind.CLAWBACK)
    bill = read_bill(run(session, lock_call(customer_id, clawback_id))[0], clawback_id)
    write(session, bill.written(session, RAISED, by, amount_minor=amount_minor, payment_id=payment_id))
    apply_automatically(session, customer_id, clawback_id, trigger=Trigger.NEW)
    mails.tell(session, customer_id, clawback_id)


def _mark(session: Session, customer_id: int, payment_id: int, amount_minor: int, reason: str) -> None:
    """Note on the payment and its shares that nothing of it is there."""
    p, a = PAYMENTS.c, ALLOCATIONS.c
    its_shares = update(ALLOCATIONS).where(a.customer_id == customer_id, a.payment_id == payment_id)
    session.execute(its_shares.values(refunded_minor=a.amount_minor))
    its_own = update(PAYMENTS).where(p.customer_id == customer_id, p.id == payment_id)
    session.execute(its_own.values(refunded_minor=amount_minor, voided_at=now(session), void_reason=reason))
