"""Laws of every policy, whatever it says: an independent reckoning, the cap, and that longer never is less."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from creditapp.models import FeeBasis, MinuteRule, MonthBasis, PolicyMethod
from creditapp.money import RATE_WHOLE, Rounding
from creditapp.services.downtime import Credit, Fee, Outage, Reckoner, Terms

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Chatham")
ROUNDED = {Rounding.HALF_UP: ROUND_HALF_UP, Rounding.DOWN: ROUND_DOWN, Rounding.UP: ROUND_CEILING}
MINUTE = timedelta(minutes=1)


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    """A table as the policies' form takes it: the lower the uptime, the larger the credit."""
    uptimes = sorted(draw(st.sets(st.integers(900_000, 1_000_000), min_size=1, max_size=4)))
    shares = sorted(draw(st.sets(st.integers(1, 20_000), min_size=len(uptimes), max_size=len(uptimes))), reverse=True)
    return tuple(zip(uptimes, shares, strict=True))


terms_of_all_kinds = st.builds(
    Terms,
    method=st.sampled_from(PolicyMethod),
    month_basis=st.sampled_from(MonthBasis),
    minute_rule=st.sampled_from(MinuteRule),
    fee_basis=st.sampled_from(FeeBasis),
    rounding=st.sampled_from(Rounding),
    factor_hundredths=st.integers(1, 3_000),
    block_minutes=st.integers(1, 600),
    block_bp=st.integers(1, 3_000),
    fixed_minor=st.integers(0, 5_000),
    cap_bp=st.integers(1, 20_000),
    minimum_minor=st.sampled_from([0, 0, 1, 100]),
    excluded_minutes=st.sampled_from([0, 0, 5, 300]),
    tiers=tables(),
)
fees = st.builds(
    Fee,
    price_minor=st.integers(0, 500_000),
    months=st.sampled_from([1, 3, 12]),
    tax_bp=st.sampled_from([0, 750, 1_900]),
    has_tax_in_it=st.booleans(),
)


@st.composite
def outages(draw: st.DrawFn) -> Outage:
    """A few hours or days around the end of a month, clocks that change included."""
    month = draw(st.sampled_from([date(2026, 4, 1), date(2026, 11, 1), date(2028, 3, 1), date(2027, 1, 1)]))
    near = datetime(month.year, month.month, 1, tzinfo=UTC)
    start = near + timedelta(minutes=draw(st.integers(-4_000, 600)))
    windows = draw(st.lists(st.tuples(st.integers(-60, 3_000), st.integers(1, 700)), max_size=3))
    return Outage(
        starts_at=start,
        ends_at=start + timedelta(minutes=draw(st.integers(1, 4_500))),
        windows=tuple((start + at * MINUTE, start + (at + length) * MINUTE) for at, length in windows),
        time_zone=draw(st.sampled_from(ZONES)),
    )


def minute_by_minute(outage: Outage) -> dict[tuple[int, int], int]:
    """Return how many minutes of each month count, looking at each minute of the outage."""
    zone, months, minute = ZoneInfo(outage.time_zone), dict[tuple[int, int], int](), outage.starts_at
    while minute < outage.ends_at:
        if not any(start <= minute < end for start, end in outage.windows):
            local = minute.astimezone(zone)
            months[local.year, local.month] = months.get((local.year, local.month), 0) + 1
        minute += MINUTE
    return months


