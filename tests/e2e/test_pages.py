"""Every page is accessible and fits its screen: one look at each, the full grid of widths and schemes for three."""

from __future__ import annotations

import pytest

from creditapp.models import Role
from tests.e2e.conftest import DESK, PHONE, Scheme, Visitor, VisitorMaker
from tests.factories import give, make_customer, make_reason, make_staff

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
    "/admin/billing/credits",
    "/admin/billing/settings",
    "/admin/billing/settings/reasons/1",
    "/admin/search?q=o",
    "/admin/nowhere",
)
BUSIEST = ("/admin/users/1", "/admin/billing/credits", "/admin/billing/settings")
NARROWEST = 320


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


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_and_fits(visitor: Visitor, path: str) -> None:
    _fill_the_panel()
    visitor.sign_in(make_staff(Role.ADMIN))

    visitor.open(path)

    visitor.is_accessible()
    visitor.fits()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESK, PHONE])
@pytest.mark.parametrize("path", BUSIEST)
def test_a_busy_page_is_accessible_everywhere(new_visitor: VisitorMaker, path: str, width: int, scheme: Scheme) -> None:
    _fill_the_panel()
    visitor = new_visitor(width, scheme)
    visitor.sign_in(make_staff(Role.ADMIN))

    visitor.open(path)

    visitor.is_accessible()
    visitor.fits()


@pytest.mark.parametrize("path", BUSIEST)
def test_a_busy_page_fits_the_narrowest_screen(new_visitor: VisitorMaker, path: str) -> None:
    _fill_the_panel()
    visitor = new_visitor(NARROWEST)
    visitor.sign_in(make_staff(Role.ADMIN))

    visitor.open(path)

    visitor.fits()
