from __future__ import annotations

import pytest
from sqlalchemy import select

from creditapp.db import db
from creditapp.models import AuditRow, Reason, Role, RoleRules, Setting
from tests.browser import Browser
from tests.factories import change_settings, give, limit_role, make_customer, make_reason, make_staff, reason_named

PAGE = "/admin/billing/settings"


def saved() -> Setting:
    db.session.rollback()
    return db.session.get_one(Setting, 1, populate_existing=True)


def reason(reason_id: int) -> Reason:
    db.session.rollback()
    return db.session.get_one(Reason, reason_id, populate_existing=True)


@pytest.fixture
def admin(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.ADMIN))
    return browser


def test_switching_credits_off_is_saved_and_said_on_every_page(admin: Browser) -> None:
    page = admin.submit(PAGE, form="Save", credits_enabled=False)

    assert page.flashes == ["Settings saved."]
    assert saved().credits_enabled is False
    assert "Credits are disabled" in page.html
    assert "Credits are disabled" in admin.open("/admin/users").html


def test_credit_can_be_adjusted_while_credits_are_off(admin: Browser) -> None:
    admin.submit(PAGE, form="Save", credits_enabled=False)
    customer_id = make_customer()

    entry = give(customer_id, 1499)

    assert entry.balance_after_minor == 1499


def test_everything_on_the_page_is_saved(admin: Browser) -> None:
    admin.submit(
        PAGE,
        company_name="  Kite   Hosting ",
        currency="KWD",
        time_zone="Asia/Kuwait",
        duplicate_window_days="90",
    )

    now = saved()
    assert (now.company_name, now.currency, now.time_zone) == ("Kite Hosting", "KWD", "Asia/Kuwait")
    assert (now.duplicate_window_days, now.credits_enabled) == (90, True)


@pytest.mark.parametrize(
    ("name", "typed", "error"),
    [
        ("company_name", " ", "Enter the company's name."),
        ("company_name", "x" * 81, "Use at most 80 characters; this has 81."),
        ("duplicate_window_days", "91", "Enter a whole number from 0 to 90."),
        ("duplicate_window_days", "-1", "Enter a whole number from 0 to 90."),
        ("duplicate_window_days", "\uff11\uff12", "Enter a whole number from 0 to 90."),
        ("duplicate_window_days", "1_0", "Enter a whole number from 0 to 90."),
        ("duplicate_window_days", "0000000000009999999999", "Enter a whole number from 0 to 90."),
        ("duplicate_window_days", "0" * 4400, "Enter a whole number from 0 to 90."),
        ("duplicate_window_days", "9" * 5000, "Enter a whole number from 0 to 90."),
        ("duplicate_window_days", "", "Enter a whole number from 0 to 90."),
    ],
)
def test_a_mistake_is_said_beside_its_box_and_keeps_what_was_typed(
    admin: Browser, name: str, typed: str, error: str
) -> None:
    page = admin.submit(PAGE, form="Save", **{name: typed, "credits_enabled": False})

    assert page.status == 422
    assert page.errors(name) == [error]
    assert page.summary == [error]
    assert page.value(name) == typed
    assert page.value("credits_enabled") is None
    assert page.title.startswith("Error: ")
    assert saved().version == 1


@pytest.mark.parametrize(("name", "value"), [("currency", "XAU"), ("time_zone", "../../etc/passwd")])
def test_only_what_the_list_offers_can_be_chosen(admin: Browser, name: str, value: str) -> None:
    page = admin.submit(PAGE, form="Save", **{name: value})

    assert page.status == 422
    assert page.errors(name)
    assert saved().version == 1


