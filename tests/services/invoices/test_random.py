"""Paying exactly what is shown leaves nothing due, whatever the invoice, to the minor unit."""

from __future__ import annotations

import os
import random

import pytest
from flask import Flask

from creditapp.db import transact
from creditapp.money import AMOUNT_MINOR_MAX, currency
from creditapp.services import invoices, numbers
from creditapp.services.actor import SYSTEM
from creditapp.services.bills import Bill, status
from creditapp.services.credits.rule import Owed, Rules, Trigger, decide
from creditapp.services.invoices import Line, price
from creditapp.services.payments import split
from tests.factories import change_settings, give, make_customer
from tests.services.invoices.desk import amounts, found, pay, use

INVOICES = int(os.environ.get("SOAK_INVOICES", "1000"))
CURRENCIES = ("JPY", "USD", "KWD")
ON = Rules(
    credits_enabled=True,
    automatic_on_new=True,
    automatic_on_arrival=True,
    automatic_on_due=True,
    automatic_kinds="manual",
    full_cover_only=False,
    minimum_remainder_minor=0,
    return_grace_days=14,
)


def random_lines(dice: random.Random) -> list[Line]:
    """Return what could be on an invoice: many or few lines, odd prices and rates, and sometimes a discount."""
    top = 10 ** dice.randint(0, 5)
    lines = [
        Line(
            description="Hosting",
            unit_minor=dice.randint(0, top),
            quantity=dice.choice([1, 1, 2, 7, dice.randint(1, 999)]),
            tax_bp=dice.choice([0, 700, 1900, 2000, 825, dice.randint(0, 10_000)]),
            is_credit_automatic=dice.random() < 0.8,
        )
        for _ in range(dice.choice([1, 1, 2, 3, 10, 99]))
    ]
    if dice.random() < 0.3:
        lines.append(Line(description="Discount", unit_minor=-lines[0].unit_minor, tax_bp=lines[0].tax_bp))
    return lines


@pytest.mark.parametrize("code", CURRENCIES)
def test_who_pays_what_is_shown_owes_nothing(code: str) -> None:
    money, dice = currency(code), random.Random(code)

    for _ in range(INVOICES):
        _rows, sums = price(random_lines(dice), is_gross=dice.random() < 0.5)
        bill = unpaid(sums.total_minor, sums.eligible_minor)
        decision = decide(ON, owed(bill), dice.choice([0, 1, 5000, AMOUNT_MINOR_MAX]), trigger=Trigger.NEW)
        bill.credit_minor = decision.amount_minor
        bill.status = status(bill.total_minor, bill.credit_minor, 0)
        shown = money.plain(bill.due_minor)
        paid_minor = money.parse(shown)
        if paid_minor:
            plan = split(paid_minor, [bill])
            assert (sum(share.amount_minor for share in plan.shares), plan.credit_minor) == (paid_minor, 0)
            bill.paid_minor = paid_minor
        assert status(bill.total_minor, bill.credit_minor, bill.paid_minor) == "paid", shown


def unpaid(total_minor: int, eligible_minor: int) -> Bill:
    return Bill(
        customer_id=1,
        id=1,
        kind="manual",
        status=str(status(total_minor, 0, 0)),
        total_minor=total_minor,
        eligible_minor=eligible_minor,
        credit_minor=0,
        paid_minor=0,
        refunded_minor=0,
        due_on=None,
        paid_at=None,
        closed_at=None,
        payment_started_at=None,
        subscription_id=None,
        events=2,
        version=1,
    )


def owed(bill: Bill) -> Owed:
    return Owed(bill.kind, bill.status, bill.due_minor, bill.eligible_minor, bill.credit_minor, is_being_paid=False)


@pytest.mark.money
@pytest.mark.parametrize("code", CURRENCIES)
def test_so_it_is_through_the_database(app: Flask, code: str) -> None:
    change_settings(currency=code)
    money, dice, customer = currency(code), random.Random(code), make_customer()

    for number in range(8):
        lines = random_lines(dice)
        key, invoice = f"random {number}", transact(numbers.reserve, "invoices")
        transact(invoices.create, customer, invoice, lines, by=SYSTEM, key=key)
        due_minor = found(customer, invoice).total_minor
        credit_minor = due_minor // dice.randint(2, 5)
        if credit_minor:
            give(customer, credit_minor)
            use(customer, invoice)
        if due_minor - credit_minor:
            shown = money.plain(due_minor - credit_minor)
            assert pay(customer, money.parse(shown), invoice).plan.credit_minor == 0
        assert amounts(customer, invoice) == ("paid", credit_minor, due_minor - credit_minor, 0)
