"""What is changed behind the books of codes, refunds and gateways is found, and the row is named."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from flask import Flask

from creditapp.db import transact
from creditapp.services import referrals, verification
from tests.factories import change_settings, make_customer, make_promo
from tests.services.gateways.far_end import begin, captured, hear, hold_money
from tests.services.invoices.desk import bill, pay
from tests.services.refunds.counter import back, credit_back, fail
from tests.services.tampering import tampered
from tests.services.test_promos import order

pytestmark = pytest.mark.money


@dataclass(frozen=True)
class Desk:
    """One customer with a bit of everything, and what it is numbered."""

    c: int
    other: int
    order: int
    brought: int
    invoice: int
    payment: int
    refund: int
    of_credit: int


@pytest.fixture
def desk(app: Flask) -> Desk:
    change_settings(referrals_enabled=True, referred_minor=500, referrer_minor=700, credit_refunds=True)
    make_promo()
    customer, other = make_customer(email="a@x.example"), make_customer(email="b@x.example")
    ordered = order(customer).invoice_id
    pay(customer, 4000, ordered)
    brought = order(other, code=transact(referrals.code_of, customer)).invoice_id
    pay(other, 4000, brought)
    transact(referrals.grant, other)
    invoice = bill(customer, 1000)
    paid = hear(captured(begin(customer, invoice)))
    assert paid.payment_id is not None
    begin(customer, bill(customer, 300))
    hold_money("ch_2")
    loose = pay(customer, 800).payment_id
    of_credit = credit_back(customer, loose, 200).refund_id
    fail(customer, credit_back(customer, loose, 100).refund_id)
    refund = back(customer, invoice, 400, paid.payment_id).refund_id
    return Desk(customer, other, ordered, brought, invoice, paid.payment_id, refund, of_credit)


OF_ORDER = "customer_id = :c AND invoice_id = :order"
TAMPERINGS = {
    "a use that is not counted": ("UPDATE promo_codes SET uses = 0", "promo code Spring-25 counts 0 uses"),
    "a use too many": ("UPDATE promo_codes SET uses = 2, uses_max = 1", "counts 2 uses of at most 1; there are 1"),
    "the kind of an order": (
        "UPDATE invoices SET kind = 'manual' WHERE customer_id = :c AND id = :order",
        "a promo code was used on it, and it is of the kind manual",
    ),
    "what a code brings": (
        f"UPDATE promo_uses SET amount_minor = 999 WHERE {OF_ORDER}",
        "its promo code has brought 999",
    ),
    "a use torn out": (
        f"DELETE FROM promo_uses WHERE {OF_ORDER}",
        "1000 came of a promo code, and no order says that it used one",
    ),
    "a promise on a paid order": (
        f"UPDATE promo_uses SET status = 'pending', entry_seq = NULL WHERE {OF_ORDER}",
        "it is paid, and what its promo code promised has neither come nor been dropped",
    ),
    "what a referral brings": (
        "UPDATE referrals SET referrer_minor = 900",
        "the referral is granted with 500 and 900; 2 entries come to 1200",
    ),
    "a referral taken for pending": (
        "UPDATE referrals SET status = 'pending', granted_at = NULL",
        "the referral is pending with 500 and 700; 2 entries come to 1200",
    ),
    "a referral torn out": ("DELETE FROM referrals", "it is the credit of a referral, and there is none for"),
    "the kind of a referred order": (
        "UPDATE invoices SET kind = 'manual' WHERE customer_id = :other AND id = :brought",
        "a referral names it, and it is of the kind manual",
    ),
    "a code beside a referral": (
        "UPDATE referrals SET customer_id = :c, referrer_id = :other, invoice_id = :order",
        "a promo code and a referral code were used on it",
    ),
    "a capture in no payment": (
        "UPDATE captures SET payment_id = NULL WHERE ref = 'ch_1'",
        "sandbox ch_1: 1000 was captured; it is in no payment, nor in suspense",
    ),
    "money in suspense, ignored": (
        "UPDATE gateway_events SET status = 'ignored' WHERE capture_ref = 'ch_2'",
        "sandbox ch_2: 12550 was captured; it is in no payment, nor in suspense",
    ),
    "less captured": (
        "UPDATE captures SET captured_minor = 999 WHERE ref = 'ch_1'",
        "ch_1 was captured with 999; the payment is of 1000 by sandbox, ch_1",
    ),
    "a payment of another charge": (
        "UPDATE payments SET transaction_ref = 'ch_9' WHERE customer_id = :c AND id = :payment",
        "ch_1 was captured with 1000; the payment is of 1000 by sandbox, ch_9",
    ),
    "a capture torn out": ("DELETE FROM captures WHERE ref = 'ch_1'", "it came by sandbox, and 0 captures are its own"),
    "a payment said to be under way": (
        "UPDATE invoices SET payment_started_at = created_at WHERE customer_id = :c AND id = :invoice",
        "a payment is said to be under way since",
    ),
    "the next intent": (
        "UPDATE id_counters SET next_id = 1 WHERE name = 'intents'",
        "the next intent would be number 1, and there is number 2",
    ),
    "what went back of a payment": (
        "UPDATE payments SET refunded_minor = 201 WHERE customer_id = :c AND refunded_minor = 200",
        "201 of it went back; its refunds come to 200",
    ),
    "what was followed of a capture": (
        "UPDATE captures SET taken_back_minor = 401 WHERE ref = 'ch_1'",
        "400 of it went back; of what its gateway told, 401 was followed",
    ),
    "the amount of a refund": (
        "UPDATE refunds SET amount_minor = 199 WHERE customer_id = :c AND id = :of_credit",
        "it is of 199, entry",
    ),
    "a refund torn out": (
        "DELETE FROM refunds WHERE customer_id = :c AND id = :of_credit",
        "it takes credit off for a refund, and there are 0",
    ),
    "a refund taken for failed": (
        "UPDATE refunds SET status = 'failed' WHERE customer_id = :c AND id = :of_credit",
        "it is failed, of 200; 0 of that was given back",
    ),
    "a failed refund taken for sent": (
        "UPDATE refunds SET status = 'done' WHERE status = 'failed'",
        "it is done, of 100; 100 of that was given back",
    ),
    "credit that was given, refunded": (
        "UPDATE credit_lots SET class = 'goodwill' WHERE customer_id = :c AND opening_minor = 800",
        "which is goodwill",
    ),
    "an invoice refunded and not ended": (
        "UPDATE invoices SET refunded_minor = paid_minor WHERE customer_id = :c AND id = :order",
        "4000 of 4000 paid has gone back, and it is not refunded",
    ),
    "the next refund": (
        "UPDATE id_counters SET next_id = 1 WHERE name = 'refunds'",
        "the next refund would be number 1, and there is number 3",
    ),
}


def test_a_desk_that_nobody_touched_is_found_clean(desk: Desk) -> None:
    assert verification.report() == []


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_found_and_the_row_is_named(desk: Desk, what: str) -> None:
    statement, expected = TAMPERINGS[what]

    with tampered(statement, **vars(desk)) as session:
        found = [str(finding) for finding in verification.verify(session) if finding.check != "guards"]

    assert any(expected in finding for finding in found), found
