"""Periods of what is paid for again and again: where each begins. Calendar arithmetic, and nothing else.

A period begins on the anchor day of its month, on the last day where the month is too short. Each start is computed
from the anchor and not from the start before it, so that 31 January leads over 28 February back to 31 March.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from functools import lru_cache

from creditapp.models import Cycle

ANCHOR_MAX = 31


@lru_cache(maxsize=4096)
def next_start(start: date, cycle: Cycle, anchor_day: int) -> date:
    """Return the first day of the period that follows the one which begins on `start`.

    Raises:
        ValueError: the cycle does not repeat, the anchor is no day of a month, or no calendar goes that far.
    """
    if not cycle.months:
        raise ValueError("What is paid for once has no next period.")
    year, month = divmod(start.year * 12 + start.month - 1 + cycle.months, 12)
    return _day_of(year, month + 1, anchor_day)


def is_start(day: date, anchor_day: int) -> bool:
    """Return whether a period that is anchored so may begin on this day."""
    return day == _day_of(day.year, day.month, anchor_day)


def start_from(day: date, anchor_day: int) -> date:
    """Return the first day, this one or a later one, on which a period that is anchored so may begin.

    Raises:
        ValueError: the anchor is no day of a month, or no calendar goes that far.
    """
    this_month = _day_of(day.year, day.month, anchor_day)
    return this_month if this_month >= day else next_start(this_month, Cycle.MONTHLY, anchor_day)


def anchor_of(first: date, start: date) -> int:
    """Return the day on which periods begin that began on `first` and begin again on `start`.

    What began on the 31st and begins again on 28 February still begins on the 31st.
    """
    return first.day if is_start(start, first.day) else start.day


def _day_of(year: int, month: int, anchor_day: int) -> date:
    if not 1 <= anchor_day <= ANCHOR_MAX:
        raise ValueError(f"{anchor_day} is no day of a month.")
    if year > date.max.year:
        raise ValueError(f"No calendar goes to the year {year}.")
    return date(year, month, min(anchor_day, monthrange(year, month)[1]))
