"""Money that comes in: it pays what was named, in that order, and the rest is credit. None of it is ever dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from creditapp.db import db, transact
from creditapp.errors import InvoiceStateError
from creditapp.models import CreditEntry, CreditLot, InvoiceKind, InvoiceStatus, PaymentAllocation
from creditapp.models import Payment as PaymentRow
from creditapp.money import AMOUNT_MINOR_MAX
from creditapp.services import payments
from creditapp.services.bills import Bill
from creditapp.services.payments import Plan, Share, split
from tests.factories import balance_of, change_settings, make_customer
from tests.services.credits.desk import close
from tests.services.invoices.desk import (
    amounts,
    bill,
    cancel,
    everything,
    pay,
    refund,
    refusal,
    use,
    void,
)
from tests.services.invoices.test_closing import freeze

NOTHING = Plan((), 0, None, "", None)


def a_bill(number: int, due_minor: int, status: str = "unpaid") -> Bill:
    """Return an invoice of this number, unpaid but for this much; or one on which nothing is due."""
    total_minor = due_minor or 1000
    return Bill(
        customer_id=1,
        id=number,
        kind="manual",
        status=status,
        total_minor=total_minor,
        eligible_minor=total_minor,
        credit_minor=0,
        paid_minor=0,
        refunded_minor=0,
        due_on=None,
        paid_at=None,
        closed_at=None,
        payment_started_at=None,
        subscription_id=None,
        events=2,
        version=1,
    )


PAID, CANCELLED, REFUNDED = (a_bill(n, 0, status) for n, status in ((7, "paid"), (8, "cancelled"), (9, "refunded")))
A, B, C = a_bill(1, 100), a_bill(2, 200), a_bill(3, 300)
OVERPAID = "Credit for Overpayment of Invoice #{}"
DUPLICATE = "Credit for Duplicate Payment of Invoice #{}"
LOOSE = "Credit for Payment without Invoice"


@pytest.mark.parametrize(
    ("amount_minor", "bills", "shares", "credit_minor", "kind", "description", "about"),
    [
        (100, [A], [(1, 100)], 0, None, "", None),
        (99, [A], [(1, 99)], 0, None, "", None),
        (1, [A, B], [(1, 1)], 0, None, "", None),
        (101, [A], [(1, 100)], 1, "overpayment", OVERPAID, 1),
        (600, [A, B, C], [(1, 100), (2, 200), (3, 300)], 0, None, "", None),
        (350, [C, A, B], [(3, 300), (1, 50)], 0, None, "", None),  # in the order typed
        (350, [A, B, C], [(1, 100), (2, 200), (3, 50)], 0, None, "", None),
        (1000, [C, A], [(3, 300), (1, 100)], 600, "overpayment", OVERPAID, 1),
        (500, [], [], 500, "loose_payment", LOOSE, None),
        (500, [PAID], [], 500, "duplicate_payment", DUPLICATE, 7),
        (500, [PAID, PAID], [], 500, "duplicate_payment", DUPLICATE, 7),
        (500, [PAID, A], [(1, 100)], 400, "overpayment", OVERPAID, 1),
        (500, [A, PAID], [(1, 100)], 400, "overpayment", OVERPAID, 1),
        (500, [CANCELLED], [], 500, "overpayment", OVERPAID, 8),
        (500, [REFUNDED], [], 500, "overpayment", OVERPAID, 9),
        (500, [CANCELLED, A], [(1, 100)], 400, "overpayment", OVERPAID, 1),
        (50, [CANCELLED, PAID, A], [(1, 50)], 0, None, "", None),
        (AMOUNT_MINOR_MAX, [A], [(1, 100)], AMOUNT_MINOR_MAX - 100, "overpayment", OVERPAID, 1),
    ],
)
def test_what_a_payment_comes_to(
    amount_minor: int,
    bills: list[Bill],
    shares: list[tuple[int, int]],
    credit_minor: int,
    kind: str | None,
    description: str,
    about: int | None,
) -> None:
    plan = split(amount_minor, bills)

    assert [(share.invoice_id, share.amount_minor) for share in plan.shares] == shares
    assert (plan.credit_minor, plan.kind, plan.credit_invoice_id) == (credit_minor, kind, about)
    assert plan.description == description.format(about)


@pytest.mark.parametrize("bills", [[a_bill(5, 0, "draft")], [A, a_bill(5, 0, "draft")]])
def test_a_draft_takes_no_payment(bills: list[Bill]) -> None:
    with pytest.raises(InvoiceStateError) as refused:
        split(1, bills)

    assert refused.value.sentence(str) == "Invoice #5 is a draft: issue it before a payment is recorded for it."


STATES = st.sampled_from([str(status) for status in set(InvoiceStatus) - {"draft"}])


@given(st.integers(1, 2000), st.lists(st.tuples(st.integers(1, 500), STATES), max_size=8))
def test_no_minor_unit_is_lost_or_made(amount_minor: int, made: Sequence[tuple[int, str]]) -> None:
    bills = [a_bill(number, due_minor, status) for number, (due_minor, status) in enumerate(made, start=1)]

    plan = split(amount_minor, bills)

    assert sum(share.amount_minor for share in plan.shares) + plan.credit_minor == amount_minor
    given_minor = {share.invoice_id: share.amount_minor for share in plan.shares}
    assert all(0 < minor <= bills[number - 1].due_minor for number, minor in given_minor.items())
    assert list(given_minor) == sorted(given_minor)
    if plan.credit_minor:
        assert given_minor == {one.id: one.due_minor for one in bills if one.due_minor}
    assert (plan.kind is None) == (plan.credit_minor == 0) == (plan.description == "")


@pytest.mark.money
def test_a_payment_pays_in_the_order_typed_and_the_rest_is_credit_that_was_paid(app: Flask) -> None:
    customer = make_customer()
    first, second, third = (bill(customer, minor) for minor in (100, 200, 300))

    recorded = pay(customer, 450, third, first, second)
    rest = pay(customer, 450, second)

    assert recorded.plan.shares == (Share(third, 300, 300), Share(first, 100, 100), Share(second, 50, 200))
    assert (recorded.paid, recorded.entry, rest.paid) == ((third, first), None, (second,))
    assert rest.entry is not None
    assert (rest.plan.credit_minor, rest.plan.description) == (300, f"Credit for Overpayment of Invoice #{second}")
    db.session.rollback()
    lot = db.session.get_one(CreditLot, (customer, rest.entry.seq))
    assert (lot.class_, lot.opening_minor, lot.expires_at) == ("paid", 300, None)
    entry = db.session.get_one(CreditEntry, (customer, rest.entry.seq))
    assert (entry.payment_id, entry.invoice_id) == (rest.payment_id, second)


@pytest.mark.money
def test_an_invoice_that_is_named_twice_is_paid_once(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)

    assert pay(customer, 1500, invoice, invoice).plan.credit_minor == 500


@pytest.mark.money
@pytest.mark.parametrize("undo", [cancel, void, refund])
def test_money_for_an_invoice_that_was_undone_is_credit(app: Flask, undo: Any) -> None:  # noqa: ANN401  (a verb)
    customer = make_customer()
    invoice = bill(customer, 1000)
    if undo is refund:
        pay(customer, 1000, invoice)
    undo(customer, invoice)

    recorded = pay(customer, 700, invoice)

    assert recorded.plan.description == f"Credit for Overpayment of Invoice #{invoice}"
    assert balance_of(customer) == 700 + (1000 if undo is refund else 0)


@pytest.mark.money
def test_money_arrives_while_credits_are_off_and_the_balance_is_frozen(app: Flask) -> None:
    customer = make_customer()
    funds, paid = bill(customer, 300, kind=InvoiceKind.ADD_FUNDS), bill(customer, 100)
    change_settings(credits_enabled=False)
    freeze(customer)

    pay(customer, 300, funds)
    pay(customer, 150, paid)
    pay(customer, 70)

    assert balance_of(customer) == 300 + 50 + 70


@pytest.mark.money
def test_funds_are_added_when_they_are_paid_in_full_and_once(app: Flask) -> None:
    customer = make_customer()
    funds = bill(customer, 5000, kind=InvoiceKind.ADD_FUNDS)

    balances = []
    for amount_minor in (2000, 2999, 1, 5000):
        pay(customer, amount_minor, funds)
        balances.append(balance_of(customer))

    assert balances == [0, 0, 5000, 10_000]
    db.session.rollback()
    said = db.session.execute(select(CreditEntry.description).order_by(CreditEntry.seq)).scalars().all()
    assert said == [f"Add Funds Invoice #{funds}", f"Credit for Duplicate Payment of Invoice #{funds}"]


@pytest.mark.money
@pytest.mark.parametrize("amount_minor", [500, 1000, 1700])
def test_the_same_form_twice_records_once(app: Flask, amount_minor: int) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    first = pay(customer, amount_minor, invoice, key="form")
    before = everything()

    again = pay(customer, amount_minor, invoice, key="form")

    assert everything() == before
    assert (again.replayed, again.payment_id, again.plan.credit_minor) == (
        True,
        first.payment_id,
        first.plan.credit_minor,
    )


@pytest.mark.money
@pytest.mark.parametrize("amount_minor", [500, 1700])
@pytest.mark.parametrize(
    "change", [{"method": "card"}, {"transaction_ref": "T-2"}, {"note": "From Monday"}, {"invoice_ids": ()}]
)
def test_the_same_form_with_other_content_is_refused(app: Flask, amount_minor: int, change: dict[str, Any]) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    pay(customer, amount_minor, invoice, key="form")

    said = refusal(lambda: pay(customer, amount_minor, invoice, key="form", **change))

    assert said.startswith("This form was already sent once with other content")


@pytest.mark.money
def test_what_is_no_payment_is_refused(app: Flask) -> None:
    customer, other = make_customer(), make_customer()
    draft, foreign, invoice = bill(customer, 100, is_draft=True), bill(other, 100), bill(customer, 100)
    too_much = f"One entry can be at most ${AMOUNT_MINOR_MAX // 100:,}.00."
    refused = {
        "Enter an amount other than zero.": lambda: pay(customer, 0, invoice),
        too_much: lambda: pay(customer, AMOUNT_MINOR_MAX + 1),
        f"Invoice #{draft} is a draft: issue it before a payment is recorded for it.": lambda: pay(
            customer, 100, invoice, draft
        ),
        f"There is no invoice #{foreign} of this user.": lambda: pay(customer, 100, foreign),
        "There is no invoice #999 of this user.": lambda: pay(customer, 100, invoice, 999),
        "There is no user #999.": lambda: pay(999, 100),
    }

    assert [refusal(work) for work in refused.values()] == list(refused)
    transact(close, customer)
    said = refusal(lambda: pay(customer, 100, invoice))
    assert said == f"User #{customer} is closed: nothing is added or changed there any more."


@pytest.mark.money
def test_a_preview_says_what_recording_does_and_writes_nothing(app: Flask) -> None:
    customer = make_customer(300)
    first, second = bill(customer, 1000), bill(customer, 500)
    use(customer, first)
    before = everything()

    plan = transact(payments.preview, customer, 1400, [second, first])

    assert everything() == before
    assert plan == pay(customer, 1400, second, first).plan
    assert (amounts(customer, first), amounts(customer, second)) == (("paid", 300, 700, 0), ("paid", 0, 500, 0))
    db.session.rollback()
    kept = db.session.execute(select(PaymentAllocation.invoice_id, PaymentAllocation.amount_minor)).all()
    assert sorted(map(tuple, kept)) == sorted([(first, 700), (second, 500)])
    assert db.session.execute(select(PaymentRow.credit_minor)).scalars().all() == [200]
