"""Money that came in: which invoices it pays, and what of it becomes credit. None of it is ever dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from creditapp.db import Base, now
from creditapp.errors import (
    AmountRangeError,
    CustomerClosedError,
    FormReusedError,
    InvoiceNotFoundError,
    InvoiceStateError,
)
from creditapp.models import CreditClass, InvoiceKind, InvoiceStatus, Kind, Payment
from creditapp.money import AMOUNT_MINOR_MAX
from creditapp.services import ledger, orders_paid, self_dealing
from creditapp.services.bills import ALLOCATIONS, INVOICES, Bill, move_on, select_bill, write
from creditapp.services.ledger import Account, Entry, Panel, Posting

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

PAYMENTS = Base.metadata.tables[Payment.__tablename__]
METHODS = {
    "bank": "Bank transfer",
    "card": "Card",
    "paypal": "PayPal",
    "cash": "Cash",
    "cheque": "Cheque",
    "other": "Other",
}
LABELS = {**METHODS, "sandbox": "Card (sandbox)", "stripe": "Card (Stripe)"}
"""The ways in which staff may record a payment, and those that only gateways use."""
INVOICES_MAX = 50
REF_CHARS_MAX = 120
NOTE_CHARS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Share:
    """What one invoice gets of a payment."""

    invoice_id: int
    amount_minor: int
    due_minor: int
    """What was due on it before."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a payment comes to: shares of invoices in the order in which they were named, and the rest as credit."""

    shares: tuple[Share, ...]
    credit_minor: int
    kind: Kind | None
    """Why the rest is credit; None where there is no rest."""
    description: str
    credit_invoice_id: int | None
    """The invoice that was overpaid, or paid twice."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A payment that was recorded; `replayed`: earlier, under the same key."""

    payment_id: int
    amount_minor: int
    plan: Plan
    entry: Entry | None
    paid: tuple[int, ...]
    """The invoices that it paid in full."""
    replayed: bool = False


def split(amount_minor: int, bills: Sequence[Bill]) -> Plan:
    """Return what a payment comes to: each invoice in turn gets what is due on it, what is left becomes credit.

    Raises:
        InvoiceStateError: one of the invoices is a draft.
    """
    shares: list[Share] = []
    left_minor = amount_minor
    for bill in bills:
        if bill.status == InvoiceStatus.DRAFT:
            raise InvoiceStateError(bill.id, "is a draft: issue it before a payment is recorded for it.")
        share_minor = min(left_minor, bill.due_minor)
        if share_minor > 0:
            shares.append(Share(bill.id, share_minor, bill.due_minor))
            left_minor -= share_minor
    if left_minor == 0:
        return Plan(tuple(shares), 0, None, "", None)
    if not bills:
        return Plan((), left_minor, Kind.LOOSE_PAYMENT, "Credit for Payment without Invoice", None)
    if not shares and bills[0].status == InvoiceStatus.PAID:
        wording = f"Credit for Duplicate Payment of Invoice #{bills[0].id}"
        return Plan((), left_minor, Kind.DUPLICATE_PAYMENT, wording, bills[0].id)
    overpaid_id = shares[-1].invoice_id if shares else bills[0].id
    wording = f"Credit for Overpayment of Invoice #{overpaid_id}"
    return Plan(tuple(shares), left_minor, Kind.OVERPAYMENT, wording, overpaid_id)


def preview(session: Session, customer_id: int, amount_minor: int, invoice_ids: Sequence[int]) -> Plan:
    """Return what `record` would do now, and write nothing.

    Raises:
        InvoiceNotFoundError, InvoiceStateError: what `record` raises.
    """
    bills = {row[1]: Bill(*row) for row in session.execute(_select_bills(customer_id, invoice_ids))}
    return split(amount_minor, _in_order(bills, invoice_ids))


