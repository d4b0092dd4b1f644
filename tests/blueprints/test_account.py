"""The client area: what a customer sees, and that nobody sees anything of another."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from flask import Flask, url_for
from sqlalchemy import select

from creditapp.db import Base, db, transact
from creditapp.models import InvoiceKind
from creditapp.permissions import CUSTOMER_ONLY
from creditapp.services import intents, promos
from creditapp.services.invoices import Line
from creditapp.services.promos import PromoFields
from creditapp.web import pdf
from tests.browser import Browser
from tests.factories import (
    actor,
    balance_of,
    change_settings,
    close_customer,
    give,
    make_client,
    make_invoice,
    make_payment,
    make_product,
    make_subscription,
    moment,
    new_key,
    reason_named,
)
from tests.services.gateways.far_end import begin
from tests.services.invoices.desk import amounts, bill, pay

VOLATILE = {"rate_windows", "log_in_sessions"}


def everything() -> dict[str, list[str]]:
    """Return every row, sessions and counters apart."""
    db.session.rollback()
    tables = [table for table in Base.metadata.sorted_tables if table.name not in VOLATILE]
    return {table.name: sorted(repr(tuple(row)) for row in db.session.execute(select(*table.c))) for table in tables}


def test_the_balance_stands_first_and_says_what_it_covers(browser: Browser) -> None:
    client = make_client(5000)
    make_subscription(client.id, make_product(price_minor=1200), next_due_on=_soon())

    page = browser.enter(client)

    assert page.words("balance").startswith("Your credit $50.00 Covers your next invoice of")


def test_what_can_be_used_is_told_apart_from_the_balance(browser: Browser) -> None:
    client = make_client()
    give(client.id, 700, reason_id=reason_named("Promotion"))

    page = browser.enter(client)

    assert "$7.00 expires at the end of" in page.words("balance")


def test_the_history_says_what_the_customer_may_read_and_nothing_else(browser: Browser) -> None:
    client = make_client()
    give(client.id, 1749, reason_id=reason_named("Billing error"), note="Shouted at us", ticket_ref="T-1")
    number = make_invoice(client.id, 500, with_credit=True)
    browser.enter(client)

    page = browser.open("/account/credit")
    file = browser.get("/account/credit.csv").get_data(as_text=True)

    for text in (page.text, file):
        assert "Correction of a billing error" in text
        assert f"Used for invoice #{number}" in text
        for words in ("Shouted at us", "T-1", "Billing error", "Ada Okafor"):
            assert words not in text
    assert "$12.49" in page.text


def test_a_statement_begins_and_ends_with_what_there_was(browser: Browser) -> None:
    client = make_client()
    give(client.id, 1000, at=moment("2026-03-10 12:00"))
    give(client.id, -300, at=moment("2026-04-02 12:00"))
    give(client.id, 50, at=moment("2026-04-30 12:00"))
    browser.enter(client)

    page = browser.open("/account/statement?month=2026-04")

    assert "Balance before $10.00" in page.text
    assert "Added $0.50 Used −$3.00 Balance at the end of 30 Apr 2026 $7.50" in page.text
    for typed in ("2026-02", "2026-13", "x", "2999-01"):
        assert browser.get(f"/account/statement?month={typed}").status_code == 404


def test_a_statement_and_an_invoice_are_made_as_pdf(browser: Browser) -> None:
    assert pdf.is_available()
    client = make_client(700, name="Zoë <b>Ångström</b>")
    number = make_invoice(client.id, 4000, with_credit=True, note='<img src="http://127.0.0.1:9/x.png">')
    browser.enter(client)

    for path in ("/account/statement.pdf", f"/account/invoices/{number}.pdf"):
        answer = browser.get(path)
        assert answer.status_code == 200
        assert answer.mimetype == "application/pdf"
        assert answer.data.startswith(b"%PDF-")


def test_a_pdf_fetches_nothing(app: Flask) -> None:
    bait = '<img src="file:///etc/hostname"><link rel="stylesheet" href="http://127.0.0.1:9/x.css"><p>Words</p>'

    made = pdf.make_pdf(bait, "@import url(file:///etc/hostname); p { background: url(http://127.0.0.1:9/x.png) }")

    assert made.startswith(b"%PDF-")
    assert b"/Image" not in made


def test_without_weasyprint_there_is_no_link_and_no_file(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    client = make_client()
    browser.enter(client)
    monkeypatch.setattr(pdf, "engine", lambda: None)

    page = browser.open("/account/statement")

    assert "PDF" not in page.buttons
    assert browser.get("/account/statement.pdf").status_code == 404


def test_a_draft_is_not_the_customers_yet(browser: Browser) -> None:
    client = make_client()
    number = make_invoice(client.id, is_draft=True)
    browser.enter(client)

    assert browser.get(f"/account/invoices/{number}").status_code == 404
    assert f"#{number}" not in browser.open("/account/invoices").text


@pytest.mark.money
def test_an_invoice_is_paid_with_credit_by_the_customer(browser: Browser) -> None:
    client = make_client(5000)
    number = make_invoice(client.id, 1250)
    browser.enter(client)

    page = browser.submit(f"/account/invoices/{number}/pay", use_credit=True)

    assert page.path == f"/account/invoices/{number}"
    assert page.flashes == [f"Invoice #{number} is paid. $12.50 of your credit was used."]
    assert balance_of(client.id) == 3750
    e = Base.metadata.tables["credit_entries"]
    by = select(e.c.actor, e.c.actor_id, e.c.description).where(e.c.customer_id == client.id, e.c.seq == 2)
    assert db.session.execute(by).one() == ("customer", client.id, f"Credit Applied to Invoice #{number}")


@pytest.mark.money
def test_paying_twice_with_the_same_form_pays_once(browser: Browser) -> None:
    client = make_client(5000)
    number = make_invoice(client.id, 1250)
    browser.enter(client)
    page = browser.open(f"/account/invoices/{number}/pay")

    first = browser.submit(page, use_credit=True)
    second = browser.submit(page, use_credit=True)

    assert (first.status, second.status) == (200, 200)
    assert second.flashes[0].startswith(f"Invoice #{number} is paid.")
    assert balance_of(client.id) == 3750


@pytest.mark.money
def test_credit_pays_its_part_and_the_rest_goes_by_bank_transfer(browser: Browser) -> None:
    change_settings(bank_details="Kite Bank\nDE00 0000", gateways="bank")
    client = make_client(1000)
    number = make_invoice(client.id, 4000)
    browser.enter(client)

    page = browser.submit(f"/account/invoices/{number}/pay", use_credit=True, gateway="bank")

    assert page.path == f"/account/invoices/{number}/transfer"
    assert "$30.00" in page.words("transfer")
    assert "DE00 0000" in page.words("transfer")
    assert "Nothing is paid yet" in page.text
    assert balance_of(client.id) == 0


def test_no_more_credit_is_used_than_the_page_had_offered(browser: Browser) -> None:
    client = make_client(1000)
    number = make_invoice(client.id, 4000)
    browser.enter(client)
    page = browser.open(f"/account/invoices/{number}/pay")
    give(client.id, 9000)

    browser.submit(page, use_credit=True, gateway="sandbox")

    assert balance_of(client.id) == 9000


def test_credit_that_is_gone_meanwhile_is_told_and_nothing_is_paid(browser: Browser) -> None:
    client = make_client(1000)
    number = make_invoice(client.id, 4000)
    browser.enter(client)
    page = browser.open(f"/account/invoices/{number}/pay")
    give(client.id, -400)

    answer = browser.submit(page, use_credit=True, gateway="sandbox")

    assert answer.status == 422
    assert "Only $6.00 of credit is usable" in answer.text
    assert balance_of(client.id) == 600


def test_somebody_must_say_how_the_rest_is_paid(browser: Browser) -> None:
    client = make_client(1000)
    number = make_invoice(client.id, 4000)
    browser.enter(client)

    page = browser.submit(f"/account/invoices/{number}/pay", use_credit=True, gateway="unheard-of")

    assert page.status == 422
    assert page.errors("gateway") == ["Choose how to pay the rest."]
    assert balance_of(client.id) == 1000


@pytest.mark.parametrize("use_credit", [True, False])
def test_funds_are_never_added_with_credit(browser: Browser, use_credit: bool) -> None:
    client = make_client(1000)
    number = make_invoice(client.id, 500, kind=InvoiceKind.ADD_FUNDS)
    browser.enter(client)
    page = browser.open(f"/account/invoices/{number}/pay")

    fields = dict(page.form(names={"gateway"}).values) | {"gateway": "bank", "credit": "500"}
    browser.post(page.url, fields | ({"use_credit": "y"} if use_credit else {}))

    assert balance_of(client.id) == 1000


@pytest.mark.money
def test_an_order_uses_as_much_credit_as_was_chosen(browser: Browser) -> None:
    client = make_client(5000)
    product = make_product("Hosting 20 GB", price_minor=3000)
    browser.enter(client)
    page = browser.open(f"/account/order/{product}")
    assert page.value("use_credit") == "y"

    placed = browser.submit(page, "Place order", label="shop.example", credit="10", use_credit=True)

    assert placed.path.endswith("/pay")
    assert placed.value("use_credit") is None
    assert balance_of(client.id) == 4000


@pytest.mark.money
def test_a_promo_code_pays_for_its_own_order(browser: Browser) -> None:
    client = make_client()
    product = make_product(price_minor=3000)
    spring = PromoFields(code="SPRING", amount_minor=1000, grants_when_paid=False)
    transact(promos.create, spring, by=actor(), key=new_key())
    browser.enter(client)

    summary = browser.submit(f"/account/order/{product}", "Update summary", code="spring")
    refused = browser.submit(summary, "Place order", code="WINTER")
    placed = browser.submit(refused, "Place order", code="SPRING")

    assert "The code SPRING brings $10.00 of credit at once" in summary.text
    assert (refused.status, len(refused.errors("code"))) == (422, 1)
    assert placed.flashes == [
        "Thank you for your order. The code SPRING brings $10.00 of credit at once. $10.00 of your credit was used."
    ]
    assert "$20.00 is to be paid" in placed.text


def test_a_referral_code_is_made_when_it_is_asked_for_and_stays(browser: Browser) -> None:
    client = make_client()
    browser.enter(client)
    assert "Recommend us" not in browser.open("/account/profile").text
    change_settings(referrals_enabled=True, referred_minor=500, referrer_minor=300)

    first = browser.submit("/account/profile", "Show my code")

    assert "gets $5.00 of credit, and you get $3.00" in first.text
    assert len(first.words("referral-code")) == 8
    assert browser.open("/account/profile").words("referral-code") == first.words("referral-code")


@pytest.mark.money
def test_the_rest_is_paid_through_a_gateway_and_credit_waits_meanwhile(browser: Browser) -> None:
    client = make_client(1000)
    number = make_invoice(client.id, 4000)
    browser.enter(client)

    page = browser.submit(f"/account/invoices/{number}/pay", use_credit=True, gateway="sandbox")

    assert page.path.startswith("/sandbox/pay/")
    assert "$30.00" in page.text
    give(client.id, 500)
    waiting = browser.open(f"/account/invoices/{number}/pay")
    assert "A payment of $30.00 has been begun. No credit is used meanwhile." in waiting.text
    assert browser.open(f"/account/invoices/{number}/return?status=paid").heading == "Your payment is under way"

    free = browser.submit(waiting, "Cancel this payment")

    assert free.flashes == ["The payment was cancelled. Choose how to pay."]
    assert free.value("use_credit") == "y"
    make_payment(client.id, 3000, number)
    assert browser.open(f"/account/invoices/{number}/return?status=failed").heading == f"Invoice #{number} is paid"


def test_an_order_of_too_much_credit_is_refused_beside_the_box(browser: Browser) -> None:
    client = make_client(500)
    product = make_product(price_minor=3000)
    browser.enter(client)

    page = browser.submit(f"/account/order/{product}", "Place order", label="shop", credit="10", use_credit=True)

    assert page.status == 422
    assert page.errors("credit") == ["Only $5.00 of credit is usable: at most that can be applied."]
    assert page.value("label") == "shop"


@pytest.mark.money
def test_funds_are_asked_for_within_limits_and_paid_with_money(browser: Browser) -> None:
    change_settings(top_up_max_minor=5000)
    client = make_client(1000)
    browser.enter(client)
    page = browser.open("/account/funds")
    assert "you may add up to $50.00" in page.text

    refused = browser.submit(page, amount="50.01")
    paying = browser.submit(refused, amount="50")

    assert (refused.status, len(refused.errors("amount"))) == (422, 1)
    assert paying.path.endswith("/pay")
    assert "Funds are added with money, not with credit." in paying.text
    assert "is still unpaid" in browser.open("/account/funds").text
    assert balance_of(client.id) == 1000


def test_an_amount_that_was_mistyped_can_be_cancelled_and_asked_for_anew(browser: Browser) -> None:
    client = make_client()
    browser.enter(client)
    invoice = browser.submit("/account/funds", amount="500").path.split("/")[3]

    waiting = browser.open("/account/funds")
    again = browser.submit(waiting, form=f"Cancel invoice #{invoice}")

    assert again.flashes == [f"Invoice #{invoice} was cancelled. Nothing is to be paid for it."]
    assert browser.submit(again, amount="50").path.endswith("/pay")
    twice = browser.submit(waiting, form=f"Cancel invoice #{invoice}")
    assert twice.path == "/account/funds"


def test_funds_under_payment_and_what_adds_none_are_not_cancelled(browser: Browser) -> None:
    client, other = make_client(), make_client()
    browser.enter(client)
    invoice = int(browser.submit("/account/funds", amount="50").path.split("/")[3])
    waiting = browser.open("/account/funds")
    begin(client.id, invoice)

    refused = browser.submit(waiting, form=f"Cancel invoice #{invoice}")

    assert (refused.status, len(refused.summary)) == (422, 1)
    assert amounts(client.id, invoice)[0] == "unpaid"
    hosting, theirs = bill(client.id, 1000), bill(other.id, 1000, kind=InvoiceKind.ADD_FUNDS)
    token = {"csrf_token": waiting.value("csrf_token"), "submission": waiting.value("submission")}
    answers = [browser.post(f"/account/funds/{number}/cancellation", token).status for number in (hosting, theirs)]
    assert answers == [422, 404]
    assert amounts(client.id, hosting)[0] == amounts(other.id, theirs)[0] == "unpaid"


def test_paid_funds_say_what_the_balance_is_now(browser: Browser) -> None:
    client = make_client(1000)
    browser.enter(client)
    invoice = int(browser.submit("/account/funds", amount="50").path.split("/")[3])
    assert "Pay by" in browser.open(f"/account/invoices/{invoice}/pay").text
    pay(client.id, 5000, invoice)

    page = browser.open(f"/account/invoices/{invoice}/return")

    assert "Your balance is now $60.00." in page.text


def test_what_is_paid_and_not_certain_yet_is_not_asked_for_again(browser: Browser) -> None:
    client = make_client()
    browser.enter(client)
    invoice = bill(client.id, 1000)
    assert "Pay $10.00" in browser.open(f"/account/invoices/{invoice}").buttons
    begun = begin(client.id, invoice)
    transact(intents.note_pending, client.id, begun.intent_id)

    page = browser.open(f"/account/invoices/{invoice}")

    assert "Pay $10.00" not in page.buttons
    assert "we have not heard yet that the money has come" in page.text


def test_no_funds_are_added_while_credits_are_off(browser: Browser) -> None:
    client = make_client(1000)
    browser.enter(client)
    page = browser.open("/account/funds")
    change_settings(credits_enabled=False)

    refused = browser.submit(page, amount="10")

    assert (refused.status, refused.summary) == (422, ["Credits are switched off: no funds can be added now."])
    assert "Add funds" not in browser.open("/account").buttons


def test_what_is_not_sold_is_not_there(browser: Browser) -> None:
    client = make_client()
    product = make_product("Old", is_active=False)
    browser.enter(client)

    assert browser.get(f"/account/order/{product}").status_code == 404
    assert "Old" not in browser.open("/account/order").text


def test_while_credits_are_off_the_pages_say_so(browser: Browser) -> None:
    client = make_client(5000)
    number = make_invoice(client.id, 1000)
    browser.enter(client)
    change_settings(credits_enabled=False)

    home, pay = browser.open("/account"), browser.open(f"/account/invoices/{number}/pay")

    assert "Credits are switched off" in home.html
    assert "Credits are switched off at the moment." in pay.words("pay")
    assert not pay.boxes("use_credit")


def test_every_page_of_another_customer_is_as_missing_as_one_that_is_not_there(app: Flask, browser: Browser) -> None:
    mine, theirs = make_client(1000), make_client(1000, name="Somebody Else")
    number = make_invoice(theirs.id, 4000, lines=[Line(description="Secret", unit_minor=4000)])
    browser.enter(mine)
    before = everything()

    with app.test_request_context():
        rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("account.")]
        pairs = {
            rule.endpoint: [urlsplit(url_for(rule.endpoint, invoice_id=one)).path for one in (number, 10**9)]
            for rule in rules
            if "invoice_id" in rule.arguments
        }
    answers = {
        (endpoint, method): [
            (answer.status_code, answer.data.replace(url.encode(), b""))
            for place, url in enumerate(urls)
            for answer in [browser.client.open(url, method=method, data={"use_credit": "y", "credit": "10"})]
        ]
        for endpoint, urls in pairs.items()
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH")
    }

    assert {name for rule in rules for name in rule.arguments} == {"invoice_id", "product_id", "token"}
    assert len(pairs) >= 5
    assert {code for both in answers.values() for code, _body in both} <= {404, 405}
    assert [key for key, (one, none) in answers.items() if one != none] == []
    assert everything() == before


def test_all_views_below_account_are_the_customers_alone(app: Flask) -> None:
    public = {"account.sign_in", "account.forgotten", "account.invitation", "account.reset"}
    views = {name: view for name, view in app.view_functions.items() if name.startswith("account.")}

    declared = {name for name, view in views.items() if getattr(view, "__permission__", "") != CUSTOMER_ONLY}

    assert declared == public
    assert len(views) > len(public)


def test_who_was_closed_is_out_at_once(browser: Browser) -> None:
    client = make_client()
    browser.enter(client)
    assert browser.get("/account").status_code == 200

    close_customer(client.id)

    assert browser.get("/account").status_code == 302
    page = browser.submit("/account/sign-in", email=client.email, password=client.password)
    assert page.summary == ["This email and password do not belong together."]


def _soon() -> date:
    return (datetime.now(UTC) + timedelta(days=5)).date()
