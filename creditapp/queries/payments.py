"""Payments: the list across all customers, one payment with what it paid, and what the form wants to know.

Lists are walked by number, or within a range of days by day, newest first; a search looks at the payments of the
customers it finds, and at references.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, func, select, text, tuple_, union

from creditapp.models import (
    CreditEntry,
    Customer,
    Invoice,
    InvoiceStatus,
    Kind,
    Payment,
    PaymentAllocation,
    Staff,
)
from creditapp.queries import search
from creditapp.queries.merged import is_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SAME_REFERENCE_MAX = 3
CUSTOMERS_MAX = 200
"""A search for a customer looks at the payments of so many of them."""
OPEN_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFilter:
    """Which payments a list shows; what is empty does not matter."""

    text: str = ""
    """A payment's number, `#12`, a transaction reference, or what is known of its customer."""
    method: str = ""
    customer_id: int | None = None
    received_from: date | None = None
    received_until: date | None = None
    made_credit: bool = False

    @property
    def has_days(self) -> bool:
        return self.received_from is not None or self.received_until is not None


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """One payment, as its page shows it."""

    customer_id: int
    id: int
    amount_minor: int
    credit_minor: int
    method: str
    transaction_ref: str
    received_on: date
    note: str
    actor: str
    created_at: datetime
    customer: str
    company: str
    staff: str | None
    refunded_minor: int
    voided_at: datetime | None
    void_reason: str


@dataclass(frozen=True, slots=True)
class SameReference:
    """A payment that was recorded before with the same transaction reference."""

    customer_id: int
    id: int
    amount_minor: int
    received_on: date
    customer: str


@dataclass(frozen=True, slots=True)
class NotDue:
    """The invoice that a payment was for, and that took none of it."""

    invoice_id: int
    is_duplicate: bool
    """It had been paid; otherwise it was closed."""


@dataclass(frozen=True, slots=True)
class Named:
    """An invoice that a payment is to be for; minor units."""

    id: int
    kind: str
    status: str
    total_minor: int
    due_minor: int
    due_on: date | None


def select_list(session: Session, wanted: PaymentFilter) -> Select[*tuple[Any, ...]]:
    """Return the keys of the payments that fit, to be ordered by the columns that `order` names, and limited.

    What a text may mean is gathered first, by an index for each meaning.
    """
    p = Payment.__table__.c if not wanted.text else union(*_meanings(session, wanted.text)).subquery().c
    conditions: list[ColumnElement[bool]] = []
    if wanted.customer_id is not None:
        conditions.append(is_of(session, p.customer_id, wanted.customer_id))
    if wanted.method:
        conditions.append(p.method == wanted.method)
    if wanted.received_from is not None:
        conditions.append(p.received_on >= wanted.received_from)
    if wanted.received_until is not None:
        conditions.append(p.received_on <= wanted.received_until)
    if wanted.made_credit:
        conditions.append(p.credit_minor > 0)
    return select(p.customer_id, p.id, p.received_on).where(*conditions)


def order(wanted: PaymentFilter) -> tuple[str, ...]:
    """Return the names of the columns that order the list, in the order of an index: numbers rise, days may not."""
    return ("received_on", "id", "customer_id") if wanted.has_days else ("id", "customer_id")


def select_rows(page: Subquery) -> Select[*tuple[Any, ...]]:
    """Return what the list shows of the payments on one page; the order is the caller's.

    Columns: customer_id, id, received_on, amount_minor, credit_minor, method, transaction_ref, customer, company,
    voided_at.
    """
    p = Payment
    return (
        select(p.customer_id, p.id, p.received_on, p.amount_minor, p.credit_minor, p.method, p.transaction_ref)
        .add_columns(Customer.name.label("customer"), Customer.company, p.voided_at)
        .join_from(page, p, (p.customer_id == page.c.customer_id) & (p.id == page.c.id))
        .join(Customer, Customer.id == page.c.customer_id)
    )


def count(session: Session, wanted: PaymentFilter, *, most: int) -> int:
    """Return how many payments fit; counting stops at `most` and one more. In order, an index finds them."""
    keys = select_list(session, wanted)
    some = keys.order_by(*[keys.selected_columns[name] for name in order(wanted)]).limit(most + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one()


def invoices_of(session: Session, keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], list[int]]:
    """Return which invoices each of these payments (customer, number) paid, in their order."""
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    if keys:
        for customer_id, payment_id, invoice_id in session.execute(select_paid(keys)):
            found[customer_id, payment_id].append(invoice_id)
    return found


def not_due_of(session: Session, keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], NotDue]:
    """Return which invoice those of these payments (customer, number) were for that paid none: all became credit."""
    if not keys:
        return {}
    return {
        (customer_id, payment_id): NotDue(invoice_id, is_duplicate=kind == Kind.DUPLICATE_PAYMENT)
        for customer_id, payment_id, invoice_id, kind in session.execute(select_not_due(keys))
    }


def select_paid(keys: Sequence[tuple[int, int]]) -> Select[*tuple[Any, ...]]:
    """Return what these payments paid: customer_id, payment_id, invoice_id."""
    a = PaymentAllocation
    statement = select(a.customer_id, a.payment_id, a.invoice_id).where(_among(a.customer_id, a.payment_id, keys))
    return statement.order_by(a.payment_id, a.invoice_id)


