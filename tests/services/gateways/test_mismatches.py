"""Money that was not asked for waits in suspense; money that came otherwise than asked for still arrives."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from creditapp.db import db, transact
from creditapp.gateways import ToldKind
from creditapp.services import callbacks, suspense
from tests.factories import actor, balance_of, close_customer, give, make_customer, merge_customers, new_key
from tests.services.gateways.far_end import FarEnd, begin, captured, hear, outcome, told, wordings
from tests.services.invoices.desk import amounts, bill, use, void

MISMATCHES: dict[str, tuple[dict[str, Any], str]] = {
    "another currency": ({"currency": "EUR"}, "It is in EUR; USD was asked for."),
    "another merchant": ({"merchant": "acct_theirs"}, "It came to another merchant account than ours."),
    "less": ({"amount_minor": 999}, "$10.00 was asked for, and only $9.99 was captured."),
    "no reference": ({"reference": ""}, "It names no payment that was begun here."),
    "a foreign reference": ({"reference": "1-999"}, "It names no payment that was begun here."),
    "nonsense": ({"reference": "\u0661-\u0662"}, "It names no payment that was begun here."),
}


@pytest.mark.parametrize("mismatch", MISMATCHES)
def test_money_that_was_not_asked_for_waits_in_suspense(app: Flask, mismatch: str) -> None:
    given, problem = MISMATCHES[mismatch]
    customer = make_customer()
    invoice = bill(customer, 1000)
    begun = begin(customer, invoice)
    terms: dict[str, Any] = {"reference": begun.reference, "amount_minor": 1000} | given

    taken = hear(told(ToldKind.CAPTURED, **terms))
    again = hear(told(ToldKind.CAPTURED, event_id="more", **terms))

    assert (taken.status, taken.problem) == ("suspense", problem)
    assert again.status == "done"
    assert amounts(customer, invoice) == ("unpaid", 0, 0, 0)
    assert outcome(customer, invoice)["payments"] == []


def test_another_gateway_cannot_pay_what_this_one_was_asked_for(app: Flask) -> None:
    customer = make_customer()
    begun = begin(customer, bill(customer, 1000))

    taken = hear(captured(begun), FarEnd(name="stripe"))

    assert (taken.status, taken.problem) == ("suspense", "It names no payment that was begun here.")


def test_money_for_a_customer_who_was_closed_waits_in_suspense(app: Flask) -> None:
    customer = make_customer()
    begun = begin(customer, bill(customer, 1000))
    close_customer(customer)

    taken = hear(captured(begun))

    assert taken.status == "suspense"
    assert taken.problem == f"User #{customer} has been closed and takes no more money."


def test_money_for_a_customer_who_was_merged_goes_to_the_survivor(app: Flask) -> None:
    customer, survivor = make_customer(), make_customer()
    invoice = bill(customer, 1000)
    begun = begin(customer, invoice)
    merge_customers(customer, into=survivor)

    taken = hear(captured(begun))

    assert (taken.status, taken.customer_id) == ("done", survivor)
    assert amounts(survivor, invoice)[0] == "paid"


def test_money_for_an_invoice_that_was_cancelled_becomes_credit(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    begun = begin(customer, invoice)
    void(customer, invoice)

    hear(captured(begun))

    assert wordings(customer) == [f"Credit for Overpayment of Invoice #{invoice}"]


def test_a_decline_frees_the_invoice_and_money_that_comes_after_it_still_arrives(app: Flask) -> None:
    customer = make_customer(1000)
    invoice = bill(customer, 1000)
    begun = begin(customer, invoice)

    hear(told(ToldKind.FAILED, "", begun, failure="The card was declined."))
    assert outcome(customer, invoice)["invoice"] == ("unpaid", 0, 0, None)
    use(customer, invoice, 400)
    hear(captured(begun, after_s=5))

    assert amounts(customer, invoice) == ("paid", 400, 600, 0)
    assert balance_of(customer) == 600 + 400


def test_what_goes_back_is_never_more_than_came(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    hear(captured(begin(customer, invoice)))

    hear(told(ToldKind.REFUNDED, refunded_minor=900, after_s=1))
    hear(told(ToldKind.DISPUTED, disputed_minor=900, after_s=2))

    assert outcome(customer, invoice)["payments"] == [(1000, 0, 1000)]
    assert outcome(customer, invoice)["owed"] == 1000


def test_a_claw_back_takes_other_credit_where_its_own_was_spent(app: Flask) -> None:
    customer = make_customer()
    paid = bill(customer, 400)
    hear(captured(begin(customer, paid), 1000))
    use(customer, bill(customer, 600))
    give(customer, 250)

    hear(told(ToldKind.DISPUTED, disputed_minor=1000, after_s=2))

    assert balance_of(customer) == 0
    assert outcome(customer, paid)["owed"] == 750


def test_paying_twice_and_too_much_becomes_credit_in_the_logs_own_words(app: Flask) -> None:
    customer = make_customer()
    invoice, other = bill(customer, 1000), bill(customer, 400)
    begun, too_much = begin(customer, invoice), begin(customer, other)

    hear(captured(begun))
    hear(captured(begun, ref="ch_2"))
    hear(captured(too_much, 450, ref="ch_3"))

    assert wordings(customer) == [
        f"Credit for Duplicate Payment of Invoice #{invoice}",
        f"Credit for Overpayment of Invoice #{other}",
    ]
    assert balance_of(customer) == 1050


def test_what_cannot_be_followed_outside_of_a_call_back_waits_for_a_person_once(app: Flask) -> None:
    customer = make_customer()
    hear(captured(begin(customer, bill(customer, 1000))))
    close_customer(customer)
    with db.engine.begin() as connection:
        connection.execute(update(callbacks.CAPTURES).values(refunded_minor=300))

    sentences = [transact(callbacks.follow_up, "sandbox", "ch_1", clawback_id=90 + turn) for turn in range(2)]

    assert sentences[0] == sentences[1]
    assert sentences[0].startswith("What went back of payment #1 could not be followed:")
    db.session.rollback()
    [waiting] = db.session.execute(suspense.select_waiting()).all()
    assert suspense.held(waiting).problem == sentences[0]
    transact(suspense.dismiss, waiting.id, "Seen", by=actor(), key=new_key())
    transact(callbacks.follow_up, "sandbox", "ch_1", clawback_id=99)
    db.session.rollback()
    assert db.session.execute(suspense.select_waiting()).all() == []
