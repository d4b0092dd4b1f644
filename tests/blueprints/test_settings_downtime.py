from __future__ import annotations

import pytest

from creditapp.db import db
from creditapp.models import Role
from creditapp.queries import policies
from creditapp.queries.policies import PolicyFacts
from tests.browser import Browser, Page
from tests.factories import change_settings, make_staff

PAGE = "/admin/billing/settings/downtime"


@pytest.fixture
def admin(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.ADMIN))
    return browser


def saved() -> list[PolicyFacts]:
    db.session.rollback()
    return policies.listed(db.session())


def example(page: Page) -> str:
    return page.words("worked")


def test_the_list_says_what_each_policy_gives(admin: Browser) -> None:
    page = admin.open(PAGE)

    rows = page.rows("policies")
    assert [row[0] for row in rows] == [one.name for one in saved()]
    assert rows[1][1].startswith("Fee × minutes down ÷ 43,200 min × 10, at most a month’s fee")
    # The others hang on how long this month is.
    assert [rows[place][2] for place in (1, 2, 4)] == ["$1.11", "$8.40", "$2.40"]


def test_an_auditor_reads_the_list_and_changes_nothing(browser: Browser) -> None:
    browser.sign_in(make_staff(Role.AUDITOR))

    page = browser.open(PAGE)

    assert len(page.rows("policies")) == 5
    assert "New policy" not in page.links
    assert not [button for button in page.buttons if button.startswith("Move")]


def test_a_new_policy_starts_from_a_published_one(admin: Browser) -> None:
    page = admin.open(admin.open(f"{PAGE}/new").link("Uptime table of other AWS services"))

    assert page.value("tiers") == "99.9 10\n99 25\n95 100"
    assert "$24.00 × 10 % at 99." in example(page)
    assert "% uptime = $2.40" in example(page)
    page = admin.submit(page, form="Add policy", tiers="below 99.9 %: 10 %\n\n 99,  25.5\n95.1234 → 100", cap="50")

    assert page.flashes == ["Policy added. “Uptime table of other AWS services” can be chosen from now on."]
    terms = saved()[-1].terms
    assert terms.tiers == ((951_234, 10_000), (990_000, 2_550), (999_000, 1_000))
    assert terms.cap_bp == 5_000


def test_an_example_follows_what_is_typed_and_nothing_is_saved(admin: Browser) -> None:
    page = admin.submit(
        f"{PAGE}/2", form="Show example", factor="7.5", cap="150", example_fee="100", example_down="half a month"
    )

    assert page.status == 200
    assert "$100.00 × 21,600 min ÷ 43,200 min × 7.5, at most 150 % = $150.00" in example(page)
    assert "$3.47" in example(page)  # 3 h 20 min, in the list of outages
    assert page.value("factor") == "7.5"
    assert saved()[1].terms.factor_hundredths == 1_000


def test_no_example_says_what_stands_in_the_way(admin: Browser) -> None:
    page = admin.submit(f"{PAGE}/2", form="Show example", example_down="a while")

    assert page.status == 422
    assert "There is no example yet. Write how long it was down like 3 h 20 min" in example(page)


def test_a_currency_without_decimals_has_an_example_of_its_own(admin: Browser) -> None:
    change_settings(currency="JPY")

    assert "¥2,400 × 200 min ÷ 43,200 min × 10 = ¥111" in example(admin.open(f"{PAGE}/2"))


