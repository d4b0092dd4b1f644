"""Entries of one customer: the history, one entry with its relations, and the balance over time.

Every statement stays inside one customer, so that it costs the same however many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ScalarSelect, Select, Subquery, and_, cast, func, or_, select

from creditapp.models import CreditDraw, CreditEntry, CreditEntryText, CreditLot, Kind, Reason, Staff, Subscription
from creditapp.queries.merged import family

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

COURSE_MAX = 5000
"""How many of the newest entries a chart looks at."""
_BACK = (Kind.REVERSAL, Kind.VOID)


@dataclass(frozen=True, slots=True)
class Moment:
    """What the balance became, and when."""

    at: datetime
    amount_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """One entry with everything that is known of it."""

    customer_id: int
    seq: int
    kind: str
    amount_minor: int
    balance_after_minor: int
    description: str
    is_quiet: bool
    reversed_seq: int | None
    invoice_id: int | None
    payment_id: int | None
    subscription_id: int | None
    subscription_label: str | None
    promo_code_id: int | None
    other_customer_id: int | None
    other_seq: int | None
    actor: str
    actor_id: int | None
    key: str
    effective_on: date
    day: date
    posted_at: datetime
    staff_name: str | None
    reason: str | None
    tone: int | None
    note: str | None
    customer_note: str | None
    ticket_ref: str | None
    texts_erased_at: datetime | None
    lot_class: str | None
    lot_opening_minor: int | None
    lot_remaining_minor: int | None
    lot_expires_at: datetime | None
    reversed_minor: int
    """How much has been taken back, by reversals and voids together."""
    voided_minor: int
    expired_minor: int
    """How much of its lot lapsed before anybody used it."""

    @property
    def is_undone(self) -> bool:
        """Whether all of it has been taken back."""
        return self.reversed_minor == abs(self.amount_minor)

    @property
    def used_minor(self) -> int:
        """How much of the lot was spent: on invoices, by removals; what lapsed or was taken back is apart."""
        if self.lot_opening_minor is None or self.lot_remaining_minor is None:
            return 0
        return self.lot_opening_minor - self.lot_remaining_minor - self.reversed_minor - self.expired_minor


@dataclass(frozen=True, slots=True)
class Undoing:
    """An entry that takes another one back, or a part of it."""

    seq: int
    description: str
    amount_minor: int
    posted_at: datetime


def select_history(customer_id: int, *, folded: bool = False, absorbed: Sequence[int] = ()) -> Select[*tuple[Any, ...]]:
    """Return the numbers of the customer's entries, to be ordered and limited.

    `folded` leaves out what came to nothing: entries that were reversed in full, and their reversals. With them come
    the entries of those who were merged into the customer, `absorbed`.
    """
    e = CreditEntry.__table__
    whose = e.c.customer_id.in_([customer_id, *absorbed]) if absorbed else e.c.customer_id == customer_id
    statement = select(e.c.customer_id, e.c.seq).where(whose)
    if not folded:
        return statement
    first = e.alias("first")
    undone = _reversed_minor(first.c.customer_id, first.c.seq)
    of_undone = (
        select(first.c.seq)
        .where(first.c.customer_id == e.c.customer_id, first.c.seq == e.c.reversed_seq)
        .where(func.abs(first.c.amount_minor) == undone)
        .exists()
    )
    stands = func.abs(e.c.amount_minor) != _reversed_minor(e.c.customer_id, e.c.seq)
    return statement.where(
        or_(and_(e.c.reversed_seq.is_(None), stands), and_(e.c.reversed_seq.is_not(None), ~of_undone))
    )


def select_history_rows(page: Subquery) -> Select[*tuple[Any, ...]]:
    """Return what the history shows of the entries on one page; the order is the caller's.

    Columns: customer_id, seq, posted_at, kind, amount_minor, balance_after_minor, description, is_quiet,
    reversed_seq, actor, staff_name, reason, tone (the reason's place in the list), note, customer_note, ticket_ref,
    reversed_minor, voided_minor (part of it), reversed_by (the newest reversal's number), effective_on.
    """
    e, t = CreditEntry, CreditEntryText
    later = CreditEntry.__table__.alias("later")
    reversed_by = (
        select(func.max(later.c.seq))
        .where(later.c.customer_id == page.c.customer_id, later.c.reversed_seq == page.c.seq)
        .scalar_subquery()
    )
    return (
        select(e.customer_id, e.seq, e.posted_at, e.kind, e.amount_minor, e.balance_after_minor, e.description)
        .add_columns(e.is_quiet, e.reversed_seq, e.actor, Staff.name.label("staff_name"), Reason.name.label("reason"))
        .add_columns(Reason.position.label("tone"), t.note, t.customer_note, t.ticket_ref)
        .add_columns(_reversed_minor(page.c.customer_id, page.c.seq).label("reversed_minor"))
        .add_columns(_reversed_minor(page.c.customer_id, page.c.seq, Kind.VOID).label("voided_minor"))
        .add_columns(reversed_by.label("reversed_by"), e.effective_on)
        .join_from(page, e, and_(e.customer_id == page.c.customer_id, e.seq == page.c.seq))
        .outerjoin(t, and_(t.customer_id == page.c.customer_id, t.seq == page.c.seq))
        .outerjoin(Reason, Reason.id == e.reason_id)
        .outerjoin(Staff, and_(e.actor == "staff", Staff.id == e.actor_id))
    )


def find_entry(session: Session, customer_id: int, seq: int) -> EntryFacts | None:
    """Return the entry, if the customer has it."""
    e, t, lot = CreditEntry, CreditEntryText, CreditLot
    statement = (
        select(e.customer_id, e.seq, e.kind, e.amount_minor, e.balance_after_minor, e.description, e.is_quiet)
        .add_columns(e.reversed_seq, e.invoice_id, e.payment_id, e.subscription_id, Subscription.label)
        .add_columns(e.promo_code_id, e.other_customer_id, e.other_seq, e.actor, e.actor_id, e.key)
        .add_columns(e.effective_on, e.day, e.posted_at, Staff.name, Reason.name, Reason.position)
        .add_columns(t.note, t.customer_note, t.ticket_ref, t.erased_at)
        .add_columns(lot.class_, lot.opening_minor, lot.remaining_minor, lot.expires_at)
        .add_columns(_reversed_minor(e.customer_id, e.seq), _reversed_minor(e.customer_id, e.seq, Kind.VOID))
        .add_columns(_expired_minor(e.customer_id, e.seq))
        .outerjoin(t, and_(t.customer_id == e.customer_id, t.seq == e.seq))
        .outerjoin(lot, and_(lot.customer_id == e.customer_id, lot.seq == e.seq))
        .outerjoin(Subscription, and_(Subscription.customer_id == e.customer_id, Subscription.id == e.subscription_id))
        .outerjoin(Reason, Reason.id == e.reason_id)
        .outerjoin(Staff, and_(e.actor == "staff", Staff.id == e.actor_id))
        .where(e.customer_id == customer_id, e.seq == seq)
    )
    row = session.execute(statement).one_or_none()
    return EntryFacts(*row) if row else None


def undoings(session: Session, customer_id: int, seq: int) -> list[Undoing]:
    """Return the entries that take this one back, oldest first."""
    e = CreditEntry
    statement = (
        select(e.seq, e.description, e.amount_minor, e.posted_at)
        .where(e.customer_id == customer_id, e.reversed_seq == seq)
        .order_by(e.seq)
    )
    return [Undoing(*row) for row in session.execute(statement)]


def has_reversals(session: Session, customer_id: int) -> bool:
    """Return whether anything of this customer, or of who was merged into them, was ever taken back."""
    e = CreditEntry
    statement = select(e.seq).where(e.customer_id.in_(family(customer_id)), e.reversed_seq.is_not(None)).limit(1)
    return session.execute(statement).first() is not None


def balance_at_end_of(session: Session, customer_id: int, day: date) -> int:
    """Return what the balance was when this day of the panel's calendar ended."""
    e = CreditEntry
    statement = (
        select(e.balance_after_minor).where(e.customer_id == customer_id, e.day <= day).order_by(e.seq.desc()).limit(1)
    )
    return session.execute(statement).scalar_one_or_none() or 0


def course(session: Session, customer_id: int, since: datetime) -> list[Moment]:
    """Return the changes of the balance since then, oldest first; of very many, the newest `COURSE_MAX`."""
    e = CreditEntry
    newest = (
        select(e.posted_at, e.amount_minor, e.balance_after_minor)
        .where(e.customer_id == customer_id)
        .order_by(e.seq.desc())
        .limit(COURSE_MAX)
        .subquery()
    )
    rows = session.execute(select(newest).where(newest.c.posted_at >= since))
    return [Moment(*row) for row in reversed(rows.all())]


def _reversed_minor(
    customer_id: Any,  # noqa: ANN401  (a column of any table)
    seq: Any,  # noqa: ANN401  (the same)
    kind: Kind | None = None,
) -> ScalarSelect[int]:
    """Return how much of an entry has been taken back, without sign; with a kind, by entries of that kind alone."""
    back = CreditEntry.__table__.alias()
    statement = select(cast(func.coalesce(func.sum(func.abs(back.c.amount_minor)), 0), BigInteger)).where(
        back.c.customer_id == customer_id, back.c.reversed_seq == seq
    )
    return (statement.where(back.c.kind == kind) if kind else statement).scalar_subquery()


def _expired_minor(customer_id: Any, seq: Any) -> ScalarSelect[int]:  # noqa: ANN401  (columns of any table)
    """Return how much of the entry's lot was taken because its date had passed."""
    d, taking = CreditDraw, CreditEntry.__table__.alias()
    return (
        select(cast(func.coalesce(func.sum(d.amount_minor), 0), BigInteger))
        .join(taking, and_(taking.c.customer_id == d.customer_id, taking.c.seq == d.entry_seq))
        .where(d.customer_id == customer_id, d.lot_seq == seq, taking.c.kind == Kind.EXPIRED)
        .scalar_subquery()
    )
