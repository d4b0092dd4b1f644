"""Two accounts of one customer are merged by the keyboard alone, from the page of one of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from creditapp.db import transact
from creditapp.models import Role
from creditapp.services import credits
from tests.e2e.conftest import DESK, PHONE, Visitor, VisitorMaker
from tests.factories import (
    actor,
    freeze_account,
    give,
    make_client,
    make_customer,
    make_invoice,
    make_reason,
    make_staff,
    make_subscription,
    new_key,
)

pytestmark = pytest.mark.browser
STEPS_MAX = 90
PICTURES = os.environ.get("PICTURES")
"""A folder for pictures of the page, for whoever wants to look at it."""


def _tab_to(page: Page, words: str) -> None:
    """Press Tab until the focus is on what is called so."""
    for _step in range(STEPS_MAX):
        page.keyboard.press("Tab")
        if page.evaluate("(e => e.labels?.[0]?.innerText ?? e.innerText)(document.activeElement)").startswith(words):
            return
    raise AssertionError(f"{page.url}: Tab never comes to “{words}”.")


def _two_accounts() -> tuple[int, int]:
    """Make two accounts of one person, with a bit of everything."""
    customer = make_client(1500, name="Esther O'Neill", company="Harbour Books").id
    other = make_customer(250, name="Esther ONeill", email="e.oneill@customer.example")
    give(other, 400, reason_id=make_reason("Spring offer", class_="promotional", expires_after_days=30))
    make_subscription(other, label="web07.harbour.example")
    invoice = make_invoice(other, 4000)
    transact(credits.apply, other, invoice, 300, by=actor(), key=new_key())
    return customer, other


def test_two_accounts_are_merged_by_the_keyboard_alone(visitor: Visitor) -> None:
    customer, other = _two_accounts()
    page = visitor.sign_in(make_staff(Role.ADMIN))
    visitor.open(f"/admin/users/{customer}")

    _tab_to(page, "More")
    page.keyboard.press("Enter")
    _tab_to(page, "Merge Client Accounts")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/admin/users/{customer}/merge")
    _tab_to(page, "Search by name")
    page.keyboard.type(f"#{other}")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/merge?customer={other}")
    visitor.is_accessible()
    _tab_to(page, f"Keep #{customer}")
    page.keyboard.press("Space")
    _tab_to(page, "Merge")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/admin/users/{customer}")

    expect(page.get_by_role("status").first).to_contain_text(f"#{other} Esther ONeill was merged into this user.")
    expect(page.locator("#balance .bal")).to_have_text("$18.50")
    expect(page.locator("#history")).to_contain_text(f"CR-{other}-1")
    visitor.is_accessible()
    visitor.open(f"/admin/users/{other}")
    page.wait_for_url(f"**/admin/users/{customer}")


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (DESK, "light")])
def test_both_fit_beside_each_other_or_below(new_visitor: VisitorMaker, width: int, scheme: str) -> None:
    customer, other = _two_accounts()
    freeze_account(other)
    visitor = new_visitor(width, scheme, script=width == DESK)
    visitor.sign_in(make_staff(Role.ADMIN))

    page = visitor.open(f"/admin/users/{customer}/merge?customer={other}")
    visitor.fits()
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"merge-{width}-{scheme}.png", full_page=True)
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(page.get_by_text("Choose which of the two profiles is kept.").last).to_be_visible()
    page.get_by_label(f"Keep #{other}").check()
    page.get_by_role("button", name="Merge", exact=True).click()
    page.wait_for_url(f"**/admin/users/{other}")
    visitor.fits()
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"merged-{width}-{scheme}.png", full_page=True)
