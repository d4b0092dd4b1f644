"""Applying credit and taking it off again: what is refused and in which words, and what a repeat does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from creditapp.db import db, transact
from creditapp.models import CreditEntry, CreditLot, Customer, InvoiceEvent, InvoiceKind
from creditapp.services import credits
from creditapp.services.credits import Applied, Trigger, Why
from tests.factories import balance_of, change_settings, give, make_customer, make_reason
from tests.services.credits.desk import lots
from tests.services.invoices.desk import actions, amounts, bill, everything, found, pay, refusal, take_off, use, void
from tests.services.invoices.test_closing import freeze

pytestmark = pytest.mark.money

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOT = "No credit can be applied to invoice #{}: {}"


def automatically(customer: int, invoice: int, trigger: Trigger = Trigger.NEW) -> Applied:
    return transact(credits.apply_automatically, customer, invoice, trigger=trigger)


def test_what_is_applied_is_said_in_the_ledger_and_in_the_invoices_history(app: Flask) -> None:
    customer = make_customer(1000)
    invoice = bill(customer, 2500)

    applied = use(customer, invoice)

    assert applied.entry is not None
    db.session.rollback()
    entry = db.session.get_one(CreditEntry, (customer, applied.entry.seq))
    event = db.session.get_one(InvoiceEvent, (customer, invoice, 3))
    assert (entry.kind, entry.amount_minor, entry.description, entry.invoice_id) == (
        "applied",
        -1000,
        f"Credit Applied to Invoice #{invoice}",
        invoice,
    )
    assert (event.action, event.amount_minor, event.entry_seq) == ("credit_applied", 1000, 2)
    assert event.facts == {"trigger": "hand", "due_minor": 2500, "usable_minor": 1000, "why": ["balance"]}
    assert (applied.is_paid, applied.decision.why) == (False, (Why.BALANCE,))


def test_what_is_taken_off_a_paid_invoice_opens_it_again(app: Flask) -> None:
    customer = make_customer(1000)
    invoice = bill(customer, 700)
    use(customer, invoice)
    assert found(customer, invoice).paid_at is not None

    entry = take_off(customer, invoice, 200)

    assert (entry.amount_minor, amounts(customer, invoice)) == (200, ("unpaid", 500, 0, 0))
    assert found(customer, invoice).paid_at is None
    db.session.rollback()
    event = db.session.get_one(InvoiceEvent, (customer, invoice, 4))
    assert (event.action, event.facts) == ("credit_removed", {"reopened": True, "undone": []})
    said = db.session.get_one(CreditEntry, (customer, entry.seq)).description
    assert said == f"Credit Removed from Invoice #{invoice}"


@pytest.mark.parametrize("trigger", [Trigger.HAND, Trigger.CHECKOUT])
@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"credits_enabled": False}, "credits are switched off in the settings."),
        ({"automatic_on_new": False, "automatic_kinds": "", "full_cover_only": True}, None),
    ],
)
def test_by_hand_only_the_main_switch_binds(
    app: Flask, trigger: Trigger, settings: dict[str, Any], problem: str | None
) -> None:
    customer = make_customer(100)
    invoice = bill(customer, 2500, is_credit_automatic=False)
    change_settings(**settings)

    if problem is None:
        assert use(customer, invoice, trigger=trigger).decision.amount_minor == 100
    else:
        assert refusal(lambda: use(customer, invoice, trigger=trigger)) == NOT.format(invoice, problem)


def test_what_is_refused_says_why(app: Flask) -> None:
    customer, poor, frozen = make_customer(5000), make_customer(), make_customer(5000)
    draft, funds = bill(customer, 100, is_draft=True), bill(customer, 100, kind=InvoiceKind.ADD_FUNDS)
    paid, cancelled, being_paid = (bill(customer, 100) for _ in range(3))
    bare, icy = bill(poor, 100), bill(frozen, 100)
    pay(customer, 100, paid)
    void(customer, cancelled)
    freeze(frozen)
    _start_payment(customer, being_paid)

    refused = {
        (customer, draft): "it is not unpaid.",
        (customer, paid): "it is not unpaid.",
        (customer, cancelled): "it is not unpaid.",
        (customer, funds): "it adds funds, and those are paid with money.",
        (customer, being_paid): "a payment for it is under way.",
        (poor, bare): "there is no usable credit.",
        (frozen, icy): "the balance is frozen.",
    }

    said = [refusal(lambda of=of: use(*of)) for of in refused]  # type: ignore[misc]
    assert said == [NOT.format(invoice, problem) for (_customer, invoice), problem in refused.items()]


def _start_payment(customer: int, invoice: int) -> None:
    moment = 1 if db.engine.dialect.name == "sqlite" else "now()"
    db.session.remove()
    with db.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE invoices SET payment_started_at = {moment} WHERE id = {invoice}")


def test_more_than_is_due_or_usable_is_refused_with_what_there_is(app: Flask) -> None:
    customer = make_customer(1000)
    large, small = bill(customer, 2500), bill(customer, 300)

    assert [refusal(lambda of=of: use(customer, *of)) for of in ((large, 1001), (small, 301), (small, 0))] == [  # type: ignore[misc]
        "Only $10.00 of credit is usable: at most that can be applied.",
        "Only $3.00 is due: at most that can be applied.",
        "Only $3.00 is due: at most that can be applied.",
    ]
    assert refusal(lambda: use(customer, small, -5)) == "Only $3.00 is due: at most that can be applied."
    use(customer, small, 200)
    for amount_minor in (201, 0, -1):
        said = refusal(lambda minor=amount_minor: take_off(customer, small, minor))  # type: ignore[misc]
        assert said == "At most $2.00 of credit is on this invoice and can be removed."
    void(customer, small)
    assert refusal(lambda: take_off(customer, small)) == f"Invoice #{small} has no credit on it."


def test_what_has_lapsed_is_not_applied(app: Flask) -> None:
    customer = make_customer()
    give(customer, 1000, reason_id=make_reason(expires_after_days=5), at=START)
    give(customer, 300, at=START)
    invoice = bill(customer, 2500, at=START)

    applied = use(customer, invoice, at=START + timedelta(days=7))

    assert (applied.decision.amount_minor, lots(customer)) == (300, {1: 1000, 2: 0})


def test_the_soonest_to_lapse_is_spent_first_then_promotional_goodwill_and_paid(app: Flask) -> None:
    customer = make_customer()
    classes = {class_: make_reason(class_=class_) for class_ in ("paid", "goodwill", "promotional")}
    for reason in (*classes.values(), make_reason(class_="paid", expires_after_days=9)):
        give(customer, 100, reason_id=reason, at=START)
    invoice = bill(customer, 1000, at=START)

    left = []
    for _ in range(4):
        use(customer, invoice, 100, at=START)
        left.append([seq for seq, minor in lots(customer).items() if minor])

    assert left == [[1, 2, 3], [1, 2], [1], []]


def test_a_repeat_under_the_same_key_uses_nothing_more(app: Flask) -> None:
    customer = make_customer(1000)
    invoice = bill(customer, 2500)
    first = use(customer, invoice, 300, key="form")
    taken = take_off(customer, invoice, 100, key="other form")
    before = everything()

    again, taken_again = use(customer, invoice, 300, key="form"), take_off(customer, invoice, 100, key="other form")

    assert everything() == before
    assert first.entry is not None
    assert again.entry is not None
    assert (again.entry.seq, again.entry.replayed, again.decision.amount_minor) == (first.entry.seq, True, 300)
    assert (taken_again.seq, taken_again.replayed) == (taken.seq, True)


def test_what_the_rule_allows_is_used_once_however_often_it_is_asked(app: Flask) -> None:
    customer = make_customer(1000)
    invoice = bill(customer, 2500)

    used = [automatically(customer, invoice).decision.amount_minor for _ in range(3)]
    give(customer, 400)
    used += [automatically(customer, invoice, trigger).decision.amount_minor for trigger in (Trigger.NEW, Trigger.DUE)]

    assert used == [1000, 0, 0, 400, 0]
    assert actions(customer, invoice).count("credit_applied") == 2


def test_what_staff_took_off_can_be_used_by_itself_again(app: Flask) -> None:
    customer = make_customer(1000)
    invoice = bill(customer, 600)

    for _ in range(3):
        assert automatically(customer, invoice).is_paid
        take_off(customer, invoice)

    assert balance_of(customer) == 1000


@pytest.mark.parametrize(("choice", "used_minor"), [(True, 600), (False, 0), (None, 0)])
def test_the_customers_own_choice_is_heard(app: Flask, choice: bool | None, used_minor: int) -> None:
    change_settings(automatic_on_new=False)
    customer = make_customer(1000)
    invoice = bill(customer, 600)

    def choose(session: Any) -> None:  # noqa: ANN401  (a Session)
        session.get_one(Customer, customer).automatic_credit = choice

    transact(choose)

    assert automatically(customer, invoice).decision.amount_minor == used_minor


def test_more_lots_than_are_read_at_once_are_all_used(app: Flask) -> None:
    customer = make_customer()
    for _ in range(40):
        give(customer, 10)
    invoice = bill(customer, 1000)

    use(customer, invoice)

    assert amounts(customer, invoice) == ("unpaid", 400, 0, 0)
    take_off(customer, invoice)
    db.session.rollback()
    left = db.session.execute(select(CreditLot.remaining_minor).where(CreditLot.customer_id == customer)).scalars()
    assert set(left) == {10}
