from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from creditapp.db import db, transact, transact_at
from creditapp.errors import (
    CustomerClosedError,
    CustomerNotFoundError,
    FormReusedError,
    PeriodStartError,
    ProductError,
    StaleFormError,
    SubscriptionCancelledError,
    SubscriptionNotFoundError,
)
from creditapp.models import AuditDetails, AuditRow, Cycle, Subscription, SubscriptionStatus
from creditapp.services import numbers, products, subscriptions
from creditapp.services.invoices.lines import DESCRIPTION_CHARS_MAX
from creditapp.services.subscriptions import NewSubscription, SubscriptionFields
from tests.crowd import together
from tests.factories import (
    actor,
    change_settings,
    make_customer,
    make_product,
    make_subscription,
    moment,
    new_key,
)

FIELDS = SubscriptionFields(
    label="shop.example", location="eu-west-1", price_minor=1_500, next_due_on=date(2026, 4, 1), anchor_day=1
)
NOWHERE = 10**9

pytestmark = pytest.mark.money


def create(
    customer_id: int | None = None,
    *,
    key: str | None = None,
    product_id: int | None = None,
    **fields: Any,  # noqa: ANN401  (what `NewSubscription` holds)
) -> int:
    new: dict[str, Any] = {
        "label": "shop.example",
        "started_on": date(2026, 3, 15),
        "next_due_on": date(2026, 3, 15),
    } | fields
    return transact(
        subscriptions.create,
        customer_id or make_customer(),
        NewSubscription(product_id=product_id or make_product(), **new),
        number=transact(numbers.reserve, "subscriptions"),
        by=actor(),
        key=key or new_key(),
    )


def edit(customer_id: int, subscription_id: int, fields: SubscriptionFields = FIELDS, version: int = 1) -> None:
    transact(subscriptions.edit, customer_id, subscription_id, fields, version=version, by=actor())


def cancel(customer_id: int, subscription_id: int, version: int = 1) -> None:
    transact(subscriptions.cancel, customer_id, subscription_id, version=version, by=actor())


def found(subscription_id: int) -> Subscription:
    db.session.rollback()
    statement = select(Subscription).where(Subscription.id == subscription_id)
    return db.session.execute(statement.execution_options(populate_existing=True)).scalar_one()


def count() -> int:
    db.session.rollback()
    return db.session.execute(select(func.count()).select_from(Subscription)).scalar_one()


def acts() -> list[tuple[str, int | None, dict[str, Any]]]:
    db.session.rollback()
    columns = select(AuditRow.action, AuditRow.object_id, AuditDetails.details).join(AuditDetails)
    statement = columns.where(AuditRow.object_kind == "subscription").order_by(AuditRow.seq)
    return [(action, object_id, details or {}) for action, object_id, details in db.session.execute(statement)]


def test_the_longest_label_fits_on_an_invoice_beside_the_longest_name() -> None:
    line = f"{'N' * products.NAME_CHARS_MAX}: {'L' * subscriptions.LABEL_CHARS_MAX}"

    assert len(line) <= DESCRIPTION_CHARS_MAX


def test_a_new_subscription_costs_what_its_product_does(app: Flask) -> None:
    customer_id = make_customer()
    product_id = make_product(price_minor=4_999, cycle=Cycle.QUARTERLY)

    made = found(create(customer_id, product_id=product_id, location="eu-west-1"))

    assert (made.customer_id, made.product_id, made.label, made.location) == (
        customer_id,
        product_id,
        "shop.example",
        "eu-west-1",
    )
    assert (made.price_minor, made.cycle, made.status) == (4_999, "quarterly", "active")
    assert (made.started_on, made.next_due_on, made.anchor_day) == (date(2026, 3, 15), date(2026, 3, 15), 15)
    assert (made.paid_until, made.cancelled_on, made.version) == (None, None, 1)
    [(action, object_id, details)] = acts()
    assert (action, object_id) == ("subscription_created", made.id)
    assert (details["after"]["customer_id"], details["after"]["price_minor"]) == (customer_id, 4_999)


@pytest.mark.parametrize("price_minor", [0, 1, 99])
def test_a_price_of_its_own_wins_over_the_product(app: Flask, price_minor: int) -> None:
    assert found(create(price_minor=price_minor)).price_minor == price_minor