def record(  # noqa: PLR0913  (one argument for each field of the form)
    session: Session,
    customer_id: int,
    payment_id: int,
    amount_minor: int,
    *,
    invoice_ids: Sequence[int] = (),
    method: str,
    received_on: date,
    by: Actor,
    key: str,
    transaction_ref: str = "",
    note: str = "",
) -> Recorded:
    """Record money that came in, under a number that was reserved for it, and return what it came to.

    It pays the invoices in the order in which they are named; the rest becomes credit of the class *paid* at once, even
    while credits are switched off or the balance is frozen: money that has come in always arrives. The same key again
    records nothing, and returns what it did before.

    Raises:
        AmountRangeError: nothing, or more than a payment may be.
        InvoiceNotFoundError, InvoiceStateError: there is no such invoice, or it is a draft.
        CustomerNotFoundError, CustomerClosedError: there is no such customer, or no more money is taken from them.
        FormReusedError: the key has recorded something else.
    """
    if not 0 < amount_minor <= AMOUNT_MINOR_MAX:
        raise AmountRangeError(amount_minor=amount_minor, limit_minor=AMOUNT_MINOR_MAX)
    self_dealing.refuse(session, by, customer_id)
    ids = list(dict.fromkeys(invoice_ids))
    content = ("payment", amount_minor, ids, method, str(received_on), transaction_ref, note, by.kind, by.id)
    try:
        account, panel, _rest = ledger.open_account(session, customer_id, key, content, debit=False)
    except CustomerClosedError:
        earlier = _find_recorded(session, customer_id, key, content)
        if earlier is None:
            raise
        return earlier
    earlier = _find_recorded(session, customer_id, key, content)
    if earlier is not None:
        return earlier
    locked = session.execute(_select_bills(customer_id, ids).with_for_update())
    bills = {row[1]: Bill(*row) for row in locked}
    plan = split(amount_minor, _in_order(bills, ids))
    moment = now(session)
    session.execute(
        insert(PAYMENTS).values(
            customer_id=customer_id,
            id=payment_id,
            amount_minor=amount_minor,
            credit_minor=plan.credit_minor,
            currency=panel.currency,
            method=method,
            transaction_ref=transaction_ref,
            received_on=received_on,
            note=note,
            actor=by.kind,
            actor_id=by.id,
            key=key,
            key_digest=ledger.content_digest(content),
            created_at=moment,
        )
    )
    paid = tuple(_pay(session, bills[share.invoice_id], share, payment_id, by) for share in plan.shares)
    _add_funds(session, account, panel, [bill for bill, is_paid in paid if is_paid], payment_id, by)
    for bill, is_paid in paid:
        if is_paid:
            orders_paid.paid(session, account, panel, bill)
    entry = None
    if plan.kind is not None:
        posting = _credit_posting(plan, payment_id, by=by, key=key, content=content)
        entry = ledger.post(session, account, panel, posting)
    return Recorded(payment_id, amount_minor, plan, entry, tuple(bill.id for bill, is_paid in paid if is_paid))


def _pay(session: Session, bill: Bill, share: Share, payment_id: int, by: Actor) -> tuple[Bill, bool]:
    """Put a share of a payment on an invoice; return it, and whether that paid it."""
    session.execute(
        insert(ALLOCATIONS).values(
            customer_id=bill.customer_id,
            payment_id=payment_id,
            invoice_id=bill.id,
            amount_minor=share.amount_minor,
            refunded_minor=0,
        )
    )
    bill.paid_minor += share.amount_minor
    bill.settle(now(session))
    write(
        session, bill.written(session, "payment_received", by, amount_minor=share.amount_minor, payment_id=payment_id)
    )
    is_paid = bill.status == InvoiceStatus.PAID
    if is_paid:
        move_on(session, bill.customer_id, bill.id)
    return bill, is_paid


def _add_funds(
    session: Session, account: Account, panel: Panel, paid: Sequence[Bill], payment_id: int, by: Actor
) -> None:
    """Turn each Add Funds invoice that was paid into the credit it was for."""
    for bill in paid:
        if bill.kind == InvoiceKind.ADD_FUNDS:
            posting = Posting(
                kind=Kind.TOP_UP,
                amount_minor=bill.total_minor,
                description=f"Add Funds Invoice #{bill.id}",
                by=by,
                key=f"top-up:{bill.id}:{payment_id}",  # paid anew after a void, it adds its funds anew
                class_=CreditClass.PAID,
                invoice_id=bill.id,
                payment_id=payment_id,
            )
            ledger.post(session, account, panel, posting)


def _credit_posting(plan: Plan, payment_id: int, *, by: Actor, key: str, content: tuple[Any, ...]) -> Posting:
    if plan.kind is None:
        raise ValueError("There is nothing that would become credit.")
    return Posting(
        kind=plan.kind,
        amount_minor=plan.credit_minor,
        description=plan.description,
        by=by,
        key=key,
        content=content,
        class_=CreditClass.PAID,
        payment_id=payment_id,
        invoice_id=plan.credit_invoice_id,
    )


def _find_recorded(session: Session, customer_id: int, key: str, content: tuple[Any, ...]) -> Recorded | None:
    p = PAYMENTS.c
    row = session.execute(
        select(p.id, p.amount_minor, p.credit_minor, p.key_digest).where(p.customer_id == customer_id, p.key == key)
    ).first()
    if row is None:
        return None
    if row.key_digest != ledger.content_digest(content):
        raise FormReusedError
    a = ALLOCATIONS.c
    shares = session.execute(
        select(a.invoice_id, a.amount_minor).where(a.customer_id == customer_id, a.payment_id == row.id)
    )
    plan = Plan(tuple(Share(*share, 0) for share in shares), row.credit_minor, None, "", None)
    return Recorded(row.id, row.amount_minor, plan, None, (), replayed=True)


def _select_bills(customer_id: int, invoice_ids: Sequence[int]) -> Any:  # noqa: ANN401  (a SELECT)
    c = INVOICES.c
    return select_bill().where(c.customer_id == customer_id, c.id.in_(invoice_ids)).order_by(c.id)


def _in_order(bills: Mapping[int, Bill], invoice_ids: Sequence[int]) -> list[Bill]:
    """Return the invoices in the order in which they were named, each once."""
    ordered = []
    for invoice_id in dict.fromkeys(invoice_ids):
        if invoice_id not in bills:
            raise InvoiceNotFoundError(invoice_id)
        ordered.append(bills[invoice_id])
    return ordered
