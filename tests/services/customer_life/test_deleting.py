"""Deleting a customer: nothing is left over, nothing is on its way, and who comes too late finds nobody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from creditapp.db import db, transact
from creditapp.errors import (
    CreditLeftError,
    CustomerClosedError,
    DomainError,
    FormReusedError,
    InvoicesOpenError,
    MoneyUnderwayError,
    StaleFormError,
    TransferError,
)
from creditapp.models import (
    CreditAccount,
    CreditEntry,
    Invoice,
    Subscription,
)
from creditapp.services import (
    credits,
    customer_life,
    intents,
    merging,
    numbers,
    payments,
    refunds,
)
from creditapp.services.customer_life import Choices, Way
from tests.crowd import together
from tests.factories import (
    actor,
    balance_of,
    change_settings,
    freeze_account,
    give,
    make_customer,
    make_invoice,
    make_payment,
    make_reason,
    make_subscription,
    new_key,
    reason_named,
)
from tests.services.batches.desk import issue, lines_of, make_batch
from tests.services.customer_life.leaving import delete
from tests.services.refunds.counter import captured, credit_back

pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.money]


def test_each_class_goes_its_own_way_and_open_invoices_give_back_first() -> None:
    change_settings(credit_refunds=True)
    customer, heir = make_customer(), make_customer()
    payment = make_payment(customer, 3000)
    give(customer, 700)
    give(customer, 200, reason_id=make_reason(class_="promotional"))
    give(customer, 90, reason_id=make_reason(expires_after_days=1), at=datetime.now(UTC) - timedelta(days=9))
    paid_in_part = make_invoice(customer, 5000)
    transact(credits.apply, customer, paid_in_part, 400, by=actor(), key=new_key())
    make_payment(customer, 100, paid_in_part)
    draft = make_invoice(customer, 100, is_draft=True)
    subscription = make_subscription(customer)
    choice: dict[str, Any] = {"paid": Way.REFUND, "goodwill": Way.TRANSFER, "promotional": Way.EXPIRE, "to_id": heir}

    with pytest.raises(InvoicesOpenError, match=f"#{paid_in_part} is open"):
        delete(customer, **choice)
    with pytest.raises(CreditLeftError, match="promotional"):
        delete(customer, cancels=True, **choice | {"promotional": None})
    with pytest.raises(TransferError):
        delete(customer, cancels=True, **choice | {"to_id": customer})
    seen = customer_life.forecast(db.session(), customer, datetime.now(UTC))
    done = delete(customer, cancels=True, key="once", **choice)

    assert (seen.coming_minor, seen.lapsed_minor, seen.rest_minor) == (500, 90, 0)
    assert dict(seen.by_class) == {"paid": 3100, "goodwill": 700, "promotional": 200}
    assert sorted(one.amount_minor for one in done.refunds) == [100, 3000]
    assert payment in {one.payment_id for one in done.refunds}
    assert (done.transferred_minor, done.expired_minor) == (700, 290)
    assert (balance_of(customer), balance_of(heir)) == (0, 700)
    i, s = Invoice, Subscription
    assert set(db.session.execute(select(i.status).where(i.id.in_((paid_in_part, draft)))).scalars()) == {"cancelled"}
    assert db.session.execute(select(s.status).where(s.id == subscription)).scalar_one() == "cancelled"
    with pytest.raises(CustomerClosedError):
        give(customer, 1)


def test_who_has_gone_stays_gone_and_what_comes_back_is_settled_once_more() -> None:
    change_settings(credit_refunds=True)
    customer, heir = make_customer(), make_customer()
    captured(customer, 800)
    done = delete(customer, key="once", paid=Way.REFUND)

    again = delete(customer)
    transact(refunds.fail, customer, done.refunds[0].refund_id, "The card has expired")
    assert balance_of(customer) == 800
    last = delete(customer, paid=Way.TRANSFER, to_id=heir)

    assert again.replayed
    assert (last.transferred_minor, balance_of(customer), balance_of(heir)) == (800, 0, 800)
    e = CreditEntry
    names = select(e.description).where(e.customer_id == customer).order_by(e.seq.desc()).limit(1)
    assert db.session.execute(names).scalar_one() == f"Transfer to User #{heir}"


def test_nothing_is_closed_while_money_is_on_its_way_or_the_page_was_out_of_date() -> None:
    paying, refunding, busy = make_customer(), make_customer(), make_customer(100)
    invoice = make_invoice(paying, 700)
    number = transact(numbers.reserve, "intents")
    transact(intents.begin, paying, number, invoice, gateway="sandbox", by=actor(), key=new_key())
    paid = make_invoice(refunding, 900)
    payment = make_payment(refunding, 900, paid)
    number = transact(numbers.reserve, "refunds")
    transact(refunds.request_for_invoice, refunding, number, paid, 900, payment, by=actor(), key=new_key())

    with pytest.raises(MoneyUnderwayError, match="a payment is under way"):
        delete(paying, cancels=True)
    with pytest.raises(MoneyUnderwayError, match=f"refund #{number} has not been sent"):
        delete(refunding)
    terms: dict[str, Any] = {"version": 1, "cancel_invoices": False, "refund_ids": (), "by": actor()}
    for version, seen_minor in ((1, 99), (2, 100)):
        told = terms | {"version": version, "seen_minor": seen_minor, "key": new_key()}
        with pytest.raises(StaleFormError):
            transact(customer_life.delete, busy, Choices(goodwill=Way.EXPIRE, reason_id=1), **told)
    with pytest.raises(DomainError):
        delete(busy, goodwill=Way.EXPIRE, reason_id=999)
    assert balance_of(busy) == 100
    delete(busy, key="once", goodwill=Way.EXPIRE)
    with pytest.raises(FormReusedError):
        delete(paying, key="once", cancels=True)


def test_money_that_comes_late_is_not_taken_from_who_has_gone() -> None:
    customer = make_customer()
    delete(customer)
    number = transact(numbers.reserve, "payments")

    with pytest.raises(CustomerClosedError):
        transact(
            payments.record, customer, number, 100, method="bank", received_on=date(2026, 3, 1), by=actor(), key="late"
        )


def test_who_comes_at_the_same_moment_is_in_time_or_finds_nobody() -> None:
    customer, heir = make_customer(1000), make_customer(1000)
    reason = reason_named("Courtesy")

    def add() -> str:
        return _outcome(give, customer, 10)

    def move() -> str:
        terms: dict[str, Any] = {"reason_id": reason, "by": actor(), "key": new_key()}
        return _outcome(transact, credits.transfer, heir, customer, 10, **terms)

    def pay() -> str:
        return _outcome(make_payment, customer, 10)

    def go() -> str:
        for _try in range(50):
            if _outcome(delete, customer, goodwill=Way.TRANSFER, paid=Way.EXPIRE, to_id=heir) == "done":
                return "gone"
        return "never"

    outcomes = together([add, move, pay, add, move, pay, go, add, move, pay])

    assert set(outcomes) <= {"done", "CustomerClosedError", "gone"}
    assert outcomes.count("gone") == 1
    a = CreditAccount
    closed = select(a.balance_minor, a.closed_at.is_not(None)).where(a.customer_id == customer)
    assert tuple(db.session.execute(closed).one()) == (0, True)


def _outcome(verb: Callable[..., object], *args: Any, **kwargs: Any) -> str:  # noqa: ANN401  (passed through)
    """Do it, and return how it ended: done, or by which refusal."""
    try:
        verb(*args, **kwargs)
    except DomainError as refusal:
        return type(refusal).__name__
    return "done"


def test_a_refund_that_fails_after_a_merge_and_a_deletion_is_owed_by_the_one_who_has_gone() -> None:
    change_settings(credit_refunds=True)
    customer, kept = make_customer(), make_customer()
    asked = credit_back(customer, captured(customer, 1000), 1000)
    transact(refunds.settle, customer, asked.refund_id, "re_1")
    transact(merging.merge, customer, into=kept, by=actor(), key=new_key())
    delete(kept)

    assert transact(refunds.fail, customer, asked.refund_id, "The account was closed")

    assert (balance_of(customer), balance_of(kept)) == (0, 1000)
    assert delete(kept, paid=Way.EXPIRE).expired_minor == 1000


def test_a_line_of_a_batch_that_was_skipped_is_told_apart_from_one_that_was_posted() -> None:
    credited, skipped = make_customer(), make_customer()
    batch_id = make_batch([(credited, 500), (skipped, 500)])
    freeze_account(skipped)
    issue(batch_id, 2)

    for customer in (credited, skipped):
        delete(customer, goodwill=Way.EXPIRE)

    assert [line.outcome for line in lines_of(batch_id)] == ["", "…"]
