"""Opening a payment page for an invoice, giving it up, and settling what is in suspense."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from sqlalchemy import select

from creditapp.db import db
from creditapp.gateways import ToldKind
from creditapp.gateways.sandbox import Sandbox
from creditapp.models import AuditRow, PaymentIntent, Role, SandboxCallback, Setting
from creditapp.web.gateways import gateways, hear, offered, problem_of
from creditapp.web.lists import PAGE_ROWS
from creditapp.web.paying import _absolute
from tests.browser import Browser
from tests.conftest import SANDBOX_KEY
from tests.factories import balance_of, make_customer, make_staff, new_key
from tests.services.gateways import far_end
from tests.services.gateways.far_end import begin, told
from tests.services.invoices.desk import amounts, bill


@pytest.fixture
def desk(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.ADMIN))
    return browser


def page_of(invoice: int) -> str:
    return f"/admin/billing/invoices/{invoice}"


def catch_up() -> None:
    """Let the books hear what nobody listened to: there is no server in this test."""
    gateway = Sandbox(SANDBOX_KEY, "")
    for body in db.session.scalars(select(SandboxCallback.body).order_by(SandboxCallback.id)).all():
        ref = json.loads(body)["session"]
        hear(gateway, gateway.fetch(ref), body.encode())


def intents() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(PaymentIntent.status).order_by(PaymentIntent.id)))


def test_staff_open_the_payment_page_and_pay_on_it(desk: Browser) -> None:
    invoice = bill(make_customer(), 1000)

    page = desk.submit(page_of(invoice), form="Open payment page")
    assert page.path.startswith("/sandbox/pay/")
    back = desk.submit(page, form="Pay")
    assert back.path == page_of(invoice)
    assert "A payment of $10.00 by Card (sandbox) is under way." in back.text
    catch_up()

    assert "Card (sandbox)" in desk.open(page_of(invoice)).text
    assert (intents(), amounts(1, invoice)) == (["succeeded"], ("paid", 0, 1000, 0))


def test_a_payment_that_is_under_way_is_continued_not_begun_again(desk: Browser) -> None:
    invoice = bill(make_customer(), 1000)
    first = desk.submit(page_of(invoice), form="Open payment page")

    second = desk.submit(page_of(invoice), form="Open payment page")

    assert second.path == first.path
    assert intents() == ["started"]


def test_a_payment_can_be_given_up_and_its_page_takes_no_money(desk: Browser) -> None:
    invoice = bill(make_customer(), 1000)
    page = desk.submit(page_of(invoice), form="Open payment page")

    back = desk.submit(page_of(invoice), form="Give up")

    assert "The payment was given up." in back.text
    assert "This page is closed" in desk.open(page.path).text
    assert intents() == ["failed"]


def test_what_was_paid_before_it_was_given_up_is_booked(desk: Browser) -> None:
    invoice = bill(make_customer(), 1000)
    page = desk.submit(page_of(invoice), form="Open payment page")
    desk.submit(page, form="Pay")

    back = desk.submit(page_of(invoice), form="Give up")

    assert "It had been paid meanwhile." in back.text
    assert intents() == ["succeeded"]


def test_an_invoice_that_is_paid_offers_no_page(desk: Browser) -> None:
    invoice = bill(make_customer(), 0)

    assert "Open payment page" not in desk.open(page_of(invoice)).text


def hold(invoice_customer: int, **given: object) -> int:
    begun = begin(invoice_customer, bill(invoice_customer, 1000))
    terms: dict[str, object] = {"amount_minor": 900} | given
    return far_end.hear(told(ToldKind.CAPTURED, begun=begun, **terms)).event_id  # type: ignore[arg-type]


def test_money_in_suspense_is_assigned_to_a_customer_and_an_invoice(desk: Browser) -> None:
    customer = make_customer()
    event = hold(customer)

    page = desk.open("/admin/billing/suspense")
    assert "$10.00 was asked for, and only $9.00 was captured." in page.text
    done = desk.submit(f"/admin/billing/suspense/{event}", customer=str(customer), invoice="1")

    assert "Recorded as payment" in done.text
    assert amounts(customer, 1) == ("unpaid", 0, 900, 0)
    assert "Nothing waits" in desk.open("/admin/billing/suspense").text
    assert "suspense_assigned" in list(db.session.scalars(select(AuditRow.action)))


def test_what_waits_is_paged_the_oldest_first(desk: Browser) -> None:
    for number in range(PAGE_ROWS + 1):
        far_end.hold_money(f"ch_{number:03}")

    first = desk.open("/admin/billing/suspense")
    second = desk.open(first.link("Next"))

    assert ("ch_000" in first.text, f"ch_{PAGE_ROWS:03}" in first.text) == (True, False)
    assert ("ch_000" in second.text, f"ch_{PAGE_ROWS:03}" in second.text) == (False, True)
    assert "ch_000" in desk.open(second.link("Previous")).text
    assert desk.open("/admin/billing/suspense?after=nonsense").status == 200


def test_money_that_went_back_while_it_waited_is_taken_back_at_once(desk: Browser) -> None:
    customer = make_customer()
    event = hold(customer)
    far_end.hear(told(ToldKind.REFUNDED, refunded_minor=900, after_s=5))

    desk.submit(f"/admin/billing/suspense/{event}", customer=str(customer), invoice="")

    assert balance_of(customer) == 0


@pytest.mark.parametrize(
    ("customer", "invoice", "field", "sentence"),
    [
        ("", "", "customer", "Enter the number of the user whose money it is."),
        ("abc", "", "customer", "Enter a number, like 1234."),
        ("99999", "", "customer", "There is no user #99999."),
        ("1", "77", "invoice", "There is no invoice #77 of this user."),
    ],
)
def test_what_cannot_be_assigned_is_said_beside_its_box(
    desk: Browser, customer: str, invoice: str, field: str, sentence: str
) -> None:
    event = hold(make_customer())

    page = desk.submit(f"/admin/billing/suspense/{event}", customer=customer, invoice=invoice)

    assert page.status == 422
    assert page.errors(field) == [sentence]


def test_money_in_another_currency_can_only_be_dismissed(desk: Browser) -> None:
    event = hold(make_customer(), currency="EUR")

    refused = desk.submit(f"/admin/billing/suspense/{event}", customer="1", invoice="")
    assert refused.status == 422
    assert "It is in EUR, the panel in USD." in refused.text
    desk.submit(f"/admin/billing/suspense/{event}", note="Sent back at the gateway")

    assert "Nothing waits" in desk.open("/admin/billing/suspense").text


def test_gateways_are_switched_and_one_says_why_it_is_not_offered(app: Flask, desk: Browser) -> None:
    page = desk.open("/admin/billing/settings/gateways")
    assert "Not offered. There are no bank details yet" in page.text

    page = desk.submit(page, bank_details="Kite Bank\nDE00 0000", offer_sandbox=False)

    assert "Not offered. It is switched off." in page.text
    setting = db.session.get_one(Setting, 1, populate_existing=True)
    assert (setting.gateways, setting.bank_details) == ("bank", "Kite Bank\nDE00 0000")
    assert "settings_saved" in list(db.session.scalars(select(AuditRow.action)))


def test_nobody_is_sent_to_a_page_whose_address_a_stranger_may_have_named(browser: Browser) -> None:
    staff, page = make_staff(Role.ADMIN), f"http://evil.example{page_of(bill(make_customer(), 1000))}"
    door = browser.open("http://evil.example/sign-in")
    typed = {"email": staff.email, "password": staff.password}
    browser.post("http://evil.example/sign-in", door.form(names={"email"}).filled(typed))
    [token] = {dict(form.values)["csrf_token"] for form in browser.open(page).forms if form.method == "post"}

    said = browser.post(f"{page}/payment-page", {"csrf_token": token, "submission": new_key(), "gateway": "sandbox"})

    assert "cannot be paid in this way at the moment" in said.text
    assert intents() == []


def test_a_gateway_says_that_nobody_has_named_our_address(app: Flask) -> None:
    with app.test_request_context(headers={"Host": "evil.example"}):
        assert [one.name for one in offered() if one.has_page] == []
        assert "CREDITAPP_PUBLIC_URL" in problem_of(gateways()["sandbox"])
    for config in ({"PUBLIC_URL": "https://panel.example"}, {"TRUSTED_HOSTS": ["evil.example"]}):
        app.config.update(config)
        with app.test_request_context(headers={"Host": "evil.example"}):
            assert [one.name for one in offered() if one.has_page] == ["sandbox"]


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "https://evil.example", "", "javascript:x"])
def test_who_has_paid_comes_back_to_a_page_of_ours(app: Flask, path: str) -> None:
    with app.test_request_context():
        assert _absolute(path) == "http://localhost/"
