"""A payment that never came: what it paid is unpaid again, its credit goes, and what was spent of it is owed."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from creditapp.db import db, transact
from creditapp.errors import DomainError, FormReusedError, InvoiceStateError, VoidPaymentError
from creditapp.models import CreditEntry, Invoice, InvoiceKind, Payment, Subscription
from creditapp.services import credits, invoices, numbers, payment_voiding, refunds
from creditapp.services.invoices import Line
from creditapp.services.payment_voiding import Voided
from tests.factories import (
    actor,
    balance_of,
    change_settings,
    make_customer,
    make_invoice,
    make_payment,
    make_subscription,
    new_key,
)
from tests.services.refunds.counter import captured

pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.money]


def void(customer: int, payment: int, *, key: str = "", reason: str = "Entered twice", **more: Any) -> Voided:  # noqa: ANN401
    number = transact(numbers.reserve, "invoices")
    act: dict[str, Any] = {"clawback_id": number, "by": actor(), "key": key or new_key()} | more
    return transact(payment_voiding.void, customer, payment, reason, **act)


def bill(customer: int, number: int | None) -> tuple[str, int, int, int]:
    """Return what the invoice is, with its total, credit and money."""
    db.session.rollback()
    i = Invoice
    columns = select(i.status, i.total_minor, i.credit_minor, i.paid_minor)
    status, total, credit, paid = db.session.execute(columns.where(i.customer_id == customer, i.id == number)).one()
    return status, total, credit, paid


def test_what_it_paid_is_open_again_and_its_credit_goes_as_far_as_it_is_unspent() -> None:
    customer = make_customer()
    change_settings(credit_refunds=True)
    first, second = make_invoice(customer, 3000), make_invoice(customer, 1000)
    payment = make_payment(customer, 5000, first, second)
    spent = make_invoice(customer, 400)
    transact(credits.apply, customer, spent, by=actor(), key=new_key())
    assert balance_of(customer) == 600

    done, again = (void(customer, payment, key="once") for _time in range(2))

    assert done == Voided(payment, (first, second), 600, 400, done.invoice_id)
    assert again.replayed
    assert [bill(customer, one) for one in (first, second)] == [("unpaid", 3000, 0, 0), ("unpaid", 1000, 0, 0)]
    assert (bill(customer, done.invoice_id), balance_of(customer)) == (("unpaid", 400, 0, 0), 0)
    p, e = Payment, CreditEntry
    assert db.session.execute(select(p.refunded_minor, p.void_reason)).one() == (5000, "Entered twice")
    words = db.session.execute(select(e.description, e.reversed_seq).order_by(e.seq.desc()).limit(1)).one()
    assert words == (f"Void of CR-{customer}-1", 1)
    with pytest.raises(VoidPaymentError, match="voided already"):
        void(customer, payment)
    with pytest.raises(FormReusedError):
        void(customer, payment, key="once", reason="Something else")
    with pytest.raises(DomainError, match="Nothing"):
        transact(refunds.request_of_credit, customer, 77, payment, 1, by=actor(), key=new_key())


def test_funds_that_were_added_go_and_can_be_added_again() -> None:
    customer = make_customer()
    funds = make_invoice(customer, 5000, kind=InvoiceKind.ADD_FUNDS)
    make_payment(customer, 2000, funds)
    wrong = make_payment(customer, 3000, funds)
    assert balance_of(customer) == 5000

    done = void(customer, wrong)

    assert (done.reopened, done.credit_minor, done.owed_minor) == ((funds,), 5000, 0)
    assert (bill(customer, funds), balance_of(customer)) == (("unpaid", 5000, 0, 2000), 0)
    make_payment(customer, 3000, funds)
    assert (bill(customer, funds), balance_of(customer)) == (("paid", 5000, 0, 5000), 5000)


def test_what_was_taken_back_by_hand_before_is_not_owed_once_more() -> None:
    customer = make_customer()
    payment = make_payment(customer, 1000)
    transact(credits.reverse, customer, 1, 300, by=actor(), key=new_key())

    done = void(customer, payment)

    assert (done.credit_minor, done.owed_minor, balance_of(customer)) == (700, 0, 0)


def test_renewals_that_it_paid_for_are_taken_back_only_if_asked_for() -> None:
    customer = make_customer()
    subscription = make_subscription(customer)
    line = Line(
        description="Hosting",
        unit_minor=1000,
        subscription_id=subscription,
        period_start=date(2026, 4, 1),
        period_end=date(2026, 5, 1),
    )

    def paid_until() -> date | None:
        db.session.rollback()
        return db.session.scalar(select(Subscription.paid_until).where(Subscription.id == subscription))

    invoice = make_invoice(customer, lines=[line])
    for undo in (False, True):
        payment = make_payment(customer, 1000, invoice)
        assert paid_until() == date(2026, 5, 1)
        void(customer, payment, undo_renewals=undo)
        assert paid_until() == (date(2026, 4, 1) if undo else date(2026, 5, 1))


def test_money_that_is_there_is_never_voided() -> None:
    customer = make_customer()
    change_settings(credit_refunds=True)
    by_card, by_bank = captured(customer, 1000), make_payment(customer, 1000)
    number = transact(numbers.reserve, "refunds")
    transact(refunds.request_of_credit, customer, number, by_bank, 100, by=actor(), key=new_key())
    closed = make_invoice(customer, 700)
    of_closed = make_payment(customer, 700, closed)
    transact(invoices.refund_to_credit, customer, closed, by=actor(), key=new_key())

    for payment, words in ((by_card, "through a gateway"), (by_bank, "has gone back")):
        with pytest.raises(VoidPaymentError, match=words):
            void(customer, payment)
    with pytest.raises(InvoiceStateError, match="is refunded"):
        void(customer, of_closed)
    assert balance_of(customer) == 1000 + 900 + 700
