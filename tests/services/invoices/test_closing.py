"""Cancelling, voiding and refunding: everything comes back to where it came from, exactly once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from creditapp.db import db, transact, transact_at
from creditapp.models import CreditLot, InvoiceKind
from creditapp.services import credits, sweeps
from tests.factories import balance_of, change_settings, give, make_customer, make_reason, new_key
from tests.services.credits.desk import close, lots
from tests.services.invoices.desk import (
    actions,
    amounts,
    bill,
    cancel,
    everything,
    found,
    pay,
    refund,
    refusal,
    take_off,
    use,
    void,
)

pytestmark = pytest.mark.money

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def days(count: int) -> datetime:
    return START + timedelta(days=count)


def test_credit_and_money_of_an_unpaid_invoice_come_back_when_it_is_cancelled(app: Flask) -> None:
    customer = make_customer(1000)
    invoice = bill(customer, 5000)
    use(customer, invoice)
    pay(customer, 1500, invoice)

    entries = cancel(customer, invoice)

    assert [(entry.kind, entry.amount_minor) for entry in entries] == [("returned", 1000), ("invoice_refund", 1500)]
    assert amounts(customer, invoice) == ("cancelled", 0, 1500, 1500)
    assert lots(customer) == {1: 1000, 4: 1500}
    assert actions(customer, invoice) == ["created", "issued", "credit_applied", "payment_received", "cancelled"]


@pytest.mark.parametrize("verb", [cancel, void])
def test_a_draft_is_cancelled_and_nothing_comes_back(app: Flask, verb: Callable[..., object]) -> None:
    customer = make_customer(1000)
    invoice = bill(customer, 5000, is_draft=True)

    assert verb(customer, invoice, at=START) == []

    assert amounts(customer, invoice) == ("cancelled", 0, 0, 0)
    assert (found(customer, invoice).issued_on, found(customer, invoice).due_on) == (START.date(), START.date())
    assert balance_of(customer) == 1000


def test_a_refund_gives_credit_back_to_its_lots_and_makes_credit_of_the_money(app: Flask) -> None:
    customer = make_customer(1000)
    invoice = bill(customer, 5000)
    use(customer, invoice, 700)
    pay(customer, 6000, invoice)

    refund(customer, invoice)

    assert amounts(customer, invoice) == ("refunded", 0, 4300, 4300)
    assert lots(customer) == {1: 1000, 3: 1700, 5: 4300}


@pytest.mark.parametrize(("verb", "status"), [(cancel, "cancelled"), (void, "cancelled"), (refund, "refunded")])
@pytest.mark.parametrize("same_key", [True, False])
def test_nothing_comes_back_twice(app: Flask, verb: Callable[..., object], status: str, same_key: bool) -> None:
    customer = make_customer(1000)
    invoice = bill(customer, 3000)
    use(customer, invoice)
    pay(customer, 1500 if verb is cancel else 2000, invoice)
    key = new_key()
    verb(customer, invoice, key=key)
    before = everything()

    assert verb(customer, invoice, key=key if same_key else new_key()) == []

    assert everything() == before
    assert amounts(customer, invoice)[0] == status


@pytest.mark.parametrize(
    ("verb", "state", "problem"),
    [
        (cancel, "paid", "has been paid: void it, or refund it to credit."),
        (cancel, "refunded", "has been refunded."),
        (void, "refunded", "has been refunded."),
        (refund, "draft", "is a draft."),
        (refund, "unpaid", "has not been paid."),
        (refund, "cancelled", "has been cancelled."),
    ],
)
def test_what_is_not_in_the_state_for_it_is_left_alone(
    app: Flask, verb: Callable[..., object], state: str, problem: str
) -> None:
    customer = make_customer(1000)
    invoice = bill(customer, 1000, is_draft=state == "draft")
    if state in {"paid", "refunded"}:
        use(customer, invoice)
    if state in {"cancelled", "refunded"}:
        (cancel if state == "cancelled" else refund)(customer, invoice)

    assert refusal(lambda: verb(customer, invoice)) == f"Invoice #{invoice} {problem}"


@pytest.mark.parametrize("verb", [cancel, void, refund])
def test_funds_that_were_added_are_not_given_a_second_time(app: Flask, verb: Callable[..., object]) -> None:
    customer = make_customer()
    invoice = bill(customer, 5000, kind=InvoiceKind.ADD_FUNDS)
    pay(customer, 5000, invoice)

    said = refusal(lambda: verb(customer, invoice))

    expected = "has been paid: void it, or refund it to credit." if verb is cancel else "has added its funds to the "
    assert said.startswith(f"Invoice #{invoice} {expected}")
    assert balance_of(customer) == 5000


def test_what_was_paid_towards_funds_becomes_credit_when_they_are_cancelled(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 5000, kind=InvoiceKind.ADD_FUNDS)
    pay(customer, 2000, invoice)

    cancel(customer, invoice)

    assert (balance_of(customer), amounts(customer, invoice)) == (2000, ("cancelled", 0, 2000, 2000))


def test_credit_goes_back_to_the_lots_it_came_from_the_last_drawn_first(app: Flask) -> None:
    customer = make_customer()
    soon, later = (make_reason(expires_after_days=days_) for days_ in (5, 50))
    give(customer, 100, at=START)  # 1, drawn last
    give(customer, 200, at=START, reason_id=soon)  # 2, drawn first
    give(customer, 300, at=START, reason_id=later)  # 3
    invoice = bill(customer, 1000, at=START)
    use(customer, invoice, at=START)

    left = []
    for amount_minor in (50, 100, 300, 150):
        take_off(customer, invoice, amount_minor, at=days(1))
        left.append(lots(customer))

    assert left == [
        {1: 50, 2: 0, 3: 0},
        {1: 100, 2: 0, 3: 50},
        {1: 100, 2: 50, 3: 300},
        {1: 100, 2: 200, 3: 300},
    ]


def test_what_was_removed_by_hand_does_not_come_back_again(app: Flask) -> None:
    customer = make_customer(1000)
    invoice = bill(customer, 800)
    use(customer, invoice)
    take_off(customer, invoice, 300)

    assert [entry.amount_minor for entry in void(customer, invoice)] == [500]
    assert lots(customer) == {1: 1000}


@pytest.mark.parametrize(("grace_days", "back_until"), [(14, 15), (1, 2), (0, None)])
def test_credit_that_lapsed_meanwhile_has_days_of_grace(app: Flask, grace_days: int, back_until: int | None) -> None:
    change_settings(return_grace_days=grace_days)
    customer = make_customer()
    give(customer, 1000, reason_id=make_reason(expires_after_days=10), at=START)
    invoice = bill(customer, 1000, at=START)
    use(customer, invoice, at=START)
    back = days(20)

    void(customer, invoice, at=back)

    usable = [transact_at(back + timedelta(days=n), credits.usable_minor, customer) for n in range(20)]
    assert sum(1 for minor in usable if minor) == (0 if back_until is None else back_until)
    assert set(usable[: back_until or 0]) <= {1000}
    db.session.rollback()
    expires_at = db.session.get_one(CreditLot, (customer, 1)).expires_at
    assert expires_at is not None
    assert (expires_at > back) == (grace_days > 0)


def test_what_a_sweep_took_stays_taken_and_what_comes_back_lapses_again(app: Flask) -> None:
    customer = make_customer()
    give(customer, 1000, reason_id=make_reason(expires_after_days=10), at=START)
    invoice = bill(customer, 400, at=START)
    use(customer, invoice, at=START)
    transact_at(days(20), sweeps.expire)

    void(customer, invoice, at=days(20))

    assert balance_of(customer) == 400
    assert [transact_at(days(n), sweeps.expire) for n in (34, 36, 37)] == [0, 1, 0]
    assert balance_of(customer) == 0


def test_credit_comes_back_while_credits_are_off_and_the_balance_is_frozen(app: Flask) -> None:
    customer = make_customer(1000)
    first, second = bill(customer, 400), bill(customer, 500)
    use(customer, first)
    use(customer, second)
    change_settings(credits_enabled=False)
    freeze(customer)

    void(customer, first)
    take_off(customer, second)

    assert balance_of(customer) == 1000


def test_a_closed_customer_is_left_alone(app: Flask) -> None:
    customer = make_customer(1000)
    invoice = bill(customer, 400)
    use(customer, invoice)
    transact(close, customer)

    for work in (void, take_off, refund, use):
        said = refusal(lambda work=work: work(customer, invoice))  # type: ignore[misc]
        assert said == f"User #{customer} is closed: nothing is added or changed there any more."


def test_an_invoice_of_somebody_else_is_not_found(app: Flask) -> None:
    customer, other = make_customer(1000), make_customer(1000)
    invoice = bill(other, 400)

    for work in (void, cancel, refund, take_off, use):
        said = refusal(lambda work=work: work(customer, invoice))  # type: ignore[misc]
        assert said == f"There is no invoice #{invoice} of this user."


def test_a_key_that_did_one_thing_does_no_other(app: Flask) -> None:
    customer = make_customer(1000)
    invoice, other = bill(customer, 400), bill(customer, 300)
    use(customer, invoice, key="one form")

    for work in (
        lambda: use(customer, other, key="one form"),
        lambda: use(customer, invoice, 200, key="one form"),
        lambda: take_off(customer, invoice, key="one form"),
        lambda: void(customer, invoice, key="one form"),
    ):
        assert refusal(work).startswith(f"This form was already sent once with other content (CR-{customer}-2).")


def freeze(customer_id: int) -> None:
    statement = "UPDATE credit_accounts SET frozen_at = {}, frozen_reason = 'Chargeback' WHERE customer_id = {}"
    moment = 1 if db.engine.dialect.name == "sqlite" else "now()"
    db.session.remove()
    with db.engine.begin() as connection:
        connection.exec_driver_sql(statement.format(moment, customer_id))
