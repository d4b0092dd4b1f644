"""What customers are told of orders, deposits, declined payments and refunds."""

from __future__ import annotations

from datetime import date

import pytest
from flask import Flask
from sqlalchemy import select

from creditapp.db import db, transact
from creditapp.models import Mail
from creditapp.services import checkout, credits, intents, numbers, refunds, top_ups
from creditapp.services.checkout import OrderLine
from tests.factories import actor, change_settings, make_customer, make_invoice, make_payment, make_product, new_key


@pytest.fixture(autouse=True)
def _set_up(app: Flask) -> None:
    change_settings(mail_from="billing@kite.example")


def told() -> list[tuple[str, str]]:
    db.session.rollback()
    return [(event, text) for event, text in db.session.execute(select(Mail.event, Mail.text).order_by(Mail.id))]


@pytest.mark.parametrize("use_credit", [True, False])
def test_an_order_says_what_is_left_to_pay(use_credit: bool) -> None:
    customer, product = make_customer(1500), make_product(price_minor=4000)
    before = len(told())

    transact(
        checkout.place,
        customer,
        transact(numbers.reserve, "invoices"),
        [OrderLine(product_id=product)],
        first_subscription_id=transact(numbers.reserve, "subscriptions"),
        use_credit=use_credit,
        by=actor(),
        key=new_key(),
    )

    [(event, text)] = told()[before:]
    assert event == "invoice_issued"
    assert f"Please pay {'$25.00' if use_credit else '$40.00'} by" in text


def test_a_deposit_is_asked_for_and_then_received() -> None:
    customer, number = make_customer(), transact(numbers.reserve, "invoices")

    transact(top_ups.ask, customer, number, 5000, by=actor(), key=new_key())
    make_payment(customer, 5000, number)

    assert [event for event, _text in told()] == ["invoice_issued", "invoice_paid", "credit_received"]
    assert f"Add Funds Invoice #{number}" in told()[-1][1]


@pytest.mark.money
def test_a_payment_that_was_declined_is_told_once_with_the_reason() -> None:
    customer = make_customer()
    invoice, intent = make_invoice(customer, 4000), transact(numbers.reserve, "intents")
    transact(intents.begin, customer, intent, invoice, gateway="sandbox", by=actor(), key=new_key())

    for _ in range(2):
        transact(intents.fail, customer, intent, "The card was declined.")

    [(event, text)] = told()
    assert event == "payment_failed"
    assert f"your payment of $40.00 for invoice #{invoice} did not go through. The card was declined." in text


@pytest.mark.money
def test_a_refund_is_told_when_the_money_is_sent_and_not_before() -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 4000)
    payment, refund = make_payment(customer, 4000, invoice), transact(numbers.reserve, "refunds")
    before = len(told())

    transact(refunds.request_for_invoice, customer, refund, invoice, 1000, payment, by=actor(), key=new_key())
    assert len(told()) == before
    for _ in range(2):
        transact(refunds.settle, customer, refund, "R-1")

    [(event, text)] = told()[before:]
    assert event == "refund_sent"
    assert "we have sent $10.00 back to you" in text
    assert f"It is for invoice #{invoice}." in text


def test_credit_that_is_put_on_an_open_invoice_tells_when_it_is_paid() -> None:
    customer = make_customer(4000)
    invoice = make_invoice(customer, 4000, due_on=date(2026, 3, 31))
    before = len(told())

    entry = transact(credits.apply, customer, invoice, by=actor(), key=new_key())
    assert entry.is_paid
    transact(credits.unapply, customer, invoice, by=actor(), key=new_key())
    transact(credits.apply, customer, invoice, by=actor(), key=new_key())

    assert [event for event, _text in told()[before:]] == ["invoice_paid", "invoice_paid"]
