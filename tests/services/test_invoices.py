"""Invoices and the credit on them: how much is used, how it comes back, and what is left to pay."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from creditapp.db import db, transact, transact_at
from creditapp.errors import ApplyExceedsError, InvoiceStateError, NotApplicableError
from creditapp.models import Customer, Invoice, InvoiceEvent, InvoiceKind, InvoiceStatus, Subscription
from creditapp.services import credits, invoices, numbers, payments, renewals, sweeps
from creditapp.services.actor import SYSTEM
from creditapp.services.credits import Trigger, Why
from creditapp.services.invoices import Line
from tests.factories import (
    balance_of,
    change_settings,
    give,
    make_customer,
    make_product,
    make_reason,
    make_subscription,
)

pytestmark = pytest.mark.money


def bill(customer_id: int, total_minor: int, *, kind: InvoiceKind = InvoiceKind.MANUAL, key: str = "") -> int:
    invoice_id = transact(numbers.reserve, "invoices")
    line = Line(description="Hosting", unit_minor=total_minor)
    made = transact(
        invoices.create, customer_id, invoice_id, [line], by=SYSTEM, key=key or f"make:{invoice_id}", kind=kind
    )
    return made.id


def found(customer_id: int, invoice_id: int) -> Invoice:
    db.session.rollback()
    return db.session.get_one(Invoice, (customer_id, invoice_id))


@pytest.mark.parametrize(
    ("balance_minor", "total_minor", "applied_minor", "status"),
    [(5000, 4000, 4000, "paid"), (4000, 4000, 4000, "paid"), (2500, 4000, 2500, "unpaid"), (0, 4000, 0, "unpaid")],
)
def test_credit_covers_all_part_or_none(
    app: Flask, balance_minor: int, total_minor: int, applied_minor: int, status: str
) -> None:
    customer_id = make_customer(balance_minor)
    invoice_id = bill(customer_id, total_minor)

    applied = transact(credits.apply_automatically, customer_id, invoice_id, trigger=Trigger.NEW)

    invoice = found(customer_id, invoice_id)
    assert (invoice.credit_minor, invoice.status) == (applied_minor, status)
    assert balance_of(customer_id) == balance_minor - applied_minor
    assert applied.decision.amount_minor == applied_minor


def test_what_is_applied_comes_back_to_the_same_lots_once(app: Flask) -> None:
    customer_id = make_customer()
    give(customer_id, 1000)
    give(customer_id, 2000)
    invoice_id = bill(customer_id, 2500)
    transact(credits.apply, customer_id, invoice_id, by=SYSTEM, key="a")

    for _again in range(2):
        transact(invoices.void, customer_id, invoice_id, by=SYSTEM, key="v")

    invoice = found(customer_id, invoice_id)
    assert (invoice.status, invoice.credit_minor, balance_of(customer_id)) == ("cancelled", 0, 3000)
    with pytest.raises(NotApplicableError):
        transact(credits.apply, customer_id, invoice_id, by=SYSTEM, key="b")


def test_credit_is_removed_in_part_and_the_invoice_is_open_again(app: Flask) -> None:
    customer_id = make_customer(3000)
    invoice_id = bill(customer_id, 2500)
    transact(credits.apply, customer_id, invoice_id, by=SYSTEM, key="a")

    transact(credits.unapply, customer_id, invoice_id, 500, by=SYSTEM, key="u")
    transact(credits.unapply, customer_id, invoice_id, 500, by=SYSTEM, key="u")

    invoice = found(customer_id, invoice_id)
    assert (invoice.status, invoice.credit_minor, balance_of(customer_id)) == ("unpaid", 2000, 1000)
    with pytest.raises(ApplyExceedsError):
        transact(credits.unapply, customer_id, invoice_id, 2001, by=SYSTEM, key="w")


def test_an_overpayment_becomes_credit_and_a_second_payment_all_of_it(app: Flask) -> None:
    customer_id = make_customer()
    invoice_id = bill(customer_id, 10_000)

    def pay(key: str, amount_minor: int) -> payments.Recorded:
        number = transact(numbers.reserve, "payments")
        return transact(
            payments.record,
            customer_id,
            number,
            amount_minor,
            invoice_ids=[invoice_id],
            method="bank",
            received_on=date(2026, 3, 1),
            by=SYSTEM,
            key=key,
        )

    first = pay("p1", 15_000)
    second = pay("p2", 15_000)
    again = pay("p2", 15_000)

    assert (first.plan.description, first.plan.credit_minor) == (
        f"Credit for Overpayment of Invoice #{invoice_id}",
        5000,
    )
    assert second.plan.description == f"Credit for Duplicate Payment of Invoice #{invoice_id}"
    assert (second.plan.credit_minor, again.replayed, balance_of(customer_id)) == (15_000, True, 20_000)
    transact(invoices.refund_to_credit, customer_id, invoice_id, by=SYSTEM, key="r")
    assert (found(customer_id, invoice_id).status, balance_of(customer_id)) == ("refunded", 30_000)


def test_renewals_are_made_once_and_paid_from_credit(app: Flask) -> None:
    customer_id = make_customer(2500)
    product_id = make_product(price_minor=2000)
    subscription_id = make_subscription(customer_id, product_id, next_due_on=date(2026, 1, 31))

    for _again in range(2):
        while due := renewals.due_after(db.session(), date(2026, 2, 28)):
            first = transact(numbers.reserve, "invoices", len(due))
            made = transact(renewals.renew, due, first, on=date(2026, 2, 28))
            assert [one.refusal for one in made] == [None] * len(made)

    rows = db.session.query(Invoice).order_by(Invoice.period_start).all()
    assert [(str(i.period_start), str(i.period_end), i.credit_minor, i.status) for i in rows] == [
        ("2026-01-31", "2026-02-28", 2000, "paid"),
        ("2026-02-28", "2026-03-31", 500, "unpaid"),
    ]
    subscription = db.session.get_one(Subscription, (customer_id, subscription_id))
    assert (str(subscription.next_due_on), str(subscription.paid_until)) == ("2026-03-31", "2026-02-28")
    transact(credits.unapply, customer_id, rows[0].id, by=SYSTEM, key="u", undo_renewals=True)
    db.session.rollback()
    subscription = db.session.get_one(Subscription, (customer_id, subscription_id))
    assert (str(subscription.paid_until), balance_of(customer_id)) == ("2026-01-31", 2000)


def test_what_has_lapsed_is_taken_and_what_comes_back_later_has_grace(app: Flask) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    customer_id = make_customer()
    give(customer_id, 1000, reason_id=make_reason(expires_after_days=10), at=start)
    invoice_id = bill(customer_id, 400)
    transact_at(start + timedelta(days=1), credits.apply, customer_id, invoice_id, by=SYSTEM, key="a")

    later = start + timedelta(days=20)
    assert transact_at(later, sweeps.expire) == 1
    assert transact_at(later, sweeps.expire) == 0
    assert balance_of(customer_id) == 0
    transact_at(later, invoices.void, customer_id, invoice_id, by=SYSTEM, key="v")

    assert balance_of(customer_id) == 400
    assert transact_at(later + timedelta(days=13), credits.usable_minor, customer_id) == 400
    assert transact_at(later + timedelta(days=16), sweeps.expire) == 1


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"credits_enabled": False}, Why.DISABLED),
        ({"automatic_on_new": False}, Why.SWITCHED_OFF),
        ({"automatic_kinds": "renewal"}, Why.KIND),
        ({"full_cover_only": True}, Why.FULL_COVER),
    ],
)
def test_the_rule_says_why_not(app: Flask, settings: dict[str, Any], why: Why) -> None:
    customer_id = make_customer(1000)
    invoice_id = bill(customer_id, 4000)
    change_settings(**settings)

    applied = transact(credits.apply_automatically, customer_id, invoice_id, trigger=Trigger.NEW)

    assert (applied.decision.amount_minor, applied.decision.why[-1], applied.entry) == (0, why, None)
    assert balance_of(customer_id) == 1000


def test_an_add_funds_invoice_takes_no_credit_and_gives_what_was_paid(app: Flask) -> None:
    customer_id = make_customer(1000)
    invoice_id = bill(customer_id, 5000, kind=InvoiceKind.ADD_FUNDS)

    with pytest.raises(NotApplicableError):
        transact(credits.apply, customer_id, invoice_id, by=SYSTEM, key="a")
    transact(
        payments.record,
        customer_id,
        transact(numbers.reserve, "payments"),
        5000,
        invoice_ids=[invoice_id],
        method="bank",
        received_on=date(2026, 3, 1),
        by=SYSTEM,
        key="p",
    )

    assert balance_of(customer_id) == 6000


def test_a_paid_invoice_is_not_cancelled(app: Flask) -> None:
    customer_id = make_customer(1000)
    invoice_id = bill(customer_id, 1000)
    transact(credits.apply, customer_id, invoice_id, by=SYSTEM, key="a")

    with pytest.raises(InvoiceStateError):
        transact(invoices.cancel, customer_id, invoice_id, by=SYSTEM, key="c")

    events = db.session.query(InvoiceEvent).filter_by(invoice_id=invoice_id).count()
    assert (found(customer_id, invoice_id).status, events) == (InvoiceStatus.PAID, 3)
    assert db.session.get_one(Customer, customer_id).automatic_credit is None
