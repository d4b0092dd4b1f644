"""Undoing an invoice: everything that was on it comes back, exactly once, and nothing can be put on it any more."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from creditapp.db import now
from creditapp.errors import CustomerClosedError, InvoiceStateError
from creditapp.models import CreditClass, InvoiceKind, InvoiceStatus, Kind
from creditapp.services import ledger, merging, orders_paid, self_dealing
from creditapp.services.bills import ALLOCATIONS, INVOICES, Bill, drop_pending, lock_call, move_back, read_bill, write
from creditapp.services.credits.applying import RULES, read_rules
from creditapp.services.credits.removing import grace_of, moves_back, net_draws_call
from creditapp.services.credits.rule import Rules
from creditapp.services.ledger import Account, Entry, Panel, Posting
from creditapp.statements import Outcome, run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

_OPEN = (InvoiceStatus.DRAFT, InvoiceStatus.UNPAID)


def cancel(session: Session, customer_id: int, invoice_id: int, *, by: Actor, key: str) -> list[Entry]:
    """Cancel a draft or an unpaid invoice; return the entries that give back what had been paid of it.

    Credit goes back to the lots it came from, money becomes credit. Safe to repeat: what is cancelled stays as it is,
    and no entry is returned.

    Raises:
        InvoiceStateError: it has been paid, or refunded.
        InvoiceNotFoundError: there is no such invoice.
    """
    return _close(session, customer_id, invoice_id, InvoiceStatus.CANCELLED, _OPEN, by=by, key=key)


def void(
    session: Session, customer_id: int, invoice_id: int, *, by: Actor, key: str, undo_renewals: bool = False
) -> list[Entry]:
    """Cancel an invoice even if it has been paid: it should never have been. As `cancel` otherwise.

    With `undo_renewals`, the subscriptions that its payment moved on are moved back.

    Raises:
        InvoiceStateError: it has been refunded, or has added its funds to the balance.
        InvoiceNotFoundError: there is no such invoice.
    """
    allowed = (*_OPEN, InvoiceStatus.PAID)
    return _close(
        session, customer_id, invoice_id, InvoiceStatus.CANCELLED, allowed, by=by, key=key, undo_renewals=undo_renewals
    )


def refund_to_credit(
    session: Session, customer_id: int, invoice_id: int, *, by: Actor, key: str, undo_renewals: bool = False
) -> list[Entry]:
    """Refund a paid invoice: its credit goes back to its lots, what was paid for it becomes credit.

    As `void` otherwise, and as safe to repeat. Of who was merged, what comes back passes on to the survivor.

    Raises:
        InvoiceStateError: it has not been paid, has been cancelled, or has added its funds to the balance.
        InvoiceNotFoundError: there is no such invoice.
    """
    return _close(
        session,
        customer_id,
        invoice_id,
        InvoiceStatus.REFUNDED,
        (InvoiceStatus.PAID,),
        by=by,
        key=key,
        undo_renewals=undo_renewals,
    )


def end_refunded(
    session: Session,
    account: Account,
    panel: Panel,
    bill: Bill,
    found: tuple[Rules, Outcome],
    *,
    by: Actor,
    key: str,
) -> list[Entry]:
    """End a paid invoice whose money has all gone back to where it came from: its credit goes back to its lots."""
    entries = _give_back(session, account, panel, bill, found, by=by, key=key, content=())
    bill.credit_minor, bill.status, bill.closed_at = 0, InvoiceStatus.REFUNDED, now(session)
    facts = {"entries": [entry.seq for entry in entries]}
    entry_seq = entries[0].seq if entries else None
    write(session, bill.written(session, "refunded_whole", by, entry_seq=entry_seq, facts=facts))
    orders_paid.undone(session, account, panel, bill, by=by)
    return entries


def _close(  # noqa: PLR0913  (what the verbs above differ in)
    session: Session,
    customer_id: int,
    invoice_id: int,
    to: InvoiceStatus,
    allowed: tuple[InvoiceStatus, ...],
    *,
    by: Actor,
    key: str,
    undo_renewals: bool = False,
) -> list[Entry]:
    self_dealing.refuse(session, by, customer_id)
    read_rules(session)
    with merging.through(session, customer_id):
        return _close_one(session, customer_id, invoice_id, to, allowed, by=by, key=key, undo_renewals=undo_renewals)


def _close_one(  # noqa: PLR0913  (as above)
    session: Session,
    customer_id: int,
    invoice_id: int,
    to: InvoiceStatus,
    allowed: tuple[InvoiceStatus, ...],
    *,
    by: Actor,
    key: str,
    undo_renewals: bool,
) -> list[Entry]:
    content = ("close", str(to), invoice_id, by.kind, by.id)
    also = lock_call(customer_id, invoice_id), net_draws_call(customer_id, invoice_id)
    try:
        account, panel, rest = ledger.open_account(
            session, customer_id, key, content, *also, debit=False, first=[RULES()]
        )
    except CustomerClosedError:
        if read_bill(run(session, also[0])[0], invoice_id).status == to:
            return []
        raise
    bill = read_bill(rest[1], invoice_id)
    if bill.status == to:
        return []
    if bill.status not in allowed:
        raise InvoiceStateError(bill.id, _PROBLEMS[InvoiceStatus(bill.status)])
    if bill.kind == InvoiceKind.ADD_FUNDS and bill.status == InvoiceStatus.PAID:
        raise InvoiceStateError(bill.id, "has added its funds to the balance: refund them from there.")
    was = bill.status
    found = Rules(*rest[0].rows[0]), rest[2]
    entries = _give_back(session, account, panel, bill, found, by=by, key=key, content=content)
    bill.credit_minor, bill.refunded_minor = 0, bill.paid_minor
    bill.status, bill.closed_at = to, now(session)
    if was == InvoiceStatus.DRAFT:
        _date(session, bill, panel.day_of(bill.closed_at))
    undone = move_back(session, customer_id, bill.id) if undo_renewals else []
    if bill.kind == InvoiceKind.ORDER:
        drop_pending(session, customer_id, bill.id, panel.day_of(now(session)))
    orders_paid.undone(session, account, panel, bill, by=by)
    facts = {
        "was": str(was),
        "entries": [entry.seq for entry in entries],
        "undone": [[one.subscription_id, str(one.period_start)] for one in undone],
    }
    back_minor = sum(entry.amount_minor for entry in entries)
    entry_seq = entries[0].seq if entries else None
    write(
        session, bill.written(session, str(to), by, amount_minor=back_minor or None, entry_seq=entry_seq, facts=facts)
    )
    return entries


def _date(session: Session, bill: Bill, day: date) -> None:
    """Give a draft that is cancelled its dates: whatever is no draft has them."""
    i = INVOICES.c
    session.execute(
        update(INVOICES)
        .where(i.customer_id == bill.customer_id, i.id == bill.id)
        .values(issued_on=day, due_on=bill.due_on or day)
    )


_PROBLEMS = {
    InvoiceStatus.DRAFT: "is a draft.",
    InvoiceStatus.UNPAID: "has not been paid.",
    InvoiceStatus.PAID: "has been paid: void it, or refund it to credit.",
    InvoiceStatus.CANCELLED: "has been cancelled.",
    InvoiceStatus.REFUNDED: "has been refunded.",
}


def _give_back(  # noqa: PLR0913  (what two entries depend on)
    session: Session,
    account: Account,
    panel: Panel,
    bill: Bill,
    found: tuple[Rules, Outcome],
    *,
    by: Actor,
    key: str,
    content: tuple[Any, ...],
) -> list[Entry]:
    """Post what gives the invoice's credit back to its lots, and the money paid for it to the customer as credit."""
    rules, net_draws = found
    entries = []
    if bill.credit_minor:
        posting = Posting(
            kind=Kind.RETURNED,
            amount_minor=bill.credit_minor,
            description=f"Credit Returned from Invoice #{bill.id}",
            by=by,
            key=key,
            content=content,
            moves=moves_back(net_draws, bill.credit_minor, grace_of(session, panel, rules)),
            invoice_id=bill.id,
        )
        entries.append(ledger.post(session, account, panel, posting))
    if bill.paid_minor > bill.refunded_minor:
        posting = Posting(
            kind=Kind.INVOICE_REFUND,
            amount_minor=bill.paid_minor - bill.refunded_minor,
            description=f"Refund of Invoice #{bill.id} to Credit",
            by=by,
            key=f"{key}:money",
            content=content,
            class_=CreditClass.PAID,
            invoice_id=bill.id,
        )
        entries.append(ledger.post(session, account, panel, posting))
        a = ALLOCATIONS.c
        session.execute(
            update(ALLOCATIONS)
            .where(a.customer_id == bill.customer_id, a.invoice_id == bill.id)
            .values(refunded_minor=a.amount_minor)
        )
    return entries
