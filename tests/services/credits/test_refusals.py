"""What an adjustment is refused for, in the words the person reads."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from creditapp.db import transact
from creditapp.models import (
    Direction,
)
from creditapp.money import AMOUNT_MINOR_MAX, BALANCE_MINOR_MAX
from creditapp.services import credits
from tests.factories import (
    balance_of,
    give,
    make_customer,
    make_reason,
)
from tests.services.credits.desk import adjust, close, refusal, set_balance, undo

pytestmark = pytest.mark.money


@pytest.mark.parametrize(
    ("amount_minor", "sentence"),
    [
        (-501, "The balance is $5.00: at most that can be removed, not $5.01."),
        (-AMOUNT_MINOR_MAX, "The balance is $5.00: at most that can be removed, not $1,000,000,000.00."),
        (0, "Enter an amount other than zero."),
        (AMOUNT_MINOR_MAX + 1, "One entry can be at most $1,000,000,000.00."),
        (-AMOUNT_MINOR_MAX - 1, "One entry can be at most $1,000,000,000.00."),
        (10**30, "One entry can be at most $1,000,000,000.00."),
    ],
)
def test_an_amount_that_does_not_fit_is_explained(app: Flask, amount_minor: int, sentence: str) -> None:
    customer, reason = make_customer(500), make_reason()

    assert refusal(lambda: adjust(customer, amount_minor, reason_id=reason)) == sentence


def test_nothing_can_be_removed_from_an_empty_balance(app: Flask) -> None:
    customer = make_customer()

    sentence = refusal(lambda: adjust(customer, -1))

    assert sentence == "The balance is $0.00: there is nothing to remove."


@pytest.mark.parametrize("amount", [12.5, "12", True, None])
def test_an_amount_that_is_no_whole_number_is_a_mistake_of_ours(app: Flask, amount: Any) -> None:  # noqa: ANN401
    customer, reason = make_customer(500), make_reason()

    with pytest.raises(TypeError):
        adjust(customer, amount, reason_id=reason)

    assert balance_of(customer) == 500


def test_a_balance_has_a_ceiling(app: Flask) -> None:
    customer = make_customer()
    for _ in range(BALANCE_MINOR_MAX // AMOUNT_MINOR_MAX - 1):
        give(customer, AMOUNT_MINOR_MAX)
    give(customer, AMOUNT_MINOR_MAX - 7)

    sentence = refusal(lambda: adjust(customer, 8))
    adjust(customer, 7)

    assert sentence == "A balance can be at most $10,000,000,000.00: add at most $0.07."
    assert balance_of(customer) == BALANCE_MINOR_MAX


def test_nobody_is_credited_under_a_number_that_nobody_has(app: Flask) -> None:
    assert refusal(lambda: adjust(999, 500)) == "There is no user #999."


def test_a_closed_account_takes_no_more_entries(app: Flask) -> None:
    customer = make_customer(500)
    first = adjust(customer, 100, key="k")
    transact(close, customer)

    sentence = f"User #{customer} is closed: nothing is added or changed there any more."
    assert refusal(lambda: adjust(customer, 5)) == sentence
    assert refusal(lambda: set_balance(customer, 5, 600)) == sentence
    assert refusal(lambda: undo(credits.reverse, first)) == sentence


@pytest.mark.parametrize(
    ("fields", "amount_minor", "sentence"),
    [
        ({"is_active": False}, 5, "The reason “Storm” has been switched off; choose another."),
        ({"direction": Direction.ADD}, -5, "The reason “Storm” is only for adding credit; choose another."),
        ({"direction": Direction.REMOVE}, 5, "The reason “Storm” is only for removing credit; choose another."),
        ({"note_required": True}, 5, "Write a note: “Storm” asks for one."),
        ({"note_above_minor": 499}, 500, "Write a note: “Storm” asks for one above $4.99."),
        ({"note_above_minor": 0}, -1, "Write a note: “Storm” asks for one above $0.00."),
    ],
)
def test_a_reason_that_does_not_fit_is_explained(
    app: Flask, fields: dict[str, Any], amount_minor: int, sentence: str
) -> None:
    customer, reason = make_customer(500), make_reason("Storm", **fields)

    assert refusal(lambda: adjust(customer, amount_minor, reason_id=reason)) == sentence


def test_a_reason_nobody_knows_is_refused(app: Flask) -> None:
    customer = make_customer(500)

    assert refusal(lambda: adjust(customer, 5, reason_id=999)) == "Choose a reason from the list."


def test_a_note_that_is_asked_for_opens_the_way(app: Flask) -> None:
    customer = make_customer()

    adjust(customer, 5, reason_id=make_reason(note_required=True), note="As agreed")
    adjust(customer, 500, reason_id=make_reason(note_above_minor=500))

    assert balance_of(customer) == 505
