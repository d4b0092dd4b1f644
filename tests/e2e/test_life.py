"""Transfer, freeze and delete in a browser: by the keyboard alone, on a phone, in the dark, and without any script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from creditapp.models import Role
from tests.e2e.conftest import DESK, PHONE, Scheme, Visitor, VisitorMaker
from tests.factories import balance_of, make_customer, make_invoice, make_payment, make_staff

pytestmark = pytest.mark.browser
STEPS_MAX = 90


def _tab_to(page: Page, words: str) -> None:
    """Press Tab until the focus is on what is called so."""
    called = "(e => (e.labels?.[0]?.innerText ?? e.innerText ?? '').trim())(document.activeElement)"
    for _step in range(STEPS_MAX):
        page.keyboard.press("Tab")
        if page.evaluate(called).startswith(words):
            return
    raise AssertionError(f"{page.url}: Tab never comes to “{words}”.")


def _choose(page: Page, act: str, path: str) -> None:
    """Open the menu More, and choose this act, which leads there."""
    _tab_to(page, "More")
    page.keyboard.press("Enter")
    _tab_to(page, act)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{path}")


def test_credit_is_moved_frozen_and_its_owner_deleted_by_the_keyboard_alone(visitor: Visitor) -> None:
    customer, heir = make_customer(2500, name="Esther O'Neill"), make_customer(name="Nadia Nguyen")
    page = visitor.sign_in(make_staff(Role.ADMIN))
    here = f"/admin/users/{customer}"

    visitor.open(here)
    _tab_to(page, "More")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Delete")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Delete")).to_be_hidden()
    visitor.open(here)
    _choose(page, "Transfer credit", "/credit/transfer")
    _tab_to(page, "Search by name")
    page.keyboard.type("nguyen")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/transfer?customer={heir}")
    expect(page.get_by_label("Amount")).to_be_focused()
    page.keyboard.type("10")
    expect(page.locator("#after")).to_contain_text("$25.00, then $15.00")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{here}")
    expect(page.get_by_role("status").first).to_contain_text(f"$10.00 moved to #{heir}.")

    _choose(page, "Freeze balance", "/credit/freeze")
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("A dispute")
    page.keyboard.press("Enter")
    expect(page.get_by_text("A dispute. What arrives is added")).to_be_visible()

    _choose(page, "Delete", "/deletion")
    _tab_to(page, "Transfer it to another user")
    page.keyboard.press("Space")
    _tab_to(page, "Transfer to user")
    page.keyboard.type(str(heir))
    _tab_to(page, "Type the user")
    page.keyboard.type(str(customer))
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/users")
    expect(page.get_by_role("status").first).to_contain_text(f"User #{customer} deleted.")
    assert (balance_of(customer), balance_of(heir)) == (0, 2500)


@pytest.mark.slow
def test_the_pages_fit_and_are_accessible_and_work_without_script(new_visitor: VisitorMaker) -> None:
    customer, other = make_customer(2500, name="W" * 100), make_customer()
    payment = make_payment(customer, 7000, make_invoice(customer, 5000))
    make_invoice(customer, 900)
    admin = make_staff(Role.ADMIN)
    here = f"/admin/users/{customer}"
    paths = (
        f"{here}/credit/transfer?customer={other}",
        f"{here}/credit/freeze",
        f"{here}/deletion",
        f"{here}/transactions",
        f"/admin/billing/payments/{payment}/void",
    )
    screens: tuple[tuple[int, Scheme], ...] = ((DESK, "light"), (PHONE, "dark"))

    for width, scheme in screens:
        visitor = new_visitor(width, scheme)
        page = visitor.sign_in(admin)
        for path in paths:
            visitor.open(path)
            visitor.fits()
            visitor.is_accessible()
        visitor.open(here)
        page.get_by_text("More", exact=True).click()
        expect(page.get_by_role("link", name="Transfer credit")).to_be_in_viewport()
        visitor.fits()
        visitor.is_accessible()

    plain = new_visitor(PHONE, script=False)
    page = plain.sign_in(admin)
    plain.open(here)
    page.get_by_text("More", exact=True).click()
    page.get_by_role("link", name="Transfer credit").click()
    page.get_by_label("Search by name").fill(f"#{other}")
    page.get_by_role("button", name="Search").last.click()
    page.get_by_label("Amount").fill("5")
    page.get_by_role("button", name="Show amounts").click()
    expect(page.locator("#after")).to_contain_text("then $40.00")
    page.get_by_role("button", name="Transfer").click()
    expect(page.get_by_role("status").first).to_contain_text("$5.00 moved")
