"""Settings, *Deposits and codes*."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from creditapp.db import db
from creditapp.models import AuditDetails, AuditRow, Role, Setting
from tests.browser import Browser
from tests.factories import change_settings, make_staff

PAGE = "/admin/billing/settings/deposits"


def saved() -> Setting:
    db.session.rollback()
    return db.session.get_one(Setting, 1, populate_existing=True)


@pytest.fixture
def admin(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.ADMIN))
    return browser


def test_everything_on_the_page_is_saved_and_audited(admin: Browser) -> None:
    page = admin.submit(
        PAGE,
        form="Save",
        top_up_enabled=False,
        top_up_min="10",
        top_up_max="250.50",
        balance_max="1000",
        top_up_needs_order=True,
        credit_refunds=True,
        referrals_enabled=True,
        referred="5",
        referrer="7.50",
    )

    assert (page.path, page.flashes) == (PAGE, ["Settings saved. They hold from now on."])
    now = saved()
    assert (now.top_up_enabled, now.top_up_min_minor, now.top_up_max_minor) == (False, 1000, 25_050)
    assert (now.balance_max_minor, now.top_up_needs_order, now.credit_refunds) == (100_000, True, True)
    assert (now.referrals_enabled, now.referred_minor, now.referrer_minor) == (True, 500, 750)
    kept = select(AuditDetails.details).join(AuditRow).where(AuditRow.action == "settings_saved")
    assert db.session.scalars(kept).one()["after"]["referrer_minor"] == 750


def test_saving_what_is_saved_writes_nothing(admin: Browser) -> None:
    version = saved().version

    admin.submit(PAGE, form="Save")

    assert saved().version == version
    assert db.session.scalars(select(AuditRow).where(AuditRow.action == "settings_saved")).all() == []


@pytest.mark.parametrize(
    ("typed", "box", "error"),
    [
        ({"top_up_min": "0"}, "top_up_min", "Enter an amount other than zero."),
        ({"top_up_min": "-5"}, "top_up_min", "Enter an amount without a minus."),
        ({"top_up_max": "ten"}, "top_up_max", "Enter the amount in digits, like 12.50."),
        (
            {"top_up_min": "20", "top_up_max": "19.99"},
            "top_up_max",
            "The maximum deposit must not be below the minimum.",
        ),
        (
            {"top_up_min": "20", "balance_max": "19.99"},
            "balance_max",
            "The maximum balance must have room for the minimum deposit; 0 is no limit.",
        ),
        (
            {"referrals_enabled": True, "referred": "0", "referrer": "0"},
            "referrer",
            "Enter what a referral brings, for one side at least.",
        ),
        ({"referred": "1e5"}, "referred", "Enter the amount in digits, like 12.50."),
    ],
)
def test_a_mistake_is_said_beside_its_box(admin: Browser, typed: dict[str, str], box: str, error: str) -> None:
    before = saved().version

    page = admin.submit(PAGE, form="Save", **typed)

    assert (page.status, page.errors(box)) == (422, [error])
    assert {name: page.value(name) for name in typed if name != "referrals_enabled"} == {
        name: value for name, value in typed.items() if name != "referrals_enabled"
    }
    assert saved().version == before


def test_the_second_tab_sees_what_was_saved_meanwhile(admin: Browser) -> None:
    second = admin.open(PAGE)
    admin.submit(PAGE, form="Save", top_up_max="300")

    page = admin.submit(second, form="Save", top_up_max="400")

    assert page.status == 422
    assert page.errors("top_up_max") == ["Saved meanwhile: 300.00."]
    admin.submit(page, form="Save")
    assert saved().top_up_max_minor == 40_000


def test_an_auditor_reads_and_saves_nothing(browser: Browser) -> None:
    browser.sign_in(make_staff(Role.AUDITOR))
    change_settings(referrals_enabled=True, referred_minor=500)

    page = browser.open(PAGE)

    assert "$5.00" in page.text
    assert not [form for form in page.forms if "Save" in form.buttons]
    assert page.link("Panel") == "/admin/billing/settings"
