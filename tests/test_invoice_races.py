"""Many at once at the same invoices: credit is used once, comes back once, and nobody pays with what is not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask import Flask

from creditapp.db import transact
from creditapp.services import credits
from creditapp.services.credits import Trigger
from tests.crowd import together
from tests.factories import balance_of, make_customer
from tests.services.invoices.desk import amounts, bill, pay, refund, take_off, use, void

pytestmark = pytest.mark.money

TABS = 8
ROUNDS = 3


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
