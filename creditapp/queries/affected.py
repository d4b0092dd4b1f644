"""Who an incident hit: the subscriptions that depended on what was down while it was down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, cast, func, literal_column, or_, select, tuple_

from creditapp.bulk import among
from creditapp.models import (
    Batch,
    BatchLine,
    CreditAccount,
    CreditEntry,
    Customer,
    Incident,
    IncidentCustomer,
    IncidentLocation,
    IncidentProduct,
    Invoice,
    InvoiceStatus,
    Kind,
    Product,
    Subscription,
    SubscriptionStatus,
)
from creditapp.queries import merged

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.orm import Session

HAS_PLACE = Subscription.location != literal_column("''")
"""In the words of the index of locations, which holds no others."""


@dataclass(frozen=True, slots=True)
class Hit:
    """What an incident hit, and on which of the panel's days it began and ended."""

    incident_id: int
    product_ids: tuple[int, ...]
    locations: tuple[str, ...]
    has_customers: bool
    """Only these customers, whose list may be long; it stays in the database."""
    first_day: date
    last_day: date

    @property
    def is_nothing(self) -> bool:
        return not (self.product_ids or self.locations or self.has_customers)


@dataclass(frozen=True, slots=True)
class Credited:
    """Credit for downtime that a subscription has had: for which incident, and under which key."""

    subscription_id: int
    incident_id: int | None
    key: str
    stands: bool
    """It has not been taken back."""


def find_hit(session: Session, incident_id: int, first_day: date, last_day: date) -> Hit:
    """Return what the incident hit."""
    products, places, customers = IncidentProduct, IncidentLocation, IncidentCustomer
    found = select(products.product_id).where(products.incident_id == incident_id).order_by(products.product_id)
    named = select(places.location).where(places.incident_id == incident_id).order_by(places.location)
    anybody = select(customers.customer_id).where(customers.incident_id == incident_id).limit(1)
    return Hit(
        incident_id,
        tuple(session.execute(found).scalars()),
        tuple(session.execute(named).scalars()),
        session.execute(anybody).first() is not None,
        first_day,
        last_day,
    )


def select_next(hit: Hit, after: tuple[int, int], *, most: int) -> Select[*tuple[Any, ...]]:
    """Return the affected subscriptions that come after this customer and subscription, by rising customer.

    Columns: customer_id, id, label, product, price_minor, cycle, tax_bp, status, started_on, cancelled_on,
    customer_status, frozen_at, closed_at.
    """
    s, p, c, a = Subscription, Product, Customer, CreditAccount
    page = _select_keys(hit, after).order_by(s.customer_id, s.id).limit(most).subquery("hit")
    return (
        select(s.customer_id, s.id, s.label, p.name.label("product"), s.price_minor, s.cycle, p.tax_bp, s.status)
        .add_columns(s.started_on, s.cancelled_on, c.status.label("customer_status"), a.frozen_at, a.closed_at)
        .join_from(page, s, and_(s.customer_id == page.c.customer_id, s.id == page.c.id))
        .join(p, p.id == s.product_id)
        .join(c, c.id == s.customer_id)
        .join(a, a.customer_id == s.customer_id)
        .order_by(s.customer_id, s.id)
    )


def count(session: Session, hit: Hit) -> int:
    """Return how many subscriptions were affected."""
    return session.execute(select(func.count()).select_from(_select_keys(hit, (0, 0)).subquery())).scalar_one()


def credited(session: Session, customer_ids: Collection[int]) -> list[Credited]:
    """Return which subscriptions of these customers have had credit for downtime, under whatever name they had then."""
    e = CreditEntry
    everybody = {*customer_ids, *merged.absorbed_by(session, customer_ids)}
    statement = select(e.subscription_id, e.incident_id, e.key, stands()).where(
        among(session, e.__table__.c.customer_id, everybody),
        e.kind == str(Kind.DOWNTIME),
        e.subscription_id.is_not(None),
    )
    rows = session.execute(statement)
    return [Credited(number, incident_id, key, bool(stands)) for number, incident_id, key, stands in rows if number]


def stands() -> ColumnElement[bool]:
    """Return whether credit for downtime, an entry of the statement, has neither been taken back nor been billed.

    An invoice that asks for what had been spent takes back the rest; one that was cancelled does not.
    """
    e, back, line, batch, invoice = CreditEntry, CreditEntry.__table__.alias("back"), BatchLine, Batch, Invoice
    taken = (
        select(cast(func.coalesce(func.sum(func.abs(back.c.amount_minor)), 0), BigInteger))
        .where(back.c.customer_id == e.customer_id, back.c.reversed_seq == e.seq)
        .correlate(e)
        .scalar_subquery()
    )
    billed = (
        select(line.line)
        .join(batch, batch.id == line.batch_id)
        .join(invoice, and_(invoice.customer_id == line.customer_id, invoice.id == line.invoice_id))
        .where(batch.reverses_id == e.batch_id, line.customer_id == e.customer_id)
        .where(line.subscription_id == e.subscription_id)
        .where(or_(invoice.status != str(InvoiceStatus.CANCELLED), invoice.moved_to_id.is_not(None)))
        .correlate(e)
        .exists()
    )
    return and_(taken < e.amount_minor, ~billed)


def overlapping(
    session: Session, incident_id: int, starts_at: datetime, ends_at: datetime, others: Collection[int]
) -> dict[int, str]:
    """Return those of the other incidents, by id with their titles, that lasted at some time in between."""
    i = Incident
    statement = select(i.id, i.title).where(
        among(session, i.__table__.c.id, others),
        i.id != incident_id,
        i.starts_at < ends_at,
        or_(i.ends_at.is_(None), i.ends_at > starts_at),
    )
    return {row.id: row.title for row in session.execute(statement)}


def _select_keys(hit: Hit, after: tuple[int, int]) -> Select[*tuple[Any, ...]]:
    """Return the keys of the affected subscriptions after this one, in no order."""
    s = Subscription
    statement = select(s.customer_id, s.id).where(*_conditions(hit))
    if hit.has_customers:
        i = IncidentCustomer
        named = and_(i.customer_id == s.customer_id, i.incident_id == hit.incident_id)
        # Said of both tables, so that either can be begun with where the last page ended.
        statement = statement.join(i, named).where(i.customer_id >= after[0])
    return statement.where(tuple_(s.customer_id, s.id) > tuple_(*after))


def _conditions(hit: Hit) -> Sequence[ColumnElement[bool]]:
    s = Subscription
    was_active = or_(
        s.status.in_([str(SubscriptionStatus.ACTIVE), str(SubscriptionStatus.SUSPENDED)]),
        and_(s.status == str(SubscriptionStatus.CANCELLED), s.cancelled_on > hit.first_day),
    )
    return [*_what_was_down(hit), was_active, s.started_on <= hit.last_day, s.moved_to_id.is_(None)]


def _what_was_down(hit: Hit) -> list[ColumnElement[bool]]:
    s = Subscription
    if not (hit.product_ids or hit.locations):
        return []
    if len(hit.product_ids) == 1 and not hit.locations and not hit.has_customers:
        return [s.product_id == hit.product_ids[0]]  # its index is in the order of the pages
    if len(hit.locations) == 1 and not hit.product_ids and not hit.has_customers:
        return [HAS_PLACE, s.location == hit.locations[0]]
    ways: list[ColumnElement[bool]] = []
    if hit.product_ids:
        # The sum keeps the engine from looking up all rows of several products, for each page anew, to sort them.
        ways.append((s.product_id + 0).in_(hit.product_ids))
    if hit.locations:
        ways.append(s.location.in_(hit.locations))
    return [or_(*ways)]
