"""Credit on invoices: applied by hand, at checkout or by itself, and removed again. `rule` says how much."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Select, bindparam, case, cast, func, select

from creditapp.db import now
from creditapp.errors import ApplyExceedsError, InvoiceStateError, NotApplicableError
from creditapp.models import CreditDraw, CreditLot, Customer, InvoiceEvent, InvoiceStatus, Kind, Setting
from creditapp.services import ledger
from creditapp.services.actor import SYSTEM, Actor
from creditapp.services.bills import Bill, lock_call, move_back, move_on, read_bill, write
from creditapp.services.credits.rule import Decision, Owed, Rules, Trigger, Why, decide
from creditapp.services.ledger import Account, Entry, Move, Panel, Posting
from creditapp.statements import Call, Outcome, Prepared, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

PROBLEMS = {
    Why.DISABLED: "credits are switched off in the settings.",
    Why.FROZEN: "the balance is frozen.",
    Why.NOT_OPEN: "it is not unpaid.",
    Why.ADD_FUNDS: "it adds funds, and those are paid with money.",
    Why.PAYING: "a payment for it is under way.",
    Why.NOTHING_USABLE: "there is no usable credit.",
}


@dataclass(frozen=True, slots=True)
class Applied:
    """What one application came to: the decision, and the entry if credit was used."""

    invoice_id: int
    decision: Decision
    entry: Entry | None
    is_paid: bool


@dataclass(frozen=True, slots=True)
class Grace:
    """What has lapsed by `moment` and comes back can be used until `ends_at`; None: it stays lapsed."""

    moment: datetime
    ends_at: datetime | None


def apply(
    session: Session,
    customer_id: int,
    invoice_id: int,
    amount_minor: int | None = None,
    *,
    by: Actor,
    key: str,
    trigger: Trigger = Trigger.HAND,
) -> Applied:
    """Use credit on an invoice because somebody says so, and return what came of it; None: as much as there is.

    Raises:
        NotApplicableError: there is no credit to use, or it must not be used on this invoice.
        ApplyExceedsError: more is asked for than is due or usable.
        InvoiceNotFoundError, CustomerNotFoundError, CustomerClosedError: there is no such invoice or customer.
        KeyReusedError: the key has been used for something else.
    """
    content = ("apply", invoice_id, amount_minor, by.kind, by.id)
    account, panel, (rules, bill) = _open(session, customer_id, invoice_id, key, content)
    if account.posted is not None:
        done = Decision(-account.posted.amount_minor, bill.due_minor, account.balance_minor)
        return Applied(bill.id, done, account.posted, bill.status == InvoiceStatus.PAID)
    decision = _decide(session, account, rules, bill, trigger)
    if decision.amount_minor == 0:
        why = decision.why[0]
        raise NotApplicableError(bill.id, PROBLEMS[why], str(why))
    wanted_minor = decision.amount_minor if amount_minor is None else amount_minor
    if not 0 < wanted_minor <= decision.amount_minor:
        raise ApplyExceedsError(most_minor=decision.amount_minor, due_minor=decision.due_minor)
    chosen = Decision(wanted_minor, decision.due_minor, decision.usable_minor, decision.why)
    return _post(session, account, panel, bill, chosen, by=by, key=key, content=content, trigger=trigger)


def apply_automatically(session: Session, customer_id: int, invoice_id: int, *, trigger: Trigger) -> Applied:
    """Use what credit the rule allows, and return what came of it; nothing is refused, the decision says why not.

    May be repeated at will: what the rule allows now is used once. That a new invoice got nothing, and why, is kept in
    its history.

    Raises:
        InvoiceNotFoundError, CustomerNotFoundError, CustomerClosedError: there is no such invoice or customer.
    """
    override_call = _OVERRIDE(its_customer=customer_id)
    account, panel, rest = ledger.open_account(
        session, customer_id, "", (), lock_call(customer_id, invoice_id), override_call, first=[RULES()]
    )
    rules, bill = Rules(*rest[0].rows[0]), read_bill(rest[1], invoice_id)
    decision = _decide(session, account, rules, bill, trigger, override=rest[2].rows[0][0])
    if decision.amount_minor == 0:
        if trigger == Trigger.NEW and bill.status == InvoiceStatus.UNPAID:
            facts = {"trigger": str(trigger), **decision.facts}
            write(session, bill.written(session, "credit_not_applied", SYSTEM, facts=facts))
        return Applied(bill.id, decision, None, bill.status == InvoiceStatus.PAID)
    key = automatic_key(bill)
    return _post(session, account, panel, bill, decision, by=SYSTEM, key=key, content=(), trigger=trigger)


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
        InvoiceStateError: it was cancelled or refunded, and its credit has come back already.
        What `apply` raises.
    """
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


