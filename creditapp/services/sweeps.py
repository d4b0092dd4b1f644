"""What is done to credit by the calendar: used on what is due or where it has arrived, and taken where it lapsed.

Each sweep works through customers chunk by chunk, each chunk (or invoice) in a transaction of its own; the caller asks
again until there is nothing more. Any number of workers may sweep at once, and a sweep may be repeated at will.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, select, text

from creditapp.db import now
from creditapp.errors import DomainError
from creditapp.models import (
    CreditAccount,
    CreditEntry,
    CreditLot,
    Customer,
    Invoice,
    InvoiceStatus,
    Kind,
    Setting,
)
from creditapp.services import credits, ledger
from creditapp.services.actor import SYSTEM
from creditapp.services.credits import Trigger
from creditapp.services.ledger import Move, Posting

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LOTS_AT_ONCE = 500
INVOICES_AT_ONCE = 500
ARRIVAL_WINDOW = timedelta(minutes=15)
"""How far back the tick looks for credit that has arrived; what was posted normally is used at once."""


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An invoice that credit may be used on: oldest due first, then by number."""

    due_on: date | None
    customer_id: int
    id: int


_OPEN = {"postgresql": "invoices.status = 'unpaid'", "sqlite": "likelihood(invoices.status = 'unpaid', 0.99)"}
"""What the index on due dates is about; without a word on how likely that is, SQLite takes the index on the status."""


def due_after(session: Session, day: date, after: OpenInvoice | None) -> list[OpenInvoice]:
    """Return the next unpaid invoices that are due by this day and whose customers hold credit, oldest due first.

    Only those of customers with a yes of their own while the switch is off, none while credits are.
    """
    who = _whose(session, Trigger.DUE)
    if who is None:
        return []
    i, a = Invoice, CreditAccount
    statement = (
        select(i.due_on, i.customer_id, i.id)
        .join(a, a.customer_id == i.customer_id)
        .join(Customer, Customer.id == i.customer_id)
        .where(text(_OPEN[session.get_bind().dialect.name]), i.due_on <= day, a.balance_minor > 0, who)
        .order_by(i.due_on, i.customer_id, i.id)
        .limit(INVOICES_AT_ONCE)
    )
    return [OpenInvoice(*row) for row in session.execute(statement.where(*_beyond(after)))]


def arrived_since(session: Session, moment: datetime, after: OpenInvoice | None) -> list[OpenInvoice]:
    """Return the next unpaid invoices of customers to whom credit has come since then, oldest due first.

    Only those of customers with a yes of their own while the switch is off, none while credits are.
    """
    who = _whose(session, Trigger.ARRIVAL)
    if who is None:
        return []
    e, i = CreditEntry, Invoice
    customers = (
        select(e.customer_id).where(e.posted_at > moment, e.amount_minor > 0, e.kind.not_in(_GIVEN_BACK)).distinct()
    )
    statement = (
        select(i.due_on, i.customer_id, i.id)
        .join(Customer, Customer.id == i.customer_id)
        .where(i.customer_id.in_(customers), i.status == InvoiceStatus.UNPAID, who, *_beyond(after))
        .order_by(i.due_on, i.customer_id, i.id)
        .limit(INVOICES_AT_ONCE)
    )
    return [OpenInvoice(*row) for row in session.execute(statement)]


def _beyond(after: OpenInvoice | None) -> list[ColumnElement[bool]]:
    """Return what is true of the invoices that come after this one; of all, where there is none."""
    if after is None:
        return []
    i = Invoice
    return [
        (i.due_on > after.due_on)
        | ((i.due_on == after.due_on) & (i.customer_id > after.customer_id))
        | ((i.due_on == after.due_on) & (i.customer_id == after.customer_id) & (i.id > after.id))
    ]


def _whose(session: Session, trigger: Trigger) -> ColumnElement[bool] | None:
    """Return for which customers the rule may say yes now; None: for nobody. The rule itself is asked for each."""
    s = Setting
    switch = {Trigger.DUE: s.automatic_on_due, Trigger.ARRIVAL: s.automatic_on_arrival}[trigger]
    enabled, is_on = session.execute(select(s.credits_enabled, switch).where(s.id == 1)).one()
    if not enabled:
        return None
    return Customer.automatic_credit.is_not(False) if is_on else Customer.automatic_credit.is_(True)


def open_of(session: Session, customer_id: int, *, most: int) -> list[OpenInvoice]:
    """Return the first `most` unpaid invoices of one customer, oldest due first."""
    i = Invoice
    statement = (
        select(i.due_on, i.customer_id, i.id)
        .where(i.customer_id == customer_id, i.status == InvoiceStatus.UNPAID)
        .order_by(i.due_on, i.id)
        .limit(most)
    )
    return [OpenInvoice(*row) for row in session.execute(statement)]


_GIVEN_BACK = (Kind.UNAPPLIED, Kind.RETURNED)
"""What staff take off an invoice by hand is not put on the next one at once."""


def use_on(session: Session, invoice: OpenInvoice, trigger: Trigger) -> credits.Applied:
    """Use credit on one invoice by the rule; see `credits.apply_automatically`."""
    return credits.apply_automatically(session, invoice.customer_id, invoice.id, trigger=trigger)


def expire(session: Session) -> int:
    """Take the unused rest of some lots whose date has passed, each with an entry, and return how many those were.

    Lots of frozen balances wait until they are released.
    """
    lot, a = CreditLot, CreditAccount
    rows = session.execute(
        select(lot.customer_id, lot.seq)
        .join(a, a.customer_id == lot.customer_id)
        .where(
            lot.remaining_minor > 0,
            lot.expires_at.is_not(None),
            lot.expires_at <= now(session),
            a.frozen_at.is_(None),
            a.closed_at.is_(None),
        )
        .order_by(lot.expires_at, lot.customer_id, lot.seq)
        .limit(LOTS_AT_ONCE)
    ).all()
    if not rows:
        return 0
    wanted = {(row.customer_id, row.seq) for row in rows}
    chunk = ledger.Chunk(session, [row.customer_id for row in rows], ())
    taken = 0
    for customer_id, account in sorted(chunk.accounts.items()):
        if account.frozen_at is not None or account.closed_at is not None:  # since they were looked for
            continue
        for lot_now in list(account.lots):
            if (customer_id, lot_now.seq) not in wanted or not lot_now.has_expired(now(session)):
                continue
            posting = Posting(
                kind=Kind.EXPIRED,
                amount_minor=-lot_now.remaining_minor,
                description="Expired Credit",
                by=SYSTEM,
                key=f"expired:{lot_now.seq}:{account.entry_seq}",
                moves=(Move(lot_now.seq, lot_now.class_, lot_now.remaining_minor),),
            )
            chunk.post(customer_id, posting)
            taken += 1
    chunk.write()
    return taken


def each(
    invoices: Sequence[OpenInvoice], use: Callable[[OpenInvoice], credits.Applied]
) -> Iterator[tuple[OpenInvoice, credits.Applied | DomainError]]:
    """Yield what became of each invoice, used one by one; a refusal is yielded in its place, and the others go on."""
    for invoice in invoices:
        try:
            yield invoice, use(invoice)
        except DomainError as refusal:
            yield invoice, refusal