@pytest.mark.parametrize(
    ("started_on", "next_due_on", "typed", "anchor_day"),
    [
        ("2026-01-31", "2026-02-28", None, 31),
        ("2026-01-15", "2026-02-28", None, 28),
        ("2026-02-28", "2026-02-28", 31, 31),
        ("2026-03-15", "2026-04-01", 1, 1),
    ],
)
def test_periods_begin_on_the_day_that_was_typed_or_on_the_one_the_dates_suggest(
    app: Flask, started_on: str, next_due_on: str, typed: int | None, anchor_day: int
) -> None:
    dates: dict[str, Any] = {
        "started_on": date.fromisoformat(started_on),
        "next_due_on": date.fromisoformat(next_due_on),
    }

    assert found(create(**dates, anchor_day=typed)).anchor_day == anchor_day


def test_a_day_that_does_not_lead_to_the_date_is_refused(app: Flask) -> None:
    with pytest.raises(PeriodStartError):
        create(next_due_on=date(2026, 3, 30), anchor_day=31)

    assert count() == 0


def test_the_same_form_makes_one_subscription(app: Flask) -> None:
    customer_id, product_id = make_customer(), make_product()

    first, again = (create(customer_id, product_id=product_id, key="one-form-sent-twice") for _ in range(2))

    assert first == again
    assert (count(), len(acts())) == (1, 1)
    with pytest.raises(FormReusedError):
        create(customer_id, product_id=product_id, key="one-form-sent-twice", label="another.example")


def test_a_crowd_of_clicks_makes_one_subscription(app: Flask) -> None:
    customer_id, product_id, key = make_customer(), make_product(), new_key()
    actor()

    outcomes = together([partial(create, customer_id, product_id=product_id, key=key)] * 8)

    assert len(set(outcomes)) == 1
    assert count() == 1


def test_what_is_not_sold_or_does_not_renew_is_refused(app: Flask) -> None:
    for product_id in (make_product(is_active=False), make_product(cycle=Cycle.ONE_OFF), NOWHERE):
        with pytest.raises(ProductError):
            create(product_id=product_id)

    assert count() == 0


def test_only_a_customer_who_is_there_can_have_one(app: Flask) -> None:
    closed = make_customer(status="closed")
    for customer_id, refusal in ((closed, CustomerClosedError), (NOWHERE, CustomerNotFoundError)):
        with pytest.raises(refusal):
            create(customer_id)

    assert count() == 0
    assert create(make_customer(status="inactive"))


def test_an_edit_is_audited_with_what_was_so_before(app: Flask) -> None:
    customer_id = make_customer()
    subscription_id = make_subscription(customer_id, label="old.example", next_due_on=date(2026, 4, 1))

    edit(customer_id, subscription_id, replace(FIELDS, status=SubscriptionStatus.SUSPENDED, location=""))

    now = found(subscription_id)
    assert (now.label, now.price_minor, now.status, now.version) == ("shop.example", 1_500, "suspended", 2)
    action, object_id, details = acts()[-1]
    assert (action, object_id) == ("subscription_edited", subscription_id)
    assert details["before"] == {"label": "old.example", "price_minor": 1_000, "status": "active"}
    assert details["after"] == {"label": "shop.example", "price_minor": 1_500, "status": "suspended"}


def test_an_edit_without_a_price_keeps_it_whatever_the_product_costs_now(app: Flask) -> None:
    customer_id = make_customer()
    subscription_id = make_subscription(customer_id, make_product(price_minor=5_000), price_minor=700)

    edit(customer_id, subscription_id, replace(FIELDS, price_minor=None))

    assert found(subscription_id).price_minor == 700


def test_an_edit_without_an_anchor_takes_it_from_the_dates(app: Flask) -> None:
    customer_id = make_customer()
    subscription_id = make_subscription(customer_id, started_on=date(2025, 1, 31))

    edit(customer_id, subscription_id, replace(FIELDS, next_due_on=date(2026, 2, 28), anchor_day=None))
    assert found(subscription_id).anchor_day == 31

    with pytest.raises(PeriodStartError):
        edit(customer_id, subscription_id, replace(FIELDS, next_due_on=date(2026, 2, 27), anchor_day=31), version=2)
    assert found(subscription_id).next_due_on == date(2026, 2, 28)