def test_what_the_panel_does_by_itself_is_saved(admin: Browser) -> None:
    admin.submit(
        PAGE,
        form="Save",
        automatic_on_new=False,
        automatic_on_arrival=True,
        automatic_on_due=True,
        automatic_kinds=["manual", "order"],
        full_cover_only=True,
        minimum_remainder="0.50",
        return_grace_days="0",
        renewal_lead_days="60",
        payment_terms_days="120",
        prices_include_tax=True,
    )

    now = saved()
    assert (now.automatic_on_new, now.automatic_on_arrival, now.automatic_on_due) == (False, True, True)
    assert (now.automatic_kinds, now.full_cover_only, now.minimum_remainder_minor) == ("order,manual", True, 50)
    assert (now.return_grace_days, now.renewal_lead_days, now.payment_terms_days) == (0, 60, 120)
    assert (now.prices_include_tax, now.credits_enabled) == (True, True)
    page = admin.open(PAGE)
    assert page.value("minimum_remainder") == "0.50"
    ticked = [box.get("value") for box in page.boxes("automatic_kinds") if box.get("checked") is not None]
    assert ticked == ["order", "manual"]


def test_no_kind_need_be_eligible(admin: Browser) -> None:
    admin.submit(PAGE, form="Save", automatic_kinds=None)

    assert saved().automatic_kinds == ""
    assert admin.submit(PAGE, form="Save", automatic_kinds=["renewal"]).flashes == ["Settings saved."]


@pytest.mark.parametrize(
    ("name", "typed", "error"),
    [
        ("minimum_remainder", "", "Enter an amount."),
        ("minimum_remainder", "-1", "Enter an amount without a minus."),
        ("minimum_remainder", "1e3", "Enter the amount in digits, like 12.50."),
        ("return_grace_days", "367", "Enter a whole number from 0 to 366."),
        ("renewal_lead_days", "61", "Enter a whole number from 0 to 60."),
        ("payment_terms_days", "x", "Enter a whole number from 0 to 120."),
        ("automatic_kinds", "add_funds", "'add_funds' is not a valid choice for this field."),
    ],
)
def test_what_invoices_cannot_have_is_said_beside_its_box(admin: Browser, name: str, typed: str, error: str) -> None:
    page = admin.submit(PAGE, form="Save", **{name: [typed], "full_cover_only": True})

    assert page.status == 422
    assert page.errors(name) == [error]
    assert page.value("full_cover_only") == "y"
    assert saved().version == 1


def test_the_second_tab_is_told_what_the_first_saved_of_automatic_use(admin: Browser) -> None:
    second = admin.open(PAGE)
    admin.submit(PAGE, form="Save", automatic_kinds=["order"], minimum_remainder="1", automatic_on_due=True)

    page = admin.submit(second, form="Save", payment_terms_days="30")

    assert page.status == 422
    assert page.errors("automatic_kinds") == ["Saved meanwhile: Order."]
    assert page.errors("minimum_remainder") == ["Saved meanwhile: 1.00."]
    assert page.errors("automatic_on_due") == ["Saved meanwhile: on."]


def test_currency_and_time_zone_are_told_not_asked_once_there_are_entries(admin: Browser) -> None:
    make_customer(credit_minor=100)

    page = admin.open(PAGE)

    assert not page.boxes("currency")
    assert not page.boxes("time_zone")
    assert "Both are fixed, since there are credit entries or invoices already." in page.text
    assert admin.submit(page, form="Save", company_name="Kite Hosting").flashes == ["Settings saved."]
    assert (saved().currency, saved().company_name) == ("USD", "Kite Hosting")


@pytest.mark.parametrize(("name", "value"), [("currency", "EUR"), ("time_zone", "Europe/Berlin")])
def test_a_form_opened_before_the_first_entry_is_told_why(admin: Browser, name: str, value: str) -> None:
    page = admin.open(PAGE)
    make_customer(credit_minor=100)

    page = admin.submit(page, form="Save", **{name: value})

    assert page.status == 422
    assert page.errors(name) == [
        f"The {name.replace('_', ' ')} is fixed: there are credit entries or invoices already."
    ]
    assert saved().version == 1


