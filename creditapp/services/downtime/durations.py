"""Durations as people write them: “3 h 20 min”, “1 day”, “half a month”, “90m”, “2:30”."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

DURATION_CHARS_MAX = 60
DAYS_MAX = 366
MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EXAMPLE = "3 h 20 min"

UNITS = {
    "month": ("month", "months", "mo"),
    "week": ("week", "weeks", "w"),
    "day": ("day", "days", "d"),
    "hour": ("hour", "hours", "hr", "hrs", "h"),
    "minute": ("minute", "minutes", "mins", "min", "m"),
    "second": ("second", "seconds", "secs", "sec", "s"),
}
SECONDS = {"week": 7 * DAY, "day": DAY, "hour": HOUR, "minute": MINUTE, "second": 1}
COUNTS = {
    "half a": Fraction(1, 2),
    "half an": Fraction(1, 2),
    "a half": Fraction(1, 2),
    "half": Fraction(1, 2),
    "½": Fraction(1, 2),
    "a quarter of a": Fraction(1, 4),
    "a quarter of an": Fraction(1, 4),
    "quarter of a": Fraction(1, 4),
    "¼": Fraction(1, 4),
    "a": Fraction(1),
    "an": Fraction(1),
    "one": Fraction(1),
}
_WORDS = {word: unit for unit, words in UNITS.items() for word in words}
_COUNT = "|".join(sorted(map(re.escape, COUNTS), key=len, reverse=True))
_ONE = re.compile(
    rf"(?:(?P<number>[0-9]{{1,9}}(?:\.[0-9]{{1,6}})?)|(?P<count>{_COUNT})(?![a-z]))\ ?"
    rf"(?P<unit>{'|'.join(sorted(_WORDS, key=len, reverse=True))})(?![a-z])",
    re.ASCII | re.VERBOSE,
)
_CLOCK = re.compile(r"(?P<hours>[0-9]{1,4}):(?P<minutes>[0-5][0-9])(?::(?P<seconds>[0-5][0-9]))?", re.ASCII)
_BETWEEN = re.compile(r"(?: ?, ?(?:and )?| and | )", re.ASCII)


class DurationError(ValueError):
    """The text is no duration; its message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Duration:
    """So many seconds, and so much of a month: how long that is, the policy says."""

    seconds: Fraction
    months: Fraction = Fraction(0)

    def in_seconds(self, month_seconds: int) -> int:
        """Return the whole duration where a month has so many seconds; half a second counts as one."""
        return int(self.seconds + self.months * month_seconds + Fraction(1, 2))


def parse(text: str | None) -> Duration:
    """Return the duration that `text` names.

    Raises:
        DurationError: it names none, nothing at all, or more than a year.
    """
    typed = " ".join((text or "").split())
    if not typed:
        raise DurationError(f"Enter how long it was down, like {EXAMPLE}.")
    if len(typed) > DURATION_CHARS_MAX:
        raise DurationError(f"Write it shorter, like {EXAMPLE}.")
    duration = _clock(typed) or _units(typed.casefold())
    whole = duration.in_seconds(31 * DAY)
    if not whole:
        raise DurationError(f"Enter more than nothing, like {EXAMPLE}.")
    if whole > DAYS_MAX * DAY:
        raise DurationError(f"Enter at most {DAYS_MAX} days.")
    return duration


@lru_cache(maxsize=256)
def words(seconds: int) -> str:
    """Return a duration as it stands in the log: `3 h 20 min`, `1 day`, `2 days 45 min`."""
    days, rest = divmod(seconds, DAY)
    hours, rest = divmod(rest, HOUR)
    minutes, left = divmod(rest, MINUTE)
    said = [f"{days} day{'s' if days > 1 else ''}"] if days else []
    said += [f"{count} {unit}" for count, unit in ((hours, "h"), (minutes, "min"), (left, "s")) if count]
    return " ".join(said) or "0 min"


def _clock(typed: str) -> Duration | None:
    match = _CLOCK.fullmatch(typed)
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return Duration(Fraction(hours * HOUR + minutes * MINUTE + seconds))


def _units(typed: str) -> Duration:
    """Read numbers with their units, each unit once."""
    if re.fullmatch(r"[0-9.]+", typed, re.ASCII):
        raise DurationError(f"Say what {typed} counts: {typed} min or {typed} h.")
    seconds, months, seen, at = Fraction(0), Fraction(0), set[str](), 0
    while True:
        match = _ONE.match(typed, at)
        if match is None or _WORDS[match["unit"]] in seen:
            raise DurationError(f"Write how long it was down like {EXAMPLE}, 1 day, half a month or 2:30.")
        unit = _WORDS[match["unit"]]
        seen.add(unit)
        count = Fraction(match["number"]) if match["number"] else COUNTS[match["count"]]
        if unit == "month":
            months += count
        else:
            seconds += count * SECONDS[unit]
        if match.end() == len(typed):
            return Duration(seconds, months)
        # “1h30m” needs nothing between its two halves.
        between = _BETWEEN.match(typed, match.end())
        at = between.end() if between else match.end()
