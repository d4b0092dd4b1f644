"""Invoices and payments by the keyboard alone, and without any script."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from creditapp.models import Role
from tests.e2e.conftest import DESK, PHONE, Visitor, VisitorMaker
from tests.factories import make_customer, make_staff

pytestmark = pytest.mark.browser
STEPS_MAX = 90
INVOICE = re.compile(r"/invoices/\d+$")


def _tab_to(page: Page, words: str) -> None:
    """Press Tab until the focus is on what is called so."""
    for _step in range(STEPS_MAX):
        page.keyboard.press("Tab")
        if page.evaluate("(e => e.labels?.[0]?.innerText ?? e.innerText)(document.activeElement)").startswith(words):
            return
    raise AssertionError(f"{page.url}: Tab never comes to “{words}”.")


def test_credit_is_given_and_used_on_an_invoice_by_the_keyboard_alone(visitor: Visitor) -> None:
    customer = make_customer(name="Esther O'Neill")
    page = visitor.sign_in(make_staff(Role.MANAGER))
    page.keyboard.press("/")
    page.keyboard.type("neill")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/admin/users/{customer}")

    _tab_to(page, "New invoice")
    page.keyboard.press("Enter")
    page.wait_for_url("**/invoices/new?*")
    _tab_to(page, "Description")
    page.keyboard.type("Hosting")
    _tab_to(page, "Price")
    page.keyboard.type("40")
    _tab_to(page, "Issue")
    page.keyboard.press("Enter")
    page.wait_for_url(INVOICE)
    invoice = page.url
    _tab_to(page, "Esther O'Neill")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/admin/users/{customer}")
    _tab_to(page, "Amount")
    page.keyboard.type("12.50")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("now has $12.50")
    _tab_to(page, f"#{invoice.rpartition('/')[2]}")
    page.keyboard.press("Enter")
    page.wait_for_url(INVOICE)
    _tab_to(page, "Amount")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").first).to_contain_text("$12.50")
    expect(page.locator("#credit .bal")).to_have_text("$27.50")


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_invoices_and_payments_work_without_script(new_visitor: VisitorMaker, width: int) -> None:
    make_customer(1000, name="Nadia Nguyen")
    visitor = new_visitor(width, script=False)
    page = visitor.sign_in(make_staff(Role.MANAGER))

    visitor.open("/admin/billing/invoices/new")
    page.get_by_label("Search by name").fill("nguyen")
    page.get_by_role("button", name="Search").last.click()
    page.get_by_label("Description of line 1").fill("Hosting")
    page.get_by_label("Price of line 1").fill("40")
    page.get_by_role("button", name="Add lines").click()
    page.get_by_label("Description of line 2").fill("Set-up")
    page.get_by_label("Price of line 2").fill("5")
    page.get_by_role("button", name="Save draft").click()
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Price of line 2").fill("6")
    page.get_by_role("button", name="Issue").click()
    expect(page.get_by_role("status").first).to_contain_text("$10.00 of credit was applied. $36.00 remains to be paid.")
    visitor.fits()
    page.get_by_role("link", name="Record payment").click()
    page.get_by_label("Amount").fill("40")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Record", exact=True).click()

    expect(page.get_by_role("status").first).to_contain_text("$4.00 became credit: Credit for Overpayment")
    visitor.fits()