def test_the_same_edit_sent_twice_is_saved_once(app: Flask) -> None:
    customer_id = make_customer()
    subscription_id = make_subscription(customer_id)

    for _ in range(2):
        edit(customer_id, subscription_id)

    assert found(subscription_id).version == 2
    assert len(acts()) == 1


def test_the_second_of_two_tabs_is_refused(app: Flask) -> None:
    customer_id = make_customer()
    subscription_id = make_subscription(customer_id)
    edit(customer_id, subscription_id)

    with pytest.raises(StaleFormError):
        edit(customer_id, subscription_id, replace(FIELDS, label="another.example"))
    with pytest.raises(StaleFormError):
        cancel(customer_id, subscription_id)

    assert (found(subscription_id).label, found(subscription_id).status) == ("shop.example", "active")


def test_of_a_crowd_of_tabs_one_is_saved(app: Flask) -> None:
    customer_id = make_customer()
    subscription_id = make_subscription(customer_id)
    actor()

    changes = [replace(FIELDS, price_minor=100 * number) for number in range(1, 7)]
    outcomes = together([partial(edit, customer_id, subscription_id, fields) for fields in changes])

    assert [type(one) for one in outcomes].count(StaleFormError) == 5
    assert found(subscription_id).version == 2


def test_a_cancelled_subscription_says_since_when_in_the_panels_day(app: Flask) -> None:
    change_settings(time_zone="Pacific/Auckland")
    customer_id, by = make_customer(), actor()
    subscription_id = make_subscription(customer_id)

    for _ in range(2):
        transact_at(moment("2026-03-02 12:00"), subscriptions.cancel, customer_id, subscription_id, version=1, by=by)

    now = found(subscription_id)
    assert (now.status, now.cancelled_on, now.version) == ("cancelled", date(2026, 3, 3), 2)
    [(action, _object_id, details)] = acts()
    assert action == "subscription_cancelled"
    assert details["after"] == {"status": "cancelled", "cancelled_on": "2026-03-03"}


def test_what_is_cancelled_does_not_change_any_more(app: Flask) -> None:
    customer_id = make_customer()
    subscription_id = make_subscription(customer_id)
    cancel(customer_id, subscription_id)

    with pytest.raises(SubscriptionCancelledError):
        edit(customer_id, subscription_id, version=2)

    assert found(subscription_id).status == "cancelled"


def test_a_closed_customers_subscription_can_be_cancelled_and_nothing_else(app: Flask) -> None:
    customer_id = make_customer(status="closed")
    subscription_id = make_subscription(customer_id)

    with pytest.raises(CustomerClosedError):
        edit(customer_id, subscription_id)
    cancel(customer_id, subscription_id)

    assert (found(subscription_id).label != "shop.example", found(subscription_id).status) == (True, "cancelled")


def test_somebody_elses_subscription_is_not_there(app: Flask) -> None:
    owner, other = make_customer(), make_customer()
    subscription_id = make_subscription(owner)

    for act in (edit, cancel):
        with pytest.raises(SubscriptionNotFoundError):
            act(other, subscription_id)

    assert found(subscription_id).version == 1


@pytest.mark.parametrize("status", [SubscriptionStatus.PENDING, SubscriptionStatus.CANCELLED])
def test_a_status_that_nobody_sets_by_hand_is_a_mistake_of_the_caller(app: Flask, status: SubscriptionStatus) -> None:
    customer_id = make_customer()
    subscription_id = make_subscription(customer_id)

    with pytest.raises(ValueError, match="not set by hand"):
        edit(customer_id, subscription_id, replace(FIELDS, status=status))
    with pytest.raises(ValueError, match="not set by hand"):
        create(customer_id, status=status)


def test_a_pending_subscription_stays_pending_until_somebody_says_otherwise(app: Flask) -> None:
    customer_id = make_customer()
    subscription_id = make_subscription(customer_id, status="pending")

    edit(customer_id, subscription_id, replace(FIELDS, status=SubscriptionStatus.PENDING))
    assert found(subscription_id).status == "pending"
    edit(customer_id, subscription_id, FIELDS, version=2)
    assert found(subscription_id).status == "active"
