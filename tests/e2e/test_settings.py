"""The list of reasons, moved with the keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Visitor, VisitorMaker
from tests.factories import make_staff

pytestmark = pytest.mark.browser

PAGE = "/admin/billing/settings"


@pytest.mark.parametrize("script", [True, False])
def test_the_focus_follows_a_reason_that_is_moved(new_visitor: VisitorMaker, script: bool) -> None:
    visitor = new_visitor(script=script)
    page = visitor.sign_in(make_staff())
    visitor.open(PAGE)
    names = page.locator("#reason-list-table tbody tr td:first-child").all_inner_texts()

    up = page.get_by_role("button", name=f"Move {names[2]} up")
    up.press("Enter")
    page.wait_for_url("**#move-up-*")
    expect(up).to_be_focused()
    expect(up).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.wait_for_url("**#move-down-*")

    expect(page.locator("#reason-list-table tbody tr").first).to_contain_text(names[2])
    expect(up).to_be_disabled()
    expect(page.get_by_role("button", name=f"Move {names[2]} down")).to_be_focused()


def test_a_list_whose_reason_was_moved_is_accessible(visitor: Visitor) -> None:
    page = visitor.sign_in(make_staff())
    visitor.open(PAGE)

    page.get_by_role("button", name="Move Downtime up").click()
    page.wait_for_url("**#move-up-*")

    visitor.is_accessible()
