"""Credit put on invoices: by hand, at checkout or by itself. `rule` says how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, bindparam, select

from creditapp.bulk import among
from creditapp.db import now
from creditapp.errors import ApplyExceedsError, NotApplicableError
from creditapp.models import Customer, InvoiceStatus, Kind, Setting
from creditapp.services import ledger, orders_paid, self_dealing
from creditapp.services.actor import SYSTEM, Actor
from creditapp.services.bills import Bill, lock_call, move_on, read_bill, write
from creditapp.services.credits.rule import Decision, Owed, Rules, Trigger, Why, decide
from creditapp.services.ledger import Account, Entry, Panel, Posting
from creditapp.statements import Prepared, run

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
        OwnAccountError: it is the account of who asks.
        InvoiceNotFoundError, CustomerNotFoundError, CustomerClosedError: there is no such invoice or customer.
        KeyReusedError: the key has been used for something else.
    """
    self_dealing.refuse(session, by, customer_id)
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
    usable_minor = account.drawable_minor(moment)
    if account.has_more_lots and usable_minor < wanted_minor:
        ledger.read_all_lots(session, account)
        return account.drawable_minor(moment)
    return usable_minor


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
        orders_paid.paid(session, account, panel, bill)
    return Applied(bill.id, decision, entry, is_paid)


def select_rules() -> Select[*tuple[Any, ...]]:
    """Select the switches, in the order of `Rules`."""
    t = Setting
    return (
        select(t.credits_enabled, t.automatic_on_new, t.automatic_on_arrival, t.automatic_on_due, t.automatic_kinds)
        .add_columns(t.full_cover_only, t.minimum_remainder_minor, t.return_grace_days)
        .where(t.id == 1)
    )


def read_rules(session: Session) -> Rules:
    """Lock the switches against change until the commit, and return them."""
    return Rules(*run(session, RULES())[0].rows[0])


def overrides_of(session: Session, customer_ids: Sequence[int]) -> dict[int, bool]:
    """Return the own yes or no to automatic use of those of the customers who have said one."""
    c = Customer.__table__.c
    has_said = c.automatic_credit.is_not(None)
    statement = select(c.id, c.automatic_credit).where(among(session, c.id, customer_ids), has_said)
    return {row[0]: row[1] for row in session.connection().execute(statement)}


RULES = Prepared(select_rules().with_for_update(read=True))
"""The switches, locked against change (FOR SHARE): nothing is applied after a switch-off has committed."""
_OVERRIDE = Prepared(select(Customer.automatic_credit).where(Customer.id == bindparam("its_customer")))
