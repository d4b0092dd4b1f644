"""Money comes in, in a browser: a customer adds funds, orders with credit and pays the rest with a card."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page

from creditapp.services import verification
from tests.e2e.conftest import Visitor
from tests.e2e.test_account import enter
from tests.factories import Client, balance_of, make_client, make_product
from tests.services.gateways.far_end import wordings

pytestmark = pytest.mark.browser


def add_funds(visitor: Visitor, amount: str) -> Page:
    """Ask for so much, and go as far as the page of the card gateway."""
    page = visitor.open("/account/funds")
    page.get_by_label("Amount", exact=True).fill(amount)
    page.get_by_role("button", name="Go on to pay").click()
    return to_the_card_page(page)


def to_the_card_page(page: Page) -> Page:
    page.wait_for_url(re.compile("/account/invoices/[0-9]+/pay([?]|$)"))
    page.get_by_label("Card (sandbox)").check()
    page.get_by_role("button", name="Pay", exact=True).click()
    page.wait_for_url(re.compile("/sandbox/pay/"))
    return page


def order(visitor: Visitor, product_id: int) -> Page:
    """Order one of it with credit, which is ticked."""
    page = visitor.open(f"/account/order/{product_id}")
    page.get_by_label("Domain or host name").fill("shop.example")
    assert page.get_by_label("Use credit").is_checked()
    page.get_by_role("button", name="Place order").click()
    return page


@pytest.fixture
def customer(visitor: Visitor) -> Client:
    client = make_client()
    enter(visitor, client)
    return client


def test_a_customer_adds_funds_and_orders_until_the_card_pays_the_rest(visitor: Visitor, customer: Client) -> None:
    cheap, dear = make_product("Small server", price_minor=3000), make_product("Large server", price_minor=4000)

    page = add_funds(visitor, "50.00")
    page.get_by_role("button", name="Pay", exact=True).click()
    page.wait_for_url(re.compile("/account/"))
    assert balance_of(customer.id) == 5000

    page = order(visitor, dear)
    page.wait_for_url(re.compile("/account/invoices/[0-9]+$"))
    assert balance_of(customer.id) == 1000
    assert page.locator("main").get_by_text("Paid").first.is_visible()

    page = to_the_card_page(order(visitor, cheap))
    assert "$20.00" in page.locator("main").inner_text()
    page.get_by_role("button", name="Pay", exact=True).click()
    page.wait_for_url(re.compile("/account/"))

    assert balance_of(customer.id) == 0
    assert [words.partition(" #")[0] for words in wordings(customer.id)] == [
        "Add Funds Invoice",
        "Credit Applied to Invoice",
        "Credit Applied to Invoice",
    ]
    assert verification.report() == []


def test_a_declined_card_loses_nothing(visitor: Visitor, customer: Client) -> None:
    page = add_funds(visitor, "50.00")
    page.get_by_role("button", name="Decline").click()
    page.wait_for_url(re.compile("/account/"))
    assert balance_of(customer.id) == 0

    page.get_by_role("link", name="Pay").first.click()
    page = to_the_card_page(page)
    page.get_by_role("button", name="Pay", exact=True).click()
    page.wait_for_url(re.compile("/account/"))

    assert balance_of(customer.id) == 5000
    assert verification.report() == []


def test_too_much_becomes_credit(visitor: Visitor, customer: Client) -> None:
    page = to_the_card_page(order(visitor, make_product(price_minor=4000)))
    page.get_by_role("button", name="Pay too much").click()
    page.wait_for_url(re.compile("/account/"))

    [words] = wordings(customer.id)
    assert re.fullmatch(r"Credit for Overpayment of Invoice #[0-9]+", words)
    assert verification.report() == []
