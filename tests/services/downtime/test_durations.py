from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditapp.services.downtime.durations import DAYS_MAX, DurationError, parse, words

HOUR = 3600
DAY = 24 * HOUR
MONTH = 30 * DAY


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [
        ("3 h 20 min", 12_000),
        ("3h20m", 12_000),
        ("3 hours and 20 minutes", 12_000),
        ("3 hours, 20 minutes", 12_000),
        ("20 min 3 h", 12_000),
        ("  3  H  20  MIN ", 12_000),
        ("2:30", 9_000),
        ("0:00:30", 30),
        ("100:00", 360_000),
        ("90m", 5_400),
        ("45 s", 45),
        ("1.5 h", 5_400),
        ("1 day", DAY),
        ("a day", DAY),
        ("half a day", DAY // 2),
        ("half an hour", 1_800),
        ("a quarter of an hour", 900),
        ("½ hour", 1_800),
        ("1 week 2 days", 9 * DAY),
        ("half a month", MONTH // 2),
        ("½ month", MONTH // 2),
        ("1 month", MONTH),
        ("a quarter of a month", MONTH // 4),
        ("1 month 1 day", 31 * DAY),
        ("366 days", 366 * DAY),
    ],
)
def test_a_duration_is_read_as_people_write_it(typed: str, seconds: int) -> None:
    assert parse(typed).in_seconds(MONTH) == seconds


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (None, "Enter how long it was down, like 3 h 20 min."),
        ("  ", "Enter how long it was down, like 3 h 20 min."),
        ("90", "Say what 90 counts: 90 min or 90 h."),
        ("0 min", "Enter more than nothing, like 3 h 20 min."),
        ("0.4 s", "Enter more than nothing, like 3 h 20 min."),
        ("0:00", "Enter more than nothing, like 3 h 20 min."),
        ("367 days", f"Enter at most {DAYS_MAX} days."),
        ("12 months", f"Enter at most {DAYS_MAX} days."),
        ("999999999 weeks", f"Enter at most {DAYS_MAX} days."),
        ("x" * 61, "Write it shorter, like 3 h 20 min."),
        *[
            (odd, "Write how long it was down like 3 h 20 min, 1 day, half a month or 2:30.")
            for odd in (
                "-3 h",
                "3 h 3 h",
                "1,5 h",
                "2:75",
                "3 hx",
                "1e3 min",
                "٣ h",
                "h",
                "3 h and",
                "1_0 min",
                "NaN h",
            )
        ],
    ],
)
def test_what_is_no_duration_is_refused_with_what_to_write(typed: str | None, says: str) -> None:
    with pytest.raises(DurationError) as refusal:
        parse(typed)

    assert str(refusal.value) == says


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 min"),
        (45, "45 s"),
        (12_000, "3 h 20 min"),
        (12_005, "3 h 20 min 5 s"),
        (3 * HOUR, "3 h"),
        (DAY, "1 day"),
        (2 * DAY + 45 * 60, "2 days 45 min"),
        (15 * DAY, "15 days"),
    ],
)
def test_a_duration_is_said_as_it_stands_in_the_log(seconds: int, said: str) -> None:
    assert words(seconds) == said


@given(seconds=st.integers(min_value=1, max_value=DAYS_MAX * DAY))
def test_what_is_said_reads_back_the_same(seconds: int) -> None:
    assert parse(words(seconds)).in_seconds(MONTH) == seconds


@given(typed=st.text(alphabet="0123456789.:, hdmins½aof", max_size=30) | st.text(max_size=20))
def test_whatever_is_typed_is_a_duration_within_a_year_or_a_refusal(typed: str) -> None:
    seconds = 1

    with suppress(DurationError):
        seconds = parse(typed).in_seconds(31 * DAY)

    assert 1 <= seconds <= DAYS_MAX * DAY