MISTAKES = {
    "pro_rata": [
        ("name", "", "Enter a name."),
        ("name", "ten times pro rata", "The name “ten times pro rata” is taken."),
        ("name", "x" * 81, "Use at most 80 characters; this has 81."),
        ("cap", "0", "Enter a number from 0.01 to 1,000, like 10 or 7.5."),
        ("cap", "1000.01", "Enter a number from 0.01 to 1,000, like 10 or 7.5."),
        ("cap", "1e3", "Enter a number from 0.01 to 1,000, like 10 or 7.5."),
        ("excluded_minutes", "44641", "Enter a whole number from 0 to 44,640."),
        ("minimum", "-1", "Enter an amount without a minus."),
    ],
    "multiplier": [
        ("factor", "10.001", "Enter a number from 0.01 to 10,000, like 10 or 7.5."),
    ],
    "block": [
        ("block_minutes", "0", "Enter a whole number from 1 to 44,640."),
        ("block_rate", "", "Enter a number from 0.01 to 1,000, like 10 or 7.5."),
    ],
    "fixed": [
        ("fixed", "0", "Enter an amount other than zero."),
    ],
    "tiers": [
        ("tiers", "", "Write a table of 1 to 20 lines."),
        ("tiers", "100.1 5", "“100.1 5” is no line like 99.9 10: an uptime up to 100, and a part of the fee."),
        ("tiers", "99.9", "“99.9” is no line like 99.9 10: an uptime up to 100, and a part of the fee."),
        ("tiers", "99.9 10\n99.9 20", "99.9 % stands in the table twice."),
        ("tiers", "9 9\n" * 300, "Write at most 20 short lines."),
        (
            "tiers",
            "99.9 20\n99 10",
            "Below 99 % it gives 10 %, less than below 99.9 %. A longer outage must not be worth less.",
        ),
    ],
}


def test_a_mistake_in_a_policy_is_said_beside_its_box(admin: Browser) -> None:
    opened = admin.open(f"{PAGE}/1")
    for method, name, typed, error in ((method, *one) for method, each in MISTAKES.items() for one in each):
        page = admin.submit(opened, form="Save", **{"method": method, "name": "Ours", name: typed})

        assert (page.status, page.errors(name), page.value(name)) == (422, [error], typed)
    assert saved()[0].version == 1


def test_a_box_that_another_method_asks_for_is_not_looked_at(admin: Browser) -> None:
    page = admin.submit(
        f"{PAGE}/1", form="Save", method="block", block_rate="2", block_minutes="60", tiers="?", factor=""
    )

    assert page.flashes == ["Policy saved. It holds for previews that are made from now on."]
    assert (saved()[0].terms.block_bp, saved()[0].terms.block_minutes) == (200, 60)


def test_a_policy_is_switched_off_and_moved(admin: Browser) -> None:
    first, second = saved()[:2]

    admin.submit(f"{PAGE}/{first.id}", form="Save", is_active=False)
    page = admin.submit(PAGE, form=f"Move {first.name} down")

    assert [one.id for one in saved()[:2]] == [second.id, first.id]
    assert page.rows("policies")[1][0] == "Pro rata Off"
    page = admin.post(f"{PAGE}/order", {"move": "up 99"})
    assert page.flashes == ["Nothing was moved. The page had expired; try again."]


def test_a_policy_from_a_stale_tab_is_shown_beside_what_is_saved(admin: Browser) -> None:
    second = admin.open(f"{PAGE}/1")
    admin.submit(f"{PAGE}/1", form="Save", name="The first tab", cap="50")

    page = admin.submit(second, form="Save", name="The second tab", cap="75")

    assert page.status == 422
    assert page.errors("name") == ["Saved meanwhile: The first tab."]
    assert page.errors("cap") == ["Saved meanwhile: 50."]
    admin.submit(page, form="Save")
    assert (saved()[0].name, saved()[0].terms.cap_bp) == ("The second tab", 7_500)


def test_sending_a_new_policy_twice_adds_one(admin: Browser) -> None:
    page = admin.open(f"{PAGE}/new")

    admin.submit(page, form="Add policy", name="Ours")
    admin.submit(page, form="Add policy", name="Ours")

    assert [one.name for one in saved()].count("Ours") == 1


def test_a_month_of_another_length_is_on_no_list(admin: Browser) -> None:
    page = admin.submit(f"{PAGE}/1", form="Save", month_basis="31_days")

    assert (page.status, page.errors("month_basis")) == (422, ["Not a valid choice."])
    assert "There is no example yet" in example(page)
