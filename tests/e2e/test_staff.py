from __future__ import annotations

import pytest

from creditapp.models import Role
from tests.e2e.conftest import DESK, PHONE, Visitor, VisitorMaker
from tests.factories import make_customer, make_staff
from tests.phones import Phone

pytestmark = pytest.mark.browser

NEW = "eleven quiet rivers run"


def enter(guest: Visitor, code: str) -> None:
    page = guest.open("/sign-in")
    page.get_by_label("Email").fill("priya@panel.example")
    page.get_by_label("Password").fill(NEW)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/sign-in/code*")
    guest.is_accessible()
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Sign in").click()


def test_somebody_is_invited_sets_up_a_second_factor_and_comes_in_with_it(new_visitor: VisitorMaker) -> None:
    admin, guest = new_visitor(DESK), new_visitor(PHONE, "dark")
    admin.sign_in(make_staff(Role.ADMIN))
    page = admin.open("/admin/staff/invitations/new")
    admin.is_accessible()
    page.get_by_label("Email").fill("priya@panel.example")
    page.get_by_label("Name").fill("Priya Raman")
    page.get_by_role("button", name="Invite").click()
    link = page.locator("#link").inner_text()
    admin.is_accessible()

    page = guest.open(link.removeprefix(guest.url))
    guest.is_accessible()
    page.get_by_label("New password", exact=True).fill(NEW)
    page.get_by_label("New password, once more").fill(NEW)
    page.get_by_role("button", name="Set password").click()
    page.get_by_label("Email").fill("priya@panel.example")
    page.get_by_label("Password").fill(NEW)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/users")

    page = guest.open("/admin/profile/second-factor")
    page.get_by_role("button", name="Begin").click()
    phone = Phone(page.locator("#secret").inner_text().replace(" ", ""))
    guest.is_accessible()
    guest.fits()
    assert page.locator("img.qr").evaluate("image => image.complete && image.naturalWidth > 0")
    page.get_by_label("Code").fill(phone.code())
    page.get_by_role("button", name="Switch on").click()
    codes = page.locator("#recovery-codes code").all_inner_texts()
    assert len(codes) == 10
    guest.is_accessible()
    guest.fits()

    for code in (phone.code(steps=1), codes[0]):
        page.context.clear_cookies()
        enter(guest, code)
        page.wait_for_url("**/admin/users")


@pytest.mark.slow
def test_the_pages_of_staff_are_accessible_and_fit(new_visitor: VisitorMaker) -> None:
    person, agent, customer_id = make_staff(Role.ADMIN), make_staff(Role.AGENT), make_customer(1000)
    for width in (DESK, PHONE):
        visitor = new_visitor(width)
        visitor.sign_in(person)
        for path in (
            *("", "/invitations/new", "/roles", f"/{agent.id}", f"/{agent.id}/edit", f"/{person.id}"),
            *("/../profile", "/../profile/email", "/../profile/password", "/../profile/second-factor/off"),
            "/../profile/second-factor/recovery-codes",
        ):
            visitor.open(f"/admin/staff{path}")
            visitor.is_accessible()
            visitor.fits()
        visitor.open("/sign-in/again")
        visitor.is_accessible()
        page = visitor.open(f"/admin/users/{customer_id}")
        page.get_by_text("More", exact=True).click()
        page.get_by_role("button", name="View as customer").click()
        page.wait_for_url("**/account")
        visitor.is_accessible()
        visitor.fits()
        page.get_by_role("button", name="Stop viewing").click()
        page.wait_for_url(f"**/admin/users/{customer_id}")
