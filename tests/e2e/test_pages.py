"""Every page is accessible and fits its screen: one look at each, the full grid of widths and schemes for three."""

from __future__ import annotations

from datetime import date

import pytest

from creditapp.models import Cycle, Role, SubscriptionStatus
from creditapp.services.invoices import Line
from tests.e2e.conftest import DESK, PHONE, Scheme, Visitor, VisitorMaker
from tests.factories import (
    change_settings,
    give,
    make_customer,
    make_invoice,
    make_mail,
    make_payment,
    make_product,
    make_promo,
    make_reason,
    make_refund,
    make_staff,
    make_subscription,
    reason_named,
)
from tests.services.gateways.far_end import hold_money

pytestmark = pytest.mark.browser

PAGES = (
    "/admin/users",
    "/admin/users?q=okafor&status=active",
    "/admin/users/new",
    "/admin/users/import",
    "/admin/users/1",
    "/admin/users/1/edit",
    "/admin/users/1/credit/balance",
    "/admin/users/1/credit/1",
    "/admin/users/1/credit/1/reversal",
    "/admin/users/1/orders/new",
    "/admin/users/1/subscriptions/new",
    "/admin/users/1/subscriptions/1",
    "/admin/users/1/subscriptions/1/cancellation",
    "/admin/billing/credits",
    "/admin/billing/invoices",
    "/admin/billing/invoices?q=okafor&status=unpaid&min=x&sort=due",
    "/admin/billing/invoices/1",
    "/admin/billing/invoices/2",
    "/admin/billing/invoices/2/credit/removal",
    "/admin/billing/invoices/2/void",
    "/admin/billing/invoices/new?customer=1",
    "/admin/billing/invoices/3/edit",
    "/admin/billing/payments",
    "/admin/billing/payments/1",
    "/admin/billing/payments/3",
    "/admin/billing/invoices/4/refunds/new",
    "/admin/billing/payments/2/refunds/new",
    "/admin/billing/refunds/1/sent",
    "/admin/billing/refunds/1/cancellation",
    "/admin/billing/payments/new?q=o",
    "/admin/billing/payments/new?customer=1",
    "/admin/billing/products",
    "/admin/billing/products/new",
    "/admin/billing/products/1",
    "/admin/billing/promo-codes",
    "/admin/billing/promo-codes/new",
    "/admin/billing/promo-codes/1",
    "/admin/billing/promo-codes/1/edit",
    "/admin/users/1/add-funds",
    "/admin/billing/settings",
    "/admin/billing/settings/deposits",
    "/admin/billing/settings/gateways",
    "/admin/billing/suspense",
    "/admin/billing/suspense/1",
    "/admin/billing/settings/reasons/1",
    "/admin/billing/settings/mail",
    "/admin/billing/settings/mail/invoice_issued",
    "/admin/users/1/mails",
    "/admin/users/1/mails/1",
    "/admin/audit?entries=1&object=customer&number=1",
    "/admin/audit/1",
    "/admin/search?q=o",
    "/admin/nowhere",
)
PARTS = 4
"""The pages are looked at in so many parts: to fill a panel and sign in takes longer than to look at a page."""
BUSIEST = ("/admin/users/1", "/admin/billing/credits", "/admin/billing/settings")
NARROWEST, LAPTOP = 320, 1366


def _fill_the_panel() -> None:
    for name in ("Ngozi Okafor", "Дарья Шестакова", "W" * 120, "<script>alert(1)</script>"):
        customer = make_customer(5000, name=name, company="Kite & Anchor, Inc.")
        give(
            customer,
            1749,
            note="INC-2291 — eu-west storage outage\nhttps://status.example/" + "x" * 150,
            ticket_ref="88021",
        )
        give(customer, -1200, note="=SUM(A1:A9)")
    make_reason(name="Expires soon", expires_after_days=30)
    products = [make_product("Hosting 20 GB"), make_product("x" * 120, price_minor=10**11, cycle=Cycle.YEARLY)]
    make_promo("Spring-25", percent_bp=750, most_minor=10**9, uses_max=100, description="d" * 200)
    change_settings(referrals_enabled=True, referred_minor=500)
    make_product("Set-up", cycle=Cycle.ONE_OFF, is_active=False)
    for number, product in enumerate(products * 2):
        status = list(SubscriptionStatus)[number]
        cancelled_on = date(2026, 3, 1) if status == SubscriptionStatus.CANCELLED else None
        make_subscription(1, product, label="l" * 200, location="eu-west-1", status=status, cancelled_on=cancelled_on)
    lines = [Line(description="d" * 300, unit_minor=10**9, tax_bp=1900), Line(description="Hosting", unit_minor=100)]
    make_invoice(1, lines=lines, note="n" * 300, with_credit=True)
    make_invoice(2, 4000, with_credit=True)
    make_invoice(1, lines=lines, is_draft=True)
    invoices = [make_invoice(1, 4000) for _number in range(8)]
    make_payment(1, 10**9, *invoices[:6], transaction_ref="T" * 120, note="n" * 300)
    make_payment(1, 100, transaction_ref="T" * 120, method="paypal")
    make_mail(
        1, status="failed", subject="S" * 200, text=f"{'t' * 300}\n\nBye", error="The server said 550 " + "x" * 200
    )
    make_refund(1)
    hold_money("x" * 120)
    change_settings(credit_refunds=True)


