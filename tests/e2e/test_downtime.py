"""Downtime policies and a single downtime credit in a browser: live examples, and the keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from creditapp.models import Role
from tests.e2e.conftest import DESK, PHONE, Scheme, VisitorMaker
from tests.factories import balance_of, make_customer, make_product, make_staff, make_subscription

pytestmark = pytest.mark.browser
SETTINGS = "/admin/billing/settings/downtime"


def customer_with_server() -> int:
    customer_id = make_customer(500, name="W" * 100)
    make_subscription(customer_id, make_product("VPS M", price_minor=2_400), label="web07.example")
    return customer_id


def test_pages_about_downtime_fit_and_are_accessible(new_visitor: VisitorMaker) -> None:
    customer_id = customer_with_server()
    admin = make_staff(Role.ADMIN)
    paths = (SETTINGS, f"{SETTINGS}/new", f"{SETTINGS}/5", f"/admin/users/{customer_id}/credit/downtime")
    screens: tuple[tuple[int, Scheme, tuple[str, ...]], ...] = ((DESK, "light", paths[2:]), (PHONE, "dark", paths[:2]))

    for width, scheme, looked_at in screens:
        visitor = new_visitor(width, scheme)
        visitor.sign_in(admin)
        for path in paths:
            visitor.open(path)
            visitor.fits()
            if path in looked_at:
                visitor.is_accessible()


def test_the_example_follows_what_is_typed(new_visitor: VisitorMaker) -> None:
    visitor = new_visitor()
    visitor.sign_in(make_staff(Role.ADMIN))
    page = visitor.open(f"{SETTINGS}/2")
    worked = page.locator("#worked")

    page.get_by_label("Factor", exact=True).fill("20")
    expect(worked).to_contain_text("$24.00 × 200 min ÷ 43,200 min × 20 = $2.22")
    expect(page.get_by_label("Minutes of a block")).to_be_hidden()

    page.get_by_label("Blocks: so much for each started block").check()
    expect(worked).to_contain_text("7 started 30 min × 5 % = $8.40")
    page.get_by_label("Minutes of a block").fill("0")
    expect(worked).to_contain_text("There is no example yet. Enter a whole number from 1 to 44,640.")


def test_an_agent_credits_an_outage_by_keyboard_alone(new_visitor: VisitorMaker) -> None:
    customer_id = customer_with_server()
    visitor = new_visitor()
    visitor.sign_in(make_staff(Role.AGENT))
    page = visitor.open(f"/admin/users/{customer_id}")
    page.get_by_role("link", name="Downtime credit").press("Enter")
    expect(page.get_by_label("Down for")).to_be_focused()

    page.keyboard.type("3h20m")
    expect(page.locator("#worth")).to_contain_text("= $0.11")
    page.keyboard.press("Enter")

    page.wait_for_url(re.compile(f"/admin/users/{customer_id}$"))
    assert balance_of(customer_id) == 511
