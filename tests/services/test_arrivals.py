"""Credit that arrives is used on what is owed, oldest due first, where the settings or the customer say so."""

from __future__ import annotations

from datetime import date

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from creditapp.db import db, transact
from creditapp.models import Customer
from creditapp.services import arrivals, invoices, numbers
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


def test_nothing_is_wanted_of_who_owes_nothing(app: Flask) -> None:
    change_settings(automatic_on_arrival=True)

    assert not arrivals.is_wanted(db.session(), make_customer(1000))
    assert not arrivals.is_wanted(db.session(), 99)
