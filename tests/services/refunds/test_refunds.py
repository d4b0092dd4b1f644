"""Refunds: money goes back to where it came from, never more than came, and the books say so at every step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from creditapp.db import db, transact, transact_at
from creditapp.errors import FormReusedError, RefundEndedError, RefundExceedsError
from creditapp.models import InvoiceKind, Mail, Subscription
from creditapp.services import refunds
from creditapp.services.actor import SYSTEM, Actor
from tests.crowd import together
from tests.factories import (
    balance_of,
    change_settings,
    close_customer,
    give,
    make_customer,
    make_product,
    make_subscription,
    new_key,
)
from tests.services.invoices.desk import amounts, bill, pay, refusal, take_off, use, void
from tests.services.invoices.desk import refund as to_credit
from tests.services.refunds.counter import LONG_AFTER, back, captured, credit_back, entries, fail, gone, refund, settle

pytestmark = pytest.mark.money
CROWD = 16


def test_a_part_of_an_invoice_goes_back_and_the_invoice_stays_paid(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    payment = captured(customer, 1000, invoice)

    asked = back(customer, invoice, 300, payment)

    assert (asked.gateway, refund(customer, asked.refund_id).status) == ("stripe", "requested")
    assert gone(customer, payment) == (300, 300, 300)
    settle(customer, asked.refund_id)
    assert amounts(customer, invoice) == ("paid", 0, 1000, 300)
    assert (refund(customer, asked.refund_id).gateway_ref, balance_of(customer)) == (f"re_{asked.refund_id}", 0)


def test_an_invoice_is_refunded_when_all_its_money_has_been_sent_and_its_credit_goes_back_to_its_lots(
    app: Flask,
) -> None:
    customer = make_customer(400)
    invoice = bill(customer, 1000)
    use(customer, invoice)
    payment = captured(customer, 600, invoice)

    first, second = (back(customer, invoice, part, payment).refund_id for part in (200, 400))
    settle(customer, second)
    assert amounts(customer, invoice) == ("paid", 400, 600, 600)
    settle(customer, first)

    assert amounts(customer, invoice) == ("refunded", 0, 600, 600)
    assert balance_of(customer) == 400
    assert entries(customer)[-1] == (f"Credit Returned from Invoice #{invoice}", 400)


def test_a_refund_that_failed_leaves_the_invoice_as_it_was(app: Flask) -> None:
    customer = make_customer(400)
    invoice = bill(customer, 1000)
    use(customer, invoice)
    payment = captured(customer, 600, invoice)
    asked = back(customer, invoice, 600, payment)

    assert fail(customer, asked.refund_id)

    assert amounts(customer, invoice) == ("paid", 400, 600, 0)
    assert gone(customer, payment) == (0, 0, 0)
    assert (refund(customer, asked.refund_id).failure, balance_of(customer)) == ("The card has expired", 0)
    assert (fail(customer, asked.refund_id), settle(customer, asked.refund_id)) == (False, False)


def test_money_that_comes_back_after_its_invoice_was_refunded_becomes_credit(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    payment = captured(customer, 1000, invoice)
    asked = back(customer, invoice, 1000, payment)
    settle(customer, asked.refund_id)

    fail(customer, asked.refund_id)

    assert amounts(customer, invoice) == ("refunded", 0, 1000, 1000)
    assert entries(customer) == [(f"Refund of Invoice #{invoice} to Credit", 1000)]
    assert gone(customer, payment) == (0, 1000, 0)


@pytest.mark.parametrize("close", [to_credit, void])
def test_what_is_closed_while_a_refund_is_on_its_way_gives_the_rest_as_credit(
    app: Flask, close: Callable[..., object]
) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    payment = captured(customer, 1000, invoice)
    asked = back(customer, invoice, 300, payment)

    close(customer, invoice)
    assert balance_of(customer) == 700
    fail(customer, asked.refund_id)

    assert balance_of(customer) == 1000
    assert gone(customer, payment)[0] == 0


def test_unspent_credit_goes_back_from_the_lots_of_its_own_payment_alone(app: Flask) -> None:
    change_settings(credit_refunds=True)
    customer = make_customer(5000)
    first, second = captured(customer, 1000), captured(customer, 700)
    spent = bill(customer, 5200)
    use(customer, spent)

    with pytest.raises(RefundExceedsError) as refused:
        credit_back(customer, first, 801)
    asked = credit_back(customer, first, 800)

    assert refused.value.most_minor == 800
    assert entries(customer)[-1] == ("Credit Refund", -800)
    assert (balance_of(customer), gone(customer, first), gone(customer, second)) == (700, (800, 0, 800), (0, 0, 0))
    settle(customer, asked.refund_id)
    assert (balance_of(customer), refund(customer, asked.refund_id).status) == (700, "done")


def test_credit_that_could_not_be_sent_is_back_in_its_lots(app: Flask) -> None:
    change_settings(credit_refunds=True)
    customer = make_customer()
    payment = captured(customer, 1000)
    asked = credit_back(customer, payment, 600)

    fail(customer, asked.refund_id)

    assert entries(customer)[-1] == (f"Reversal of CR-{customer}-2", 600)
    assert gone(customer, payment) == (0, 0, 0)
    assert credit_back(customer, payment, 1000).amount_minor == 1000


def test_credit_that_a_refund_to_credit_made_can_go_back_to_the_one_payment_it_came_from(app: Flask) -> None:
    change_settings(credit_refunds=True)
    customer = make_customer()
    alone, shared = bill(customer, 1000), bill(customer, 1000)
    payment = captured(customer, 1500, alone, shared)
    captured(customer, 500, shared)
    for invoice in (alone, shared):
        to_credit(customer, invoice)

    words = refusal(partial(credit_back, customer, payment, 1001))

    assert words == "At most $10.00 of this payment’s unspent credit can go back."
    assert credit_back(customer, payment, 1000).amount_minor == 1000


def test_what_was_given_never_leaves(app: Flask) -> None:
    change_settings(credit_refunds=True)
    customer = make_customer(5000)
    invoice = bill(customer, 1000)
    payment = captured(customer, 1000, invoice)
    give(customer, 300)

    assert refusal(partial(credit_back, customer, payment, 1)) == (
        "Nothing of this payment’s unspent credit is left to go back."
    )


@pytest.mark.parametrize("amount_minor", [-1, 0, 1001, 10**12])
def test_only_what_was_paid_goes_back(app: Flask, amount_minor: int) -> None:
    change_settings(credit_refunds=True)
    customer = make_customer()
    invoice = bill(customer, 1000)
    payment, loose = captured(customer, 1000, invoice), captured(customer, 1000)

    of_invoice = refusal(partial(back, customer, invoice, amount_minor, payment))
    of_credit = refusal(partial(credit_back, customer, loose, amount_minor))

    assert of_invoice == f"At most $10.00 of what payment #{payment} paid of this invoice can go back."
    assert of_credit == "At most $10.00 of this payment’s unspent credit can go back."


def _unpaid(customer: int) -> tuple[int, int]:
    invoice = bill(customer, 1000)
    return invoice, captured(customer, 400, invoice)


def _added_funds(customer: int) -> tuple[int, int]:
    invoice = bill(customer, 1000, kind=InvoiceKind.ADD_FUNDS)
    return invoice, captured(customer, 1000, invoice)


def _closed(customer: int) -> tuple[int, int]:
    invoice = bill(customer, 1000)
    payment = captured(customer, 1000, invoice)
    to_credit(customer, invoice)
    return invoice, payment


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (_unpaid, "has not been paid in full: cancel it, then refund the credit it gives back."),
        (_added_funds, "has added its funds to the balance: refund its payment’s unspent credit."),
        (_closed, "is refunded: nothing is left on it."),
    ],
)
def test_an_invoice_that_is_not_paid_with_money_is_not_refunded(
    app: Flask, made: Callable[[int], tuple[int, int]], words: str
) -> None:
    customer = make_customer()
    invoice, payment = made(customer)

    assert refusal(partial(back, customer, invoice, 100, payment)) == f"Invoice #{invoice} {words}"


def test_credit_goes_back_only_where_the_setting_says_so_and_nothing_is_frozen(app: Flask) -> None:
    customer = make_customer()
    payment = captured(customer, 1000)

    assert (
        refusal(partial(credit_back, customer, payment, 100)) == "Refunds of credit are switched off in the settings."
    )


def test_the_funds_of_a_top_up_go_back_as_credit_does(app: Flask) -> None:
    change_settings(credit_refunds=True)
    customer = make_customer()
    _invoice, payment = _added_funds(customer)

    credit_back(customer, payment, 1000)

    assert balance_of(customer) == 0


def test_the_same_request_twice_asks_once_and_another_under_its_key_is_refused(app: Flask) -> None:
    change_settings(credit_refunds=True)
    customer = make_customer()
    invoice = bill(customer, 1000)
    payment, loose = captured(customer, 1000, invoice), captured(customer, 1000)

    for ask in (partial(back, customer, invoice, 300, payment), partial(credit_back, customer, loose, 300)):
        key = new_key()
        first, second = ask(key=key), ask(key=key)
        assert (first.replayed, second.replayed, first.refund_id) == (False, True, second.refund_id)
        with pytest.raises(FormReusedError):
            ask(key=key, by=Actor("api", 1))
    assert (gone(customer, payment)[0], gone(customer, loose)[0]) == (300, 300)


def test_renewals_are_undone_with_the_last_of_the_money_and_done_again_if_it_fails(app: Flask) -> None:
    customer = make_customer()
    subscription = make_subscription(customer, make_product(), next_due_on=date(2026, 5, 1))
    period: dict[str, Any] = {
        "subscription_id": subscription,
        "period_start": date(2026, 4, 1),
        "period_end": date(2026, 5, 1),
    }
    invoice = bill(customer, 1000, **period)
    payment = captured(customer, 1000, invoice)

    first = back(customer, invoice, 400, payment, undo_renewals=True)
    assert paid_until(customer, subscription) == date(2026, 5, 1)
    last = back(customer, invoice, 600, payment, undo_renewals=True)
    assert paid_until(customer, subscription) == date(2026, 4, 1)
    fail(customer, last.refund_id)

    assert paid_until(customer, subscription) == date(2026, 5, 1)
    settle(customer, first.refund_id)
    assert amounts(customer, invoice) == ("paid", 0, 1000, 400)


def test_money_that_no_gateway_brought_is_sent_by_a_person(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    payment = pay(customer, 1000, invoice).payment_id
    sent, dropped = (back(customer, invoice, 500, payment) for _ in range(2))
    terms: dict[str, Any] = {"by": SYSTEM, "key": new_key()}

    assert due(LONG_AFTER) == []
    assert transact(refunds.done_by_hand, customer, sent.refund_id, "SEPA 88", **terms)
    assert transact(refunds.call_off, customer, dropped.refund_id, **terms)

    assert refund(customer, sent.refund_id).gateway_ref == "SEPA 88"
    assert gone(customer, payment) == (500, 500, 0)
    assert not transact(refunds.done_by_hand, customer, sent.refund_id, "SEPA 88", **terms)
    for verb, arguments in ((refunds.call_off, (sent,)), (refunds.done_by_hand, (dropped, "x"))):
        with pytest.raises(RefundEndedError):
            transact(verb, customer, arguments[0].refund_id, *arguments[1:], **terms)


def test_what_a_gateway_sends_no_person_marks_as_sent(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    asked = back(customer, invoice, 500, captured(customer, 1000, invoice))

    with pytest.raises(RefundEndedError):
        transact(refunds.done_by_hand, customer, asked.refund_id, "x", by=SYSTEM, key=new_key())


def test_the_customer_is_told_once_that_money_was_sent(app: Flask) -> None:
    change_settings(mail_from="billing@kite.example")
    customer = make_customer()
    invoice = bill(customer, 1000)
    asked = back(customer, invoice, 500, captured(customer, 1000, invoice))

    for _ in range(2):
        settle(customer, asked.refund_id)

    [mail] = db.session.execute(select(Mail.subject, Mail.text).where(Mail.event == "refund_sent"))
    assert mail.subject == "$5.00 is on its way back to you"
    assert f"It is for invoice #{invoice}" in mail.text


def test_a_gateway_is_asked_again_ever_later_until_it_has_answered(app: Flask) -> None:
    moment = datetime(2026, 3, 2, 12, tzinfo=UTC)
    customer = make_customer()
    invoice = bill(customer, 1000)
    payment = captured(customer, 1000, invoice)
    asked = back(customer, invoice, 500, payment, at=moment)

    waits = []
    for _ in range(12):
        [one] = due(moment + timedelta(days=1))
        assert (one.key, one.capture_ref) == (f"refund-{customer}-{asked.refund_id}", f"pi_{payment}")
        transact_at(moment, refunds.put_off, customer, asked.refund_id, "It did not answer")
        until = refund(customer, asked.refund_id).next_try_at
        assert until is not None
        waits.append((until - moment).total_seconds() / 60)

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]
    settle(customer, asked.refund_id)
    assert due(LONG_AFTER) == []


def test_together_refunds_never_exceed_what_was_paid(app: Flask) -> None:
    change_settings(credit_refunds=True)
    for _ in range(2):
        customer = make_customer()
        invoice = bill(customer, 1000)
        payment = captured(customer, 1300, invoice)
        asks = partial(back, customer, invoice, 300, payment), partial(credit_back, customer, payment, 200)
        works: list[Callable[[], object]] = [asks[number % 2] for number in range(CROWD)]
        works.append(partial(to_credit, customer, invoice))

        ended = together(works)

        went_minor = sum(one.amount_minor for one in ended if isinstance(one, refunds.Asked))
        assert gone(customer, payment)[0] == went_minor <= 1300
        assert balance_of(customer) + went_minor == 1300
        unexpected = [one for one in ended if isinstance(one, Exception)]
        assert {type(one).__name__ for one in unexpected} <= {"RefundExceedsError", "InvoiceStateError"}


def test_a_refund_ends_once_whoever_ends_it(app: Flask) -> None:
    change_settings(credit_refunds=True)
    customer = make_customer()
    payment = captured(customer, 1000)
    asked = credit_back(customer, payment, 600).refund_id

    works = [partial(settle, customer, asked), partial(fail, customer, asked)] * (CROWD // 2)
    ended = together(works)

    assert not [one for one in ended if isinstance(one, Exception)]
    assert balance_of(customer) == 1000  # what failed last is back, once
    assert [words for words, _minor in entries(customer)].count(f"Reversal of CR-{customer}-2") == 1


def due(moment: datetime) -> list[refunds.Due]:
    return transact(refunds.due, moment)


def paid_until(customer_id: int, subscription_id: int) -> date | None:
    db.session.rollback()
    return db.session.get_one(Subscription, (customer_id, subscription_id), populate_existing=True).paid_until


def _of_credit(customer: int) -> int:
    payment = captured(customer, 1000)
    return credit_back(customer, payment, 600).refund_id


def _of_invoice(customer: int) -> int:
    invoice = bill(customer, 1000)
    use(customer, invoice)
    return back(customer, invoice, 600, captured(customer, 600, invoice)).refund_id


def _of_voided_invoice(customer: int) -> int:
    invoice = bill(customer, 1000)
    asked = back(customer, invoice, 600, captured(customer, 1000, invoice)).refund_id
    void(customer, invoice)
    return asked


@pytest.mark.parametrize("end", [settle, fail])
@pytest.mark.parametrize("ask", [_of_credit, _of_invoice, _of_voided_invoice])
def test_a_refund_ends_even_if_its_customer_was_closed_meanwhile(
    app: Flask, ask: Callable[[int], int], end: Callable[[int, int], bool]
) -> None:
    change_settings(credit_refunds=True)
    closed, open_ = make_customer(400), make_customer(400)
    asked, alike = ask(closed), ask(open_)
    close_customer(closed)

    assert [end(closed, asked), end(closed, asked)] == [True, False]
    end(open_, alike)

    assert refund(closed, asked).status == refund(open_, alike).status != "requested"
    assert balance_of(closed) == balance_of(open_)
    assert gone(closed, refund(closed, asked).payment_id) == gone(open_, refund(open_, alike).payment_id)


def test_credit_stays_on_an_invoice_of_which_money_has_gone_back(app: Flask) -> None:
    """Reopened and paid anew it would be paid with nothing left on it, and never end refunded."""
    customer = make_customer(400)
    invoice = bill(customer, 1000)
    use(customer, invoice)
    payment = pay(customer, 600, invoice).payment_id
    asked = back(customer, invoice, 600, payment).refund_id

    assert refusal(partial(take_off, customer, invoice)) == (
        f"Invoice #{invoice} has been refunded in part: refund the rest, and its credit comes back."
    )
    settle(customer, asked)

    assert amounts(customer, invoice) == ("refunded", 0, 600, 600)
    assert balance_of(customer) == 400
