"""Orders that staff place: what they come to is said before, and the invoice says it after."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from creditapp.db import db, transact
from creditapp.models import Cycle, Invoice, Role, Subscription
from creditapp.services import referrals
from tests.browser import Browser, Page
from tests.factories import (
    balance_of,
    change_settings,
    close_customer,
    make_customer,
    make_product,
    make_promo,
    make_staff,
)


def new(customer_id: int) -> str:
    return f"/admin/users/{customer_id}/orders/new"


def summary(page: Page) -> list[str]:
    """Return total, credit and what is to pay, as the summary says them."""
    found = page.find("order-summary")
    assert found is not None
    return ["".join(one.itertext()).strip() for one in found.iter("dd")][2:]


def placed() -> Invoice | None:
    db.session.rollback()
    return db.session.scalars(select(Invoice).order_by(Invoice.id.desc()).limit(1)).first()


@pytest.fixture
def agent(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.AGENT))
    return browser


@pytest.mark.parametrize(
    ("balance_minor", "total", "credit", "to_pay", "status"),
    [
        (5000, "$40.00", "$40.00", "$0.00", "paid"),
        (4000, "$40.00", "$40.00", "$0.00", "paid"),
        (2500, "$40.00", "$25.00", "$15.00", "unpaid"),
        (0, "$40.00", "$0.00", "$40.00", "unpaid"),
    ],
)
def test_credit_pays_all_part_or_none(
    agent: Browser, balance_minor: int, total: str, credit: str, to_pay: str, status: str
) -> None:
    customer, product = make_customer(balance_minor), make_product("VPS", price_minor=4000)
    page = agent.open(new(customer))
    offered = [box for name in ("use_credit", "credit") for box in page.boxes(name)]
    assert (len(offered), "No credit to use." in page.text) == ((2, False) if balance_minor else (0, True))
    assert not offered or page.value("use_credit") == "y"

    page = agent.submit(page, form="Update summary", product_1=product)
    assert (summary(page), placed()) == ([total, credit, to_pay], None)
    page = agent.submit(page, form="Place order")

    invoice = placed()
    assert invoice is not None
    assert page.path == f"/admin/billing/invoices/{invoice.id}"
    assert page.flashes == [f"Order placed. Total {total}: credit {credit}, to pay {to_pay}."]
    assert (invoice.kind, invoice.status, invoice.actor) == ("order", status, "staff")


def test_less_credit_can_be_chosen_and_none_at_all(agent: Browser) -> None:
    customer, product = make_customer(5000), make_product(price_minor=4000)

    page = agent.submit(new(customer), form="Update summary", product_1=product, credit="15")
    assert summary(page) == ["$40.00", "$15.00", "$25.00"]
    agent.submit(page, form="Place order")
    assert balance_of(customer) == 3500
    page = agent.submit(new(customer), form="Update summary", product_1=product, use_credit=False)

    assert summary(page) == ["$40.00", "$0.00", "$40.00"]
    agent.submit(page, form="Place order")
    assert balance_of(customer) == 3500


def test_credits_off_use_nothing_and_on_again_they_do(agent: Browser) -> None:
    customer, product = make_customer(5000), make_product(price_minor=4000)
    change_settings(credits_enabled=False)

    page = agent.open(new(customer))
    assert page.boxes("use_credit") == []
    assert "No credit to use: credits are disabled in the settings." in page.text
    ticked = {"use_credit": "y", "product_1": product, "act": "place"}
    sent = page.form("Place order").filled({}) | ticked
    page = agent.post(new(customer), sent)
    split, why = "Total $40.00: credit $0.00, to pay $40.00.", "credits are switched off in the settings."
    assert page.flashes == [f"Order placed. {split} No credit was used: {why}"]
    assert balance_of(customer) == 5000
    change_settings(credits_enabled=True)

    agent.submit(new(customer), form="Place order", product_1=product)
    assert balance_of(customer) == 1000


def test_several_products_with_tax_become_one_invoice(agent: Browser) -> None:
    customer = make_customer()
    vps = make_product("VPS", price_minor=1999, tax_bp=1900)
    setup = make_product("Set-up", price_minor=500, cycle=Cycle.ONE_OFF)
    page = agent.submit(new(customer), form="Add rows", product_1=vps, quantity_1=3, label_1="db", location_1="fra1")

    page = agent.submit(page, form="Place order", product_3=setup)

    assert "VPS: db" in page.text
    invoice = placed()
    assert invoice is not None
    assert (invoice.net_minor, invoice.tax_minor) == (5997 + 500, 1139)
    [subscription] = db.session.scalars(select(Subscription))
    assert (subscription.label, subscription.location, subscription.status) == ("3 × db", "fra1", "pending")


def test_the_summary_is_that_of_the_invoice_however_prices_are_written(agent: Browser) -> None:
    change_settings(prices_include_tax=True)
    customer, product = make_customer(), make_product(price_minor=1199, tax_bp=1900)

    page = agent.submit(new(customer), form="Update summary", product_1=product, quantity_1="7")

    assert summary(page)[0] == "$83.93"
    agent.submit(page, form="Place order")
    invoice = placed()
    assert invoice is not None
    assert invoice.total_minor == 8393


def test_a_double_click_orders_once(agent: Browser) -> None:
    customer, product = make_customer(5000), make_product(price_minor=4000)
    page = agent.submit(new(customer), form="Update summary", product_1=product)

    agent.submit(page, form="Place order")
    again = agent.submit(page, form="Place order")

    assert again.flashes == ["This order had been placed already; nothing was ordered twice."]
    assert (db.session.scalar(select(func.count()).select_from(Invoice)), balance_of(customer)) == (1, 1000)


@pytest.mark.parametrize(
    ("name", "typed", "error"),
    [
        ("product_1", "", "Choose a product."),
        ("product_1", "99", "Choose a product from the list."),
        ("product_1", "x", "Choose a product from the list."),
        ("label_2", "web1", None),
        ("quantity_1", "0", "Enter a whole number from 1 to 100,000."),
        ("quantity_1", "1.5", "Enter a whole number from 1 to 100,000."),
        ("label_1", "x" * 151, "Use at most 150 characters; this has 151."),
        ("location_1", "x" * 81, "Use at most 80 characters; this has 81."),
        ("credit", "40.01", "Only $40.00 is due: at most that can be applied."),
        ("credit", "0", "Enter an amount other than zero."),
        ("credit", "-1", "Enter an amount without a minus."),
        ("credit", "+1", "Enter the amount without a sign."),
    ],
)
def test_a_mistake_is_said_beside_its_box(agent: Browser, name: str, typed: str, error: str | None) -> None:
    customer, product = make_customer(5000), make_product(price_minor=4000)

    page = agent.submit(new(customer), form="Place order", **{"product_1": product, name: typed})

    assert page.status == 422
    beside = "product_2" if error is None else name
    assert page.errors(beside) == [error or "Choose a product from the list."]
    assert page.value(name) == typed
    assert (placed(), balance_of(customer)) == (None, 5000)


def test_more_than_is_usable_is_refused(agent: Browser) -> None:
    customer, product = make_customer(1000), make_product(price_minor=4000)

    page = agent.submit(new(customer), form="Place order", product_1=product, credit="10.01")

    assert page.errors("credit") == ["Only $10.00 of credit is usable: at most that can be applied."]


def test_a_product_that_is_sold_no_more_is_named(agent: Browser) -> None:
    customer, product = make_customer(), make_product("Old VPS", is_active=False)

    page = agent.submit(new(customer), form="Place order", product_1=product)

    assert page.errors("product_1") == ["Old VPS is not sold any more. Choose another product."]
    assert page.value("product_1") == str(product)


def test_an_order_too_large_for_an_invoice_is_refused(agent: Browser) -> None:
    customer, product = make_customer(), make_product(price_minor=10**11)

    page = agent.submit(new(customer), form="Update summary", product_1=product, quantity_1="2")

    assert page.status == 422
    assert page.summary == ["The invoice comes to more than an amount may be."]


def test_nobody_orders_for_who_is_closed(agent: Browser) -> None:
    customer = make_customer(status="closed")

    page = agent.open(new(customer))

    assert page.status == 409
    assert f"User #{customer} is closed: nothing is added or changed there any more." in page.text
    assert "New order" not in agent.open(f"/admin/users/{customer}").links


def test_who_is_closed_after_the_click_is_told_what_it_did(agent: Browser) -> None:
    customer, product = make_customer(), make_product()
    page = agent.submit(new(customer), form="Update summary", product_1=product)
    other = agent.submit(new(customer), form="Update summary", product_1=product)
    agent.submit(page, form="Place order")
    close_customer(customer)

    again, late = agent.submit(page, form="Place order"), agent.submit(other, form="Place order")

    assert again.flashes == ["This order had been placed already; nothing was ordered twice."]
    assert (late.status, late.summary) == (
        422,
        [f"User #{customer} is closed: nothing is added or changed there any more."],
    )


def test_the_users_page_leads_there(agent: Browser) -> None:
    customer = make_customer()

    assert agent.open(f"/admin/users/{customer}").links["New order"].endswith(new(customer))


def test_a_code_says_what_it_brings_before_and_after(agent: Browser) -> None:
    customer, product = make_customer(), make_product("VPS", price_minor=4000)
    make_promo("Spring-25", percent_bp=2500, days_to_expiry=30)
    form = agent.open(new(customer))

    page = agent.submit(form, form="Update summary", product_1=product, code="spring-25")
    page = agent.submit(page, form="Update summary", use_credit=True)

    assert "The code Spring-25 brings $10.00 of credit at once, usable until" in page.text
    assert (summary(page)[:3], page.value("code"), placed()) == (["$40.00", "$10.00", "$30.00"], "spring-25", None)
    page = agent.submit(page, form="Place order")
    assert page.flashes[0].startswith("Order placed. Total $40.00: credit $10.00, to pay $30.00. The code Spring-25")
    assert balance_of(customer) == 0


@pytest.mark.parametrize("button", ["Update summary", "Place order"])
def test_a_code_that_is_not_taken_is_refused_beside_its_box(agent: Browser, button: str) -> None:
    customer, product = make_customer(), make_product("VPS", price_minor=4000)

    page = agent.submit(new(customer), form=button, product_1=product, code="sprnig")

    assert page.status == 422
    assert page.errors("code") == ["There is no code \u201csprnig\u201d. Check how it is spelt."]
    assert (page.value("product_1"), page.value("code"), placed()) == (str(product), "sprnig", None)


def test_a_referral_is_credited_when_credit_pays_the_first_order(agent: Browser) -> None:
    change_settings(referrals_enabled=True, referred_minor=500, referrer_minor=700)
    friend, customer = make_customer(email="friend@customer.example"), make_customer(4000)
    product = make_product("VPS", price_minor=4000)

    code = transact(referrals.code_of, friend)
    page = agent.submit(new(customer), form="Place order", product_1=product, code=code)

    assert page.flashes[1:] == ["Referral credited. The first order is paid: both sides have their credit."]
    assert (balance_of(customer), balance_of(friend)) == (500, 700)
