"""Set the balance to …: the difference is posted."""

from __future__ import annotations

import pytest
from flask import Flask

from creditapp.models import (
    Kind,
    Role,
)
from creditapp.money import AMOUNT_MINOR_MAX
from creditapp.services.ledger import Entry
from tests.factories import (
    balance_of,
    limit_role,
    make_customer,
    make_staff,
    reason_named,
)
from tests.services.credits.desk import adjust, refusal, set_balance

pytestmark = pytest.mark.money


@pytest.mark.parametrize(("target_minor", "amount_minor"), [(1200, 200), (300, -700), (0, -1000)])
def test_the_difference_is_posted(app: Flask, target_minor: int, amount_minor: int) -> None:
    customer = make_customer(1000)

    entry = set_balance(customer, target_minor, 1000)

    assert entry == Entry(customer, 2, Kind.CORRECTION, amount_minor, target_minor)
    assert balance_of(customer) == target_minor


def test_a_balance_that_moved_meanwhile_is_shown_and_nothing_saved(app: Flask) -> None:
    customer = make_customer(1000)
    adjust(customer, 50)

    sentence = refusal(lambda: set_balance(customer, 1200, 1000))

    assert sentence == (
        "The balance was $10.00 when this form was opened and is now $10.50. "
        "Nothing was saved; check the amount and send it again."
    )


def test_there_must_be_something_to_correct(app: Flask) -> None:
    customer = make_customer(1000)

    sentence = refusal(lambda: set_balance(customer, 1000, 1000))

    assert sentence == "The balance is already $10.00: there is nothing to correct."


@pytest.mark.parametrize(
    ("target_minor", "sentence"),
    [
        (-1, "The balance is $10.00: at most that can be removed, not $10.01."),
        (AMOUNT_MINOR_MAX + 1001, "One entry can be at most $1,000,000,000.00."),
    ],
)
def test_a_target_out_of_range_is_refused(app: Flask, target_minor: int, sentence: str) -> None:
    customer = make_customer(1000)

    assert refusal(lambda: set_balance(customer, target_minor, 1000)) == sentence


def test_it_asks_for_a_reason_and_a_limit_as_any_adjustment_does(app: Flask) -> None:
    customer = make_customer(1000)
    limit_role(Role.MANAGER, remove_max_minor=500)
    manager = make_staff(Role.MANAGER).actor

    unfit = refusal(lambda: set_balance(customer, 1200, 1000, reason_id=reason_named("Entered by mistake")))
    above = refusal(lambda: set_balance(customer, 499, 1000, by=manager))

    assert unfit == "The reason “Entered by mistake” is only for removing credit; choose another."
    assert above == "Your limit is $5.00 per entry: managers may not remove more than that at once."
