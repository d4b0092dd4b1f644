"""The client area in a browser: from the invitation to a paid invoice, and a look at each of its pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from creditapp.models import Role
from creditapp.services.invoices import Line
from tests.e2e.conftest import DESK, PHONE, Scheme, Visitor, VisitorMaker
from tests.factories import (
    Client,
    balance_of,
    change_settings,
    give,
    make_client,
    make_customer,
    make_invoice,
    make_payment,
    make_product,
    make_staff,
    make_subscription,
    reason_named,
)

pytestmark = pytest.mark.browser

PASSWORD = "seven yellow lanterns drift"
PAGES = (
    "/account",
    "/account/credit",
    "/account/statement",
    "/account/funds",
    "/account/invoices",
    "/account/invoices/1",
    "/account/invoices/2/pay",
    "/account/invoices/2/transfer",
    "/account/invoices/2/return",
    "/account/order",
    "/account/order/1",
    "/account/profile",
    "/account/password",
    "/account/nowhere",
)
BUSIEST = ("/account", "/account/invoices/2/pay", "/account/order/1")


def enter(visitor: Visitor, client: Client) -> None:
    page = visitor.open("/account/sign-in")
    page.get_by_label("Email").fill(client.email)
    page.get_by_label("Password").fill(client.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/account$"))


def _fill_an_account() -> Client:
    change_settings(bank_details="Kite Hosting GmbH\nDE02 1203 0000 0000 2020 51 " + "9" * 150, company_name="W" * 80)
    client = make_client(5000, name="W" * 120, company="Kite & Anchor, Inc.")
    give(client.id, 700, reason_id=reason_named("Promotion"))
    product = make_product("x" * 120, price_minor=1499, tax_bp=1900)
    make_subscription(client.id, product, next_due_on=(datetime.now(UTC) + timedelta(days=9)).date())
    lines = [Line(description="d" * 300, unit_minor=10**9, tax_bp=1900), Line(description="Hosting", unit_minor=100)]
    make_invoice(client.id, lines=lines, note="n" * 300)
    make_payment(client.id, 100, make_invoice(client.id, 9000))
    return client


def test_an_invited_customer_pays_an_invoice_with_credit(new_visitor: VisitorMaker) -> None:
    customer_id = make_customer(5000, name="Priya Castillo", email="priya@tandem.example")
    number = make_invoice(customer_id, 1250)
    staff = new_visitor()
    page = staff.sign_in(make_staff(Role.MANAGER))
    staff.open(f"/admin/users/{customer_id}")
    page.get_by_role("link", name="Client area").click()
    page.get_by_role("button", name="Invite to client area").click()
    link = page.locator("#link").inner_text()
    staff.is_accessible()

    visitor = new_visitor(PHONE, script=False)
    page = visitor.page
    page.goto(link)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password, once more").fill(PASSWORD)
    page.get_by_role("button", name="Set password").click()
    page.get_by_label("Email").fill("priya@tandem.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    assert page.locator(".bal").inner_text() == "$50.00"
    page.get_by_role("link", name=f"Pay invoice #{number}").click()
    page.get_by_role("button", name="Pay").click()

    page.wait_for_url(re.compile(f"/account/invoices/{number}$"))
    assert f"Invoice #{number} is paid." in page.get_by_role("status").first.inner_text()
    assert balance_of(customer_id) == 3750


def test_what_is_left_follows_the_tick(visitor: Visitor) -> None:
    client = make_client(1000)
    number = make_invoice(client.id, 4000)
    enter(visitor, client)
    page = visitor.open(f"/account/invoices/{number}/pay")
    left = page.locator(".sums:visible dd").last
    assert left.inner_text() == "$30.00"

    page.get_by_label("Use credit").uncheck()

    assert left.inner_text() == "$40.00"


@pytest.mark.parametrize(("width", "scheme", "looked_at"), [(PHONE, "dark", PAGES), (DESK, "light", BUSIEST)])
def test_each_page_is_accessible_and_fits(
    new_visitor: VisitorMaker, width: int, scheme: Scheme, looked_at: tuple[str, ...]
) -> None:
    client = _fill_an_account()
    visitor = new_visitor(width, scheme)
    enter(visitor, client)

    for path in looked_at:
        visitor.open(path)
        visitor.fits()
        visitor.is_accessible()


@pytest.mark.parametrize("path", ["/account/sign-in", "/account/forgotten", "/account/invitations/xyz"])
def test_the_door_is_accessible_and_fits(new_visitor: VisitorMaker, path: str) -> None:
    visitor = new_visitor(PHONE, "dark")

    visitor.open(path)

    visitor.is_accessible()
    visitor.fits()