def minutes_of_month(terms: Terms, year: int, month: int, zone: str) -> Decimal:
    if terms.month_basis is MonthBasis.DAYS_30:
        return Decimal(43_200)
    if terms.month_basis is MonthBasis.HOURS_730:
        return Decimal(43_800)
    first = datetime(year, month, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return Decimal((after - first) // MINUTE)


def share_of_month(terms: Terms, down: int, month: Decimal) -> Decimal:
    """Return the share of the fee in so many digits that no rounding of a test's amounts can hang on them."""
    shares: dict[PolicyMethod, Any] = {
        PolicyMethod.PRO_RATA: lambda: down / month,
        PolicyMethod.MULTIPLIER: lambda: down / month * terms.factor_hundredths / 100,
        PolicyMethod.BLOCK: lambda: (
            (Decimal(down) / terms.block_minutes).to_integral_value(ROUND_CEILING) * terms.block_bp / RATE_WHOLE
        ),
        PolicyMethod.TIERS: lambda: (
            Decimal(max((bp for below, bp in terms.tiers if (1 - down / month) * 1_000_000 < below), default=0))
            / RATE_WHOLE
        ),
        PolicyMethod.FIXED: lambda: Decimal(0),
    }
    return Decimal(min(shares[terms.method](), Decimal(terms.cap_bp) / RATE_WHOLE))


def straightforward(terms: Terms, outage: Outage, fee: Fee) -> int:
    """Return what is owed, in the plainest way there is."""
    counted = {month: minutes - terms.excluded_minutes for month, minutes in minute_by_minute(outage).items()}
    hit = {month: minutes for month, minutes in counted.items() if minutes > 0}
    with localcontext(prec=60):
        monthly = Decimal(fee.price_minor) / fee.months
        if terms.fee_basis is FeeBasis.NET and fee.has_tax_in_it:
            monthly = monthly / (1 + Decimal(fee.tax_bp) / RATE_WHOLE)
        if terms.fee_basis is FeeBasis.GROSS and not fee.has_tax_in_it:
            monthly = monthly * (1 + Decimal(fee.tax_bp) / RATE_WHOLE)
        if terms.method is PolicyMethod.FIXED:
            most = monthly * len(hit) * terms.cap_bp / RATE_WHOLE
            exact, rounding = min(Decimal(terms.fixed_minor), most), ROUND_DOWN
        else:
            share = sum(
                share_of_month(terms, minutes, minutes_of_month(terms, *month, outage.time_zone))
                for month, minutes in hit.items()
            )
            exact, rounding = monthly * share, ROUNDED[terms.rounding]
        # Sixty digits of a third are not a third: what is a whole number, or a half, is made one again.
        minor = int(exact.quantize(Decimal("1e-30")).quantize(Decimal(1), rounding))
    return minor if minor >= terms.minimum_minor else 0


def reckoned(terms: Terms, outage: Outage, fee: Fee) -> Credit:
    return Reckoner(terms, outage).credit(fee)


@given(terms=terms_of_all_kinds, outage=outages(), fee=fees)
def test_the_reckoning_equals_a_straightforward_one(terms: Terms, outage: Outage, fee: Fee) -> None:
    assert reckoned(terms, outage, fee).amount_minor == straightforward(terms, outage, fee)


@given(terms=terms_of_all_kinds, outage=outages(), fee=fees)
def test_no_credit_exceeds_the_cap_of_the_months_it_touches(terms: Terms, outage: Outage, fee: Fee) -> None:
    months = {(day.year, day.month) for day in _local_hours(outage)}
    times, divisor = fee.monthly(terms.fee_basis)
    most = -(-fee.price_minor * times * terms.cap_bp * len(months) // (divisor * RATE_WHOLE))

    credit = reckoned(terms, outage, fee)

    assert 0 <= credit.amount_minor <= most
    assert 0 <= credit.uptime_ppm <= 1_000_000
    assert credit.down_seconds <= (outage.ends_at - outage.starts_at).total_seconds()


@given(terms=terms_of_all_kinds, outage=outages(), fee=fees, longer=st.integers(1, 200_000))
def test_a_longer_outage_is_never_worth_less(terms: Terms, outage: Outage, fee: Fee, longer: int) -> None:
    still_down = Outage(outage.starts_at, outage.ends_at + timedelta(seconds=longer), outage.windows, outage.time_zone)

    assert reckoned(terms, still_down, fee).amount_minor >= reckoned(terms, outage, fee).amount_minor


@given(terms=terms_of_all_kinds, outage=outages(), fee=fees, cut=st.integers(0, 4_000))
def test_active_for_a_part_is_worth_as_much_as_an_outage_of_that_part(
    terms: Terms, outage: Outage, fee: Fee, cut: int
) -> None:
    since = outage.starts_at + timedelta(minutes=cut)
    if since >= outage.ends_at:
        assert Reckoner(terms, outage).credit(fee, since).amount_minor == 0
        return
    part = Outage(since, outage.ends_at, outage.windows, outage.time_zone)

    assert Reckoner(terms, outage).credit(fee, since).amount_minor == reckoned(terms, part, fee).amount_minor


def _local_hours(outage: Outage) -> list[datetime]:
    """Return a moment in each hour of the outage, its first and last one included, in its zone."""
    count = int((outage.ends_at - outage.starts_at) / timedelta(hours=1))
    moments = [outage.starts_at + timedelta(hours=hour) for hour in range(count + 1)] + [outage.ends_at]
    return [moment.astimezone(ZoneInfo(outage.time_zone)) for moment in moments]
