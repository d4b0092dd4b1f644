"""The whole way through Stripe: its SDK, its far end, our call-backs over HTTP, and the books at the end of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from flask import Flask, current_app
from sqlalchemy import func, select

from creditapp.db import db, transact
from creditapp.gateways import Asked
from creditapp.gateways.stripe import StripeGateway
from creditapp.jobs.refunds import send_due
from creditapp.models import GatewayEvent, InvoiceKind, Payment
from creditapp.services import actor, checkout, intents, numbers, top_ups
from creditapp.services.actor import SYSTEM
from creditapp.services.checkout import OrderLine, Placed
from creditapp.web.gateways import gateways, hear
from tests.factories import balance_of, change_settings, make_customer, make_product, new_key
from tests.services.invoices.desk import amounts, bill
from tests.services.refunds.counter import LONG_AFTER, back, credit_back, entries, gone, refund
from tests.stripe_far_end import KEY, WEBHOOK_SECRET, FarEnd, Post, far_end, signed

pytestmark = pytest.mark.money


@pytest.fixture
def end(app: Flask) -> Iterator[FarEnd]:
    with far_end() as running:
        current_app.config |= {
            "STRIPE_SECRET_KEY": KEY,
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "STRIPE_API_URL": running.url,
        }
        yield running


@pytest.fixture
def post(app: Flask) -> Post:
    """Our side of call-backs."""
    visitor = app.test_client()

    def to_us(body: bytes, headers: dict[str, str]) -> int:
        return visitor.post("/webhooks/stripe", data=body, headers=headers).status_code

    return to_us


def stripe() -> StripeGateway:
    gateway = gateways()["stripe"]
    assert isinstance(gateway, StripeGateway)
    return gateway


def begin(customer_id: int, invoice_id: int) -> str:
    """Send the customer to Stripe's page for what is due, and return what Stripe calls it."""
    number = transact(numbers.reserve, "intents")
    terms: dict[str, Any] = {"gateway": "stripe", "by": SYSTEM, "key": new_key()}
    begun = transact(intents.begin, customer_id, number, invoice_id, **terms)
    url = "https://panel.example/account"
    asked = Asked(
        reference=f"{customer_id}-{begun.intent_id}",
        amount_minor=begun.amount_minor,
        currency=begun.currency,
        exponent=2,
        description=begun.description,
        return_url=url,
        cancel_url=url,
        callback_url=url,
    )
    started = stripe().start(asked)
    transact(intents.attach, customer_id, begun.intent_id, started.session_ref, started.page_url)
    return started.session_ref


def the_payment() -> Payment:
    db.session.rollback()
    return db.session.execute(select(Payment)).scalar_one()


def order(customer_id: int, price_minor: int) -> Placed:
    """Order something at this price; credit pays what it can."""
    return transact(
        checkout.place,
        customer_id,
        transact(numbers.reserve, "invoices"),
        [OrderLine(product_id=make_product(f"For {price_minor}", price_minor=price_minor))],
        first_subscription_id=transact(numbers.reserve, "subscriptions"),
        use_credit=True,
        by=SYSTEM,
        key=new_key(),
    )


def test_funds_that_were_added_pay_orders_until_the_card_pays_the_rest(end: FarEnd, post: Post) -> None:
    customer, funds = make_customer(), transact(numbers.reserve, "invoices")
    transact(top_ups.ask, customer, funds, 5000, by=actor.customer(customer), key=new_key())
    end.pay(begin(customer, funds))
    end.deliver(post, times=2)
    assert balance_of(customer) == 5000

    assert (order(customer, 4000).status, balance_of(customer)) == ("paid", 1000)
    cheap = order(customer, 3000)
    assert (cheap.credit_minor, cheap.to_pay_minor) == (1000, 2000)
    end.pay(begin(customer, cheap.invoice_id))
    end.deliver(post, times=2)

    assert amounts(customer, cheap.invoice_id) == ("paid", 1000, 2000, 0)
    assert balance_of(customer) == 0
    assert db.session.scalars(select(Payment.amount_minor).order_by(Payment.id)).all() == [5000, 2000]


def test_a_declined_card_loses_nothing_and_the_next_one_pays_once_however_often_it_is_told(
    end: FarEnd, post: Post
) -> None:
    customer = make_customer()
    invoice = bill(customer, 2000)
    session = begin(customer, invoice)
    end.decline(session)
    end.deliver(post)
    assert amounts(customer, invoice) == ("unpaid", 0, 0, 0)

    end.pay(session)

    assert set(end.deliver(post, times=5)) == {200}
    assert amounts(customer, invoice) == ("paid", 0, 2000, 0)
    assert (the_payment().amount_minor, the_payment().method, balance_of(customer)) == (2000, "stripe", 0)


