from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from itertools import pairwise

import pytest

from creditapp.models import Cycle
from creditapp.services import periods

RECURRING = [cycle for cycle in Cycle if cycle.months]
MONTHS = 48


@pytest.mark.parametrize(
    ("start", "cycle", "anchor_day", "following"),
    [
        ("2026-03-15", "monthly", 15, "2026-04-15"),
        ("2026-03-01", "monthly", 1, "2026-04-01"),
        ("2026-12-15", "monthly", 15, "2027-01-15"),
        ("2026-01-31", "monthly", 31, "2026-02-28"),
        ("2026-02-28", "monthly", 31, "2026-03-31"),
        ("2026-02-28", "monthly", 30, "2026-03-30"),
        ("2026-02-28", "monthly", 28, "2026-03-28"),
        ("2026-03-31", "monthly", 31, "2026-04-30"),
        ("2028-01-31", "monthly", 31, "2028-02-29"),
        ("2028-01-29", "monthly", 29, "2028-02-29"),
        ("2026-01-29", "monthly", 29, "2026-02-28"),
        ("2100-01-31", "monthly", 31, "2100-02-28"),
        ("2000-01-31", "monthly", 31, "2000-02-29"),
        ("2026-11-30", "quarterly", 30, "2027-02-28"),
        ("2026-11-30", "quarterly", 31, "2027-02-28"),
        ("2027-02-28", "quarterly", 31, "2027-05-31"),
        ("2027-11-30", "quarterly", 30, "2028-02-29"),
        ("2026-10-01", "quarterly", 1, "2027-01-01"),
        ("2028-02-29", "yearly", 29, "2029-02-28"),
        ("2031-02-28", "yearly", 29, "2032-02-29"),
        ("2026-12-31", "yearly", 31, "2027-12-31"),
        ("9998-12-31", "yearly", 31, "9999-12-31"),
    ],
)
def test_the_next_period_begins_on_the_anchor_or_on_the_last_day_of_the_month(
    start: str, cycle: str, anchor_day: int, following: str
) -> None:
    assert periods.next_start(date.fromisoformat(start), Cycle(cycle), anchor_day) == date.fromisoformat(following)


@pytest.mark.parametrize("cycle", RECURRING)
@pytest.mark.parametrize("anchor_day", range(28, 32))
@pytest.mark.parametrize("first_month", range(1, 13))
def test_four_years_of_late_anchors_have_no_drift_no_double_and_no_gap(
    cycle: Cycle, anchor_day: int, first_month: int
) -> None:
    starts = [date(2026, first_month, min(anchor_day, monthrange(2026, first_month)[1]))]
    while (starts[-1].year - 2026) * 12 + starts[-1].month - first_month < MONTHS:
        starts.append(periods.next_start(starts[-1], cycle, anchor_day))

    months = [start.year * 12 + start.month for start in starts]
    assert {later - earlier for earlier, later in pairwise(months)} == {cycle.months}
    assert len(starts) == MONTHS // cycle.months + 1
    assert all(start.day == min(anchor_day, monthrange(start.year, start.month)[1]) for start in starts)
    days = [day for start, end in pairwise(starts) for day in _days(start, end)]
    assert days == _days(starts[0], starts[-1])


def _days(start: date, end: date) -> list[date]:
    return [start + timedelta(days=number) for number in range((end - start).days)]


@pytest.mark.parametrize(
    ("day", "anchor_day", "is_one"),
    [
        ("2026-03-15", 15, True),
        ("2026-03-14", 15, False),
        ("2026-02-28", 31, True),
        ("2028-02-28", 31, False),
        ("2028-02-29", 31, True),
        ("2026-04-30", 31, True),
        ("2026-03-30", 31, False),
    ],
)
def test_only_the_anchor_day_begins_a_period(day: str, anchor_day: int, *, is_one: bool) -> None:
    assert periods.is_start(date.fromisoformat(day), anchor_day) is is_one


@pytest.mark.parametrize(
    ("first", "start", "anchor_day"),
    [
        ("2026-01-31", "2026-02-28", 31),
        ("2026-01-29", "2026-02-28", 29),
        ("2026-01-31", "2026-02-27", 27),
        ("2026-01-15", "2026-01-15", 15),
        ("2026-02-28", "2026-03-31", 31),
    ],
)
def test_the_anchor_outlives_a_short_month(first: str, start: str, anchor_day: int) -> None:
    assert periods.anchor_of(date.fromisoformat(first), date.fromisoformat(start)) == anchor_day


@pytest.mark.parametrize(
    ("day", "anchor_day", "start"),
    [
        ("2026-03-15", 15, "2026-03-15"),
        ("2026-03-15", 16, "2026-03-16"),
        ("2026-03-15", 14, "2026-04-14"),
        ("2026-02-28", 31, "2026-02-28"),
        ("2026-02-28", 28, "2026-02-28"),
        ("2026-01-31", 30, "2026-02-28"),
        ("2024-01-31", 30, "2024-02-29"),
        ("2026-12-31", 1, "2027-01-01"),
    ],
)
def test_periods_begin_again_on_the_next_day_that_may_begin_one(day: str, anchor_day: int, start: str) -> None:
    found = periods.start_from(date.fromisoformat(day), anchor_day)

    assert found == date.fromisoformat(start)
    assert periods.is_start(found, anchor_day)


@pytest.mark.parametrize(
    ("start", "cycle", "anchor_day"),
    [
        (date(2026, 3, 1), Cycle.ONE_OFF, 1),
        (date(2026, 3, 1), Cycle.MONTHLY, 0),
        (date(2026, 3, 1), Cycle.MONTHLY, 32),
        (date(9999, 12, 1), Cycle.MONTHLY, 1),
        (date(9999, 3, 1), Cycle.YEARLY, 1),
    ],
)
def test_what_has_no_next_period_is_refused(start: date, cycle: Cycle, anchor_day: int) -> None:
    with pytest.raises(ValueError, match=r"next period|no day|No calendar"):
        periods.next_start(start, cycle, anchor_day)
