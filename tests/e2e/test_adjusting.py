"""The main job, as a person does it: find a customer, move credit, read it back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from creditapp.models import Role
from tests.e2e.conftest import PHONE, Visitor, VisitorMaker
from tests.factories import make_customer, make_staff

pytestmark = pytest.mark.browser


def _find(page: Page, words: str) -> None:
    page.keyboard.press("/")
    page.keyboard.type(words)
    page.keyboard.press("Enter")


def test_credit_is_added_removed_and_read_back_on_the_credits_page(visitor: Visitor) -> None:
    make_customer(name="Hiroshi Fischer", company="Kite & Anchor", email="hiroshi@kite.example")
    page = visitor.sign_in(make_staff(Role.AGENT, name="Dana Ruiz"))

    _find(page, "fisch")
    page.get_by_label("Amount").fill("25")
    page.get_by_label("Note", exact=False).first.fill("web07 was down")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("status").first).to_contain_text("Hiroshi Fischer now has $25.00")
    page.get_by_label("Amount").fill("-10")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("status").first).to_contain_text("now has $15.00")
    page.get_by_role("link", name="Credits", exact=True).click()

    expect(page.get_by_role("term").filter(has_text="Total credits outstanding")).to_be_visible()
    recent = page.locator("#recent")
    expect(recent.get_by_role("row").nth(1)).to_contain_text("−$10.00")
    expect(recent.get_by_role("row").nth(2)).to_contain_text("web07 was down")
    expect(recent.get_by_role("row").nth(2)).to_contain_text("Dana Ruiz")


def test_from_signing_in_to_apply_takes_at_most_four_clicks(visitor: Visitor) -> None:
    make_customer(name="Zoë Duarte")
    page = visitor.sign_in(make_staff(Role.AGENT))
    clicks = 0

    page.get_by_label("Search customers").click()
    page.keyboard.type("zoe")
    page.keyboard.press("Enter")
    clicks += 1
    page.get_by_label("Amount").click()
    page.keyboard.type("5")
    clicks += 1
    page.get_by_role("button", name="Apply").click()
    clicks += 1

    expect(page.get_by_role("status").first).to_contain_text("Zoë Duarte now has $5.00")
    assert clicks <= 4


def test_the_form_says_what_the_balance_will_be_before_it_is_sent(visitor: Visitor) -> None:
    customer = make_customer(6562)
    page = visitor.sign_in(make_staff())

    visitor.open(f"/admin/users/{customer}")
    page.get_by_label("Amount").fill("-14.99")

    expect(page.locator("[data-after]")).to_have_text("$50.63")


def test_the_switch_follows_a_written_sign_and_a_sign_never_contradicts_the_switch(visitor: Visitor) -> None:
    customer = make_customer(6562)
    page = visitor.sign_in(make_staff())
    visitor.open(f"/admin/users/{customer}")
    amount, add, remove = page.get_by_label("Amount"), page.get_by_label("Add"), page.get_by_label("Remove")

    amount.fill("-5")
    expect(remove).to_be_checked()
    expect(page.locator("[data-after]")).to_have_text("$60.62")
    amount.fill("+5")
    expect(add).to_be_checked()
    amount.fill("-5")
    add.check()

    expect(amount).to_have_value("5")
    expect(page.locator("[data-after]")).to_have_text("$70.62")


def test_setting_a_balance_shows_it_and_the_difference_before_it_is_sent(visitor: Visitor) -> None:
    customer = make_customer(6562)
    page = visitor.sign_in(make_staff())
    visitor.open(f"/admin/users/{customer}/credit/balance")
    after, change = page.locator("[data-after]"), page.locator("[data-change]")
    expect(change).to_have_text("—")

    for target, balance, difference in (
        ("50.63", "$50.63", "−$14.99"),
        ("1080", "$1,080.00", "+$1,014.38"),
        ("65.62", "$65.62", "$0.00"),
        ("-5", "−$5.00, below zero", "−$70.62"),
        ("much", "—", "—"),
    ):
        page.get_by_label("Set balance to").fill(target)
        expect(after).to_have_text(balance)
        expect(change).to_have_text(difference)


def test_a_balance_is_set_without_script(new_visitor: VisitorMaker) -> None:
    customer = make_customer(6562)
    visitor = new_visitor(script=False)
    page = visitor.sign_in(make_staff())
    visitor.open(f"/admin/users/{customer}/credit/balance")
    expect(page.get_by_text("Difference", exact=True)).to_be_hidden()

    page.get_by_label("Set balance to").fill("50.63")
    page.get_by_role("button", name="Set balance").click()

    expect(page.get_by_role("status").first).to_contain_text("now has $50.63")


def test_too_large_a_removal_keeps_what_was_typed_and_offers_the_most_there_is(visitor: Visitor) -> None:
    customer = make_customer(6562)
    page = visitor.sign_in(make_staff())
    visitor.open(f"/admin/users/{customer}")

    page.get_by_label("Amount").fill("-250")
    page.get_by_label("Note", exact=False).first.fill("charged back")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("at most that can be removed").first).to_be_visible()
    assert page.title().startswith("Error: ")
    page.locator("[data-fill]").first.click()
    page.get_by_role("button", name="Apply").click()

    expect(page.get_by_role("status").first).to_contain_text("now has $0.00")
    expect(page.locator("#history")).to_contain_text("charged back")


def test_one_click_in_the_message_reverses_the_entry(visitor: Visitor) -> None:
    customer = make_customer(1000)
    page = visitor.sign_in(make_staff())
    visitor.open(f"/admin/users/{customer}")
    page.get_by_label("Amount").fill("500")
    page.get_by_role("button", name="Apply").click()

    page.get_by_role("status").get_by_role("button", name="Reverse").click()

    expect(page.get_by_role("status").first).to_contain_text("now has $10.00")


def test_two_quick_clicks_post_one_entry(visitor: Visitor) -> None:
    customer = make_customer()
    page = visitor.sign_in(make_staff())
    visitor.open(f"/admin/users/{customer}")
    page.get_by_label("Amount").fill("7")

    page.get_by_role("button", name="Apply").dblclick()

    expect(page.get_by_role("status").first).to_contain_text("now has $7.00")
    expect(page.locator("#history").get_by_role("row")).to_have_count(2)


def test_the_keyboard_alone_does_it_all(visitor: Visitor) -> None:
    make_customer(name="Esther O'Neill")
    staff = make_staff(Role.AGENT)
    page = visitor.open("/sign-in")
    page.keyboard.type(staff.email)
    page.keyboard.press("Tab")
    page.keyboard.type(staff.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/**")

    _find(page, "neill")
    page.wait_for_url("**/admin/users/*")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "amount":
            break
    page.keyboard.type("12.50")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").first).to_contain_text("now has $12.50")


def test_the_amount_is_three_keys_from_the_top_of_the_page(visitor: Visitor) -> None:
    customer = make_customer()
    page = visitor.sign_in(make_staff())
    visitor.open(f"/admin/users/{customer}")

    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to Manage Credits")).to_be_in_viewport()
    page.keyboard.press("Enter")

    expect(page.get_by_label("Amount")).to_be_focused()


@pytest.mark.parametrize("width", [PHONE, 1440])
def test_everything_works_without_script(new_visitor: VisitorMaker, width: int) -> None:
    customer = make_customer(1000, name="Nadia Nguyen")
    visitor = new_visitor(width, script=False)
    page = visitor.sign_in(make_staff())

    visitor.open("/admin/search?q=nguyen")
    page.get_by_label("Amount").fill("-4")
    page.get_by_role("button", name="Apply").click()

    expect(page.get_by_role("status").first).to_contain_text("Nadia Nguyen now has $6.00")
    assert page.url.endswith(f"/admin/users/{customer}")
