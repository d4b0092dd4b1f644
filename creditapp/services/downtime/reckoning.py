"""What an outage is worth to one subscription. Exact arithmetic without a database: multiplied first, rounded once.

Seconds are counted between moments, so that a day on which the clocks change has 23 or 25 hours; a month has as many as
its calendar has, or what the policy says. Amounts are minor units, never below zero.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from creditapp.models import FeeBasis, MinuteRule, MonthBasis, PolicyMethod
from creditapp.money import AMOUNT_MINOR_MAX, RATE_WHOLE, Rounding, share_of
from creditapp.services.downtime.terms import Terms

MINUTE = 60
UPTIME_WHOLE = 1_000_000
"""What an uptime in millionths is a part of."""
FACTOR_ONE = 100
MONTH_SECONDS = {MonthBasis.DAYS_30: 30 * 24 * 60 * MINUTE, MonthBasis.HOURS_730: 730 * 60 * MINUTE}
KNOWN_MAX = 10_000
"""How many results are remembered; a panel has fewer different prices than that."""

Span = tuple[int, int]
"""From one second since 1970 to another one, which it does not hold any more."""


@dataclass(frozen=True, slots=True)
class Outage:
    """From when to when something was down; `windows` in it do not count, and its months are those of `time_zone`."""

    starts_at: datetime
    ends_at: datetime
    windows: tuple[tuple[datetime, datetime], ...] = ()
    time_zone: str = "UTC"

    def to_json(self) -> str:
        plain = {
            "starts_at": self.starts_at.isoformat(),
            "ends_at": self.ends_at.isoformat(),
            "windows": [[start.isoformat(), end.isoformat()] for start, end in self.windows],
            "time_zone": self.time_zone,
        }
        return json.dumps(plain, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what `to_json` has written."""
        plain = json.loads(text)
        read = datetime.fromisoformat
        windows = tuple((read(start), read(end)) for start, end in plain["windows"])
        return cls(read(plain["starts_at"]), read(plain["ends_at"]), windows, plain["time_zone"])


class Fee(NamedTuple):
    """What a subscription costs: the price for so many months, and the tax that is on it or in it."""

    price_minor: int
    months: int = 1
    tax_bp: int = 0
    has_tax_in_it: bool = False

    def monthly(self, basis: FeeBasis) -> tuple[int, int]:
        """Return by what the price is multiplied and divided to be the fee of one month."""
        with_tax = RATE_WHOLE + self.tax_bp
        if basis is FeeBasis.NET and self.has_tax_in_it:
            return RATE_WHOLE, with_tax * self.months
        if basis is FeeBasis.GROSS and not self.has_tax_in_it:
            return with_tax, RATE_WHOLE * self.months
        return 1, self.months


class Part(NamedTuple):
    """What an outage took of one month."""

    down_seconds: int
    """What counts of it."""
    month_seconds: int
    asked: Fraction
    """The share of the monthly fee that the method gives."""
    share: Fraction
    """The same, at most the policy's cap."""


class Reckoned(NamedTuple):
    """What a stretch of time comes to, whatever the fee."""

    parts: tuple[Part, ...]
    """The months of which something counts."""
    share: Fraction
    down_seconds: int
    uptime_ppm: int
    """Of the worst month, rounded down."""


class Credit(NamedTuple):
    """What one subscription is owed."""

    amount_minor: int
    computed_minor: int
    """Before the policy's minimum."""
    down_seconds: int
    """What counts of the outage."""
    uptime_ppm: int
    """Of the worst month, in millionths, rounded down."""
    share: Fraction
    """Of the monthly fee, all months together; 0 where the amount is fixed."""
    monthly_minor: int
    """The monthly fee, rounded, to be shown."""
    is_small: bool
    """It came to less than the policy's minimum, and is nothing therefore."""
    parts: tuple[Part, ...]


class Reckoner:
    """Works out what an outage is worth, for as many subscriptions as there are."""

    def __init__(self, terms: Terms, outage: Outage) -> None:
        self._terms, self._outage = terms, outage
        whole = (_second(outage.starts_at), _second(outage.ends_at))
        self._down = _without(whole, [(_second(start), _second(end)) for start, end in outage.windows])
        self._months = list(_months(whole, terms.month_basis, ZoneInfo(outage.time_zone)))
        self._known: dict[tuple[object, ...], Credit] = {}
        self._reckoned: dict[tuple[datetime, datetime], Reckoned] = {}

    def credit(self, fee: Fee, active_from: datetime | None = None, active_until: datetime | None = None) -> Credit:
        """Return what a subscription with this fee is owed, for as much of the outage as it was active."""
        start, end = self._outage.starts_at, self._outage.ends_at
        if active_from is not None and active_from > start:
            start = active_from
        if active_until is not None and active_until < end:
            end = active_until
        key = (fee, start, end)
        credit = self._known.get(key)
        if credit is None:
            credit = credit_of(self._terms, self._span(start, end), fee)
            if len(self._known) < KNOWN_MAX:
                self._known[key] = credit
        return credit

    def _span(self, start: datetime, end: datetime) -> Reckoned:
        reckoned = self._reckoned.get((start, end))
        if reckoned is None:
            down = [_common(span, (_second(start), _second(end))) for span in self._down]
            each = [(sum(_length(_common(span, month)) for span in down), length) for month, length in self._months]
            reckoned = self._reckoned[start, end] = reckon(self._terms, each)
        return reckoned


