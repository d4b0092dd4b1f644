"""Subscriptions: what a customer pays for again and again. Cancelled, never deleted: invoices and entries name them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, insert, select, update

from creditapp.db import now
from creditapp.errors import (
    CustomerNotFoundError,
    MergedError,
    PeriodStartError,
    ProductError,
    StaleFormError,
    SubscriptionCancelledError,
    SubscriptionNotFoundError,
)
from creditapp.models import Customer, Cycle, Product, Subscription, SubscriptionStatus
from creditapp.services import audit, customers, days, periods, request_keys, survivors
from creditapp.services.audit import Action

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

LABEL_CHARS_MAX = 170
"""Leaves room on the invoice for the product's name."""
LOCATION_CHARS_MAX = 80
BY_HAND = {SubscriptionStatus.ACTIVE, SubscriptionStatus.SUSPENDED}
"""The statuses a person may choose; an order makes a pending one, and `cancel` a cancelled one."""
WHAT = "this subscription"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionFields:
    """What its form may change: cleaned and within its lengths.

    Without a price a new one costs what its product does, and a known one what it did. Without an anchor, periods
    begin on the day that `next_due_on` suggests.
    """

    label: str
    next_due_on: date
    location: str = ""
    price_minor: int | None = None
    anchor_day: int | None = None
    status: SubscriptionStatus = SubscriptionStatus.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubscription(SubscriptionFields):
    """A subscription to be made: of what, and since when."""

    product_id: int
    started_on: date


def create(session: Session, customer_id: int, new: NewSubscription, *, number: int, by: Actor, key: str) -> int:
    """Give the customer a subscription, and return its id: `number`, reserved before in a transaction of its own.

    The same key again makes no second one, and returns the first one's id whatever the number.

    Raises:
        CustomerNotFoundError, CustomerClosedError: there is nobody to give it to, or no longer.
        ProductError: there is no such product, it is switched off, or it is paid for once only.
        PeriodStartError: the anchor does not lead to the day it is next due.
        FormReusedError: the key has made another subscription.
    """
    _check_status(new, SubscriptionStatus.ACTIVE)
    customers.lock_settings(session)
    content = (customer_id, *_as_text(new), by.kind, by.id)
    earlier = request_keys.claim(session, "subscription", key, content)
    if earlier is not None:
        return int(earlier)
    _check_customer(session, customer_id)
    sold = _sold(session, new.product_id)
    values = _values(new, started_on=new.started_on, price_minor=sold.price_minor)
    made = {**values, "product_id": new.product_id, "started_on": new.started_on, "cycle": sold.cycle}
    moment = now(session)
    session.execute(
        insert(Subscription).values(
            **made, customer_id=customer_id, id=number, version=1, created_at=moment, updated_at=moment
        )
    )
    request_keys.keep(session, "subscription", key, str(number))
    after = {**made, "customer_id": customer_id}
    audit.record(session, Action.SUBSCRIPTION_CREATED, by, "subscription", number, after=after)
    return number


def edit(
    session: Session, customer_id: int, subscription_id: int, fields: SubscriptionFields, *, version: int, by: Actor
) -> None:
    """Save a subscription; `version` is the one the form was opened on.

    Nothing is written when nothing differs, so that the same form sent twice is saved once. An invoice that has been
    made stays as it is.

    Raises:
        SubscriptionNotFoundError, SubscriptionCancelledError: there is none to change, or no longer.
        CustomerClosedError: the customer is closed, or merged into another.
        PeriodStartError: the anchor does not lead to the day it is next due.
        StaleFormError: somebody else saved it meanwhile, or it was renewed.
    """
    customers.lock_settings(session)
    _check_customer(session, customer_id)
    saved = _lock(session, customer_id, subscription_id)
    if saved["status"] == SubscriptionStatus.CANCELLED:
        raise SubscriptionCancelledError(subscription_id)
    _check_status(fields, saved["status"])
    after = _values(fields, started_on=saved["started_on"], price_minor=saved["price_minor"])
    before = {name: saved[name] for name in after}
    if before == after:
        return
    if saved["version"] != version:
        raise StaleFormError(WHAT)
    _write(session, customer_id, subscription_id, {**after, "version": version + 1})
    audit.record(session, Action.SUBSCRIPTION_EDITED, by, "subscription", subscription_id, before, after)


