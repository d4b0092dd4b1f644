"""The same form twice, and an adjustment that looks like one made before."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from creditapp.db import transact, transact_at
from creditapp.models import (
    Kind,
    Role,
)
from creditapp.services import credits, ledger
from creditapp.services.credits.repeats import ENTRIES_SEARCHED
from creditapp.services.ledger import Posting
from tests.factories import (
    actor,
    balance_of,
    change_settings,
    give,
    make_customer,
    make_staff,
    new_key,
)
from tests.services.credits.desk import NOON, adjust, close, refusal, set_balance, undo

pytestmark = pytest.mark.money


def test_the_same_form_sent_again_returns_the_entry_it_made(app: Flask) -> None:
    customer, by = make_customer(), actor()

    first = adjust(customer, 500, key="k", by=by)
    again = adjust(customer, 500, key="k", by=by)

    assert (first.replayed, again.replayed) == (False, True)
    assert (again.seq, again.balance_after_minor, balance_of(customer)) == (1, 500, 500)


@pytest.mark.parametrize(
    "other",
    [
        {"amount_minor": 501},
        {"note": "Another note"},
        {"customer_note": "Another line"},
        {"ticket_ref": "#82"},
    ],
)
def test_the_same_key_with_other_content_is_refused(app: Flask, other: dict[str, Any]) -> None:
    customer, by = make_customer(), actor()
    sent: dict[str, Any] = {"amount_minor": 500, "note": "", "customer_note": "", "ticket_ref": ""}
    adjust(customer, key="k", by=by, **sent)

    sentence = refusal(lambda: adjust(customer, key="k", by=by, **sent | other))

    assert sentence == (
        f"This form was already sent once with other content (CR-{customer}-1). "
        "Nothing was saved now; open the form anew to post another entry."
    )


def test_the_same_key_in_other_hands_or_for_another_verb_is_refused(app: Flask) -> None:
    customer = make_customer()
    entry = adjust(customer, 500, key="k")

    assert "already sent once" in refusal(lambda: adjust(customer, 500, key="k", by=actor(Role.AGENT)))
    assert "already sent once" in refusal(lambda: set_balance(customer, 500, 0, key="k"))
    assert "already sent once" in refusal(lambda: undo(credits.reverse, entry, key="k"))


def test_each_customer_has_keys_of_its_own(app: Flask) -> None:
    first, second = make_customer(), make_customer()

    entries = [adjust(first, 500, key="k"), adjust(second, 600, key="k")]

    assert [entry.replayed for entry in entries] == [False, False]


def test_a_repeat_is_answered_even_when_it_would_be_refused_now(app: Flask) -> None:
    customer, by = make_customer(500), actor()
    removed = adjust(customer, -500, key="k", by=by)
    correction = set_balance(customer, 300, 0, key="c", by=by)
    reversal = undo(credits.reverse, correction, key="r", by=by)
    transact(close, customer)

    assert adjust(customer, -500, key="k", by=by).seq == removed.seq
    assert set_balance(customer, 300, 0, key="c", by=by).seq == correction.seq
    assert undo(credits.reverse, correction, key="r", by=by).seq == reversal.seq


def test_the_same_amount_within_the_window_is_asked_about(app: Flask) -> None:
    customer, ada = make_customer(), make_staff(name="Ada Okafor")
    adjust(customer, 500, by=ada.actor, at=NOON)

    sentence = refusal(lambda: adjust(customer, 500, at=NOON + timedelta(days=7)))

    assert sentence == (
        f"This looks like a repeat: CR-{customer}-1 of the same amount ($5.00, by Ada Okafor) "
        "was posted in the last 7 days."
    )


def test_the_same_ticket_is_asked_about_whatever_the_amount(app: Flask) -> None:
    customer, ada = make_customer(), make_staff(name="Ada Okafor")
    adjust(customer, 500, by=ada.actor, ticket_ref="#81", at=NOON)

    sentence = refusal(lambda: adjust(customer, 700, ticket_ref="#81", at=NOON))

    assert sentence == (
        f"This looks like a repeat: CR-{customer}-1 for the same ticket ($5.00, by Ada Okafor) "
        "was posted in the last 7 days."
    )


@pytest.mark.parametrize("first", [{"amount_minor": 500}, {"amount_minor": 700, "ticket_ref": "#81"}])
def test_the_whole_window_is_searched_however_much_has_been_posted_since(app: Flask, first: dict[str, Any]) -> None:
    customer = make_customer()
    entry = adjust(customer, at=NOON, **first)
    post_others(customer, ENTRIES_SEARCHED - 1)

    sentence = refusal(lambda: adjust(customer, 500, ticket_ref="#81", at=NOON + timedelta(days=1)))

    assert sentence.startswith(f"This looks like a repeat: {entry.reference} ")


@pytest.mark.parametrize("first", [{"amount_minor": 500}, {"amount_minor": 700, "ticket_ref": "#81"}])
def test_behind_a_thousand_newer_entries_nothing_is_searched(app: Flask, first: dict[str, Any]) -> None:
    customer = make_customer()
    adjust(customer, at=NOON, **first)
    post_others(customer, ENTRIES_SEARCHED)

    entry = adjust(customer, 500, ticket_ref="#81", at=NOON + timedelta(days=1))

    assert entry.seq == ENTRIES_SEARCHED + 2


def test_the_newest_entry_alike_is_the_one_that_is_named(app: Flask) -> None:
    customer = make_customer()
    for amount_minor, ticket_ref in [(500, ""), (700, "#81"), (500, ""), (800, "")]:
        give(customer, amount_minor, ticket_ref=ticket_ref, at=NOON)

    sentences = [refusal(lambda: adjust(customer, 500, ticket_ref="#81", at=NOON))]
    give(customer, 700, ticket_ref="#81", at=NOON)
    sentences.append(refusal(lambda: adjust(customer, 500, ticket_ref="#81", at=NOON)))
    give(customer, 500, ticket_ref="#81", at=NOON)
    sentences.append(refusal(lambda: adjust(customer, 500, ticket_ref="#81", at=NOON)))

    assert [sentence.partition(": ")[2].partition(" (")[0] for sentence in sentences] == [
        f"CR-{customer}-3 of the same amount",
        f"CR-{customer}-5 for the same ticket",
        f"CR-{customer}-6 for the same ticket",
    ]


def test_a_reversed_entry_hides_no_earlier_one(app: Flask) -> None:
    customer = make_customer()
    adjust(customer, 500)
    undo(credits.reverse, give(customer, 500))

    assert f"CR-{customer}-1 of the same amount" in refusal(lambda: adjust(customer, 500))


def test_only_an_adjustment_can_be_repeated(app: Flask) -> None:
    customer = make_customer()
    set_balance(customer, 500, 0)

    assert adjust(customer, 500).seq == 2


def test_who_confirms_may_repeat(app: Flask) -> None:
    customer = make_customer()
    adjust(customer, 500)

    adjust(customer, 500, duplicates_ok=True)

    assert balance_of(customer) == 1000


@pytest.mark.parametrize(
    "second",
    [
        {"amount_minor": 501},
        {"amount_minor": -500},
        {"at": NOON + timedelta(days=7, seconds=1)},
    ],
)
def test_what_differs_is_no_repeat(app: Flask, second: dict[str, Any]) -> None:
    customer = make_customer()
    adjust(customer, 500, at=NOON)

    arguments: dict[str, Any] = {"amount_minor": 500, "at": NOON} | second
    entry = adjust(customer, **arguments)

    assert entry.seq == 2


def test_another_customers_entry_is_no_repeat(app: Flask) -> None:
    adjust(make_customer(), 500, ticket_ref="#81")

    assert adjust(make_customer(), 500, ticket_ref="#81").seq == 1


def test_a_window_of_no_days_asks_nothing(app: Flask) -> None:
    change_settings(duplicate_window_days=0)
    customer = make_customer()
    adjust(customer, 500, ticket_ref="#81")

    assert adjust(customer, 500, ticket_ref="#81").seq == 2


def test_what_was_reversed_may_be_posted_again(app: Flask) -> None:
    customer = make_customer()
    undo(credits.reverse, adjust(customer, 500))

    assert adjust(customer, 500).seq == 3


def post_others(customer: int, count: int) -> None:
    """Post so many entries that look like no other."""
    posting = Posting(kind=Kind.ADDED, amount_minor=1, description="Credit Added", by=actor(), key="")
    postings = [(customer, replace(posting, amount_minor=1_000 + n, key=new_key())) for n in range(count)]
    transact_at(NOON, ledger.post_many, postings)