def automatic_key(bill: Bill) -> str:
    """Return the key of an application that nobody asked for: one for each state the invoice has been in."""
    return f"auto:{bill.id}:{bill.events}"


def applied_posting(bill: Bill, amount_minor: int, *, by: Actor, key: str, content: tuple[Any, ...] = ()) -> Posting:
    """Return the entry that uses credit on the invoice."""
    return Posting(
        kind=Kind.APPLIED,
        amount_minor=-amount_minor,
        description=f"Credit Applied to Invoice #{bill.id}",
        by=by,
        key=key,
        content=content,
        invoice_id=bill.id,
        subscription_id=bill.subscription_id,
    )


def owed(bill: Bill) -> Owed:
    """Return what the rule wants to know of the invoice."""
    return Owed(
        bill.kind,
        bill.status,
        bill.due_minor,
        bill.eligible_minor,
        bill.credit_minor,
        bill.payment_started_at is not None,
    )


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


def _open(
    session: Session, customer_id: int, invoice_id: int, key: str, content: tuple[Any, ...]
) -> tuple[Account, Panel, tuple[Rules, Bill]]:
    """Lock settings, account and invoice, in this order."""
    account, panel, rest = ledger.open_account(
        session, customer_id, key, content, lock_call(customer_id, invoice_id), first=[RULES()]
    )
    return account, panel, (Rules(*rest[0].rows[0]), read_bill(rest[1], invoice_id))


def _decide(
    session: Session,
    account: Account,
    rules: Rules,
    bill: Bill,
    trigger: Trigger,
    *,
    override: bool | None = None,
) -> Decision:
    usable = usable_in(session, account, bill.due_minor)
    return decide(
        rules, owed(bill), usable, trigger=trigger, is_frozen=account.frozen_at is not None, override=override
    )


def usable_in(session: Session, account: Account, wanted_minor: int) -> int:
    """Return how much of a locked account's credit is usable; no further lots are read once `wanted_minor` is there."""
    moment = account.moment(now(session))

    def found() -> int:
        return sum(lot.remaining_minor for lot in account.drawable(moment, expired_too=False))

    if account.has_more_lots and found() < wanted_minor:
        ledger.read_all_lots(session, account)
    return found()


def _post(  # noqa: PLR0913
    session: Session,
    account: Account,
    panel: Panel,
    bill: Bill,
    decision: Decision,
    *,
    by: Actor,
    key: str,
    content: tuple[Any, ...],
    trigger: Trigger,
) -> Applied:
    bill.credit_minor += decision.amount_minor
    bill.settle(now(session))
    event = bill.written(
        session,
        "credit_applied",
        by,
        amount_minor=decision.amount_minor,
        entry_seq=account.entry_seq + 1,
        facts={"trigger": str(trigger), **decision.facts},
    )
    posting = applied_posting(bill, decision.amount_minor, by=by, key=key, content=content)
    entry = ledger.post(session, account, panel, posting, *event)
    is_paid = bill.status == InvoiceStatus.PAID
    if is_paid:
        move_on(session, bill.customer_id, bill.id)
    return Applied(bill.id, decision, entry, is_paid)


def read_rules(session: Session) -> Rules:
    """Lock the switches against change until the commit, and return them."""
    return Rules(*run(session, RULES())[0].rows[0])


def overrides_of(session: Session, customer_ids: Sequence[int]) -> dict[int, bool | None]:
    """Return each customer's own yes or no to automatic use."""
    statement = select(Customer.id, Customer.automatic_credit).where(Customer.id.in_(customer_ids))
    return {row[0]: row[1] for row in session.connection().execute(statement)}


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


RULES = Prepared(
    select(
        Setting.credits_enabled,
        Setting.automatic_on_new,
        Setting.automatic_on_arrival,
        Setting.automatic_on_due,
        Setting.automatic_kinds,
        Setting.full_cover_only,
        Setting.minimum_remainder_minor,
        Setting.return_grace_days,
    )
    .where(Setting.id == 1)
    .with_for_update(read=True)
)
"""The switches, locked against change (FOR SHARE): nothing is applied after a switch-off has committed."""
_OVERRIDE = Prepared(select(Customer.automatic_credit).where(Customer.id == bindparam("its_customer")))
_NET_DRAWS = Prepared(_select_net_draws())
