from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from creditapp.db import db, transact
from creditapp.errors import AmountsKeptError, AuthorityLimitError, SettingLockedError, StaleFormError
from creditapp.models import AuditDetails, AuditRow, Role, Setting
from creditapp.services import credits, invoices, numbers, settings
from creditapp.services.invoices import Line
from creditapp.services.settings import RoleLimits, SettingFields
from tests.factories import (
    actor,
    change_settings,
    give,
    limit_role,
    make_customer,
    make_product,
    make_promo,
    make_reason,
    make_staff,
    make_subscription,
    reason_named,
)

AS_MADE = SettingFields(
    credits_enabled=True,
    company_name="Credit desk",
    currency="USD",
    time_zone="UTC",
    duplicate_window_days=7,
    automatic_on_new=True,
    automatic_on_arrival=False,
    automatic_on_due=False,
    automatic_kinds="order,renewal,manual,clawback",
    full_cover_only=False,
    minimum_remainder_minor=0,
    return_grace_days=14,
    renewal_lead_days=7,
    payment_terms_days=14,
    prices_include_tax=False,
)
pytestmark = pytest.mark.usefixtures("app")


def save(*, version: int = 1, **changes: Any) -> None:  # noqa: ANN401  (fields of the settings)
    transact(settings.save, replace(AS_MADE, **changes), version=version, by=actor())


def saved() -> Setting:
    db.session.rollback()
    return db.session.get_one(Setting, 1, populate_existing=True)


def last_act() -> tuple[str, dict[str, object]]:
    db.session.rollback()
    statement = select(AuditRow.action, AuditDetails.details).join(AuditDetails, AuditDetails.seq == AuditRow.seq)
    action, details = db.session.execute(statement.order_by(AuditRow.seq.desc()).limit(1)).one()
    return action, details or {}


def test_saved_settings_are_audited_with_what_was_so_before() -> None:
    save(credits_enabled=False, company_name="Kite Hosting", duplicate_window_days=0)

    assert (saved().credits_enabled, saved().company_name, saved().version) == (False, "Kite Hosting", 2)
    action, details = last_act()
    assert action == "settings_saved"
    assert details["before"] == {"credits_enabled": True, "company_name": "Credit desk", "duplicate_window_days": 7}
    assert details["after"] == {"credits_enabled": False, "company_name": "Kite Hosting", "duplicate_window_days": 0}


def test_saving_what_is_saved_writes_nothing() -> None:
    save(company_name="Kite Hosting")
    action_before = last_act()

    save(version=2, company_name="Kite Hosting")

    assert saved().version == 2
    assert last_act() == action_before


def test_the_second_of_two_tabs_is_refused() -> None:
    save(company_name="The first tab")

    with pytest.raises(StaleFormError):
        save(company_name="The second tab")

    assert saved().company_name == "The first tab"


@pytest.mark.parametrize("change", [{"currency": "EUR"}, {"time_zone": "Europe/Berlin"}])
def test_currency_and_time_zone_can_change_before_the_first_entry(change: dict[str, Any]) -> None:
    make_customer()

    save(**change)

    [(name, value)] = change.items()
    assert getattr(saved(), name) == value


@pytest.mark.parametrize(
    ("change", "label"), [({"currency": "EUR"}, "currency"), ({"time_zone": "Europe/Berlin"}, "time zone")]
)
def test_the_first_entry_fixes_currency_and_time_zone(change: dict[str, Any], label: str) -> None:
    make_customer(credit_minor=1)

    with pytest.raises(SettingLockedError) as refused:
        save(**change)

    assert refused.value.label == label
    assert (saved().currency, saved().time_zone, saved().version) == ("USD", "UTC", 1)


def test_the_first_invoice_fixes_the_currency_too() -> None:
    customer_id = make_customer()
    line = Line(description="Hosting", unit_minor=100)
    transact(invoices.create, customer_id, transact(numbers.reserve, "invoices"), [line], by=actor(), key="i")

    with pytest.raises(SettingLockedError):
        save(currency="EUR")


@pytest.mark.parametrize("kinds", ["add_funds", "order,add_funds", "manual,order", "order,order", "nothing", ","])
def test_credit_is_used_by_itself_on_no_other_kinds(kinds: str) -> None:
    with pytest.raises(ValueError, match="kinds"):
        save(automatic_kinds=kinds)

    assert saved().version == 1


def test_prices_and_the_minimum_remainder_keep_the_currency() -> None:
    with pytest.raises(AmountsKeptError):
        save(currency="JPY", minimum_remainder_minor=50)

    make_product(price_minor=100)
    with pytest.raises(AmountsKeptError):
        save(currency="JPY")


def test_the_price_of_one_subscription_keeps_the_currency() -> None:
    make_subscription(make_customer(), make_product(price_minor=0), price_minor=700)

    with pytest.raises(AmountsKeptError):
        save(currency="JPY")


def test_other_settings_change_when_there_are_entries() -> None:
    make_customer(credit_minor=1)

    save(credits_enabled=False)

    assert saved().credits_enabled is False


def test_the_currency_stays_as_long_as_limits_or_reasons_hold_amounts_in_it() -> None:
    limit_role(Role.AGENT, add_max_minor=5000)
    with pytest.raises(AmountsKeptError):
        save(currency="JPY")

    limit_role(Role.AGENT)
    make_reason(note_above_minor=1000)
    with pytest.raises(AmountsKeptError):
        save(currency="JPY")