def test_the_currency_is_kept_by_amounts_in_it(admin: Browser) -> None:
    limit_role(Role.AGENT, add_max_minor=5000)

    page = admin.submit(PAGE, form="Save", currency="JPY")

    assert page.status == 422
    assert "Empty them first." in page.errors("currency")[0]


def test_the_second_tab_sees_both_values_and_may_then_overwrite(admin: Browser) -> None:
    second = admin.open(PAGE)
    admin.submit(PAGE, company_name="The first tab", credits_enabled=False)

    page = admin.submit(second, company_name="The second tab")

    assert page.status == 422
    assert page.summary[0].startswith("Saved meanwhile") or page.summary[-1].startswith("Somebody else changed")
    assert page.errors("company_name") == ["Saved meanwhile: The first tab."]
    assert page.errors("credits_enabled") == ["Saved meanwhile: off."]
    assert page.errors("currency") == []
    assert page.value("company_name") == "The second tab"
    assert saved().company_name == "The first tab"
    assert admin.submit(page, form="Save").flashes == ["Settings saved."]
    assert (saved().company_name, saved().credits_enabled) == ("The second tab", True)


def test_an_expired_form_keeps_what_was_typed_and_one_more_send_works(admin: Browser) -> None:
    page = admin.submit(PAGE, form="Save", company_name="Kite Hosting", csrf_token="expired")

    assert page.status == 422
    assert page.summary == ["This form had expired. Nothing was saved; check it and send it again."]
    assert page.value("company_name") == "Kite Hosting"
    assert saved().version == 1
    assert admin.submit(page, form="Save").flashes == ["Settings saved."]


def test_a_name_made_of_markup_is_only_text(admin: Browser) -> None:
    page = admin.submit(PAGE, form="Save", company_name="<script>alert(1)</script>")

    assert "<script>alert" not in page.html
    assert page.value("company_name") == "<script>alert(1)</script>"


def test_limits_are_saved_and_shown(admin: Browser) -> None:
    page = admin.submit(PAGE, form="Save limits", agent_add="50", agent_remove="20.00", manager_own=True)

    assert page.flashes == ["Limits saved. They bind from the next entry on."]
    rules = db.session.get_one(RoleRules, "agent", populate_existing=True)
    assert (rules.add_max_minor, rules.remove_max_minor, rules.reverses_own_only) == (5000, 2000, True)
    assert (page.value("agent_add"), page.value("agent_remove"), page.value("manager_add")) == ("50.00", "20.00", "")


def test_an_emptied_box_takes_the_limit_away(admin: Browser) -> None:
    limit_role(Role.AGENT, add_max_minor=5000)

    admin.submit(PAGE, form="Save limits", agent_add="", agent_own=True)

    db.session.rollback()
    assert db.session.get_one(RoleRules, "agent", populate_existing=True).add_max_minor is None


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("0", "Enter an amount other than zero."),
        ("-5", "Enter an amount without a minus."),
        ("NaN", "Enter the amount in digits, like 12.50."),
        ("1000000000.01", "Enter an amount of at most $1,000,000,000.00."),
    ],
)
def test_a_limit_that_is_no_amount_keeps_everything_typed(admin: Browser, typed: str, error: str) -> None:
    page = admin.submit(PAGE, form="Save limits", agent_add=typed, manager_remove="7")

    assert page.status == 422
    assert page.errors("agent_add") == [error]
    assert (page.value("agent_add"), page.value("manager_remove")) == (typed, "7")
    assert page.value("credits_enabled") == "y"  # the other form shows what is saved
    assert page.value("company_name") == "Credit desk"


def test_settings_from_a_stale_tab_are_shown_where_currency_and_zone_are_fixed(admin: Browser) -> None:
    make_customer(1000)
    stale = admin.open(PAGE)
    admin.submit(PAGE, form="Save", company_name="Kite Hosting")

    page = admin.submit(stale, form="Save", company_name="Mine")

    assert page.status == 422
    assert page.value("company_name") == "Mine"
    assert "Kite Hosting" in page.errors("company_name")[0]


