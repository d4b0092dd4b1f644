"""The pages of promo codes, referrals on a user's page, and the Add Funds invoice."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest
from sqlalchemy import select

from creditapp.db import db, transact
from creditapp.models import AuditRow, Invoice, PromoCode, Role
from creditapp.services import promos, referrals
from tests.browser import Browser
from tests.factories import (
    actor,
    change_settings,
    make_customer,
    make_invoice,
    make_promo,
    make_staff,
)
from tests.services.test_promos import order

LIST = "/admin/billing/promo-codes"
NEW = f"{LIST}/new"


def found(promo_id: int = 1) -> PromoCode:
    db.session.rollback()
    return db.session.get_one(PromoCode, promo_id, populate_existing=True)


@pytest.fixture
def manager(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.MANAGER))
    return browser


def test_an_empty_list_offers_the_first_step(manager: Browser) -> None:
    page = manager.open(LIST)

    assert "No promo codes yet" in page.text
    assert page.link("New promo code") == NEW


def test_a_new_code_is_made_shown_and_audited(manager: Browser) -> None:
    page = manager.submit(
        NEW,
        form="Add promo code",
        code=" Spring-25 ",
        description="For the fair",
        brings="part",
        percent="7.5",
        most="50",
        amount="99",
        days_to_expiry="30",
        uses_max="100",
        starts_on="2026-01-01",
        ends_on="2099-12-31",
        first_order_only=True,
    )

    assert (page.path, page.flashes) == (f"{LIST}/1", ["Promo code added. Spring-25"])
    for words in ("7.5 % of the order, at most $50.00", "When the order is paid", "After 30 days", "First orders only"):
        assert words in page.text
    made = found()
    assert (made.amount_minor, made.percent_bp, made.most_minor, made.uses_max) == (None, 750, 5000, 100)
    assert (made.starts_on, made.ends_on, made.once_per_customer) == (date(2026, 1, 1), date(2099, 12, 31), True)
    assert db.session.scalars(select(AuditRow.action).where(AuditRow.object_kind == "promo_code")).all() == [
        "promo_created"
    ]
    assert manager.open(LIST).rows("promos") == [
        [
            "Spring-25 For the fair",
            "Active",
            "1 Jan 2026 – 31 Dec 2099",
            "When paid",
            "0 of 100",
            "7.5 % of the order, at most $50.00",
        ]
    ]


def test_mistakes_are_said_beside_their_boxes_and_kept(manager: Browser) -> None:
    make_promo("Taken-1")
    wrong = {
        "code": ("ab", "Use 3 to 40 letters, digits, hyphens and underscores, beginning with a letter or digit."),
        "amount": ("", "Enter the amount that it brings."),
        "uses_max": ("0", "Enter a whole number from 1 to 1,000,000,000."),
        "days_to_expiry": ("x", "Enter a whole number from 1 to 3,660."),
        "starts_on": ("tomorrow", "Enter a date like 2026-03-14."),
        "ends_on": ("2026-13-01", "Enter a date like 2026-03-14."),
    }
    good = {"code": "Spring", "amount": "5"}
    for box, (typed, error) in wrong.items():
        page = manager.submit(NEW, form="Add promo code", **{**good, box: typed})
        assert (page.status, page.errors(box), page.value(box)) == (422, [error], typed)
    page = manager.submit(NEW, form="Add promo code", **good, starts_on="2026-02-02", ends_on="2026-02-01")
    assert page.errors("ends_on") == ["The last day must not be before the first."]
    page = manager.submit(NEW, form="Add promo code", code="Spring", brings="part", percent="0")
    assert page.errors("percent") == ["Enter a rate above zero."]
    page = manager.submit(NEW, form="Add promo code", code="Spring", brings="boat", amount="5")
    assert page.status == 422
    page = manager.submit(NEW, form="Add promo code", code="TAKEN-1", amount="5")
    assert page.errors("code") == ["The code “TAKEN-1” is taken."]
    assert db.session.scalars(select(PromoCode.code)).all() == ["Taken-1"]


def test_a_code_is_edited_and_the_second_tab_is_told(manager: Browser) -> None:
    make_promo()
    second = manager.open(f"{LIST}/1/edit")
    page = manager.submit(f"{LIST}/1/edit", form="Save", amount="20", is_active=False)
    assert page.flashes == ["Promo code saved. Spring-25"]

    page = manager.submit(second, form="Save", amount="30")

    assert page.status == 422
    assert page.errors("amount") == ["Saved meanwhile: 20.00."]
    assert page.errors("is_active") == ["Saved meanwhile: not ticked."]
    manager.submit(page, form="Save")
    assert (found().amount_minor, found().is_active) == (3000, True)


def test_what_has_been_used_keeps_its_name_and_its_count(manager: Browser) -> None:
    make_promo()
    order(make_customer())
    order(make_customer())

    page = manager.submit(f"{LIST}/1/edit", form="Save", code="Autumn")
    assert page.errors("code") == ["The code has been used, and stays what it is called. Make a new one."]
    page = manager.submit(f"{LIST}/1/edit", form="Save", uses_max="1")
    assert page.errors("uses_max") == ["The code has been used 2 times already."]


def test_a_code_is_switched_off_by_a_button(manager: Browser) -> None:
    make_promo()

    page = manager.submit(f"{LIST}/1", form="Switch off")

    assert page.flashes == ["Spring-25 is switched off. What it has promised still comes."]
    assert found().is_active is False
    assert "Switch off" not in page.text


def test_the_list_is_searched_and_filtered_by_state(manager: Browser) -> None:
    make_promo("spring-on", ends_on=date(2099, 1, 1))
    make_promo("spring-later", starts_on=date(2099, 1, 1))
    make_promo("spring-over", ends_on=date(2020, 1, 1))
    off = make_promo("winter-off")
    transact(promos.switch_off, off, by=actor())
    make_promo("winter-used", uses_max=1)
    order(make_customer(), "winter-used")

    def codes(query: str) -> list[str]:
        return [row[0] for row in manager.open(f"{LIST}?{query}").rows("promos")]

    assert codes("q=SPRING") == ["spring-later", "spring-on", "spring-over"]
    assert [codes(f"state={state}") for state in ("taken", "later", "over", "used_up", "off")] == [
        ["spring-on"],
        ["spring-later"],
        ["spring-over"],
        ["winter-used"],
        ["winter-off"],
    ]
    assert len(codes("state=nonsense&after=nonsense")) == 5
    assert "No code fits" in manager.open(f"{LIST}?q=nothing").text


def test_who_has_used_a_code_is_shown_and_exported(manager: Browser) -> None:
    customer = make_customer(name="=cmd()", email="x@customer.example")
    make_promo()
    placed = order(customer)

    page = manager.open(f"{LIST}/1")
    [row] = page.rows("uses")
    assert row[1:] == ["=cmd()", f"#{placed.invoice_id} $40.00, unpaid", "Granted", "$10.00", f"CR-{customer}-1"]
    text = manager.get(f"{LIST}/1/uses.csv").text
    [line] = csv.DictReader(io.StringIO(text))
    assert (line["customer"], line["credit"], line["order_total"]) == ("'=cmd()", "10.00", "40.00")
    assert (line["status"], line["entry"]) == ("granted", f"CR-{customer}-1")
    entry = manager.open(f"/admin/users/{customer}/credit/1")
    assert entry.link("#1") in {f"{LIST}/1", f"/admin/billing/invoices/{placed.invoice_id}"}
    assert f'href="{LIST}/1"' in entry.html


def test_an_agent_reads_codes_and_changes_none(browser: Browser) -> None:
    make_promo()
    browser.sign_in(make_staff(Role.AGENT))

    page = browser.open(f"{LIST}/1")

    assert "Spring-25" in page.text
    assert not {"Edit", "Switch off", "Export CSV"} & set(page.text.split("\n"))
    assert browser.get(f"{LIST}/1/uses.csv").status_code == 403


def test_a_referral_is_on_the_pages_of_both_sides(manager: Browser) -> None:
    ada, ben = make_customer(name="Ada", email="a@customer.example"), make_customer(name="Ben", email="b@b.example")
    assert "Code to pass on" not in manager.open(f"/admin/users/{ada}").text
    change_settings(referrals_enabled=True, referred_minor=500, referrer_minor=700)

    page = manager.submit(f"/admin/users/{ada}", form="Make a code")

    code = transact(referrals.code_of, ada)
    assert page.flashes == [f"The referral code is {code}."]
    assert code in page.text
    order(ben, code)
    assert "Ada: both get credit when the first order is paid" in manager.open(f"/admin/users/{ben}").text


def test_staff_ask_for_funds_within_the_limits(manager: Browser) -> None:
    customer = make_customer(7000)
    change_settings(balance_max_minor=10_000)
    url = f"/admin/users/{customer}/add-funds"
    assert manager.open(f"/admin/users/{customer}").link("Add Funds invoice") == url
    assert "From $5.00 to $30.00." in manager.open(url).text

    for typed in ("4.99", "30.01"):
        page = manager.submit(url, form="Make invoice", amount=typed)
        assert (page.status, page.value("amount")) == (422, typed)
        assert page.errors("amount") == ["Enter an amount from $5.00 to $30.00."]
    form = manager.open(url)
    page = manager.submit(form, form="Make invoice", amount="25")

    assert page.flashes == ["Add Funds invoice over $25.00 made. Paid, it raises the balance."]
    assert page.path == "/admin/billing/invoices/3"
    again = manager.submit(form, form="Make invoice", amount="25")
    assert again.path == page.path
    assert "Add Funds invoice #3 is still unpaid" in manager.open(url).text
    assert db.session.scalars(select(Invoice.kind)).all() == ["add_funds"]


def test_who_is_closed_gets_no_funds_page(manager: Browser) -> None:
    customer = make_customer(status="closed")
    make_invoice(make_customer())

    assert manager.open(f"/admin/users/{customer}/add-funds").status == 409
