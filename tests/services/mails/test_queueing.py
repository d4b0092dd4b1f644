"""Mails are written where money moves, in the same transaction, and only for those who are to have them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from creditapp.db import db, transact, transact_at
from creditapp.models import Kind, Mail, MailEvent, MailStatus, Product
from creditapp.services import credits, ledger, mails, numbers, renewals, sweeps
from creditapp.services.actor import SYSTEM
from creditapp.services.ledger import Posting
from creditapp.services.mails import issued, texts
from creditapp.services.mails.catalogue import DELIVERED
from creditapp.services.renewals import Due
from tests.factories import (
    actor,
    change_settings,
    close_customer,
    give,
    make_client,
    make_customer,
    make_invoice,
    make_payment,
    make_reason,
    make_subscription,
    moment,
    new_key,
)


@pytest.fixture(autouse=True)
def _set_up(app: Flask) -> None:
    change_settings(mail_from="billing@kite.example", company_name="Kite Hosting")


def outbox() -> list[Mail]:
    db.session.rollback()
    return list(db.session.execute(select(Mail).order_by(Mail.id)).scalars())


def told() -> list[tuple[str, str]]:
    """Return what was told, in order: the event and the subject."""
    return [(mail.event, mail.subject) for mail in outbox()]


def switch_off(event: MailEvent) -> None:
    by = actor()

    def save(session: Session) -> None:
        version = texts.read_version(session)
        fields = texts.MailFields(mail_from="billing@kite.example", low_balance_minor=0, expiry_notice_days=14)
        texts.save(session, fields, {event: False}, version=version, by=by)

    transact(save)


def test_credit_is_told_with_the_line_for_the_customer_and_never_with_the_note() -> None:
    customer = make_customer(name="Ngozi Okafor")

    transact(
        credits.adjust,
        customer,
        2500,
        reason_id=make_reason(),
        note="Shouted at us",
        customer_note="For the outage",
        by=actor(),
        key=new_key(),
    )

    [mail] = outbox()
    assert (mail.event, mail.recipient, mail.status) == ("credit_received", "brigid@customer.example", "waiting")
    assert mail.subject == "$25.00 of credit was added to your account"
    assert "Hello Ngozi Okafor" in mail.text
    assert "For the outage" in mail.text
    assert "Your balance is now $25.00." in mail.text
    assert mail.text.endswith("\n\nKite Hosting")
    assert "Shouted" not in mail.text


@pytest.mark.money
def test_a_repeated_request_tells_once() -> None:
    customer, key, reason = make_customer(), new_key(), make_reason()

    for _ in range(2):
        transact(credits.adjust, customer, 2500, reason_id=reason, by=actor(), key=key)

    assert len(outbox()) == 1


def test_a_quiet_reason_tells_nothing() -> None:
    change_settings(low_balance_minor=5000)
    customer = make_customer(6000)
    before = told()

    give(customer, 2500, reason_id=make_reason(is_quiet=True))
    give(customer, -8000, reason_id=make_reason(is_quiet=True))

    assert told() == before


def test_a_refused_adjustment_tells_nothing() -> None:
    customer = make_customer()

    def give_and_fail(session: Session) -> None:
        credits.adjust(session, customer, 2500, reason_id=make, by=by, key="k" * 8)
        raise RuntimeError("something after it")

    make, by = make_reason(), actor()
    with pytest.raises(RuntimeError, match="something after it"):
        transact(give_and_fail)

    assert outbox() == []


@pytest.mark.money
@pytest.mark.parametrize("why", ["no sender", "switched off", "no address", "closed"])
def test_nobody_is_told_who_is_not_to_be(why: str) -> None:
    customer = make_customer(email="" if why == "no address" else "a@b.example")
    if why == "no sender":
        change_settings(mail_from="")
    if why == "switched off":
        switch_off(MailEvent.CREDIT_RECEIVED)
    if why == "closed":
        close_customer(customer)

    def tell(session: Session) -> None:
        mails.queue(session, "credit_received", customer_id=customer, key="one", facts={"amount_minor": 100})

    transact(tell)

    assert outbox() == []


def test_what_everybody_needs_is_sent_although_somebody_tried_to_switch_it_off() -> None:
    customer = make_customer()
    switch_off(MailEvent.PASSWORD_RESET)

    def ask(session: Session) -> None:
        facts = {"url": "https://x.example/reset/secret"}
        mails.queue(session, "password_reset", customer_id=customer, key="one", facts=facts)

    transact(ask)

    [mail] = outbox()
    assert mail.url == "https://x.example/reset/secret"
    assert "secret" not in mail.text + mail.subject


def test_opening_balances_and_what_comes_back_are_not_told() -> None:
    customer = make_customer()

    def open_it(session: Session) -> None:
        posting = Posting(kind=Kind.OPENING, amount_minor=900, description="Opening Balance", by=SYSTEM, key="opening")
        ledger.post_many(session, [(customer, posting)])

    transact(open_it)
    number = make_invoice(customer, 400, with_credit=True)
    before = told()
    transact(credits.unapply, customer, number, by=actor(), key=new_key())

    assert told() == before
    assert "credit_received" not in [event for event, _subject in before]


def test_a_low_balance_is_told_once_until_it_has_been_above_again() -> None:
    change_settings(low_balance_minor=500)
    customer = make_customer(600)

    for amount_minor in (-99, -1, -1, -50, +500, -449, -2):
        give(customer, amount_minor)

    low = [subject for event, subject in told() if event == "low_balance"]
    assert low == ["Your credit is down to $4.99", "Your credit is down to $4.98"]


def test_an_invoice_says_what_is_left_to_pay() -> None:
    customer = make_customer(1500)

    number = make_invoice(customer, 4000, with_credit=True, due_on=date(2026, 3, 31))

    assert told()[1:] == [("invoice_issued", f"Invoice #{number}")]
    assert "Your credit has paid $15.00 of it. Please pay $25.00 by 31 Mar 2026." in outbox()[-1].text


def test_an_invoice_that_credit_pays_at_once_is_told_as_paid() -> None:
    customer = make_customer(5000)

    number = make_invoice(customer, 4000, with_credit=True)

    assert told()[1:] == [("invoice_paid", f"Invoice #{number} is paid")]
    assert "$40.00 of it by credit" in outbox()[-1].text
    assert "Your credit balance is $10.00." in outbox()[-1].text


@pytest.mark.money
@pytest.mark.parametrize("is_on", [True, False])
def test_who_has_the_credit_to_pay_on_the_due_date_is_not_asked_to(is_on: bool) -> None:
    change_settings(automatic_on_new=False, automatic_on_due=is_on)
    customer = make_customer(5000)
    other = make_customer(3999, email="other@customer.example")

    for owner in (customer, other):
        make_invoice(owner, 4000, with_credit=True, due_on=date(2026, 3, 31))

    rich, poor = [mail.text for mail in outbox() if mail.event == "invoice_issued"]
    assert ("there is nothing to do" in rich) == is_on
    assert ("Please pay" in rich) != is_on
    assert "Please pay $40.00 by 31 Mar 2026." in poor


def test_a_payment_tells_that_the_invoice_is_paid_and_what_became_credit() -> None:
    customer = make_customer()
    number = make_invoice(customer, 4000)

    make_payment(customer, 5000, number)

    assert told()[-2:] == [
        ("invoice_paid", f"Invoice #{number} is paid"),
        ("credit_received", "$10.00 of credit was added to your account"),
    ]
    assert f"Credit for Overpayment of Invoice #{number}" in outbox()[-1].text


@pytest.mark.money
def test_renewals_tell_each_customer_what_became_of_the_invoice() -> None:
    rich, poor = make_customer(5000, email="rich@b.example"), make_customer(email="poor@b.example")
    before = len(outbox())
    due = [Due(date(2026, 4, 1), one, make_subscription(one)) for one in (rich, poor)]

    first = transact(numbers.reserve, "invoices", 2)
    transact(renewals.renew, due, first, on=date(2026, 3, 25))

    assert sorted((mail.recipient, mail.event) for mail in outbox()[before:]) == [
        ("poor@b.example", "invoice_issued"),
        ("rich@b.example", "invoice_paid"),
    ]
    assert all("$10.00" in mail.text for mail in outbox()[before:])


def test_expired_credit_that_leaves_a_low_balance_is_told_of() -> None:
    change_settings(low_balance_minor=500)
    customer = make_customer()
    give(customer, 600, reason_id=make_reason(expires_after_days=1), at=moment("2026-03-01 12:00"))

    transact_at(moment("2026-03-09 12:00"), sweeps.expire)

    assert told()[-1] == ("low_balance", "Your credit is down to $0.00")


@pytest.mark.money
def test_many_are_told_with_few_statements_and_a_key_tells_once() -> None:
    customers = [make_customer(email=f"c{number}@b.example") for number in range(5)]
    facts: dict[str, Any] = {"amount": 100}
    notices = [mails.Notice(one, f"test:{one}", facts) for one in customers * 2]

    made = transact(mails.queue_many, MailEvent.CREDIT_RECEIVED, notices)

    assert made == 5
    assert len(outbox()) == 5
    assert {mail.status for mail in outbox()} == {MailStatus.WAITING}


def test_an_invoice_over_nothing_is_not_told_of() -> None:
    customer = make_customer()

    transact(lambda session: issued.tell_many(session, []))
    make_invoice(customer, 0)

    assert outbox() == []
    assert db.session.execute(select(Product.id)).first() is None


def test_who_can_sign_in_is_led_to_the_page_that_a_mail_is_about(app: Flask) -> None:
    app.config["PUBLIC_URL"] = "https://panel.example"
    client, nobody = make_client(), make_customer(email="nobody@customer.example")

    bills_made = [make_invoice(who, 4000, with_credit=True) for who in (client.id, nobody)]
    give(client.id, 500)

    bills = [mail.text for mail in outbox() if mail.event == "invoice_issued"]
    [credit] = [mail.text for mail in outbox() if mail.event == "credit_received"]
    assert f"\n\nhttps://panel.example/account/invoices/{bills_made[0]}\n\n" in bills[0]
    assert "https://" not in bills[1]
    assert "\n\nhttps://panel.example/account/credit\n\n" in credit


def test_nobody_is_led_anywhere_where_no_address_is_known(app: Flask) -> None:
    make_invoice(make_client().id, 4000, with_credit=True)

    [mail] = outbox()
    assert "/account" not in mail.text
    assert "\n\n\n" not in mail.text


def test_every_page_that_mails_lead_to_is_there(app: Flask) -> None:
    pages = {known.page.replace("{invoice}", "1") for known in DELIVERED.values() if known.page}

    with app.test_request_context():
        found = {app.url_map.bind("").match(page)[0] for page in pages}

    assert found == {"account.credit", "account.invoice"}
