"""What a customer is told when an invoice is issued: what there is to do, which is nothing where credit will pay it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from creditapp.bulk import among
from creditapp.db import now
from creditapp.models import CreditAccount, CreditLot, Customer, InvoiceStatus, MailEvent, Setting
from creditapp.money import currency
from creditapp.queries.settings import read_rules
from creditapp.services.bills import INVOICES, Bill, select_bill
from creditapp.services.credits.applying import owed
from creditapp.services.credits.rule import Trigger, decide
from creditapp.services.mails import paid, wording
from creditapp.services.mails.queueing import Notice, queue_many

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def tell(session: Session, customer_id: int, invoice_id: int) -> None:
    """Have the customer told of an invoice that was issued; call it when credit has been used on it.

    What is paid already is told of as paid, by whatever paid it.
    """
    c = INVOICES.c
    found = session.execute(
        select_bill()
        .join(Setting, Setting.mail_from != "")
        .where(c.customer_id == customer_id, c.id == invoice_id, c.status == InvoiceStatus.UNPAID)
    ).first()
    if found is not None:
        tell_many(session, [Bill(*found)])


def tell_many(session: Session, bills: Sequence[Bill]) -> None:
    """Have the customers told of invoices that were made together: of what is left to pay, or that credit has paid."""
    s = Setting
    code = session.execute(select(s.currency).where(s.id == 1, s.mail_from != "")).scalar()
    if code is None or not bills:
        return
    unpaid = [bill for bill in bills if bill.status == InvoiceStatus.UNPAID]
    covered = _covered(session, unpaid)
    queue_many(
        session,
        MailEvent.INVOICE_ISSUED,
        [
            Notice(bill.customer_id, f"issued:{bill.id}", _facts(bill, code, will_be_paid=bill.id in covered))
            for bill in unpaid
        ],
    )
    paid.tell_many(session, [bill for bill in bills if bill.status == InvoiceStatus.PAID])


def advice(*, credit_minor: int, due_minor: int, due_on: date | None, code: str, will_be_paid: bool) -> str:
    """Return what the customer has to do about an invoice."""
    written = wording.words({"credit": credit_minor, "due": due_minor, "due_on": due_on or ""}, currency(code))
    by = f" by {written['due_on']}" if due_on else ""
    said = f"Your credit has paid {written['credit']} of it. " if credit_minor else ""
    if will_be_paid:
        on = f" on {written['due_on']}" if due_on else " when it is due"
        return f"{said}Your credit will pay {written['due']}{on}: there is nothing to do."
    return f"{said}Please pay {written['due']}{by}."


def _facts(bill: Bill, code: str, *, will_be_paid: bool) -> dict[str, Any]:
    text = advice(
        credit_minor=bill.credit_minor,
        due_minor=bill.due_minor,
        due_on=bill.due_on,
        code=code,
        will_be_paid=will_be_paid,
    )
    return {
        "invoice": bill.id,
        "amount": bill.total_minor,
        "credit": bill.credit_minor,
        "due": bill.due_minor,
        "due_on": bill.due_on or "",
        "text": text,
    }


def _covered(session: Session, bills: Sequence[Bill]) -> set[int]:
    """Return which of these invoices credit will pay by itself when they are due, as far as one can tell now.

    What is due first comes first. Other invoices of theirs may use the credit up before; then it is told as unpaid.
    """
    rules = read_rules(session)
    if not bills or not rules.credits_enabled:
        return set()
    holders = _holders(session, {bill.customer_id for bill in bills}, is_on=rules.automatic_on_due)
    covered = set()
    for bill in sorted(bills, key=lambda one: (one.due_on or date.max, one.id)):
        holder = holders.get(bill.customer_id)
        if holder is None:
            continue
        decision = decide(
            rules,
            owed(bill),
            holder.usable_on(bill.due_on, now(session)) - holder.spoken_for_minor,
            trigger=Trigger.DUE,
            is_frozen=holder.is_frozen,
            override=holder.override,
        )
        if decision.amount_minor == bill.due_minor:
            covered.add(bill.id)
            holder.spoken_for_minor += bill.due_minor
    return covered


@dataclass(slots=True)
class _Holder:
    """A customer whose credit is used by itself on due dates."""

    override: bool | None
    is_frozen: bool
    lots: list[tuple[int, datetime | None]] = field(default_factory=list)
    spoken_for_minor: int = 0

    def usable_on(self, day: date | None, moment: datetime) -> int:
        """Return how much can still be used when that day begins, or now where that is later."""
        begins = max(moment, datetime.combine(day, time(), UTC)) if day else moment
        return sum(minor for minor, expires_at in self.lots if expires_at is None or expires_at > begins)


def _holders(session: Session, customer_ids: set[int], *, is_on: bool) -> dict[int, _Holder]:
    """Return those of the customers who hold credit and let it be used on due dates, by the switch or their own yes."""
    c, a, lot = Customer, CreditAccount, CreditLot
    wants = c.automatic_credit.is_not(False) if is_on else c.automatic_credit.is_(True)
    statement = (
        select(c.id, c.automatic_credit, a.frozen_at)
        .join(a, a.customer_id == c.id)
        .where(among(session, Customer.__table__.c.id, customer_ids), wants, a.balance_minor > 0)
    )
    holders = {row.id: _Holder(row.automatic_credit, row.frozen_at is not None) for row in session.execute(statement)}
    if holders:
        theirs = among(session, CreditLot.__table__.c.customer_id, holders)
        for customer_id, minor, expires_at in session.execute(
            select(lot.customer_id, lot.remaining_minor, lot.expires_at).where(theirs, lot.remaining_minor > 0)
        ):
            holders[customer_id].lots.append((minor, expires_at))
    return holders
