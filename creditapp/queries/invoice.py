"""One invoice: what it charges, what was paid of it, what happened to it, and what the rule says of credit on it.

Every statement stays inside one customer, so that it costs the same however many there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select

from creditapp.models import (
    CreditAccount,
    CreditEntry,
    Customer,
    Invoice,
    InvoiceEvent,
    InvoiceLine,
    InvoiceStatus,
    Kind,
    Payment,
    PaymentAllocation,
    Product,
    Refund,
    RefundStatus,
    Staff,
)
from creditapp.queries import lots
from creditapp.queries.merged import family
from creditapp.queries.settings import read_rules
from creditapp.services.credits.removing import net_draws_call
from creditapp.services.credits.rule import Decision, Owed, Trigger, decide
from creditapp.statements import run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

DECISIONS = ("credit_applied", "credit_not_applied")
"""What happens to an invoice when somebody, or a rule, decides about credit on it."""
_DECISIONS_MAX = 50
_MOVES_CREDIT = (Kind.APPLIED, Kind.UNAPPLIED, Kind.RETURNED, Kind.INVOICE_REFUND)


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """One invoice with its customer."""

    customer_id: int
    id: int
    kind: str
    status: str
    is_gross: bool
    net_minor: int
    tax_minor: int
    total_minor: int
    eligible_minor: int
    credit_minor: int
    paid_minor: int
    refunded_minor: int
    issued_on: date | None
    due_on: date | None
    paid_at: datetime | None
    closed_at: datetime | None
    payment_started_at: datetime | None
    note: str
    actor: str
    version: int
    created_at: datetime
    customer: str
    company: str
    email: str
    customer_status: str
    automatic_credit: bool | None
    balance_minor: int
    frozen_at: datetime | None
    moved_from_id: int | None
    """The customer, merged since, under whom it was issued first."""

    @property
    def due_minor(self) -> int:
        """What is still to be paid; nothing on a draft and on what was cancelled or refunded."""
        return self.total_minor - self.credit_minor - self.paid_minor if self.status == InvoiceStatus.UNPAID else 0

    @property
    def is_open(self) -> bool:
        """Whether it can be cancelled without giving up what has been paid in full."""
        return self.status in {InvoiceStatus.DRAFT, InvoiceStatus.UNPAID}

    @property
    def has_credit(self) -> bool:
        """Whether credit can be removed from it."""
        return self.credit_minor > 0 and self.status in {InvoiceStatus.UNPAID, InvoiceStatus.PAID}


@dataclass(frozen=True, slots=True)
class PaidPart:
    """Money or credit that was put on an invoice, or taken off it again (then below zero)."""

    on: date
    words: str
    amount_minor: int
    is_credit: bool
    entry_seq: int | None = None
    payment_id: int | None = None
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Happening:
    """One row of an invoice's history."""

    seq: int
    at: datetime
    action: str
    amount_minor: int | None
    entry_seq: int | None
    payment_id: int | None
    facts: dict[str, Any]
    actor: str
    staff: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rule says now: by hand, and by itself on the due date or when credit arrives."""

    by_hand: Decision
    by_itself: Decision
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class LotOn:
    """How much of a lot is on an invoice."""

    seq: int
    class_: str
    drawn_minor: int
    expires_at: datetime | None


def find(session: Session, invoice_id: int, *, customer_id: int | None = None) -> InvoiceFacts | None:
    """Return the invoice of this number, found by the plain index on numbers; with a customer, only of theirs.

    One that moved when customers were merged is found where it is now. What was closed before stands under the old id,
    and is the survivor's, too.
    """
    i, c, a = Invoice, Customer, CreditAccount
    statement = (
        select(i.customer_id, i.id, i.kind, i.status, i.is_gross, i.net_minor, i.tax_minor, i.total_minor)
        .add_columns(i.eligible_minor, i.credit_minor, i.paid_minor, i.refunded_minor, i.issued_on, i.due_on, i.paid_at)
        .add_columns(i.closed_at, i.payment_started_at, i.note, i.actor, i.version, i.created_at)
        .add_columns(c.name, c.company, c.email, c.status, c.automatic_credit, a.balance_minor, a.frozen_at)
        .add_columns(i.moved_from_id)
        .join(c, c.id == i.customer_id)
        .join(a, a.customer_id == i.customer_id)
        .where(i.id == invoice_id)
        .order_by(i.moved_to_id.is_not(None), i.customer_id)
    )
    if customer_id is not None:
        statement = statement.where(i.customer_id.in_(family(customer_id)))
    row = session.execute(statement).first()
    return InvoiceFacts(*row) if row else None


def lines(session: Session, customer_id: int, invoice_id: int) -> list[Any]:
    """Return what it charges for, in order: the columns of `InvoiceLine`."""
    line = InvoiceLine.__table__
    statement = select(line).where(line.c.customer_id == customer_id, line.c.invoice_id == invoice_id)
    return list(session.execute(statement.order_by(line.c.line)))


def paid_parts(session: Session, customer_id: int, invoice_id: int, *, zone: Any) -> list[PaidPart]:  # noqa: ANN401  (a zone)
    """Return what was put on it and taken off it, oldest first; they add up to what has been paid."""
    happened = history(session, customer_id, invoice_id)
    seqs = {one.entry_seq for one in happened if one.entry_seq} | {
        seq for one in happened for seq in one.facts.get("entries", [])
    }
    e = CreditEntry
    entries = session.execute(
        select(e.seq, e.posted_at, e.description, e.amount_minor, e.kind)
        .where(e.customer_id == customer_id, e.seq.in_(seqs), e.kind.in_(_MOVES_CREDIT))
        .order_by(e.seq)
    )
    parts = [
        (
            row.posted_at,
            PaidPart(
                row.posted_at.astimezone(zone).date(),
                row.description,
                -row.amount_minor,
                is_credit=row.kind != Kind.INVOICE_REFUND,
                entry_seq=row.seq,
            ),
        )
        for row in entries
    ]
    p, a = Payment, PaymentAllocation
    payments = session.execute(
        select(p.id, p.created_at, p.received_on, p.method, p.transaction_ref, a.amount_minor)
        .join(p, (p.customer_id == a.customer_id) & (p.id == a.payment_id))
        .where(a.customer_id == customer_id, a.invoice_id == invoice_id)
    )
    parts += [
        (
            row.created_at,
            PaidPart(
                row.received_on,
                row.method,
                row.amount_minor,
                is_credit=False,
                payment_id=row.id,
                reference=row.transaction_ref,
            ),
        )
        for row in payments
    ]
    r = Refund
    refunds = session.execute(
        select(r.created_at, r.payment_id, r.amount_minor, r.gateway_ref, p.method)
        .join(p, (p.customer_id == r.customer_id) & (p.id == r.payment_id))
        .where(r.customer_id == customer_id, r.invoice_id == invoice_id, r.status != RefundStatus.FAILED)
    )
    parts += [
        (
            row.created_at,
            PaidPart(
                row.created_at.astimezone(zone).date(),
                row.method,
                -row.amount_minor,
                is_credit=False,
                payment_id=row.payment_id,
                reference=row.gateway_ref,
            ),
        )
        for row in refunds
    ]
    return [part for _moment, part in sorted(parts, key=lambda pair: pair[0])]


def history(session: Session, customer_id: int, invoice_id: int, *, most: int | None = None) -> list[Happening]:
    """Return what happened to it, newest first; with `most`, only the newest."""
    wanted = select_history(customer_id, invoice_id).order_by(InvoiceEvent.seq.desc()).limit(most)
    return happenings(session.execute(wanted))


def decisions(session: Session, customer_id: int, invoice_id: int) -> list[Happening]:
    """Return what was decided about credit on it, newest first, as far as it can matter."""
    wanted = select_history(customer_id, invoice_id).where(InvoiceEvent.action.in_(DECISIONS))
    return happenings(session.execute(wanted.order_by(InvoiceEvent.seq.desc()).limit(_DECISIONS_MAX)))


def count_history(session: Session, customer_id: int, invoice_id: int) -> int:
    """Return how many things happened to it."""
    e = InvoiceEvent
    statement = select(func.count()).select_from(e).where(e.customer_id == customer_id, e.invoice_id == invoice_id)
    return session.execute(statement).scalar_one()


def select_history(customer_id: int, invoice_id: int) -> Select[*tuple[Any, ...]]:
    """Return what happened to it, to be ordered by `seq`, and limited; `happenings` reads the rows."""
    e = InvoiceEvent
    return (
        select(e.seq, e.at, e.action, e.amount_minor, e.entry_seq, e.payment_id, e.facts, e.actor, Staff.name)
        .outerjoin(Staff, (Staff.id == e.actor_id) & (e.actor == "staff"))
        .where(e.customer_id == customer_id, e.invoice_id == invoice_id)
    )


def happenings(rows: Iterable[Any]) -> list[Happening]:
    """Return the rows of `select_history` as what happened."""
    return [
        Happening(
            one.seq, one.at, one.action, one.amount_minor, one.entry_seq, one.payment_id, one.facts or {}, *one[7:]
        )
        for one in rows
    ]


def lots_on(session: Session, customer_id: int, invoice_id: int) -> list[LotOn]:
    """Return the credit that is on it, in the order in which it goes back."""
    return [LotOn(*row) for row in run(session, net_draws_call(customer_id, invoice_id))[0].rows]


def verdict(session: Session, invoice: InvoiceFacts) -> Verdict:
    """Return what the rule would say now; nothing is locked, so the services decide anew."""
    rules = read_rules(session)
    usable_minor = lots.usable(session, invoice.customer_id, datetime.now(UTC)).usable_minor
    owed = Owed(
        invoice.kind,
        invoice.status,
        invoice.due_minor,
        invoice.eligible_minor,
        invoice.credit_minor,
        invoice.payment_started_at is not None,
    )

    def said(trigger: Trigger) -> Decision:
        is_frozen, override = invoice.frozen_at is not None, invoice.automatic_credit
        return decide(rules, owed, usable_minor, trigger=trigger, is_frozen=is_frozen, override=override)

    only_on_arrival = rules.automatic_on_arrival and not rules.automatic_on_due
    trigger = Trigger.ARRIVAL if only_on_arrival else Trigger.DUE
    return Verdict(said(Trigger.HAND), said(trigger), trigger)


def products(session: Session) -> list[Any]:
    """Return what can be put on an invoice: id, name, price_minor, tax_bp, is_credit_automatic, by name."""
    p = Product
    statement = select(p.id, p.name, p.price_minor, p.tax_bp, p.is_credit_automatic).where(p.is_active)
    return list(session.execute(statement.order_by(p.name_key)))