@pytest.mark.parametrize(
    "amount",
    [
        {"top_up_min_minor": 1000},
        {"top_up_max_minor": 50_000},
        {"balance_max_minor": 100_000},
        {"referred_minor": 500},
        {"referrer_minor": 500},
        {"low_balance_minor": 300},
    ],
    ids=lambda amount: next(iter(amount)),
)
def test_the_currency_stays_once_an_amount_was_chosen_on_another_tab(amount: dict[str, int]) -> None:
    change_settings(**amount)

    with pytest.raises(AmountsKeptError):
        save(currency="JPY")

    assert saved().currency == "USD"


@pytest.mark.parametrize(
    ("terms", "is_kept"),
    [({"amount_minor": 500}, True), ({"percent_bp": 1000, "most_minor": 500}, True), ({"percent_bp": 1000}, False)],
    ids=["fixed", "part with a most", "part"],
)
def test_the_currency_stays_as_long_as_a_code_brings_an_amount_in_it(terms: dict[str, Any], is_kept: bool) -> None:
    make_promo(**terms)

    with pytest.raises(AmountsKeptError) if is_kept else nullcontext():
        save(currency="JPY")

    assert saved().currency == ("USD" if is_kept else "JPY")


@pytest.mark.parametrize("change", [{"currency": "XAU"}, {"currency": "???"}, {"time_zone": "Europe/Nowhere"}])
def test_what_would_break_every_page_is_never_saved(change: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError)):
        save(**change)

    assert saved().version == 1


@pytest.mark.money
def test_an_entry_that_is_being_posted_keeps_the_currency(app: Flask) -> None:
    """The entry has its account and has read the currency, but has not committed: the change waits, and is refused."""
    customer_id, by, reason_id = make_customer(), actor(), reason_named("Courtesy")
    posting, refused = threading.Event(), threading.Event()

    def change() -> None:
        posting.wait(10)
        with app.app_context():
            try:
                save(currency="EUR")
            except SettingLockedError:
                refused.set()

    def post(session: Session) -> None:
        credits.adjust(session, customer_id, 100, reason_id=reason_id, by=by, key="the-first-entry")
        posting.set()
        threading.Event().wait(0.2)

    other = threading.Thread(target=change)
    other.start()
    transact(post)
    other.join(20)

    assert refused.is_set()
    assert saved().currency == "USD"


@pytest.mark.money
def test_an_entry_waits_for_a_change_of_the_currency(app: Flask) -> None:
    """The change holds every account before it looks for entries, so none can be posted between look and commit."""
    customer_id = make_customer()
    looked, posted = threading.Event(), threading.Event()

    def post() -> None:
        looked.wait(10)
        with app.app_context():
            give(customer_id, 100)
            posted.set()

    def change(session: Session) -> bool:
        settings.save(session, replace(AS_MADE, currency="EUR"), version=1, by=by)
        looked.set()
        return posted.wait(0.3)

    by = actor()
    other = threading.Thread(target=post)
    other.start()
    posted_in_between = transact(change)
    other.join(20)

    assert not posted_in_between
    assert posted.is_set()
    assert saved().currency == "EUR"


def limits(**changes: RoleLimits) -> dict[Role, RoleLimits]:
    return {Role(role): rules for role, rules in changes.items()}


def test_a_limit_binds_from_the_next_entry_on() -> None:
    agent = make_staff(Role.AGENT).actor
    customer_id = make_customer()

    transact(settings.save_limits, limits(agent=RoleLimits(500, None, False)), version=1, by=actor())

    with pytest.raises(AuthorityLimitError):
        give(customer_id, 501, by=agent)
    assert give(customer_id, 500, by=agent).balance_after_minor == 500


def test_an_empty_limit_is_no_limit_again() -> None:
    limit_role(Role.AGENT, add_max_minor=500, remove_max_minor=500)

    transact(settings.save_limits, limits(agent=RoleLimits(None, None, True)), version=1, by=actor())

    assert give(make_customer(), 501, by=make_staff(Role.AGENT).actor).balance_after_minor == 501


def test_limits_are_audited_with_the_role_they_belong_to() -> None:
    transact(
        settings.save_limits,
        limits(agent=RoleLimits(500, None, True), manager=RoleLimits(None, None, False)),
        version=1,
        by=actor(),
    )

    action, details = last_act()
    assert action == "limits_saved"
    assert (details["before"], details["after"]) == ({"agent_add_max_minor": None}, {"agent_add_max_minor": 500})


def test_limits_of_a_stale_tab_are_refused() -> None:
    save(company_name="Kite Hosting")

    with pytest.raises(StaleFormError):
        transact(settings.save_limits, limits(agent=RoleLimits(1, 1, True)), version=1, by=actor())


def test_time_zones_are_places_and_utc() -> None:
    zones = settings.time_zones()

    assert zones[0] == "UTC"
    assert {"Europe/Berlin", "America/Argentina/Ushuaia", "Pacific/Apia"} <= set(zones)
    assert not [name for name in zones if name.startswith(("Etc/", "posix/", "right/", "US/"))]
