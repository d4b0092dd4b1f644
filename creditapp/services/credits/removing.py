"""Credit taken off invoices: back to the lots it came from, the last drawn first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Select, bindparam, case, cast, func, select

from creditapp.db import now
from creditapp.errors import ApplyExceedsError, InvoiceStateError
from creditapp.models import CreditDraw, CreditLot, InvoiceEvent, InvoiceStatus, Kind
from creditapp.services import ledger, self_dealing
from creditapp.services.actor import Actor
from creditapp.services.bills import lock_call, move_back, read_bill
from creditapp.services.credits.applying import RULES
from creditapp.services.credits.rule import Rules
from creditapp.services.ledger import Entry, Move, Panel, Posting
from creditapp.statements import Call, Outcome, Prepared

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Grace:
    """What has lapsed by `moment` and comes back can be used until `ends_at`; None: it stays lapsed."""

    moment: datetime
    ends_at: datetime | None


def unapply(
    session: Session,
    customer_id: int,
    invoice_id: int,
    amount_minor: int | None = None,
    *,
    by: Actor,
    key: str,
    undo_renewals: bool = False,
) -> Entry:
    """Take credit off an invoice, back to the lots it came from, and return the entry; None: all of it.

    A paid invoice is open again then; with `undo_renewals`, so are the periods that its payment had moved on.

    Raises:
        ApplyExceedsError: there is less credit on it.
        InvoiceStateError: it was cancelled or refunded, and its credit has come back already; or a part of its money
            has gone back, so that what it would be open for could not be told.
        What `apply` raises.
    """
    self_dealing.refuse(session, by, customer_id)
    content = ("unapply", invoice_id, amount_minor, undo_renewals, by.kind, by.id)
    account, panel, rest = ledger.open_account(
        session,
        customer_id,
        key,
        content,
        lock_call(customer_id, invoice_id),
        net_draws_call(customer_id, invoice_id),
        debit=False,
        first=[RULES()],
    )
    if account.posted is not None:
        return account.posted
    rules, bill = Rules(*rest[0].rows[0]), read_bill(rest[1], invoice_id)
    if bill.status not in {InvoiceStatus.UNPAID, InvoiceStatus.PAID}:
        raise InvoiceStateError(bill.id, "has no credit on it.")
    if bill.refunded_minor:
        raise InvoiceStateError(bill.id, "has been refunded in part: refund the rest, and its credit comes back.")
    wanted_minor = bill.credit_minor if amount_minor is None else amount_minor
    if not 0 < wanted_minor <= bill.credit_minor:
        raise ApplyExceedsError(most_minor=bill.credit_minor, removes=True)
    was_paid = bill.status == InvoiceStatus.PAID
    bill.credit_minor -= wanted_minor
    bill.settle(now(session))
    undone = move_back(session, customer_id, invoice_id) if was_paid and undo_renewals else []
    posting = Posting(
        kind=Kind.UNAPPLIED,
        amount_minor=wanted_minor,
        description=f"Credit Removed from Invoice #{bill.id}",
        by=by,
        key=key,
        content=content,
        moves=moves_back(rest[2], wanted_minor, grace_of(session, panel, rules)),
        invoice_id=bill.id,
    )
    facts = {"reopened": was_paid, "undone": [[one.subscription_id, str(one.period_start)] for one in undone]}
    event = bill.written(
        session, "credit_removed", by, amount_minor=wanted_minor, entry_seq=account.entry_seq + 1, facts=facts
    )
    return ledger.post(session, account, panel, posting, *event)


def net_draws_call(customer_id: int, invoice_id: int) -> Call:
    """Return what asks for the credit that is on the invoice, lot by lot, in the order in which it goes back."""
    return _NET_DRAWS(customer_id=customer_id, invoice_id=invoice_id)


def moves_back(net_draws: Outcome, amount_minor: int, grace: Grace) -> tuple[Move, ...]:
    """Return the moves that give so much back to the lots it came from, the last drawn first."""
    moves, left_minor = [], amount_minor
    for lot_seq, class_, drawn_minor, expires_at in net_draws.rows:
        given_minor = min(drawn_minor, left_minor)
        if given_minor <= 0:
            continue
        has_lapsed = expires_at is not None and expires_at <= grace.moment
        moves.append(Move(lot_seq, class_, -given_minor, grace.ends_at if has_lapsed else None))
        left_minor -= given_minor
    return tuple(moves)


def grace_of(session: Session, panel: Panel, rules: Rules) -> Grace:
    """Return what grace credit has that comes back now."""
    moment = now(session)
    if rules.return_grace_days == 0:
        return Grace(moment, None)
    last_day = panel.day_of(moment) + timedelta(days=rules.return_grace_days)
    return Grace(moment, datetime.combine(last_day + timedelta(days=1), time(), ledger.zone(panel.time_zone)))


def _select_net_draws() -> Select[*tuple[Any, ...]]:
    d, e, lot = CreditDraw, InvoiceEvent, CreditLot
    its_entries = select(e.entry_seq).where(
        e.customer_id == bindparam("customer_id"),
        e.invoice_id == bindparam("invoice_id"),
        e.entry_seq.is_not(None),
    )
    drawn_minor = cast(func.sum(d.amount_minor), BigInteger)
    return (
        select(d.lot_seq, lot.class_, drawn_minor, lot.expires_at)
        .join(lot, (lot.customer_id == d.customer_id) & (lot.seq == d.lot_seq))
        .where(d.customer_id == bindparam("customer_id"), d.entry_seq.in_(its_entries))
        .group_by(d.lot_seq, lot.class_, lot.expires_at)
        .having(drawn_minor > 0)
        .order_by(
            lot.expires_at.is_not(None),
            lot.expires_at.desc(),
            case({str(class_): rank for class_, rank in ledger.CLASS_ORDER.items()}, value=lot.class_).desc(),
            d.lot_seq.desc(),
        )
    )


_NET_DRAWS = Prepared(_select_net_draws())