def credit_for(terms: Terms, seconds: int, fee: Fee, *, on: date, time_zone: str) -> Credit:
    """Return what so many seconds without service are worth, all of them in the month of this day."""
    return credit_of(terms, reckon(terms, [(seconds, month_seconds(terms, on, time_zone))]), fee)


def month_seconds(terms: Terms, on: date, time_zone: str) -> int:
    """Return how long the month of this day is, as the policy counts."""
    zone = ZoneInfo(time_zone)
    start, end = _month_start(on.year, on.month, zone), _month_start(on.year, on.month + 1, zone)
    return MONTH_SECONDS.get(terms.month_basis, end - start)


def reckon(terms: Terms, months: Sequence[tuple[int, int]]) -> Reckoned:
    """Return what these months come to, each given by its seconds without service and its length in seconds."""
    parts = [_part(terms, counted, length) for down, length in months if (counted := _counted(terms, down))]
    return Reckoned(
        parts=tuple(parts),
        share=sum((part.share for part in parts), Fraction(0)),
        down_seconds=sum(part.down_seconds for part in parts),
        uptime_ppm=min((_uptime_ppm(part) for part in parts), default=UPTIME_WHOLE),
    )


def credit_of(terms: Terms, reckoned: Reckoned, fee: Fee) -> Credit:
    """Return what this is worth at this fee: the only place where it is rounded."""
    times, divisor = fee.monthly(terms.fee_basis)
    share = reckoned.share
    minor = share_of(fee.price_minor, times * share.numerator, divisor * share.denominator, terms.rounding)
    if terms.method is PolicyMethod.FIXED and reckoned.parts:
        most = terms.cap_bp * len(reckoned.parts)
        cap_minor = share_of(fee.price_minor, times * most, divisor * RATE_WHOLE, Rounding.DOWN)
        minor = min(terms.fixed_minor, cap_minor)
    # No entry takes more than this, and a policy that multiplies large fees must not stop the rest of its batch.
    computed_minor = min(minor, AMOUNT_MINOR_MAX)
    is_small = computed_minor < terms.minimum_minor
    return Credit(
        amount_minor=0 if is_small else computed_minor,
        computed_minor=computed_minor,
        down_seconds=reckoned.down_seconds,
        uptime_ppm=reckoned.uptime_ppm,
        share=share,
        monthly_minor=share_of(fee.price_minor, times, divisor),
        is_small=is_small,
        parts=reckoned.parts,
    )


def _counted(terms: Terms, down: int) -> int:
    """Return how many of a month's seconds without service count."""
    if terms.minute_rule is MinuteRule.WHOLE:
        down -= down % MINUTE
    elif terms.minute_rule is MinuteRule.STARTED:
        down += -down % MINUTE
    return max(0, down - terms.excluded_minutes * MINUTE)


def _part(terms: Terms, down: int, length: int) -> Part:
    asked = _asked(terms, down, length)
    return Part(down, length, asked, min(asked, Fraction(terms.cap_bp, RATE_WHOLE)))


def _asked(terms: Terms, down: int, length: int) -> Fraction:
    """Return the share of the monthly fee that the method gives for so many seconds of a month, before the cap."""
    match terms.method:
        case PolicyMethod.PRO_RATA:
            return Fraction(down, length)
        case PolicyMethod.MULTIPLIER:
            return Fraction(down * terms.factor_hundredths, length * FACTOR_ONE)
        case PolicyMethod.BLOCK:
            return Fraction(started_blocks(terms, down) * terms.block_bp, RATE_WHOLE)
        case PolicyMethod.TIERS:
            lost = down * UPTIME_WHOLE
            tiers = (bp for below, bp in terms.tiers if lost > (UPTIME_WHOLE - below) * length)
            return Fraction(next(tiers, 0), RATE_WHOLE)
        case PolicyMethod.FIXED:
            return Fraction(0)


def started_blocks(terms: Terms, down: int) -> int:
    """Return how many blocks of the policy's minutes have begun after so many seconds."""
    return -(-down // (terms.block_minutes * MINUTE))


def _uptime_ppm(part: Part) -> int:
    return max(0, part.month_seconds - part.down_seconds) * UPTIME_WHOLE // part.month_seconds


def _second(moment: datetime) -> int:
    return int(moment.timestamp())


def _months(whole: Span, basis: MonthBasis, zone: ZoneInfo) -> Iterator[tuple[Span, int]]:
    """Yield the calendar months that a span touches, each with its length as the policy counts."""
    first = datetime.fromtimestamp(whole[0], zone)
    year, month, start = first.year, first.month, _month_start(first.year, first.month, zone)
    while start < whole[1]:
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)  # noqa: PLR2004  (December)
        end = _month_start(year, month, zone)
        yield (start, end), MONTH_SECONDS.get(basis, end - start)
        start = end


@lru_cache(maxsize=1024)
def _month_start(year: int, month: int, zone: ZoneInfo) -> int:
    """Return the second at which a month begins; the thirteenth is the next year's first."""
    years, rest = divmod(month - 1, 12)
    return _second(datetime(year + years, rest + 1, 1, tzinfo=zone))


def _without(whole: Span, windows: Sequence[Span]) -> list[Span]:
    """Return what is left of a span without these, which may touch or overlap."""
    left, start = [], whole[0]
    for window in sorted(windows):
        left.append((start, min(window[0], whole[1])))
        start = max(start, window[1])
    left.append((start, whole[1]))
    return [span for span in left if _length(span)]


def _common(one: Span, other: Span) -> Span:
    return max(one[0], other[0]), min(one[1], other[1])


def _length(span: Span) -> int:
    return max(0, span[1] - span[0])
