"""Credit that arrives is used on what is owed, oldest due first, where the settings or the customer say so."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from creditapp.db import db, transact
from creditapp.jobs import daily
from creditapp.models import Customer
from creditapp.services import arrivals, invoices, numbers, sweeps
from creditapp.services.actor import SYSTEM
from creditapp.services.invoices import Line
from tests.factories import balance_of, change_settings, give, make_customer, new_key

pytestmark = pytest.mark.money


def owe(customer_id: int, total_minor: int, due_on: date) -> int:
    number = transact(numbers.reserve, "invoices")
    line = Line(description="Hosting", unit_minor=total_minor)
    return transact(invoices.create, customer_id, number, [line], by=SYSTEM, key=new_key(), due_on=due_on).id


def choose(customer_id: int, automatic: bool | None) -> None:
    def change(session: Session) -> None:
        session.get_one(Customer, customer_id).automatic_credit = automatic

    transact(change)


def test_the_oldest_due_is_paid_first(app: Flask) -> None:
    change_settings(automatic_on_arrival=True)
    customer_id = make_customer()
    later, sooner = owe(customer_id, 3000, date(2026, 5, 1)), owe(customer_id, 2000, date(2026, 4, 1))
    give(customer_id, 2500)

    assert arrivals.is_wanted(db.session(), customer_id)
    used = transact(arrivals.use, customer_id)
    again = transact(arrivals.use, customer_id)

    assert [(one.invoice_id, one.amount_minor, one.is_paid) for one in used] == [
        (sooner, 2000, True),
        (later, 500, False),
    ]
    assert (used[-1].balance_after_minor, balance_of(customer_id), again) == (0, 0, [])


@pytest.mark.parametrize(
    ("is_on", "is_enabled", "automatic", "is_used"),
    [
        (False, True, None, False),
        (False, True, True, True),
        (True, True, False, False),
        (True, False, None, False),
        (True, False, True, False),
    ],
)
def test_the_switches_and_the_customers_own_word_decide(
    app: Flask,
    is_on: bool,
    is_enabled: bool,
    automatic: bool | None,
    is_used: bool,
) -> None:
    customer_id = make_customer(1000)
    owe(customer_id, 1000, date(2026, 4, 1))
    change_settings(automatic_on_arrival=is_on, credits_enabled=is_enabled)
    choose(customer_id, automatic)

    assert arrivals.is_wanted(db.session(), customer_id) is is_used
    assert bool(transact(arrivals.use, customer_id)) is is_used
    assert balance_of(customer_id) == (0 if is_used else 1000)


def test_a_sweep_walks_on_until_all_is_used(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "INVOICES_AT_ONCE", 2)
    change_settings(automatic_on_arrival=True)
    rich, poor = make_customer(), make_customer()
    owed = [owe(customer, 100, date(2026, 4, day)) for day in (1, 2) for customer in (rich, poor, rich)]
    give(rich, 1000)
    give(poor, 100)

    used = daily.use_on_arrival(datetime.now(UTC))

    assert (used.invoices, used.credit_minor, len(owed)) == (5, 500, 6)
    assert (balance_of(rich), balance_of(poor)) == (600, 0)


def test_at_once_no_more_is_looked_at_than_a_page_can_wait_for(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "INVOICES_AT_ONCE", 3)
    change_settings(automatic_on_arrival=True)
    customer_id = make_customer()
    owed = [owe(customer_id, 100, date(2026, 4, day)) for day in range(1, 6)]
    give(customer_id, 450)

    first = transact(arrivals.use, customer_id)
    rest = transact(arrivals.use, customer_id)

    assert [one.invoice_id for one in first + rest] == owed
    assert (len(first), balance_of(customer_id)) == (3, 0)


def test_nothing_is_wanted_of_who_owes_nothing(app: Flask) -> None:
    change_settings(automatic_on_arrival=True)

    assert not arrivals.is_wanted(db.session(), make_customer(1000))
    assert not arrivals.is_wanted(db.session(), 99)
