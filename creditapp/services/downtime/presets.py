"""The ways of crediting downtime that clouds and hosters publish, each by a name, as a policy can start from them.

They give back a share of a monthly fee; what else their publishers ask for (a claim in time, a ticket, nothing owed)
is for people to look at.
"""

from __future__ import annotations

from dataclasses import dataclass

from creditapp.models import MinuteRule, MonthBasis, PolicyMethod
from creditapp.services.downtime.terms import Terms


@dataclass(frozen=True, slots=True)
class Preset:
    """A policy that can be started from: its address, its name, what its publishers say, and its terms."""

    slug: str
    name: str
    says: str
    terms: Terms


PRESETS = (
    Preset(
        "pro-rata",
        "Pro rata",
        "The share of the month that was lost, as many hosters do.",
        Terms(method=PolicyMethod.PRO_RATA),
    ),
    Preset(
        "ten-times",
        "Ten times pro rata",
        "“1000 % SLA”: ten times the time that was lost, at most the month’s fee.",
        Terms(method=PolicyMethod.MULTIPLIER, month_basis=MonthBasis.DAYS_30, factor_hundredths=1_000),
    ),
    Preset(
        "half-hours",
        "5 % per started 30 minutes",
        "As hosters publish it: 5 % of the monthly fee for each started half hour, at most all of it.",
        Terms(method=PolicyMethod.BLOCK, month_basis=MonthBasis.DAYS_30, block_minutes=30, block_bp=500),
    ),
    Preset(
        "whole-minutes",
        "Whole minutes, pro rata",
        "In the way of Google Cloud: only whole minutes count, at most half of the monthly fee.",
        Terms(method=PolicyMethod.PRO_RATA, minute_rule=MinuteRule.WHOLE, cap_bp=5_000),
    ),
    Preset(
        "aws-compute",
        "Uptime table of AWS compute",
        "Below 99.99 % of the month 10 %, below 99.0 % 30 %, below 95.0 % all of the fee.",
        Terms(method=PolicyMethod.TIERS, tiers=((950_000, 10_000), (990_000, 3_000), (999_900, 1_000))),
    ),
    Preset(
        "aws-others",
        "Uptime table of other AWS services",
        "Below 99.9 % of the month 10 %, below 99.0 % 25 %, below 95.0 % all of the fee.",
        Terms(method=PolicyMethod.TIERS, tiers=((950_000, 10_000), (990_000, 2_500), (999_000, 1_000))),
    ),
    Preset(
        "hoster-table",
        "Uptime table in days of credit",
        "As hosters publish it: 99.7–99.8 % 10 % of the fee (3 days), 99.5–99.6 % 25 %, 99.3–99.4 % 50 %, "
        "99.0–99.2 % 75 %, 98.9 % and less all of it.",
        Terms(
            method=PolicyMethod.TIERS,
            # The table names tenths of a percent; what lies between two of them belongs to the lower one.
            tiers=((990_000, 10_000), (993_000, 7_500), (995_000, 5_000), (997_000, 2_500), (999_000, 1_000)),
        ),
    ),
    Preset(
        "tenths",
        "10 % for each tenth of a percent",
        "10 % of the monthly fee for every 0.1 % below 99.9 % uptime, at most all of it.",
        Terms(
            method=PolicyMethod.TIERS,
            tiers=tuple((999_000 - 1_000 * tenth, 1_000 * (tenth + 1)) for tenth in range(9, -1, -1)),
        ),
    ),
    Preset(
        "hourly",
        "2 % per started hour",
        "2 % of the monthly fee for each started hour, at most half of it.",
        Terms(
            method=PolicyMethod.BLOCK,
            month_basis=MonthBasis.DAYS_30,
            block_minutes=60,
            block_bp=200,
            cap_bp=5_000,
        ),
    ),
    Preset(
        "730-hours",
        "Fifty times, month of 730 hours",
        "Hours lost ÷ 730 × 50: about 6.8 % of the monthly fee for an hour, at most all of it.",
        Terms(method=PolicyMethod.MULTIPLIER, month_basis=MonthBasis.HOURS_730, factor_hundredths=5_000),
    ),
    Preset(
        "three-quarters",
        "10 % per started 45 minutes",
        "10 % of the monthly fee for each started 45 minutes, at most all of it.",
        Terms(method=PolicyMethod.BLOCK, month_basis=MonthBasis.DAYS_30, block_minutes=45, block_bp=1_000),
    ),
)
BY_SLUG = {preset.slug: preset for preset in PRESETS}
