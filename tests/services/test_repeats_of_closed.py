"""A form that is sent twice is answered as it was the first time, even if its customer was closed in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest
from flask import Flask

from creditapp.db import transact
from creditapp.errors import CustomerClosedError
from creditapp.services import checkout, credits, invoices, numbers, payments, subscriptions
from creditapp.services.checkout import OrderLine
from creditapp.services.invoices import Line
from creditapp.services.subscriptions import NewSubscription
from tests.factories import (
    actor,
    balance_of,
    close_customer,
    make_customer,
    make_product,
    make_subscription,
    new_key,
    reason_named,
)
from tests.services.invoices.desk import bill, everything, pay, use

pytestmark = pytest.mark.money

Sent = Callable[[str], object]
LINES = [Line(description="Hosting", unit_minor=700)]


def form(verb: Callable[..., object], *args: Any, **given: Any) -> Sent:  # noqa: ANN401  (the verb's)
    by = actor()
    return lambda key: transact(verb, *args, **given, by=by, key=key)


def adjustment(customer: int) -> Sent:
    return form(credits.adjust, customer, 500, reason_id=reason_named("Courtesy"))


def correction(customer: int) -> Sent:
    reason_id = reason_named("Courtesy")
    return form(credits.set_balance, customer, 5000, seen_minor=balance_of(customer), reason_id=reason_id)


def reversal(customer: int) -> Sent:
    return form(credits.reverse, customer, 1, 100)


def use_on_an_invoice(customer: int) -> Sent:
    return form(credits.apply, customer, bill(customer), 300)


def removal_from_an_invoice(customer: int) -> Sent:
    use(customer, invoice := bill(customer))
    return form(credits.unapply, customer, invoice, 300)


def invoice(customer: int) -> Sent:
    return form(invoices.create_with_credit, customer, transact(numbers.reserve, "invoices"), LINES)


def draft(customer: int) -> Sent:
    return form(invoices.create, customer, transact(numbers.reserve, "invoices"), LINES, is_draft=True)


def issue(customer: int) -> Sent:
    return form(invoices.revise, customer, bill(customer, is_draft=True), LINES, version=1, is_draft=False)


def cancellation(customer: int) -> Sent:
    return form(invoices.cancel, customer, bill(customer))


def voiding(customer: int) -> Sent:
    use(customer, number := bill(customer))
    return form(invoices.void, customer, number)


def refund(customer: int) -> Sent:
    pay(customer, 1000, number := bill(customer))
    return form(invoices.refund_to_credit, customer, number)


def payment(customer: int, amount_minor: int) -> Sent:
    terms = {"invoice_ids": [bill(customer)], "method": "bank", "received_on": date(2026, 3, 1)}
    return form(payments.record, customer, transact(numbers.reserve, "payments"), amount_minor, **terms)


def order(customer: int) -> Sent:
    first_id = transact(numbers.reserve, "subscriptions")
    lines = [OrderLine(product_id=make_product())]
    terms = {"first_subscription_id": first_id, "use_credit": True}
    return form(checkout.place, customer, transact(numbers.reserve, "invoices"), lines, **terms)


def subscription(customer: int) -> Sent:
    day = date(2026, 4, 1)
    new = NewSubscription(product_id=make_product(), label="shop.example", started_on=day, next_due_on=day)
    return form(subscriptions.create, customer, new, number=transact(numbers.reserve, "subscriptions"))


FORMS: dict[str, Callable[[int], Sent]] = {
    "adjustment": adjustment,
    "correction": correction,
    "reversal": reversal,
    "use": use_on_an_invoice,
    "removal": removal_from_an_invoice,
    "invoice": invoice,
    "draft": draft,
    "issue": issue,
    "payment in part": partial(payment, amount_minor=400),
    "payment in full": partial(payment, amount_minor=1000),
    "overpayment": partial(payment, amount_minor=1700),
    "order": order,
    "subscription": subscription,
}
ENDINGS: dict[str, Callable[[int], Sent]] = {"cancellation": cancellation, "void": voiding, "refund": refund}


@pytest.mark.parametrize("name", [*FORMS, *ENDINGS])
def test_what_was_done_before_is_said_again(app: Flask, name: str) -> None:
    customer = make_customer(2000)
    make_subscription(customer)
    send = (FORMS | ENDINGS)[name](customer)
    send("the-form")
    close_customer(customer)
    before = everything()

    send("the-form")

    assert everything() == before


@pytest.mark.parametrize("name", [*FORMS, *ENDINGS])
def test_what_was_not_done_before_is_refused(app: Flask, name: str) -> None:
    customer = make_customer(2000)
    send = (FORMS | ENDINGS)[name](customer)
    close_customer(customer)
    before = everything()

    with pytest.raises(CustomerClosedError):
        send(new_key())

    assert everything() == before