def test_limits_from_a_stale_tab_are_shown_beside_what_is_saved(admin: Browser) -> None:
    second = admin.open(PAGE)
    admin.submit(PAGE, form="Save limits", agent_add="50")

    page = admin.submit(second, form="Save limits", agent_add="80")

    assert page.status == 422
    assert page.errors("agent_add") == ["Saved meanwhile: 50.00."]
    assert admin.submit(page, form="Save limits").flashes
    db.session.rollback()
    assert db.session.get_one(RoleRules, "agent", populate_existing=True).add_max_minor == 8000


def test_an_auditor_reads_the_settings_and_can_change_nothing(browser: Browser) -> None:
    browser.sign_in(make_staff(Role.AUDITOR))

    page = browser.open(PAGE)

    assert page.headings == ["Credits", "Panel", "Automatic credit use", "Invoices", "Limits per role", "Reasons"]
    assert page.buttons == []
    assert not page.boxes("company_name")
    assert "Courtesy" in page.text
    assert browser.post(PAGE, {"company_name": "Mine"}).status == 403
    assert saved().version == 1


def test_a_reason_is_added_and_stands_in_the_list(admin: Browser) -> None:
    page = admin.submit(
        f"{PAGE}/reasons/new",
        name="Late delivery",
        direction="both",
        class_="promotional",
        expires_after_days="30",
        note_above="25.5",
        is_quiet=True,
        customer_text="Sorry for the wait",
    )

    assert page.path == PAGE
    assert page.flashes == ["Reason added. “Late delivery” can be chosen from now on."]
    row = page.rows("reason-list")[-1]
    assert row[:4] == ["Late delivery", "Both", "Promotional", "30 days"]
    assert row[4:6] == ["Note above $25.50 Quiet", "Sorry for the wait"]


@pytest.mark.parametrize(
    ("name", "typed", "error"),
    [
        ("name", "", "Enter a name."),
        ("name", "\u200b\u200d", "Enter a name that can be read."),
        ("name", "courtesy", "The name “courtesy” is taken."),
        ("name", "x" * 81, "Use at most 80 characters; this has 81."),
        ("expires_after_days", "0", "Enter a whole number from 1 to 3,660."),
        ("expires_after_days", "3661", "Enter a whole number from 1 to 3,660."),
        ("note_above", "-1", "Enter an amount without a minus."),
        ("customer_text", "x" * 201, "Use at most 200 characters; this has 201."),
    ],
)
def test_a_mistake_in_a_reason_is_said_beside_its_box(admin: Browser, name: str, typed: str, error: str) -> None:
    page = admin.submit(f"{PAGE}/reasons/new", **{"name": "Late delivery", name: typed})

    assert page.status == 422
    assert page.errors(name) == [error]
    assert page.value(name) == typed
    assert len(page.rows("reason-list")) == 0
    db.session.rollback()
    assert len(db.session.scalars(select(Reason)).all()) == 8


def test_sending_a_new_reason_twice_adds_one(admin: Browser) -> None:
    page = admin.open(f"{PAGE}/reasons/new")

    admin.submit(page, name="Late delivery")
    page = admin.submit(page, name="Late delivery")

    assert page.path == PAGE
    assert [row[0] for row in page.rows("reason-list")].count("Late delivery") == 1


def test_a_reason_is_edited_from_the_list(admin: Browser) -> None:
    reason_id = make_reason("Old campaign", note_above_minor=0, expires_after_days=90)

    page = admin.open(admin.open(PAGE).link("Old campaign"))

    assert (page.value("note_above"), page.value("expires_after_days")) == ("0.00", "90")
    admin.submit(page, is_active=False, note_above="", note_required=True)
    now = reason(reason_id)
    assert (now.is_active, now.note_above_minor, now.note_required, now.version) == (False, None, True, 2)