def cancel(session: Session, customer_id: int, subscription_id: int, *, version: int, by: Actor) -> None:
    """End a subscription today: it renews no more. Invoices that have been made stay as they are.

    Safe to repeat: what is cancelled stays as it is.

    Raises:
        SubscriptionNotFoundError: there is none.
        MergedError: the customer was merged into another, who has it now.
        StaleFormError: somebody else saved it meanwhile, or it was renewed.
    """
    customers.lock_settings(session)
    saved = _lock(session, customer_id, subscription_id)
    if saved["status"] == SubscriptionStatus.CANCELLED:
        return
    if saved["version"] != version:
        raise StaleFormError(WHAT)
    before = {"status": saved["status"], "cancelled_on": None}
    after = {"status": str(SubscriptionStatus.CANCELLED), "cancelled_on": days.today(session)}
    _write(session, customer_id, subscription_id, {**after, "version": version + 1})
    audit.record(session, Action.SUBSCRIPTION_CANCELLED, by, "subscription", subscription_id, before, after)


def _values(fields: SubscriptionFields, *, started_on: date, price_minor: int) -> dict[str, Any]:
    """Return what the row holds of the fields, with what they leave open filled in."""
    anchor_day = fields.anchor_day or periods.anchor_of(started_on, fields.next_due_on)
    if not periods.is_start(fields.next_due_on, anchor_day):
        raise PeriodStartError(due_on=fields.next_due_on, anchor_day=anchor_day)
    return {
        "label": fields.label,
        "location": fields.location,
        "price_minor": price_minor if fields.price_minor is None else fields.price_minor,
        "anchor_day": anchor_day,
        "next_due_on": fields.next_due_on,
        "status": str(fields.status),
    }


def _as_text(new: NewSubscription) -> list[str | None]:
    return [None if value is None else str(value) for value in asdict(new).values()]


def _check_status(fields: SubscriptionFields, now_is: str) -> None:
    if fields.status not in BY_HAND and fields.status != now_is:
        raise ValueError(f"The status {fields.status} is not set by hand.")


def _check_customer(session: Session, customer_id: int) -> None:
    """Hold the customer as it is until the commit: nobody closes or merges it meanwhile."""
    c = Customer.__table__.c
    status = session.execute(
        select(c.status).where(c.id == customer_id).with_for_update(read=True)
    ).scalar_one_or_none()
    if status is None:
        raise CustomerNotFoundError(customer_id)
    if status not in customers.BY_HAND:
        raise survivors.closed_error(session, customer_id)


def _sold(session: Session, product_id: int) -> Row[int, str, bool]:
    """Hold the product as it is until the commit, and return its price and cycle."""
    p = Product
    columns = select(p.price_minor, p.cycle, p.is_active)
    row = session.execute(columns.where(p.id == product_id).with_for_update(read=True)).one_or_none()
    if row is None:
        raise ProductError("Choose a product from the list.")
    if not row.is_active:
        raise ProductError("This product is not sold any more. Choose another one.")
    if not Cycle(row.cycle).months:
        raise ProductError("This product is paid for once, and does not renew. Choose another one.")
    return row


def _lock(session: Session, customer_id: int, subscription_id: int) -> dict[str, Any]:
    """Lock the subscription and return its row."""
    s = Subscription.__table__.c
    statement = select(*s).where(s.customer_id == customer_id, s.id == subscription_id)
    row = session.execute(statement.with_for_update(key_share=True)).mappings().one_or_none()
    if row is None:
        raise SubscriptionNotFoundError(subscription_id)
    if row["moved_to_id"] is not None:
        raise MergedError(customer_id, survivors.survivor(session, customer_id))
    return dict(row)


def _write(session: Session, customer_id: int, subscription_id: int, values: dict[str, Any]) -> None:
    s = Subscription.__table__.c
    row = update(Subscription).where(s.customer_id == customer_id, s.id == subscription_id)
    session.execute(row.values(**values, updated_at=now(session)))
