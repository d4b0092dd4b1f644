"""What gateways tell takes effect once, in any order, and money that fits nothing waits for a person."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from functools import partial
from itertools import permutations

import pytest
from flask import Flask
from sqlalchemy import select

from creditapp.db import db, transact
from creditapp.gateways import Told, ToldKind
from creditapp.models import Capture, Invoice, InvoiceKind
from creditapp.services import numbers
from creditapp.services.callbacks import Taken
from tests.crowd import together
from tests.factories import balance_of, give, make_customer
from tests.services.gateways.far_end import begin, captured, events, hear, outcome, renamed, told, wordings
from tests.services.invoices.desk import actions, amounts, bill, pay, use

pytestmark = pytest.mark.money

ORDERS = int(os.environ.get("ORDERS_TOLD", "5"))
THREADS, DELIVERIES = 16, 100


def story(customer: int, invoice: int, *, disputed_minor: int, end_minor: int) -> list[Told]:
    """Return six related events: pending, captured twice, refunded in part, disputed, and how that ended."""
    begun = begin(customer, invoice)
    return [
        told(ToldKind.PENDING, "", begun, event_id="pending"),
        captured(begun, 1500, event_id="captured", after_s=1),
        captured(begun, 1500, event_id="captured again", after_s=2),
        told(ToldKind.REFUNDED, refunded_minor=300, event_id="refunded", after_s=3),
        told(ToldKind.DISPUTED, disputed_minor=disputed_minor, event_id="disputed", after_s=4),
        told(ToldKind.DISPUTE_CLOSED, disputed_minor=end_minor, event_id="closed", after_s=5),
    ]


@pytest.mark.parametrize(("end_minor", "balance", "owed"), [(0, 200, None), (1200, 0, 1000)], ids=["won", "lost"])
def test_six_events_have_one_outcome_in_any_order(app: Flask, end_minor: int, balance: int, owed: int | None) -> None:
    orders = list(permutations(range(6)))
    chosen = [orders[0], orders[-1], *random.Random(4).sample(orders, min(ORDERS, len(orders)) - 2)]
    outcomes = []
    for number, order in enumerate(chosen):
        customer = make_customer()
        invoice = bill(customer, 1000)
        its = story(customer, invoice, disputed_minor=1200, end_minor=end_minor)

        for place in order:
            one = its[place]
            ref = f"ch_{number:04}" if one.capture_ref else ""
            hear(replace(one, capture_ref=ref, event_id=f"{number}-{one.event_id}"))

        seen = outcome(customer, invoice)
        del seen["captures"]
        outcomes.append(seen)

    assert all(one == outcomes[0] for one in outcomes)
    assert (outcomes[0]["balance"], outcomes[0]["owed"]) == (balance, owed)
    assert outcomes[0]["payments"] == [(1500, 500, 300 + end_minor)]


def test_a_capture_pays_its_invoice_and_ends_the_intent(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    begun = begin(customer, invoice)

    taken = hear(captured(begun))

    assert (taken.status, taken.problem) == ("done", "")
    assert outcome(customer, invoice) == {
        "balance": 0,
        "invoice": ("paid", 0, 1000, None),
        "payments": [(1000, 0, 0)],
        "owed": None,
        "captures": [(1000, 0, 0, 0)],
    }
    assert actions(customer, invoice)[-2:] == ["payment_begun", "payment_received"]


def test_a_hundred_deliveries_by_sixteen_threads_have_one_effect(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    one = captured(begin(customer, invoice), 1250)

    def deliver(count: int) -> list[Taken]:
        return [hear(one) for _ in range(count)]

    shares = [DELIVERIES // THREADS + (number < DELIVERIES % THREADS) for number in range(THREADS)]
    told_to = together([partial(deliver, count) for count in shares])

    assert not [one for one in told_to if isinstance(one, Exception)]
    assert events() == [("captured", "done", DELIVERIES)]
    assert outcome(customer, invoice)["payments"] == [(1250, 250, 0)]
    assert balance_of(customer) == 250


def test_the_same_payment_told_as_many_events_at_once_is_recorded_once(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    one = captured(begin(customer, invoice))

    told_to = together([partial(hear, renamed(one, f"event {number}")) for number in range(8)])

    assert not [each for each in told_to if isinstance(each, Exception)]
    assert outcome(customer, invoice)["payments"] == [(1000, 0, 0)]
    assert balance_of(customer) == 0


def test_a_top_up_adds_what_was_captured_and_a_claw_back_takes_it_from_its_own_lot(app: Flask) -> None:
    customer = make_customer(700)
    invoice = bill(customer, 1000, kind=InvoiceKind.ADD_FUNDS)
    hear(captured(begin(customer, invoice)))

    hear(told(ToldKind.DISPUTED, disputed_minor=1000, after_s=9))

    assert balance_of(customer) == 700
    assert wordings(customer)[1:] == [f"Add Funds Invoice #{invoice}", "Chargeback of Payment #1"]
    assert outcome(customer, invoice)["owed"] is None


def test_spent_credit_that_is_taken_back_is_owed_on_an_invoice_and_forgiven_when_the_dispute_is_won(
    app: Flask,
) -> None:
    customer = make_customer()
    funds, hosting = bill(customer, 1000, kind=InvoiceKind.ADD_FUNDS), bill(customer, 900)
    hear(captured(begin(customer, funds)))
    use(customer, hosting)

    hear(told(ToldKind.DISPUTED, disputed_minor=1000, after_s=9))
    assert (balance_of(customer), outcome(customer, funds)["owed"]) == (0, 900)

    hear(told(ToldKind.DISPUTE_CLOSED, disputed_minor=0, after_s=10))
    assert (balance_of(customer), outcome(customer, funds)["owed"]) == (100, None)


def test_an_entry_and_a_claw_back_invoice_of_the_same_number_are_both_undone(app: Flask) -> None:
    customer = make_customer()
    hear(captured(begin(customer, bill(customer, 1000)), 1800))
    number = transact(numbers.reserve, "invoices") + 1
    for _one in range(number - 2):
        give(customer, 1)
    hear(told(ToldKind.DISPUTED, disputed_minor=1800, after_s=9))
    assert (wordings(customer)[number - 1], is_there(customer, number)) == ("Chargeback of Payment #1", True)
    give(customer, 40)
    use(customer, number)

    hear(told(ToldKind.DISPUTE_CLOSED, disputed_minor=0, after_s=10))

    assert balance_of(customer) == 800 + number - 2 + 40


def test_what_was_paid_for_a_claw_back_comes_back_as_credit_when_the_dispute_is_won(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    taken = hear(captured(begin(customer, invoice)))
    hear(told(ToldKind.DISPUTED, disputed_minor=1000, after_s=9))
    db.session.rollback()
    owed = max(number for number in range(1, 40) if is_there(customer, number))
    pay(customer, 1000, owed)

    hear(told(ToldKind.DISPUTE_CLOSED, disputed_minor=0, after_s=10))

    assert taken.payment_id is not None
    assert amounts(customer, owed) == ("refunded", 0, 1000, 1000)
    assert balance_of(customer) == 1000


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5], ids=lambda order: "".join(map(str, order)))
def test_each_dispute_of_a_payment_stands_for_itself(app: Flask, order: tuple[int, ...]) -> None:
    customer = make_customer()
    funds = bill(customer, 1000, kind=InvoiceKind.ADD_FUNDS)
    begun = begin(customer, funds)
    story = [
        captured(begun),
        told(ToldKind.DISPUTED, disputed_minor=300, dispute_ref="dp_1", event_id="one", after_s=1),
        told(ToldKind.DISPUTED, disputed_minor=400, dispute_ref="dp_2", event_id="two", after_s=2),
        told(ToldKind.DISPUTE_CLOSED, disputed_minor=0, dispute_ref="dp_2", event_id="two is won", after_s=3),
    ]

    for place in order:
        hear(story[place])

    assert outcome(customer, funds)["captures"] == [(1000, 0, 300, 300)]
    assert balance_of(customer) == 700


def test_two_disputes_take_both_their_amounts(app: Flask) -> None:
    customer = make_customer()
    funds = bill(customer, 1000, kind=InvoiceKind.ADD_FUNDS)
    hear(captured(begin(customer, funds)))

    hear(told(ToldKind.DISPUTED, disputed_minor=300, dispute_ref="dp_1", event_id="one", after_s=1))
    hear(told(ToldKind.DISPUTE_CLOSED, disputed_minor=400, dispute_ref="dp_2", event_id="two is lost", after_s=2))

    assert outcome(customer, funds)["captures"] == [(1000, 0, 700, 700)]
    assert db.session.execute(select(Capture.is_dispute_closed)).scalar_one() is False
    assert balance_of(customer) == 300


def test_a_dispute_before_its_capture_waits_for_it(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    begun = begin(customer, invoice)

    early = hear(told(ToldKind.DISPUTED, disputed_minor=1000, after_s=9))
    hear(captured(begun))

    assert early.status == "ignored"
    assert events() == [("disputed", "done", 1), ("captured", "done", 1)]
    assert outcome(customer, invoice)["owed"] == 1000


def is_there(customer: int, number: int) -> bool:
    return db.session.get(Invoice, (customer, number)) is not None