def test_what_is_forged_or_stale_is_refused_and_changes_nothing(end: FarEnd, post: Post) -> None:
    customer = make_customer()
    invoice = bill(customer, 2000)
    end.pay(begin(customer, invoice))

    def stale(body: bytes, _headers: dict[str, str]) -> int:
        return post(body, signed(body, age_seconds=301))

    def forged(body: bytes, _headers: dict[str, str]) -> int:
        return post(body, signed(body, secret="whsec_other"))

    assert set(end.deliver(stale) + end.deliver(forged)) == {400}
    assert db.session.scalar(select(func.count()).select_from(GatewayEvent)) == 0
    assert amounts(customer, invoice) == ("unpaid", 0, 0, 0)


def test_too_much_becomes_credit_and_goes_back_as_credit_does(end: FarEnd, post: Post) -> None:
    change_settings(credit_refunds=True)
    customer = make_customer()
    invoice = bill(customer, 2000)
    end.pay(begin(customer, invoice), amount=2500)
    end.deliver(post)
    payment = the_payment().id
    assert entries(customer) == [(f"Credit for Overpayment of Invoice #{invoice}", 500)]

    asked = credit_back(customer, payment, 500)
    assert send_due(LONG_AFTER, gateways()) == 1
    end.deliver(post)

    assert (balance_of(customer), gone(customer, payment)) == (0, (500, 0, 500))
    assert refund(customer, asked.refund_id).status == "done"
    assert [one["amount"] for one in end.refunds.values()] == [500]


def test_a_refund_goes_out_once_and_its_own_call_back_finds_nothing_left_to_do(end: FarEnd, post: Post) -> None:
    customer = make_customer()
    invoice = bill(customer, 2000)
    end.pay(begin(customer, invoice))
    end.deliver(post)
    payment = the_payment().id
    asked = back(customer, invoice, 2000, payment)
    end.fails = 1  # Stripe has sent it, and the answer got lost: the SDK asks again under the same key

    assert send_due(LONG_AFTER, gateways()) == 1
    assert send_due(LONG_AFTER, gateways()) == 0
    end.deliver(post, times=2)

    assert (len(end.refunds), end.asked.count(("POST", "/v1/refunds"))) == (1, 2)
    assert refund(customer, asked.refund_id).status == "done"
    assert amounts(customer, invoice) == ("refunded", 0, 2000, 2000)
    assert (gone(customer, payment), balance_of(customer)) == ((2000, 2000, 2000), 0)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_refund_that_the_bank_sends_back_is_put_right_in_any_order(
    end: FarEnd, post: Post, order: tuple[int, ...]
) -> None:
    customer = make_customer()
    invoice = bill(customer, 2000, kind=InvoiceKind.MANUAL)
    end.pay(begin(customer, invoice))
    end.deliver(post)
    payment = the_payment().id
    end.events.clear()
    asked = back(customer, invoice, 700, payment)
    end.refunds_pend = True
    send_due(LONG_AFTER, gateways())
    end.fail_refund(refund(customer, asked.refund_id).gateway_ref)

    end.deliver(post, [end.events[one] for one in order], times=2)

    assert refund(customer, asked.refund_id).status == "failed"
    assert (amounts(customer, invoice), gone(customer, payment)) == (("paid", 0, 2000, 0), (0, 0, 0))


def test_what_was_refunded_at_stripe_itself_is_followed_when_our_own_refund_stood_before_it_and_failed(
    end: FarEnd, post: Post
) -> None:
    customer = make_customer()
    invoice = bill(customer, 2000)
    intent = end.pay(begin(customer, invoice))["id"]
    end.deliver(post)
    payment = the_payment().id
    stripe().refund(intent, 1500, "USD", key="by-hand-at-stripe")
    back(customer, invoice, 1600, payment)
    end.deliver(post)
    assert gone(customer, payment)[0] == 1600

    send_due(LONG_AFTER, gateways())

    assert gone(customer, payment) == (1500, 0, 1500)


def test_lost_call_backs_are_asked_for(end: FarEnd, post: Post) -> None:
    customer = make_customer()
    invoice = bill(customer, 2000)
    session = begin(customer, invoice)
    end.pay(session)

    for _ in range(2):
        hear(stripe(), stripe().fetch(session), b"")
    end.deliver(post)

    assert amounts(customer, invoice) == ("paid", 0, 2000, 0)
    assert the_payment().received_on <= datetime.now(UTC).date()