@pytest.mark.parametrize("part", range(PARTS))
def test_each_page_is_accessible_and_fits(visitor: Visitor, part: int) -> None:
    _fill_the_panel()
    visitor.sign_in(make_staff(Role.ADMIN))

    for path in PAGES[part::PARTS]:
        visitor.open(path)

        visitor.is_accessible()
        visitor.fits()


def test_a_printed_statement_says_nothing_that_only_staff_may_read(visitor: Visitor) -> None:
    customer = make_customer(5000, name="Priya Castillo")
    give(customer, 100, reason_id=reason_named("Billing error"), note="Shouted at us", ticket_ref="T-1")
    page = visitor.sign_in(make_staff(Role.ADMIN, name="Dana Ruiz"))
    visitor.open(f"/admin/users/{customer}")

    page.emulate_media(media="print")

    paper = page.locator("body").inner_text()
    for words in ("Credit statement", "Priya Castillo", "$51.00", "Correction of a billing error", "CR-1-2"):
        assert words in paper
    for words in ("Dana Ruiz", "Billing error", "Shouted at us", "T-1", "Customer reads", "Active", "Reason"):
        assert words not in paper


def test_a_printed_invoice_is_the_customers(visitor: Visitor) -> None:
    customer = make_customer(2500, name="Priya Castillo")
    number = make_invoice(customer, 4000, with_credit=True, note="Thank you!")
    page = visitor.sign_in(make_staff(Role.ADMIN, name="Dana Ruiz"))
    visitor.open(f"/admin/billing/invoices/{number}")

    page.emulate_media(media="print")

    paper = page.locator("body").inner_text()
    for words in ("Invoice", f"#{number}", "Priya Castillo", "Hosting", "$40.00", "Thank you!", "Balance remaining"):
        assert words in paper
    assert "$15.00" in paper
    for words in ("Dana Ruiz", "covered no more", "Manual", "History", "Automatically", "Apply", "Void"):
        assert words not in paper


def test_the_boxes_of_a_filter_row_stand_on_one_line(visitor: Visitor) -> None:
    page = visitor.sign_in(make_staff(Role.ADMIN))

    visitor.open("/admin/users")

    boxes = page.locator(".filters :is(input:not([type=hidden]), select, .btn)")
    spots = boxes.evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(({top, height}) => [top, height])"
    )
    assert len(spots) == 6
    assert spots == spots[:1] * 6


def test_no_table_is_wider_than_its_card(new_visitor: VisitorMaker) -> None:
    maker = make_staff(Role.ADMIN, name="Bartholomew Featherstone Cholmondeley")
    _fill_the_panel()
    visitor = new_visitor(LAPTOP)
    page = visitor.sign_in(maker)

    for path in ("/admin/users", "/admin/users/1", "/admin/billing/credits", "/admin/billing/products"):
        visitor.open(path)

        wide = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.ariaLabel)"
        assert page.locator(".scroll.fits").evaluate_all(wide) == [], path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESK, PHONE])
def test_the_busiest_pages_are_accessible_everywhere(new_visitor: VisitorMaker, width: int, scheme: Scheme) -> None:
    _fill_the_panel()
    visitor = new_visitor(width, scheme)
    visitor.sign_in(make_staff(Role.ADMIN))

    for path in BUSIEST:
        visitor.open(path)

        visitor.is_accessible()
        visitor.fits()


def test_the_busiest_pages_fit_the_narrowest_screen(new_visitor: VisitorMaker) -> None:
    _fill_the_panel()
    visitor = new_visitor(NARROWEST)
    visitor.sign_in(make_staff(Role.ADMIN))

    for path in BUSIEST:
        visitor.open(path)

        visitor.fits()
