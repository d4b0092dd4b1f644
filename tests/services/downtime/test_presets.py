from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from creditapp.db import db, transact
from creditapp.errors import PolicyError
from creditapp.models import MonthBasis, PolicyMethod
from creditapp.queries import policies as queries
from creditapp.services.downtime import Fee, Outage, Reckoner, Terms, policies
from creditapp.services.downtime.presets import BY_SLUG, PRESETS

JUNE = datetime(2026, 6, 1, tzinfo=UTC)
"""Thirty days long: by the calendar the same as 30 days."""


def owed(slug: str, minutes: float, price_minor: int = 10_000) -> int:
    outage = Outage(JUNE, JUNE + timedelta(minutes=minutes))
    return Reckoner(BY_SLUG[slug].terms, outage).credit(Fee(price_minor)).amount_minor


@pytest.mark.parametrize(
    ("slug", "owes"),
    [
        ("pro-rata", {1: 0, 216: 50, 21_600: 5_000, 43_200: 10_000}),
        ("ten-times", {1: 2, 216: 500, 4_320: 10_000, 43_200: 10_000}),
        ("half-hours", {1: 500, 30: 500, 30.5: 1_000, 600: 10_000, 601: 10_000}),
        ("whole-minutes", {0.9: 0, 43.9: 10, 44: 10, 21_600: 5_000, 40_000: 5_000}),
        ("aws-compute", {4.3: 0, 4.4: 1_000, 432: 1_000, 432.5: 3_000, 2_160: 3_000, 2_160.5: 10_000}),
        ("aws-others", {43.2: 0, 43.5: 1_000, 432: 1_000, 432.5: 2_500, 2_160: 2_500, 2_160.5: 10_000}),
        (
            "hoster-table",
            {43: 0, 86.4: 1_000, 130: 2_500, 216: 2_500, 217: 5_000, 303: 7_500, 432: 7_500, 433: 10_000},
        ),
        ("tenths", {43: 0, 44: 1_000, 87: 2_000, 388: 8_000, 389: 9_000, 432: 9_000, 433: 10_000}),
        ("hourly", {1: 200, 60: 200, 61: 400, 1_500: 5_000, 2_000: 5_000}),
        ("730-hours", {60: 685, 876: 10_000, 1_000: 10_000}),
        ("three-quarters", {1: 1_000, 45: 1_000, 46: 2_000, 450: 10_000, 451: 10_000}),
    ],
)
def test_each_preset_gives_what_its_publishers_say(slug: str, owes: dict[float, int]) -> None:
    assert {minutes: owed(slug, minutes) for minutes in owes} == owes


def test_there_is_a_test_and_a_sentence_for_each_preset() -> None:
    marks = test_each_preset_gives_what_its_publishers_say.pytestmark  # type: ignore[attr-defined]
    (tested,) = (mark.args[1] for mark in marks)

    assert {slug for slug, _ in tested} == set(BY_SLUG)
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)
    for preset in PRESETS:
        assert len(preset.name) <= policies.NAME_CHARS_MAX
        assert 0 < len(preset.says) <= policies.DESCRIPTION_CHARS_MAX
        policies.check(preset.terms)


@pytest.mark.money
def test_a_panel_begins_with_five_of_the_presets(app: Flask) -> None:
    seeds = queries.listed(db.session())

    named = {preset.name: preset for preset in PRESETS}
    assert [seed.name for seed in seeds] == [
        "Pro rata",
        "Ten times pro rata",
        "5 % per started 30 minutes",
        "Whole minutes, pro rata",
        "Uptime table of AWS compute",
    ]
    for seed in seeds:
        assert (seed.description, seed.terms, seed.is_active) == (named[seed.name].says, named[seed.name].terms, True)


def test_a_table_that_gives_less_for_a_longer_outage_is_refused() -> None:
    def refused(*tiers: tuple[int, int]) -> str:
        terms = Terms(method=PolicyMethod.TIERS, month_basis=MonthBasis.ACTUAL, tiers=tiers)
        with pytest.raises(PolicyError) as refusal:
            policies.check(terms)
        assert refusal.value.box == "tiers"
        return refusal.value.sentence(str)

    assert refused() == "Write a table of 1 to 20 lines."
    assert refused(*[(number, 100) for number in range(1, 22)]) == "Write a table of 1 to 20 lines."
    assert refused((990_000, 100), (990_000, 100)) == "99 % stands in the table twice."
    assert refused((990_000, 100), (999_000, 200)) == (
        "Below 99 % it gives 1 %, less than below 99.9 %. A longer outage must not be worth less."
    )


def test_a_policy_that_is_not_there_is_not_found(app: Flask) -> None:
    def look(session: Session) -> None:
        policies.find(session, 99)

    with pytest.raises(PolicyError):
        transact(look)
