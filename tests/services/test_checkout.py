"""Orders: what they charge, what renews, and how much of them credit pays."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from creditapp.db import db, transact, transact_at
from creditapp.errors import (
    ApplyExceedsError,
    CustomerNotFoundError,
    DomainError,
    FormReusedError,
    InvoiceAmountError,
    ProductError,
)
from creditapp.models import Cycle, Invoice, InvoiceEvent, InvoiceLine, Subscription
from creditapp.services import checkout, invoices, numbers, payments
from creditapp.services.actor import Actor
from creditapp.services.bills import moved_by
from creditapp.services.checkout import LINES_MAX, OrderLine, Placed
from tests.factories import balance_of, change_settings, give, make_customer, make_product, make_reason, new_key

pytestmark = pytest.mark.money

MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def place(customer_id: int, *lines: OrderLine, **options: Any) -> Placed:  # noqa: ANN401  (what `place` takes)
    chosen: dict[str, Any] = {"use_credit": True, "by": Actor("customer", customer_id), "key": new_key()} | options
    return transact_at(
        MOMENT,
        checkout.place,
        customer_id,
        transact(numbers.reserve, "invoices"),
        lines,
        first_subscription_id=transact(numbers.reserve, "subscriptions", LINES_MAX),
        **chosen,
    )


def of(price_minor: int, **fields: Any) -> OrderLine:  # noqa: ANN401  (columns of `Product`)
    return OrderLine(product_id=make_product(price_minor=price_minor, **fields))


def found(customer_id: int, placed: Placed) -> Invoice:
    db.session.rollback()
    return db.session.get_one(Invoice, (customer_id, placed.invoice_id))


def subscriptions(customer_id: int) -> list[Subscription]:
    db.session.rollback()
    return list(db.session.scalars(select(Subscription).filter_by(customer_id=customer_id).order_by(Subscription.id)))


@pytest.mark.parametrize(
    ("balance_minor", "credit_minor", "to_pay_minor", "status"),
    [(5000, 4000, 0, "paid"), (4000, 4000, 0, "paid"), (2500, 2500, 1500, "unpaid"), (0, 0, 4000, "unpaid")],
)
def test_credit_pays_all_of_an_order_part_or_none(
    app: Flask, balance_minor: int, credit_minor: int, to_pay_minor: int, status: str
) -> None:
    customer_id = make_customer(balance_minor)

    placed = place(customer_id, of(4000))

    assert (placed.credit_minor, placed.to_pay_minor, placed.status) == (credit_minor, to_pay_minor, status)
    invoice = found(customer_id, placed)
    assert (invoice.kind, invoice.credit_minor, invoice.status) == ("order", credit_minor, status)
    assert balance_of(customer_id) == balance_minor - credit_minor


def test_no_more_credit_is_used_than_was_chosen(app: Flask) -> None:
    customer_id = make_customer(5000)

    chosen = place(customer_id, of(4000), credit_minor=1500)
    unticked = place(customer_id, of(4000), use_credit=False)

    assert (chosen.to_pay_minor, unticked.to_pay_minor, balance_of(customer_id)) == (2500, 4000, 3500)


@pytest.mark.parametrize(("balance_minor", "asked_minor"), [(5000, 4001), (1000, 1001), (5000, 0), (5000, -1)])
def test_more_than_is_due_or_usable_is_refused_and_nothing_is_ordered(
    app: Flask, balance_minor: int, asked_minor: int
) -> None:
    customer_id = make_customer(balance_minor)

    with pytest.raises(ApplyExceedsError):
        place(customer_id, of(4000), credit_minor=asked_minor)

    assert (subscriptions(customer_id), balance_of(customer_id)) == ([], balance_minor)
    assert db.session.scalar(select(func.count()).select_from(Invoice)) == 0


def test_the_automatic_rules_do_not_bind_a_choice(app: Flask) -> None:
    customer_id = make_customer(2500)
    change_settings(automatic_on_new=False, automatic_kinds="renewal", full_cover_only=True)

    placed = place(customer_id, of(4000, is_credit_automatic=False))

    assert placed.credit_minor == 2500


def test_credits_off_use_nothing_and_on_again_they_do(app: Flask) -> None:
    customer_id = make_customer(5000)
    change_settings(credits_enabled=False)
    off = place(customer_id, of(4000), credit_minor=1000)
    change_settings(credits_enabled=True)
    on = place(customer_id, of(4000))

    assert (off.credit_minor, off.why_not) == (0, "credits are switched off in the settings.")
    assert (on.credit_minor, on.why_not, balance_of(customer_id)) == (4000, "", 1000)
    event = db.session.scalars(select(InvoiceEvent).filter_by(action="credit_not_applied")).one()
    assert event.invoice_id == off.invoice_id
    assert event.facts == {"trigger": "checkout", "due_minor": 4000, "usable_minor": 5000, "why": ["disabled"]}


def test_a_line_has_the_price_and_the_tax_of_its_product(app: Flask) -> None:
    customer_id = make_customer()
    line = OrderLine(
        product_id=make_product("VPS", price_minor=1999, tax_bp=1900), quantity=3, label="db", location="fra1"
    )

    placed = place(customer_id, line, of(500, cycle=Cycle.ONE_OFF))

    first, second = db.session.scalars(select(InvoiceLine).order_by(InvoiceLine.line))
    assert (first.description, first.quantity, first.unit_minor, first.tax_minor) == ("VPS: db", 3, 1999, 1139)
    assert (second.subscription_id, second.period_start, placed.total_minor) == (None, None, 5997 + 1139 + 500)
    [subscription] = subscriptions(customer_id)
    assert (subscription.label, subscription.location, subscription.price_minor) == ("3 × db", "fra1", 5997)


def test_a_subscription_waits_for_its_payment(app: Flask) -> None:
    customer_id = make_customer()
    placed = place(customer_id, of(4000), of(9000, cycle=Cycle.YEARLY))

    waiting = subscriptions(customer_id)
    assert [(s.status, s.paid_until, s.anchor_day) for s in waiting] == [("pending", None, 31)] * 2
    assert [s.next_due_on for s in waiting] == [date(2026, 2, 28), date(2027, 1, 31)]
    number = transact(numbers.reserve, "payments")
    paid: dict[str, Any] = {"method": "bank", "received_on": date(2026, 2, 1), "by": Actor("system"), "key": "p"}
    transact(payments.record, customer_id, number, 13_000, invoice_ids=[placed.invoice_id], **paid)

    active = subscriptions(customer_id)
    assert [(s.status, s.paid_until) for s in active] == [("active", s.next_due_on) for s in waiting]


def test_what_credit_pays_in_full_and_what_is_free_is_active_at_once(app: Flask) -> None:
    customer_id = make_customer(4000)

    place(customer_id, of(4000))
    place(customer_id, of(0))

    assert [s.status for s in subscriptions(customer_id)] == ["active", "active"]


def test_the_same_order_sent_twice_is_placed_once(app: Flask) -> None:
    customer_id, line, key = make_customer(5000), of(4000), new_key()

    first = place(customer_id, line, key=key)
    again = place(customer_id, line, key=key)

    assert (again.invoice_id, again.credit_minor, again.replayed) == (first.invoice_id, 4000, True)
    assert (len(subscriptions(customer_id)), balance_of(customer_id)) == (1, 1000)
    with pytest.raises(FormReusedError):
        place(customer_id, line, key=key, use_credit=False)


def test_lapsed_credit_pays_for_nothing(app: Flask) -> None:
    customer_id = make_customer()
    give(customer_id, 1000, reason_id=make_reason(expires_after_days=10), at=datetime(2026, 1, 1, tzinfo=UTC))

    placed = place(customer_id, of(4000))

    assert (placed.credit_minor, placed.why_not) == (0, "there is no usable credit.")


def test_cancelling_the_invoice_gives_the_credit_back(app: Flask) -> None:
    customer_id = make_customer(2500)
    placed = place(customer_id, of(4000))

    transact(invoices.cancel, customer_id, placed.invoice_id, by=Actor("system"), key="c")

    assert (balance_of(customer_id), [s.status for s in subscriptions(customer_id)]) == (2500, ["cancelled"])


@pytest.mark.parametrize(
    ("lines", "refusal"),
    [
        ([], InvoiceAmountError),
        ([OrderLine(product_id=1)] * (LINES_MAX + 1), InvoiceAmountError),
        ([OrderLine(product_id=1, quantity=0)], InvoiceAmountError),
        ([OrderLine(product_id=1, quantity=100_001)], InvoiceAmountError),
        ([OrderLine(product_id=2, quantity=2)], InvoiceAmountError),
        ([OrderLine(product_id=3)], ProductError),
        ([OrderLine(product_id=99)], ProductError),
    ],
)
def test_what_is_no_order_is_refused(app: Flask, lines: list[OrderLine], refusal: type[DomainError]) -> None:
    make_product(price_minor=100)
    make_product(price_minor=10**11)
    make_product(is_active=False)
    customer_id = make_customer(1000)

    with pytest.raises(refusal):
        place(customer_id, *lines)

    assert (subscriptions(customer_id), balance_of(customer_id)) == ([], 1000)


def test_nobody_orders_nothing(app: Flask) -> None:
    with pytest.raises(CustomerNotFoundError):
        place(99, of(4000))


def test_what_an_order_has_renewed_is_called_by_its_product_where_nobody_named_it(app: Flask) -> None:
    customer_id = make_customer(5000)
    named = OrderLine(product_id=make_product(price_minor=1000), label="shop.example")
    plain = OrderLine(product_id=make_product(price_minor=1000, name="Dedicated Server"))

    placed = place(customer_id, named, plain)

    moved = transact(moved_by, customer_id, placed.invoice_id)
    assert [one.label for one in moved] == ["shop.example", "Dedicated Server"]
