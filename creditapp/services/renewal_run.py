"""One chunk of renewals: the subscriptions as they are read, and the invoices that their next periods come to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Update, select, update

from creditapp.bulk import Given, RowUpdate, insert_rows, run_many
from creditapp.db import Base, now
from creditapp.errors import DomainError
from creditapp.models import Cycle, InvoiceKind, InvoiceStatus, Setting, Subscription
from creditapp.services import ledger
from creditapp.services.actor import SYSTEM
from creditapp.services.bills import EVENTS, INVOICES, LINES, Bill
from creditapp.services.credits.applying import (
    applied_posting,
    automatic_key,
    overrides_of,
    owed,
    read_rules,
    usable_in,
)
from creditapp.services.credits.rule import Decision, Trigger, decide
from creditapp.services.invoices.lines import DESCRIPTION_CHARS_MAX, Line, Sums, price
from creditapp.services.ledger import Chunk
from creditapp.services.mails import issued as mails
from creditapp.services.periods import next_start
from creditapp.statements import Call

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SUBSCRIPTIONS = Base.metadata.tables[Subscription.__tablename__]


class Renewed(NamedTuple):
    """What became of one subscription: its invoice, or why there is none."""

    customer_id: int
    subscription_id: int
    period_start: date
    invoice_id: int | None = None
    total_minor: int = 0
    credit_minor: int = 0
    status: str = ""
    refusal: DomainError | None = None
    """Why no invoice was made; None where another run had made it."""


class Subscribed(NamedTuple):
    """A subscription inside this transaction, with what its product says."""

    next_due_on: date
    customer_id: int
    id: int
    label: str
    price_minor: int
    cycle: str
    anchor_day: int
    product_id: int
    paid_until: date | None
    product: str
    tax_bp: int
    is_credit_automatic: bool
    is_invoiced: bool
    """The period has an invoice already: somebody has turned the subscription back."""

    @property
    def description(self) -> str:
        return f"{self.product}: {self.label}" if self.label else self.product

    @property
    def charge(self) -> Line:
        """What each period costs, whoever it is for."""
        return Line(
            description=self.product,
            unit_minor=self.price_minor,
            tax_bp=self.tax_bp,
            product_id=self.product_id,
            is_credit_automatic=self.is_credit_automatic,
        )

    def bill(self, invoice_id: int, sums: Sums) -> Bill:
        """Return its next invoice, without anything paid and without history."""
        return Bill(
            customer_id=self.customer_id,
            id=invoice_id,
            kind=_RENEWAL,
            status=InvoiceStatus.UNPAID,
            total_minor=sums.total_minor,
            eligible_minor=sums.eligible_minor,
            credit_minor=0,
            paid_minor=0,
            refunded_minor=0,
            due_on=self.next_due_on,
            paid_at=None,
            closed_at=None,
            payment_started_at=None,
            subscription_id=self.id,
            events=0,
            version=1,
        )


class Run:
    """One chunk of renewals: what it depends on, and the rows it comes to."""

    def __init__(self, session: Session, customer_ids: Sequence[int], on: date) -> None:
        self.session, self.on, self.moment = session, on, now(session)
        self.rules = read_rules(session)
        self.chunk = Chunk(session, customer_ids, ())
        self.overrides = overrides_of(session, customer_ids)
        s = Setting
        self.currency, self.is_gross = session.execute(select(s.currency, s.prices_include_tax)).one()
        self.charges: dict[tuple[int, ...], tuple[dict[str, Any], Sums]] = {}
        """What a price comes to, worked out once: many pay the same."""
        self.facts: dict[Decision, dict[str, Any]] = {}
        """What is said of a decision: many have no credit, and owe the same."""
        self.bills: list[Bill] = []
        self.invoices: list[dict[str, Any]] = []
        self.lines: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.moves: list[Call] = []

    def renew(self, subscribed: Subscribed, invoice_id: int) -> Renewed | None:
        """Invoice the next period; None if it has been invoiced before."""
        self.chunk.account(subscribed.customer_id)
        start = subscribed.next_due_on
        end = next_start(start, _CYCLES[subscribed.cycle], subscribed.anchor_day)
        if subscribed.is_invoiced:
            self._move(subscribed, end, subscribed.paid_until)
            return None
        priced, sums = self._price(subscribed)
        bill = subscribed.bill(invoice_id, sums)
        bill.settle(self.moment)
        self._say(bill, "issued", amount_minor=sums.total_minor)
        if bill.due_minor:
            self._use_credit(bill)
        self.bills.append(bill)
        period = {"subscription_id": subscribed.id, "period_start": start, "period_end": end}
        self.invoices.append(self._row(bill, sums, period))
        description = subscribed.description[:DESCRIPTION_CHARS_MAX]
        whose = {"customer_id": bill.customer_id, "invoice_id": bill.id, "description": description}
        self.lines.append({**priced, **whose, **period})
        self._move(subscribed, end, end if bill.status == InvoiceStatus.PAID else subscribed.paid_until)
        return Renewed(
            bill.customer_id, subscribed.id, start, bill.id, bill.total_minor, bill.credit_minor, bill.status
        )

    def write(self) -> None:
        shared = {
            "kind": _RENEWAL,
            "currency": self.currency,
            "is_gross": self.is_gross,
            "paid_minor": 0,
            "refunded_minor": 0,
            "issued_on": self.on,
            "note": "",
            "key_digest": ledger.content_digest(()),  # the key says all that is asked for
            "actor": SYSTEM.kind,
            "version": 1,
            "created_at": self.moment,
            "updated_at": self.moment,
        }
        insert_rows(self.session, INVOICES, self.invoices, shared)
        insert_rows(self.session, LINES, self.lines)
        insert_rows(self.session, EVENTS, self.events, {"at": self.moment, "actor": SYSTEM.kind})
        self.chunk.write()
        run_many(self.session, self.moves)
        mails.tell_many(self.session, self.bills)

    def _price(self, subscribed: Subscribed) -> tuple[dict[str, Any], Sums]:
        """Return what the line and the invoice of one period come to."""
        kind = (subscribed.product_id, subscribed.price_minor)  # the rest is the product's
        if kind not in self.charges:
            [line], sums = price([subscribed.charge], is_gross=self.is_gross)
            self.charges[kind] = line, sums
        return self.charges[kind]

    def _use_credit(self, bill: Bill) -> None:
        """Use credit on a new invoice, and keep in its history what was decided and why."""
        account = self.chunk.account(bill.customer_id)
        decision = decide(
            self.rules,
            owed(bill),
            usable_in(self.session, account, bill.due_minor),
            trigger=Trigger.NEW,
            is_frozen=account.frozen_at is not None,
            override=self.overrides.get(bill.customer_id),
        )
        facts = self.facts.get(decision)
        if facts is None:
            facts = self.facts[decision] = {"trigger": str(Trigger.NEW), **decision.facts}
        if not decision.amount_minor:
            self._say(bill, "credit_not_applied", facts=facts)
            return
        posting = applied_posting(bill, decision.amount_minor, by=SYSTEM, key=automatic_key(bill))
        entry = self.chunk.post(bill.customer_id, posting)
        bill.credit_minor += decision.amount_minor
        bill.settle(self.moment)
        self._say(bill, "credit_applied", decision.amount_minor, entry.seq, facts)

    def _say(
        self,
        bill: Bill,
        action: str,
        amount_minor: int | None = None,
        entry_seq: int | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        """Keep a row of the invoice's history, but for what all of them share."""
        bill.events += 1
        self.events.append(
            {
                "customer_id": bill.customer_id,
                "invoice_id": bill.id,
                "seq": bill.events,
                "action": action,
                "amount_minor": amount_minor,
                "entry_seq": entry_seq,
                "facts": facts,
            }
        )

    def _move(self, subscribed: Subscribed, end: date, paid_until: date | None) -> None:
        """Move the subscription on by one period."""
        self.moves.append(
            _MOVE(
                its_customer=subscribed.customer_id,
                its_id=subscribed.id,
                end=end,
                paid=paid_until,
                moment=self.moment,
            )
        )

    @staticmethod
    def _row(bill: Bill, sums: Sums, period: dict[str, Any]) -> dict[str, Any]:
        """Return the invoice's row, but for what all of them share."""
        return {
            "customer_id": bill.customer_id,
            "id": bill.id,
            "status": str(bill.status),
            "net_minor": sums.net_minor,
            "tax_minor": sums.tax_minor,
            "total_minor": bill.total_minor,
            "eligible_minor": bill.eligible_minor,
            "credit_minor": bill.credit_minor,
            "due_on": bill.due_on,
            "paid_at": bill.paid_at,
            "events": bill.events,
            "key": f"renewal:{bill.subscription_id}:{period['period_start'].isoformat()}",
            **period,
        }


_RENEWAL = str(InvoiceKind.RENEWAL)
_CYCLES = {str(cycle): cycle for cycle in Cycle}


def _move(given: Given) -> Update:
    s = SUBSCRIPTIONS.c
    moved = {"next_due_on": given["end"], "paid_until": given["paid"], "updated_at": given["moment"]}
    its_own = (s.customer_id == given["its_customer"], s.id == given["its_id"])
    return update(SUBSCRIPTIONS).where(*its_own).values(version=s.version + 1, **moved)


_MOVE = RowUpdate(
    _move,
    its_customer=SUBSCRIPTIONS.c.customer_id,
    its_id=SUBSCRIPTIONS.c.id,
    end=SUBSCRIPTIONS.c.next_due_on,
    paid=SUBSCRIPTIONS.c.paid_until,
    moment=SUBSCRIPTIONS.c.updated_at,
)
