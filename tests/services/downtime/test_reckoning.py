"""What an outage is worth, against the tables that clouds and hosters publish."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from creditapp.models import FeeBasis, MinuteRule, MonthBasis, PolicyMethod
from creditapp.money import AMOUNT_MINOR_MAX, Rounding, currency
from creditapp.services.downtime import Credit, Fee, Outage, Reckoner, Terms, arithmetic, credit_for

NOVEMBER = datetime(2026, 11, 3, 10, tzinfo=UTC)
PRO_RATA = Terms(method=PolicyMethod.PRO_RATA, month_basis=MonthBasis.DAYS_30)
TEN_TIMES = replace(PRO_RATA, method=PolicyMethod.MULTIPLIER)
BLOCKS = replace(PRO_RATA, method=PolicyMethod.BLOCK)
WHOLE_MINUTES = replace(PRO_RATA, minute_rule=MinuteRule.WHOLE, cap_bp=5_000)
COMPUTE = replace(PRO_RATA, method=PolicyMethod.TIERS, tiers=((950_000, 10_000), (990_000, 3_000), (999_900, 1_000)))
OTHERS = replace(COMPUTE, tiers=((950_000, 10_000), (990_000, 2_500), (999_000, 1_000)))


def outage(
    seconds: float, start: datetime = NOVEMBER, *windows: tuple[datetime, datetime], zone: str = "UTC"
) -> Outage:
    return Outage(start, start + timedelta(seconds=seconds), windows, zone)


def owed(terms: Terms, seconds: float, price_minor: int = 2_400, start: datetime = NOVEMBER) -> int:
    return Reckoner(terms, outage(seconds, start)).credit(Fee(price_minor)).amount_minor


def line(terms: Terms, credit: Credit, fee: Fee) -> str:
    return arithmetic(credit, terms, fee, currency("USD").plain)


@pytest.mark.parametrize(
    ("seconds", "percent"),
    [
        (259, 0),
        (260, 10),
        (25_920, 10),  # exactly 99.0 % is not below it
        (25_921, 30),
        (129_600, 30),  # exactly 95.0 %
        (129_601, 100),
        (30 * 86_400, 100),
    ],
)
def test_the_table_of_aws_compute_is_reproduced(seconds: int, percent: int) -> None:
    assert owed(COMPUTE, seconds, 10_000, datetime(2026, 11, 1, tzinfo=UTC)) == percent * 100


def test_exactly_at_a_boundary_is_not_below_it() -> None:
    # 99.99 % of 30 days is 259.2 s without service: in 10 months of 25 days each it is whole seconds.
    assert owed(replace(COMPUTE, month_basis=MonthBasis.HOURS_730), 262, 10_000) == 0
    assert owed(replace(COMPUTE, month_basis=MonthBasis.HOURS_730), 263, 10_000) == 1_000
    assert owed(replace(COMPUTE, tiers=((999_500, 1_000),)), 1_296) == 0
    assert owed(replace(COMPUTE, tiers=((999_500, 1_000),)), 1_297) == 240


@pytest.mark.parametrize(
    ("seconds", "percent"),
    [(2_592, 0), (2_593, 10), (25_920, 10), (25_921, 25), (129_600, 25), (129_601, 100)],
)
def test_the_table_of_other_aws_services_is_reproduced(seconds: int, percent: int) -> None:
    assert owed(OTHERS, seconds, 10_000) == percent * 100


@pytest.mark.parametrize(
    ("seconds", "minor"),
    [
        (59, 0),
        (60, 1),  # 432.00 a month is a cent a minute
        (119, 1),
        (12_000, 200),
        (12_059, 200),
        (12_060, 201),
        (15 * 86_400 - 1, 21_599),
        (15 * 86_400, 21_600),
        (16 * 86_400, 21_600),  # half of the bill at most
    ],
)
def test_whole_minutes_are_reproduced(seconds: int, minor: int) -> None:
    assert owed(WHOLE_MINUTES, seconds, 43_200) == minor


@pytest.mark.parametrize(
    ("seconds", "minor"),
    [
        (60, 1),  # 24.00 × 10 ÷ 43,200 = 0.0056
        (12_000, 111),  # 24.00 × 200 × 10 ÷ 43,200 = 1.1111
        (4_319 * 60, 2_399),
        (3 * 86_400, 2_400),  # a tenth of the month is the whole fee
        (3 * 86_400 + 60, 2_400),
        (20 * 86_400, 2_400),
    ],
)
def test_ten_times_the_time_is_reproduced_with_its_cap(seconds: int, minor: int) -> None:
    assert owed(TEN_TIMES, seconds) == minor


@pytest.mark.parametrize(
    ("seconds", "percent"),
    [(1, 5), (1_800, 5), (1_801, 10), (12_000, 35), (34_200, 95), (34_201, 100), (36_001, 100), (86_400, 100)],
)
def test_five_percent_for_each_started_half_hour_is_reproduced(seconds: int, percent: int) -> None:
    assert owed(BLOCKS, seconds, 10_000) == percent * 100


@pytest.mark.parametrize(("seconds", "percent"), [(1, 2), (3_600, 2), (3_601, 4), (90_000, 50), (90_001, 50)])
def test_two_percent_an_hour_is_reproduced(seconds: int, percent: int) -> None:
    hourly = replace(BLOCKS, block_minutes=60, block_bp=200, cap_bp=5_000)

    assert owed(hourly, seconds, 10_000) == percent * 100


@pytest.mark.parametrize(
    ("code", "price", "owes"),
    [("JPY", "3000", "14"), ("USD", "24.00", "0.11"), ("KWD", "7.500", "0.035")],
)
def test_each_currency_is_rounded_to_its_own_decimals(code: str, price: str, owes: str) -> None:
    money = currency(code)

    assert owed(PRO_RATA, 12_000, money.parse(price)) == money.parse(owes)


@pytest.mark.parametrize(("rounding", "minor"), [(Rounding.HALF_UP, 14), (Rounding.DOWN, 13), (Rounding.UP, 14)])
def test_half_a_minor_unit_is_rounded_as_the_policy_says(rounding: Rounding, minor: int) -> None:
    # 58.32 × 100 ÷ 43,200 = 0.135
    assert owed(replace(PRO_RATA, rounding=rounding), 6_000, 5_832) == minor


def test_a_share_is_rounded_once_after_everything_is_multiplied() -> None:
    # The monthly equivalent of 100.00 a year is 8.3333…: rounded first, ten days would be 2.78 thrice, 8.33 ≠ 8.34.
    third = Reckoner(PRO_RATA, outage(10 * 86_400)).credit(Fee(10_000, months=12))

    assert (third.amount_minor, third.monthly_minor) == (278, 833)
    assert owed(replace(PRO_RATA, rounding=Rounding.UP), 10 * 86_400, 300) == 100


@pytest.mark.parametrize(
    ("basis", "minutes", "minor"),
    [
        (MonthBasis.ACTUAL, 44_640, 10_000),
        (MonthBasis.DAYS_30, 43_200, 10_000),
        (MonthBasis.HOURS_730, 43_800, 10_000),
        (MonthBasis.ACTUAL, 43_200, 9_677),
        (MonthBasis.HOURS_730, 44_640, 10_000),
    ],
)
def test_a_month_is_as_long_as_the_policy_says(basis: MonthBasis, minutes: int, minor: int) -> None:
    december = datetime(2026, 12, 1, tzinfo=UTC)

    assert owed(replace(PRO_RATA, month_basis=basis), minutes * 60, 10_000, december) == minor


def test_each_month_is_measured_against_its_own_length_and_cap() -> None:
    actual = replace(TEN_TIMES, month_basis=MonthBasis.ACTUAL)
    over_new_year = outage(8 * 86_400, datetime(2028, 1, 27, tzinfo=UTC))
    credit = Reckoner(actual, over_new_year).credit(Fee(8_990))

    # Five days of January's 31 are worth more than the fee; three of leap February's 29 as well.
    assert [(part.down_seconds, part.month_seconds) for part in credit.parts] == [
        (5 * 86_400, 31 * 86_400),
        (3 * 86_400, 29 * 86_400),
    ]
    assert credit.amount_minor == 2 * 8_990
    assert owed(replace(actual, factor_hundredths=100), 8 * 86_400, 8_990, datetime(2028, 1, 27, tzinfo=UTC)) == 2_380


@pytest.mark.parametrize(("year", "days"), [(2026, 28), (2028, 29)])
def test_february_is_as_long_as_in_its_year(year: int, days: int) -> None:
    actual = replace(PRO_RATA, month_basis=MonthBasis.ACTUAL)

    assert owed(actual, 86_400, days * 100, datetime(year, 2, 10, tzinfo=UTC)) == 100


@pytest.mark.parametrize(
    ("day", "hours", "month_hours"),
    [((2026, 3, 29), 23, 743), ((2026, 10, 25), 25, 745), ((2026, 10, 24), 24, 745)],
)
def test_a_day_on_which_clocks_change_has_its_own_length(
    day: tuple[int, int, int], hours: int, month_hours: int
) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(*day, tzinfo=berlin)
    whole_day = Outage(start, start + timedelta(days=1), (), "Europe/Berlin")
    credit = Reckoner(replace(PRO_RATA, month_basis=MonthBasis.ACTUAL), whole_day).credit(Fee(month_hours * 100))

    assert (credit.down_seconds, credit.amount_minor) == (hours * 3600, hours * 100)


def test_a_month_ends_at_the_midnight_of_the_outage_s_zone() -> None:
    start = datetime(2026, 11, 30, 22, tzinfo=UTC)

    def months(zone: str) -> list[int]:
        two_hours = outage(7_200, start, zone=zone)
        return [part.down_seconds for part in Reckoner(PRO_RATA, two_hours).credit(Fee(100)).parts]

    assert months("UTC") == [7_200]
    assert months("Europe/Berlin") == [3_600, 3_600]
    assert months("Pacific/Auckland") == [7_200]
    in_november = outage(10_800, datetime(2026, 11, 1, 2, tzinfo=UTC), zone="America/New_York")
    assert [part.down_seconds for part in Reckoner(PRO_RATA, in_november).credit(Fee(100)).parts] == [7_200, 3_600]


def test_maintenance_does_not_count_however_its_windows_lie() -> None:
    def at(minute: int) -> datetime:
        return NOVEMBER + timedelta(minutes=minute)

    windows = [
        (at(50), at(70)),
        (at(52), at(55)),
        (at(-30), at(10)),
        (at(60), at(80)),
        (at(190), at(400)),
        (at(500), at(600)),
    ]
    credit = Reckoner(PRO_RATA, outage(12_000, NOVEMBER, *windows)).credit(Fee(43_200))

    # 200 minutes without 0–10, 50–80 and 190–200.
    assert (credit.down_seconds // 60, credit.amount_minor) == (150, 150)
    assert Reckoner(BLOCKS, outage(12_000, NOVEMBER, (at(-1), at(201)))).credit(Fee(43_200)).amount_minor == 0


@pytest.mark.parametrize(("rule", "minutes"), [(MinuteRule.EXACT, 0), (MinuteRule.WHOLE, 3), (MinuteRule.STARTED, 4)])
def test_minutes_count_by_the_rule_of_the_policy(rule: MinuteRule, minutes: int) -> None:
    credit = Reckoner(replace(PRO_RATA, minute_rule=rule), outage(239)).credit(Fee(43_200))

    assert credit.down_seconds == (minutes * 60 or 239)


def test_excluded_minutes_are_taken_off_each_month() -> None:
    excluding = replace(PRO_RATA, excluded_minutes=60)
    start = datetime(2026, 11, 30, 22, tzinfo=UTC)

    assert owed(excluding, 3_600, 43_200) == 0
    assert owed(excluding, 3_660, 43_200) == 1
    assert owed(excluding, 4 * 3_600, 43_200, start) == 120


def test_a_subscription_is_credited_for_the_time_it_was_active() -> None:
    reckoner = Reckoner(PRO_RATA, outage(12_000))
    fee = Fee(43_200)

    assert reckoner.credit(fee, NOVEMBER + timedelta(hours=1)).amount_minor == 140
    assert reckoner.credit(fee, None, NOVEMBER + timedelta(hours=1)).amount_minor == 60
    assert reckoner.credit(fee, NOVEMBER - timedelta(days=9), NOVEMBER + timedelta(days=9)).amount_minor == 200
    assert reckoner.credit(fee, NOVEMBER + timedelta(days=1), NOVEMBER + timedelta(days=9)).amount_minor == 0
    assert reckoner.credit(fee, None, NOVEMBER - timedelta(days=1)).amount_minor == 0


def test_a_credit_below_the_minimum_is_none_and_says_so() -> None:
    least = replace(PRO_RATA, minimum_minor=100)
    fee = Fee(43_200)
    small = Reckoner(least, outage(99 * 60)).credit(fee)

    assert (small.amount_minor, small.computed_minor, small.is_small) == (0, 99, True)
    assert line(least, small, fee) == "432.00 × 99 min ÷ 43,200 min = 0.99, below the minimum of 1.00"
    assert owed(least, 100 * 60, 43_200) == 100


def test_a_fixed_amount_is_given_once_and_never_more_than_the_cap() -> None:
    fixed = Terms(method=PolicyMethod.FIXED, fixed_minor=500)

    assert owed(fixed, 1) == 500
    assert owed(fixed, 60 * 86_400) == 500
    assert owed(fixed, 3_600, 300) == 300
    assert owed(replace(fixed, excluded_minutes=1), 60) == 0
    assert owed(replace(fixed, cap_bp=1_000), 3_600, 2_459) == 245


@pytest.mark.parametrize(
    ("basis", "has_tax_in_it", "monthly_minor"),
    [
        (FeeBasis.AS_PRICED, True, 1_190),
        (FeeBasis.NET, True, 1_000),
        (FeeBasis.GROSS, True, 1_190),
        (FeeBasis.AS_PRICED, False, 1_190),
        (FeeBasis.NET, False, 1_190),
        (FeeBasis.GROSS, False, 1_416),
    ],
)
def test_the_fee_is_with_or_without_tax_as_the_policy_says(
    basis: FeeBasis, has_tax_in_it: bool, monthly_minor: int
) -> None:
    fee = Fee(14_280, months=12, tax_bp=1_900, has_tax_in_it=has_tax_in_it)
    credit = Reckoner(replace(PRO_RATA, fee_basis=basis), outage(30 * 86_400)).credit(fee)

    assert credit.monthly_minor == monthly_minor
    assert credit.amount_minor == monthly_minor


def test_no_credit_is_larger_than_an_entry_can_be() -> None:
    assert owed(replace(TEN_TIMES, cap_bp=100_000), 30 * 86_400, AMOUNT_MINOR_MAX) == AMOUNT_MINOR_MAX


@pytest.mark.parametrize(
    ("terms", "seconds", "fee", "said"),
    [
        (TEN_TIMES, 12_000, Fee(2_400), "24.00 × 200 min ÷ 43,200 min × 10 = 1.11"),
        (PRO_RATA, 12_030, Fee(28_800, 12), "288.00 ÷ 12 × 12,030 s ÷ 2,592,000 s = 0.11"),
        (TEN_TIMES, 5 * 86_400, Fee(2_400), "24.00 × 7,200 min ÷ 43,200 min × 10, at most 100 % = 24.00"),
        (BLOCKS, 12_000, Fee(2_400), "24.00 × 7 started 30 min × 5 % = 8.40"),
        (COMPUTE, 12_000, Fee(2_400), "24.00 × 10 % at 99.537 % uptime = 2.40"),
        (COMPUTE, 60, Fee(2_400), "24.00 × 0 % at 99.9976 % uptime = 0.00"),
        (WHOLE_MINUTES, 59, Fee(2_400), "24.00 × 0 min = 0.00"),
        (
            replace(PRO_RATA, fee_basis=FeeBasis.NET),
            12_000,
            Fee(2_856, 1, 1_900, has_tax_in_it=True),
            "28.56 ÷ 1.19 × 200 min ÷ 43,200 min = 0.11",
        ),
        (
            replace(PRO_RATA, fee_basis=FeeBasis.GROSS),
            12_000,
            Fee(2_400, 1, 750),
            "24.00 × 1.075 × 200 min ÷ 43,200 min = 0.12",
        ),
        (Terms(method=PolicyMethod.FIXED, fixed_minor=500), 60, Fee(2_400), "5.00 for each subscription = 5.00"),
        (
            Terms(method=PolicyMethod.FIXED, fixed_minor=500),
            60,
            Fee(300),
            "5.00 for each subscription, at most 3.00 × 100 % = 3.00",
        ),
    ],
)
def test_the_arithmetic_is_said_in_one_line(terms: Terms, seconds: int, fee: Fee, said: str) -> None:
    assert line(terms, Reckoner(terms, outage(seconds)).credit(fee), fee) == said


def test_the_arithmetic_names_each_month() -> None:
    fee, start = Fee(2_400), datetime(2026, 11, 26, tzinfo=UTC)
    credit = Reckoner(TEN_TIMES, outage(6 * 86_400, start)).credit(fee)

    assert line(TEN_TIMES, credit, fee) == "24.00 × (100 % at most + 1,440 min ÷ 43,200 min × 10) = 32.00"


def test_a_mere_duration_counts_in_one_month() -> None:
    thirty_one = replace(PRO_RATA, month_basis=MonthBasis.ACTUAL)
    late = datetime(2026, 12, 31, tzinfo=UTC).date()

    assert credit_for(thirty_one, 31 * 43_200, Fee(2_400), on=late, time_zone="UTC").amount_minor == 1_200
    assert credit_for(TEN_TIMES, 12_000, Fee(2_400), on=late, time_zone="UTC").amount_minor == 111


def test_terms_and_outages_are_kept_as_text_and_read_back() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    window = (datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=berlin).astimezone(UTC), NOVEMBER)
    kept = Outage(datetime(2026, 10, 25, tzinfo=UTC), NOVEMBER, (window,), "Europe/Berlin")

    assert Outage.from_json(kept.to_json()) == kept
    assert [Terms.from_json(one.to_json()) for one in (COMPUTE, BLOCKS)] == [COMPUTE, BLOCKS]


def test_a_hundred_thousand_subscriptions_are_reckoned_in_a_second() -> None:
    reckoner = Reckoner(TEN_TIMES, outage(12_000))
    fees = [Fee(2_400 + number % 50) for number in range(100_000)]
    start = time.process_time()

    owes = sum(reckoner.credit(fee).amount_minor for fee in fees)

    assert time.process_time() - start < 1
    assert owes == sum(reckoner.credit(Fee(2_400 + number)).amount_minor for number in range(50)) * 2_000
