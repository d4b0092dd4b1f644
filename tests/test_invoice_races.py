"""Many at once at the same invoices: credit is used once, comes back once, and nobody pays with what is not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from creditapp.db import db, transact
from creditapp.errors import DomainError, StaleFormError, SubscriptionCancelledError
from creditapp.jobs import renewing
from creditapp.models import Invoice
from creditapp.services import arrivals, credits, subscriptions
from creditapp.services.actor import Actor
from creditapp.services.credits import Trigger
from creditapp.services.payments import Recorded
from creditapp.services.subscriptions import SubscriptionFields
from tests.crowd import together
from tests.factories import actor, balance_of, change_settings, make_customer, make_subscription
from tests.services.invoices.desk import amounts, bill, cancel, pay, refund, take_off, use, void

pytestmark = pytest.mark.money

TABS = 8
ROUNDS = 3
ON = date(2026, 4, 1)


def race(*works: Callable[[], Any]) -> Counter[str]:
    """Do all of this at once, and count how it ended."""
    ended = together(works)
    return Counter(type(outcome).__name__ if isinstance(outcome, Exception) else "done" for outcome in ended)


def test_two_tabs_do_not_spend_the_same_credit_on_two_invoices(app: Flask) -> None:
    for _ in range(ROUNDS):
        customer = make_customer(1000)
        tabs = [bill(customer, 1000) for _ in range(TABS)]

        ended = race(*[partial(use, customer, invoice) for invoice in tabs])

        assert ended == {"done": 1, "NotApplicableError": TABS - 1}
        assert balance_of(customer) == 0
        assert Counter(amounts(customer, invoice) for invoice in tabs) == {
            ("paid", 1000, 0, 0): 1,
            ("unpaid", 0, 0, 0): TABS - 1,
        }


def test_one_invoice_is_paid_once_from_many_tabs(app: Flask) -> None:
    customer = make_customer(10_000)
    invoice = bill(customer, 1000)
    by_itself = partial(transact, credits.apply_automatically, customer, invoice, trigger=Trigger.DUE)

    race(*[partial(use, customer, invoice)] * TABS, *[by_itself] * TABS)

    assert (amounts(customer, invoice), balance_of(customer)) == (("paid", 1000, 0, 0), 9000)


@pytest.mark.parametrize("undo", [void, refund])
def test_an_invoice_that_is_undone_takes_no_credit_any_more(app: Flask, undo: Callable[..., object]) -> None:
    for _ in range(ROUNDS):
        customer = make_customer(1000)
        invoice = bill(customer, 1000)
        use(customer, invoice, 600)
        if undo is refund:
            pay(customer, 400, invoice)

        works: list[Callable[[], Any]] = [partial(use, customer, invoice), partial(undo, customer, invoice)]
        race(*works * 4)

        assert amounts(customer, invoice)[:2] in {("cancelled", 0), ("refunded", 0)}
        assert balance_of(customer) == (1400 if undo is refund else 1000)


def test_credit_and_money_at_once_pay_an_invoice_once_and_the_rest_is_credit(app: Flask) -> None:
    for _ in range(ROUNDS):
        customer = make_customer(1000)
        invoice = bill(customer, 1000)

        race(*[partial(use, customer, invoice)] * 4, *[partial(pay, customer, 700, invoice)] * 4)

        status, credit_minor, paid_minor, _refunded = amounts(customer, invoice)
        assert (status, credit_minor + paid_minor) == ("paid", 1000)
        assert balance_of(customer) == 1000 - credit_minor + 4 * 700 - paid_minor


def test_what_is_removed_by_many_at_once_comes_back_once(app: Flask) -> None:
    customer = make_customer(1000)
    invoice = bill(customer, 1000)
    use(customer, invoice)

    whole = race(*[partial(take_off, customer, invoice, 1000)] * TABS)
    use(customer, invoice)
    parts = race(*[partial(take_off, customer, invoice, 300)] * TABS)

    assert whole == {"done": 1, "ApplyExceedsError": TABS - 1}
    assert parts == {"done": 3, "ApplyExceedsError": TABS - 3}
    assert (amounts(customer, invoice), balance_of(customer)) == (("unpaid", 100, 0, 0), 900)


def test_who_pays_while_it_is_voided_loses_nothing(app: Flask) -> None:
    for _ in range(ROUNDS):
        customer = make_customer(300)
        invoice = bill(customer, 1000)
        use(customer, invoice)

        works: list[Callable[[], Any]] = [partial(pay, customer, 700, invoice), partial(void, customer, invoice)]
        ended = race(*works * 4)

        assert ended == {"done": 8}
        assert amounts(customer, invoice)[0] == "cancelled"
        assert balance_of(customer) == 300 + 4 * 700


def test_a_form_that_is_sent_many_times_pays_once(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)

    ended = race(*[partial(pay, customer, 1500, invoice, key="form")] * TABS)

    assert ended == {"done": TABS}
    assert (amounts(customer, invoice), balance_of(customer)) == (("paid", 0, 1000, 0), 500)


def test_all_verbs_at_once_lose_no_cent(app: Flask) -> None:
    change_settings(automatic_on_arrival=True, automatic_on_due=True)
    for _ in range(ROUNDS):
        customer = make_customer(2000)
        invoice, other = bill(customer, 1000), bill(customer, 1000)
        use(customer, invoice, 500)

        works: list[Callable[[], Any]] = [
            partial(use, customer, invoice, 100),
            partial(take_off, customer, invoice, 200),
            partial(pay, customer, 300, invoice),
            partial(pay, customer, 900, other, invoice),
            partial(pay, customer, 900, invoice, other),
            partial(void, customer, invoice),
            partial(refund, customer, invoice),
            partial(cancel, customer, invoice),
            partial(transact, arrivals.use, customer),
            partial(transact, credits.apply_automatically, customer, invoice, trigger=Trigger.DUE),
        ]
        ended = together(works * 2)

        faults = [one for one in ended if isinstance(one, Exception) and not isinstance(one, DomainError)]
        assert faults == []
        came_minor = 2000 + sum(one.amount_minor for one in ended if isinstance(one, Recorded))
        on_invoices = [amounts(customer, one) for one in (invoice, other)]
        on_them_minor = sum(credit + paid - refunded for _status, credit, paid, refunded in on_invoices)
        assert balance_of(customer) + on_them_minor == came_minor


def test_subscriptions_are_edited_renewed_cancelled_and_paid_at_once(app: Flask) -> None:
    for _ in range(ROUNDS):
        customers = [make_customer(700) for _ in range(3)]
        renewed = [(customer, make_subscription(customer, next_due_on=ON, anchor_day=1)) for customer in customers]
        by = actor()

        def edit(customer: int, subscription: int, label: str, by: Actor = by) -> None:
            fields = SubscriptionFields(label=label, next_due_on=ON, price_minor=900, anchor_day=1)
            transact(subscriptions.edit, customer, subscription, fields, version=1, by=by)

        edits = [partial(edit, *one, label) for one in renewed for label in ("first", "second")]
        end = partial(transact, subscriptions.cancel, *renewed[0], version=1, by=by)
        pays = [partial(pay, customer, 100) for customer in customers]
        ended = together([*edits, end, *pays, *[partial(renewing.run, ON)] * 3])

        assert {type(one) for one in ended if isinstance(one, Exception)} <= {
            StaleFormError,
            SubscriptionCancelledError,
        }
        assert len(periods_of(customers)) == len(set(periods_of(customers))) >= len(customers) - 1


def periods_of(customers: list[int]) -> list[tuple[int, date | None]]:
    db.session.rollback()
    i = Invoice
    statement = select(i.subscription_id, i.period_start).where(i.customer_id.in_(customers))
    return [(row[0] or 0, row[1]) for row in db.session.execute(statement.where(i.subscription_id.is_not(None)))]
