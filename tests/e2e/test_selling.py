"""Orders and payments, as a person at a screen places and records them."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from creditapp.models import Role
from tests.e2e.conftest import PHONE, Visitor, VisitorMaker
from tests.factories import balance_of, make_customer, make_invoice, make_payment, make_product, make_staff

pytestmark = pytest.mark.browser


def test_the_summary_of_an_order_follows_what_is_chosen(visitor: Visitor) -> None:
    customer, product = make_customer(2500), make_product("VPS", price_minor=4000)
    page = visitor.sign_in(make_staff(Role.AGENT))
    visitor.open(f"/admin/users/{customer}/orders/new")
    summary = page.locator("#order-summary")

    page.get_by_label("Product of line 1").select_option(str(product))
    expect(summary).to_contain_text("$15.00")
    page.get_by_label("Amount of credit").fill("10")
    expect(summary).to_contain_text("$30.00")
    page.get_by_label("Amount of credit").fill("nonsense")
    expect(summary).not_to_contain_text("$")
    page.get_by_label("Amount of credit").fill("")
    page.get_by_label("Use credit").uncheck()
    expect(summary.locator("dd").last).to_have_text("$40.00")
    page.get_by_label("Use credit").check()
    visitor.is_accessible()
    page.get_by_role("button", name="Place order").click()

    expect(page.get_by_role("status").first).to_contain_text("credit $25.00, to pay $15.00")


def test_the_page_that_asks_is_accessible_and_fits_a_phone(new_visitor: VisitorMaker) -> None:
    customer = make_customer(name="W" * 120)
    invoice = make_invoice(customer, 10_000)
    make_payment(customer, 100, transaction_ref="T" * 120)
    visitor = new_visitor(PHONE, "dark")
    page = visitor.sign_in(make_staff(Role.MANAGER))
    visitor.open(f"/admin/billing/payments/new?customer={customer}")

    page.get_by_role("button", name="Pay this").click()
    page.get_by_label("Amount").fill("150")
    page.get_by_label("Transaction reference").fill("T" * 120)
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_text(f"$50.00 becomes credit: Credit for Overpayment of Invoice #{invoice}")).to_be_visible()
    visitor.is_accessible()
    visitor.fits()
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("heading", name="Payment #2")).to_be_visible()
    visitor.fits()
    assert balance_of(customer) == 5100