def select_not_due(keys: Sequence[tuple[int, int]]) -> Select[*tuple[Any, ...]]:
    """Return what took none of these payments: customer_id, payment_id, invoice_id, kind of the entry.

    A payment and the entry it makes have one key, and that is how the entry is found.
    """
    p, e = Payment, CreditEntry
    return (
        select(p.customer_id, p.id, e.invoice_id, e.kind)
        .join(e, (e.customer_id == p.customer_id) & (e.key == p.key))
        .where(_among(p.customer_id, p.id, keys), p.credit_minor == p.amount_minor)
        .where(e.kind.in_((Kind.DUPLICATE_PAYMENT, Kind.OVERPAYMENT)), e.invoice_id.is_not(None))
    )


def newest_of(session: Session, customer_id: int, most: int) -> list[Any]:
    """Return the newest payments of the customer, and of who was merged into them, as `select_rows` has them."""
    p = Payment
    theirs = select(p.customer_id, p.id).where(is_of(session, p.customer_id, customer_id))
    page = theirs.order_by(p.id.desc()).limit(most)
    return list(session.execute(select_rows(page.subquery()).order_by(p.id.desc())))


def find(session: Session, payment_id: int) -> PaymentFacts | None:
    """Return the payment of this number, found by the plain index on numbers."""
    p, c = Payment, Customer
    statement = (
        select(p.customer_id, p.id, p.amount_minor, p.credit_minor, p.method, p.transaction_ref, p.received_on, p.note)
        .add_columns(p.actor, p.created_at, c.name, c.company, Staff.name, p.refunded_minor, p.voided_at, p.void_reason)
        .join(c, c.id == p.customer_id)
        .outerjoin(Staff, (Staff.id == p.actor_id) & (p.actor == "staff"))
        .where(p.id == payment_id)
    )
    row = session.execute(statement).first()
    return PaymentFacts(*row) if row else None


def allocations(session: Session, customer_id: int, payment_id: int) -> list[Any]:
    """Return what it paid: invoice_id, kind, status, amount_minor, refunded_minor."""
    a, i = PaymentAllocation, Invoice
    statement = (
        select(a.invoice_id, i.kind, i.status, a.amount_minor, a.refunded_minor)
        .join(i, (i.customer_id == a.customer_id) & (i.id == a.invoice_id))
        .where(a.customer_id == customer_id, a.payment_id == payment_id)
        .order_by(a.invoice_id)
    )
    return list(session.execute(statement))


def entries(session: Session, customer_id: int, payment_id: int) -> list[Any]:
    """Return the entries it made: seq, description, amount_minor, posted_at."""
    e = CreditEntry
    statement = select(e.seq, e.description, e.amount_minor, e.posted_at).where(
        e.customer_id == customer_id, e.payment_id == payment_id
    )
    return list(session.execute(statement.order_by(e.seq)))


def same_reference(session: Session, transaction_ref: str) -> list[SameReference]:
    """Return the payments that were recorded with this reference, newest first; none for an empty one."""
    if not transaction_ref:
        return []
    p, c = Payment, Customer
    statement = (
        select(p.customer_id, p.id, p.amount_minor, p.received_on, c.name)
        .join(c, c.id == p.customer_id)
        .where(p.transaction_ref == transaction_ref, text("transaction_ref <> ''"))
        .order_by(p.id.desc())
        .limit(SAME_REFERENCE_MAX)
    )
    return [SameReference(*row) for row in session.execute(statement)]


def named(session: Session, customer_id: int, invoice_ids: Sequence[int]) -> list[Named]:
    """Return these invoices of the customer in the order in which they are named; what is not there is left out."""
    i = Invoice
    rows = session.execute(_select_named().where(i.customer_id == customer_id, i.id.in_(invoice_ids)))
    found = {row.id: Named(*row) for row in rows}
    return [found[one] for one in dict.fromkeys(invoice_ids) if one in found]


def open_of(session: Session, customer_id: int) -> list[Named]:
    """Return what the customer owes, oldest due first."""
    i = Invoice
    statement = _select_named().where(i.customer_id == customer_id, i.status == InvoiceStatus.UNPAID)
    return [Named(*row) for row in session.execute(statement.order_by(i.due_on, i.id).limit(OPEN_MAX))]


def _among(customer_id: Any, payment_id: Any, keys: Sequence[tuple[int, int]]) -> ColumnElement[bool]:  # noqa: ANN401  (columns)
    """Return whether it is one of these payments; SQLite looks pairs up by an index only where each part is named."""
    customers, numbers = {key[0] for key in keys}, {key[1] for key in keys}
    return and_(customer_id.in_(customers), payment_id.in_(numbers), tuple_(customer_id, payment_id).in_(keys))


def _select_named() -> Select[*tuple[Any, ...]]:
    i = Invoice
    due_minor = i.total_minor - i.credit_minor - i.paid_minor
    return select(i.id, i.kind, i.status, i.total_minor, due_minor.label("due_minor"), i.due_on)


def _meanings(session: Session, typed: str) -> list[Select[*tuple[Any, ...]]]:
    """Return the payments that were typed: by number, by reference, and by customer."""
    p = Payment.__table__.c
    keys = select(p.customer_id, p.id, p.method, p.received_on, p.credit_minor)
    digits = typed.removeprefix("#")
    is_number = digits.isascii() and digits.isdigit() and len(digits) < 17  # noqa: PLR2004  (ID_MAX has 16 digits)
    found = [keys.where(p.id == (int(digits) if is_number and int(digits) <= search.ID_MAX else 0))]
    if not typed.startswith("#"):
        found.append(keys.where(p.transaction_ref == typed, text("transaction_ref <> ''")))
    if not typed.startswith("#") and len(typed) >= search.LETTERS_MIN:
        fits = search.customers_matching(session, typed)
        ids = select(Customer.id).where(fits).order_by(Customer.name_key, Customer.id).limit(CUSTOMERS_MAX)
        found.append(keys.where(p.customer_id.in_(list(session.execute(ids).scalars()))))
    return found
