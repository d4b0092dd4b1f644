"""The next invoice of a customer, before it is made: it is what renewing would make of it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask

from creditapp.db import db, transact
from creditapp.models import Invoice, Role, SubscriptionStatus
from creditapp.queries import upcoming
from creditapp.queries.upcoming import DAYS_AHEAD, Upcoming
from creditapp.services import numbers, renewals
from creditapp.web.filters import day
from tests.browser import Browser
from tests.factories import balance_of, change_settings, make_customer, make_product, make_staff, make_subscription

TODAY = date(2026, 3, 1)
DUE = date(2026, 3, 14)


def expected(customer_id: int, **facts: Any) -> Upcoming | None:  # noqa: ANN401  (what `next_invoice` takes)
    known: dict[str, Any] = {"today": TODAY, "is_frozen": False, "override": None} | facts
    return upcoming.next_invoice(db.session(), customer_id, balance_of(customer_id), **known)


def renews(customer_id: int, price_minor: int = 4000, *, on: date = DUE, **product: Any) -> None:  # noqa: ANN401
    make_subscription(customer_id, make_product(price_minor=price_minor, **product), next_due_on=on)


@pytest.mark.parametrize(("balance_minor", "credit_minor"), [(5000, 4000), (2500, 2500), (0, 0)])
def test_credit_pays_all_of_it_part_or_none(app: Flask, balance_minor: int, credit_minor: int) -> None:
    customer_id = make_customer(balance_minor)
    renews(customer_id)

    assert expected(customer_id) == Upcoming(DUE, 1, 4000, credit_minor)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"full_cover_only": True},
        {"minimum_remainder_minor": 1000},
        {"automatic_kinds": "order"},
        {"automatic_on_new": False},
        {"credits_enabled": False},
        {"prices_include_tax": True},
    ],
)
def test_it_is_what_renewing_makes_of_it(app: Flask, settings: dict[str, Any]) -> None:
    change_settings(**settings)
    customer_id = make_customer(5500)
    renews(customer_id, 4000, tax_bp=1900)
    renews(customer_id, 1000, is_credit_automatic=False)
    renews(customer_id, 1999, tax_bp=700)
    renews(customer_id, 9999, on=DUE + timedelta(days=1))

    before = expected(customer_id)
    due = renewals.due_after(db.session(), DUE)
    transact(renewals.renew, due, transact(numbers.reserve, "invoices", len(due)), on=TODAY)

    made = db.session.query(Invoice).all()
    total_minor, credit_minor = sum(one.total_minor for one in made), sum(one.credit_minor for one in made)
    assert before == Upcoming(DUE, 3, total_minor, credit_minor)


def test_a_word_of_their_own_and_a_frozen_balance_count(app: Flask) -> None:
    customer_id = make_customer(5000)
    renews(customer_id)
    change_settings(automatic_on_new=False)

    amounts = [expected(customer_id, override=override) for override in (None, True, False)]

    assert [one.credit_minor for one in amounts if one] == [0, 4000, 0]
    assert expected(customer_id, override=True, is_frozen=True) == Upcoming(DUE, 1, 4000, 0)


def test_only_what_is_active_and_due_soon_is_said(app: Flask) -> None:
    customer_id = make_customer()
    assert expected(customer_id) is None
    make_subscription(customer_id, make_product(), next_due_on=DUE, status=SubscriptionStatus.SUSPENDED)
    renews(customer_id, on=TODAY + timedelta(days=DAYS_AHEAD + 1))
    assert expected(customer_id) is None

    renews(customer_id, on=TODAY + timedelta(days=DAYS_AHEAD))
    assert expected(customer_id) == Upcoming(TODAY + timedelta(days=DAYS_AHEAD), 1, 4000, 0)


def test_the_users_page_says_it(browser: Browser) -> None:
    customer_id, due_on = make_customer(2500), date.today() + timedelta(days=10)  # noqa: DTZ011  (a day near enough)
    make_subscription(customer_id, make_product(price_minor=4000), next_due_on=due_on, anchor_day=due_on.day)
    browser.sign_in(make_staff(Role.AGENT))

    page = browser.open(f"/admin/users/{customer_id}")

    assert f"Next invoice: {day(due_on)}, $40.00: credit $25.00, to pay $15.00." in page.text
