"""Funds that are added: within limits, one at a time, never from credit, and exactly what was paid."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from creditapp.db import db, transact
from creditapp.errors import (
    CustomerClosedError,
    CustomerNotFoundError,
    DomainError,
    FormReusedError,
    InvoiceStateError,
    NotApplicableError,
    TopUpClosedError,
    TopUpRangeError,
)
from creditapp.models import CreditAccount, Invoice, Role, SubscriptionStatus
from creditapp.money import currency
from creditapp.services import credits, numbers, top_ups
from creditapp.services.actor import Actor, customer
from creditapp.services.top_ups import Asked
from tests.crowd import together
from tests.factories import actor, balance_of, change_settings, give, make_customer, make_subscription, moment, new_key
from tests.services.credit_log import log
from tests.services.invoices.desk import amounts, cancel, found, pay, refund, use, void

pytestmark = pytest.mark.money


def ask(customer_id: int, amount_minor: int = 5000, **given: Any) -> Asked:  # noqa: ANN401  (of the service)
    chosen: dict[str, Any] = {"by": customer(customer_id), "key": new_key()} | given
    return transact(top_ups.ask, customer_id, transact(numbers.reserve, "invoices"), amount_minor, **chosen)


def obstacle(customer_id: int, by: Actor | None = None) -> str:
    """Return why no funds can be added; what the page says must be what the service says."""
    by_staff = by is not None and by.kind == "staff"
    said = top_ups.limits(db.session(), customer_id, by_staff=by_staff).obstacle
    db.session.rollback()
    with pytest.raises(TopUpClosedError) as refused:
        ask(customer_id, by=by or customer(customer_id))
    assert refused.value.obstacle == said
    return said


def test_what_is_asked_for_and_paid_becomes_credit(app: Flask) -> None:
    person = make_customer(100)

    made = ask(person, 5000)

    invoice = found(person, made.invoice_id)
    assert (invoice.kind, invoice.total_minor, invoice.tax_minor, invoice.eligible_minor) == ("add_funds", 5000, 0, 0)
    assert (made.amount_minor, invoice.status, balance_of(person)) == (5000, "unpaid", 100)
    pay(person, 5000, made.invoice_id)
    assert log(person)[1:] == [(f"Add Funds Invoice #{made.invoice_id}", 5000)]
    assert balance_of(person) == 5100


def test_credit_is_what_was_paid_to_the_cent(app: Flask) -> None:
    for paid, then in (([5000, 700], "Duplicate Payment"), ([5700], "Overpayment"), ([2000, 3700], "Overpayment")):
        person = make_customer()
        number = ask(person).invoice_id
        for amount_minor in paid:
            pay(person, amount_minor, number)
        funds, rest = log(person)
        assert funds == (f"Add Funds Invoice #{number}", 5000)
        assert rest == (f"Credit for {then} of Invoice #{number}", 700)
    part = make_customer()
    pay(part, 2000, ask(part).invoice_id)
    assert log(part) == []


def test_what_was_paid_of_a_cancelled_one_comes_back_and_what_comes_later_arrives(app: Flask) -> None:
    person = make_customer()
    ask(person)
    pay(person, 2000, 1)

    cancel(person, 1)
    pay(person, 5000, 1)

    assert log(person) == [("Refund of Invoice #1 to Credit", 2000), ("Credit for Overpayment of Invoice #1", 5000)]


def test_a_paid_one_is_not_undone_since_its_money_is_in_the_balance(app: Flask) -> None:
    person = make_customer()
    ask(person)
    pay(person, 5000, 1)

    for undo in (void, refund):
        with pytest.raises(InvoiceStateError, match="has added its funds to the balance"):
            undo(person, 1)

    assert (amounts(person, 1), balance_of(person)) == (("paid", 0, 5000, 0), 5000)


def test_credit_never_pays_for_credit(app: Flask) -> None:
    person = make_customer(9000)
    change_settings(automatic_on_new=True, automatic_on_arrival=True, automatic_on_due=True)
    ask(person)

    with pytest.raises(NotApplicableError):
        use(person, 1)
    for trigger in credits.Trigger:
        applied = transact(credits.apply_automatically, person, 1, trigger=trigger)
        assert applied.entry is None

    assert (amounts(person, 1), balance_of(person)) == (("unpaid", 0, 0, 0), 9000)


def test_less_than_the_least_and_more_than_the_most_are_refused(app: Flask) -> None:
    person = make_customer()
    change_settings(top_up_min_minor=500, top_up_max_minor=10_000)

    for asked_minor in (-1, 0, 499, 10_001, 10**11, 10**30):
        with pytest.raises(TopUpRangeError) as refused:
            ask(person, asked_minor)
        assert refused.value.sentence(currency("USD").format) == "Enter an amount from $5.00 to $100.00."
    for amount_minor in (500, 10_000):
        made = ask(person, amount_minor)
        assert made.amount_minor == found(person, made.invoice_id).total_minor == amount_minor
        cancel(person, made.invoice_id)


def test_the_highest_balance_leaves_so_much_room(app: Flask) -> None:
    person = make_customer(7000)
    change_settings(balance_max_minor=10_000)

    assert top_ups.limits(db.session(), person).most_minor == 3000
    with pytest.raises(TopUpRangeError):
        ask(person, 3001)
    assert ask(person, 3000).amount_minor == 3000
    assert top_ups.limits(db.session(), person).most_minor == 0  # what is on its way counts
    pay(person, 3000, 2)
    assert obstacle(person) == "The balance is as high as it may be: no deposit fits any more."


def test_the_next_one_waits_until_the_first_is_paid_or_cancelled(app: Flask) -> None:
    person = make_customer()
    ask(person)

    assert obstacle(person) == "Add Funds invoice #1 is still unpaid: pay or cancel that one first."
    assert obstacle(person, actor(Role.MANAGER)).startswith("Add Funds invoice #1")
    cancel(person, 1)
    second = ask(person).invoice_id
    pay(person, 5000, second)
    ask(person)


def test_switches_hold_and_staff_stand_above_what_is_meant_for_customers(app: Flask) -> None:
    person = make_customer()
    change_settings(top_up_needs_order=True)
    needed = obstacle(person)
    make_subscription(person, status=SubscriptionStatus.SUSPENDED)
    assert obstacle(person) == needed == "Funds can be added once there is an active order."
    change_settings(top_up_enabled=False)
    assert obstacle(person) == "Adding funds is switched off."
    made = ask(person, by=actor(Role.MANAGER))
    change_settings(credits_enabled=False)
    assert obstacle(person, actor(Role.MANAGER)) == "Credits are switched off: no funds can be added now."
    change_settings(credits_enabled=True, top_up_enabled=True)
    cancel(person, made.invoice_id)
    make_subscription(person)
    assert ask(person).amount_minor == 5000


def test_who_is_frozen_or_closed_adds_nothing_and_money_on_its_way_arrives(app: Flask) -> None:
    frozen, closed = make_customer(), make_customer()
    ask(frozen)
    _mark(frozen, frozen_at=moment(), frozen_reason="Dispute")
    pay(frozen, 5000, 1)

    assert balance_of(frozen) == 5000
    assert obstacle(frozen) == "The balance is frozen: no funds can be added now."
    _mark(closed, closed_at=moment())
    assert top_ups.limits(db.session(), closed).obstacle.startswith("This account is closed")
    with pytest.raises(CustomerClosedError):
        ask(closed)
    with pytest.raises(CustomerNotFoundError):
        ask(10**9)


def test_the_same_form_asks_once_and_with_another_amount_is_refused(app: Flask) -> None:
    person = make_customer()

    first, again = ask(person, key="the-form"), ask(person, key="the-form")

    assert (first.replayed, again.replayed, again.invoice_id) == (False, True, first.invoice_id)
    with pytest.raises(FormReusedError):
        ask(person, 6000, key="the-form")


def test_of_many_tabs_one_asks(app: Flask) -> None:
    person = make_customer()

    ended = together([partial(ask, person) for _ in range(8)])

    assert sorted(type(one).__name__ for one in ended) == ["Asked", *["TopUpClosedError"] * 7]
    assert db.session.scalar(select(func.count()).select_from(Invoice)) == 1


def test_one_that_is_paid_by_many_at_once_adds_its_funds_once(app: Flask) -> None:
    person = make_customer()
    ask(person)

    ended = together([partial(pay, person, 5000, 1) for _ in range(8)])

    assert not [one for one in ended if isinstance(one, DomainError)]
    assert sorted(log(person)) == [
        ("Add Funds Invoice #1", 5000),
        *[("Credit for Duplicate Payment of Invoice #1", 5000)] * 7,
    ]


def test_the_room_is_counted_under_the_lock(app: Flask) -> None:
    person = make_customer()
    change_settings(balance_max_minor=6000, top_up_max_minor=6000)

    for _ in range(3):
        works: list[Callable[[], object]] = [partial(ask, person, 5000), partial(give, person, 1500)]
        together(works * 2)
        db.session.rollback()
        waiting = db.session.scalar(select(func.coalesce(func.sum(Invoice.total_minor), 0)).filter_by(status="unpaid"))
        assert waiting in {0, 5000}

    assert top_ups.limits(db.session(), person).most_minor == 0


def _mark(customer_id: int, **fields: Any) -> None:  # noqa: ANN401  (columns of `CreditAccount`)
    def change(session: Any) -> None:  # noqa: ANN401  (a session)
        account = session.get_one(CreditAccount, customer_id)
        for name, value in fields.items():
            setattr(account, name, value)

    transact(change)
