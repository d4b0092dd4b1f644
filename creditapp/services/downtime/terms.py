"""What a policy says, apart from the row it is kept in: a batch keeps it as it was when its lines were worked out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from creditapp.models import DowntimePolicy, DowntimeTier, FeeBasis, MinuteRule, MonthBasis, PolicyMethod
from creditapp.money import Rounding

WORDS = {
    "method": PolicyMethod,
    "month_basis": MonthBasis,
    "minute_rule": MinuteRule,
    "fee_basis": FeeBasis,
    "rounding": Rounding,
}
"""The terms that are one word of a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How an outage becomes an amount. What belongs to another method than this one has no effect."""

    method: PolicyMethod
    month_basis: MonthBasis = MonthBasis.ACTUAL
    minute_rule: MinuteRule = MinuteRule.EXACT
    fee_basis: FeeBasis = FeeBasis.AS_PRICED
    rounding: Rounding = Rounding.HALF_UP
    factor_hundredths: int = 1_000
    """For a multiplier: 1,000 is ten times."""
    block_minutes: int = 30
    block_bp: int = 500
    """For blocks: the share of the monthly fee for each started one, in hundredths of a percent."""
    fixed_minor: int = 0
    cap_bp: int = 10_000
    """The largest share of one month's fee, in hundredths of a percent, whatever the method."""
    minimum_minor: int = 0
    """A smaller credit is not given at all."""
    excluded_minutes: int = 0
    """How many minutes of each month do not count."""
    tiers: tuple[tuple[int, int], ...] = ()
    """For a table: below this uptime in millionths, that share in hundredths of a percent; the lowest uptime first."""

    @classmethod
    def of(cls, policy: DowntimePolicy, tiers: Iterable[DowntimeTier]) -> Self:
        """Return what this policy says."""
        plain = {one.name: getattr(policy, one.name) for one in fields(cls) if one.name != "tiers"}
        return cls._read({**plain, "tiers": [(tier.below_ppm, tier.credit_bp) for tier in tiers]})

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what `to_json` has written."""
        return cls._read(json.loads(text))

    @classmethod
    def _read(cls, plain: dict[str, Any]) -> Self:
        words = {name: word(plain[name]) for name, word in WORDS.items()}
        return cls(**{**plain, **words, "tiers": tuple(sorted((below, credit) for below, credit in plain["tiers"]))})