def test_the_last_reason_for_removing_cannot_be_switched_off(admin: Browser) -> None:
    for name in ("Entered by mistake", "Abuse or fraud", "Balance correction"):
        admin.submit(f"{PAGE}/reasons/{reason_named(name)}", is_active=False)

    page = admin.submit(f"{PAGE}/reasons/{reason_named('Billing error')}", is_active=False)

    assert page.status == 422
    assert page.errors("is_active") == [
        "This is the last active reason for removing credit. Add or switch on another one first."
    ]
    assert reason(reason_named("Billing error")).is_active


def test_a_reason_from_a_stale_tab_is_shown_beside_what_is_saved(admin: Browser) -> None:
    reason_id = make_reason("Old campaign")
    second = admin.open(f"{PAGE}/reasons/{reason_id}")
    admin.submit(f"{PAGE}/reasons/{reason_id}", name="The first tab", is_quiet=True)

    page = admin.submit(second, name="The second tab")

    assert page.status == 422
    assert page.errors("name") == ["Saved meanwhile: The first tab."]
    assert page.errors("is_quiet") == ["Saved meanwhile: ticked."]
    assert page.errors("customer_text") == []
    admin.submit(page)
    assert (reason(reason_id).name, reason(reason_id).is_quiet) == ("The second tab", False)


def test_a_reason_is_moved_by_its_buttons(admin: Browser) -> None:
    page = admin.submit(PAGE, form="Move Downtime up")

    downtime = reason_named("Downtime")
    assert page.url == f"{PAGE}#move-up-{downtime}"
    assert [row[0] for row in page.rows("reason-list")][:3] == ["Courtesy", "Downtime", "Billing error"]


def test_the_ends_of_the_list_are_moved_no_further(admin: Browser) -> None:
    page = admin.open(PAGE)

    movers = [one for one in page.main.iter("button") if one.get("name") == "move"]
    ways = [one.get("value", "").partition(" ")[0] for one in movers if one.get("disabled") is not None]
    assert ways == ["up", "down"]
    assert [movers[0].get("disabled"), movers[-1].get("disabled")] == ["", ""]


@pytest.mark.parametrize("move", ["", "up", "up 0", "sideways 3", "up 999999999999999", "up 3; drop"])
def test_a_move_that_makes_no_sense_moves_nothing(admin: Browser, move: str) -> None:
    page = admin.open(PAGE)
    token = page.form(f"{PAGE}/reasons/order").values[0][1]

    page = admin.post(f"{PAGE}/reasons/order", {"csrf_token": token, "move": move})

    assert page.flashes == ["Nothing was moved. The page had expired; try again."]


def test_a_reason_that_is_not_there_is_a_page_that_is_not_there(admin: Browser) -> None:
    assert admin.open(f"{PAGE}/reasons/99").status == 404
    assert admin.post(f"{PAGE}/reasons/99", {"name": "x"}).status == 404


def test_each_change_is_in_the_audit_log_with_who_made_it(browser: Browser) -> None:
    admin = make_staff(Role.ADMIN)
    browser.sign_in(admin)

    browser.submit(PAGE, company_name="Kite Hosting")
    browser.submit(PAGE, form="Save limits", agent_add="50")
    browser.submit(f"{PAGE}/reasons/{reason_named('Courtesy')}", is_quiet=True)

    db.session.rollback()
    acts = db.session.execute(select(AuditRow.action, AuditRow.actor_id).order_by(AuditRow.seq)).all()
    assert [act for act, by in acts if by == admin.id] == [
        "signed_in",
        "settings_saved",
        "limits_saved",
        "reason_edited",
    ]


def test_a_currency_without_decimals_is_written_without_them(admin: Browser) -> None:
    change_settings(currency="JPY")

    page = admin.submit(PAGE, form="Save limits", agent_add="5000")

    assert page.value("agent_add") == "5000"
