"""The one door between what people type and minor units."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditapp.money import AMOUNT_MINOR_MAX, AmountError, Rounding, currency, currency_codes, share_of

EXAMPLES = {"JPY": 0, "USD": 2, "KWD": 3}


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("12.50", 1250),
        ("12.5", 1250),
        ("12", 1200),
        ("0.01", 1),
        ("+12.50", 1250),
        ("-12.50", -1250),
        ("−12.50", -1250),
        ("  12.50 ", 1250),
        ("007", 700),
        ("0", 0),
        ("-0", 0),
        ("−0.00", 0),
        ("1000000000", AMOUNT_MINOR_MAX),
        ("1000000000.00", AMOUNT_MINOR_MAX),
        ("-1000000000.00", -AMOUNT_MINOR_MAX),
    ],
)
def test_an_amount_is_read_as_it_is_meant(typed: str, minor: int) -> None:
    assert currency("USD").parse(typed) == minor


DIGITS = "Enter the amount in digits, like 12.50."
COMMAS = "Write the amount without commas, with a point for decimals: 12.50."
DECIMALS = "USD has 2 decimals: write no more, like 12.50."
TOO_MUCH = "Enter an amount of at most $1,000,000,000.00."


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (None, "Enter an amount."),
        ("", "Enter an amount."),
        ("   ", "Enter an amount."),
        ("NaN", DIGITS),
        ("sNaN", DIGITS),
        ("-sNaN", DIGITS),
        ("Infinity", DIGITS),
        ("1e5", DIGITS),
        ("1E5", DIGITS),
        ("1_000", DIGITS),
        ("١٢", DIGITS),
        ("\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH DIGIT TWO}", DIGITS),
        ("¹²", DIGITS),
        ("½", DIGITS),
        ("0x10", DIGITS),
        ("1 000", DIGITS),
        ("1\N{NO-BREAK SPACE}000", DIGITS),
        ("12.50\n", DIGITS),
        ("\t12", DIGITS),
        ("12\x00", DIGITS),
        ("$12", DIGITS),
        ("12 USD", DIGITS),
        ("--12", DIGITS),
        ("+-12", DIGITS),
        ("12-", DIGITS),
        ("(12)", DIGITS),
        (".5", DIGITS),
        ("12.", DIGITS),
        ("1.2.3", DIGITS),
        ("1.9999", DIGITS),
        ("twelve", DIGITS),
        ("1,50", COMMAS),
        ("1,000.00", COMMAS),
        ("1.999", DECIMALS),
        ("1000000000.01", TOO_MUCH),
        ("99999999999", TOO_MUCH),
        ("-99999999999", TOO_MUCH),
        ("1" + "0" * 30, TOO_MUCH),
        ("9" * 100_000, TOO_MUCH),
    ],
)
def test_what_is_no_amount_is_refused_with_what_to_type_instead(typed: str | None, sentence: str) -> None:
    with pytest.raises(AmountError) as refusal:
        currency("USD").parse(typed)

    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("code", "typed", "sentence"),
    [
        ("JPY", "12.5", "JPY has no decimals: write whole amounts, like 1250."),
        ("JPY", "1,250", "Write the amount without commas, with a point for decimals: 1250."),
        ("KWD", "1.2345", "Enter the amount in digits, like 12.500."),
        ("KWD", "100000000.001", "Enter an amount of at most KWD\N{NO-BREAK SPACE}100,000,000.000."),
    ],
)
def test_each_currency_explains_its_own_decimals(code: str, typed: str, sentence: str) -> None:
    with pytest.raises(AmountError) as refusal:
        currency(code).parse(typed)

    assert str(refusal.value) == sentence


@given(
    code=st.sampled_from(sorted(EXAMPLES)),
    minor=st.integers(min_value=-AMOUNT_MINOR_MAX, max_value=AMOUNT_MINOR_MAX),
)
def test_what_is_written_plainly_reads_back_the_same(code: str, minor: int) -> None:
    money = currency(code)

    assert money.parse(money.plain(minor)) == minor
    assert money.parse(f"+{money.plain(abs(minor))}") == abs(minor)


@given(typed=st.text(alphabet="0123456789.,-+eE_ N\x00", max_size=26) | st.text(max_size=30))
def test_whatever_is_typed_is_an_amount_within_the_limit_or_a_refusal(typed: str) -> None:
    minor = 0

    with suppress(AmountError):
        minor = currency("USD").parse(typed)

    assert abs(minor) <= AMOUNT_MINOR_MAX


@pytest.mark.parametrize(
    ("code", "minor", "written", "signed"),
    [
        ("USD", 123_450, "$1,234.50", "+$1,234.50"),
        ("USD", -1499, "−$14.99", "−$14.99"),
        ("USD", 0, "$0.00", "$0.00"),
        ("USD", 5, "$0.05", "+$0.05"),
        ("EUR", 100, "€1.00", "+€1.00"),
        ("JPY", 123_450, "¥123,450", "+¥123,450"),
        ("KWD", -1, "−KWD\N{NO-BREAK SPACE}0.001", "−KWD\N{NO-BREAK SPACE}0.001"),
        ("CHF", 10**12, "CHF\N{NO-BREAK SPACE}10,000,000,000.00", "+CHF\N{NO-BREAK SPACE}10,000,000,000.00"),
    ],
)
def test_an_amount_is_written_as_people_read_it(code: str, minor: int, written: str, signed: str) -> None:
    money = currency(code)

    assert (money.format(minor), money.signed(minor)) == (written, signed)


def test_a_panel_can_be_run_in_every_currency_that_people_pay_in() -> None:
    codes = currency_codes()

    assert len(codes) == 163
    assert {currency(code).exponent for code in codes} == {0, 2, 3}
    for code in codes:
        money = currency(code)
        assert money.name
        assert money.format(-123_456).startswith(f"−{money.symbol}")
        assert money.parse(money.example) == {0: 1250, 2: 1250, 3: 12_500}[money.exponent]


@pytest.mark.parametrize(("code", "exponent"), EXAMPLES.items())
def test_decimals_are_those_of_the_iso_standard(code: str, exponent: int) -> None:
    assert currency(code).exponent == exponent


@pytest.mark.parametrize("code", ["XAU", "XXX", "USDT", "", "usd "])
def test_what_nobody_pays_in_is_no_currency(code: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        currency(code)


@pytest.mark.parametrize(
    ("minor", "part", "whole", "half_up", "down", "up"),
    [(100, 1, 3, 33, 33, 34), (1, 1, 2, 1, 0, 1), (-1, 1, 2, -1, 0, -1), (100, 2, 4, 50, 50, 50), (0, 1, 3, 0, 0, 0)],
)
def test_a_share_is_rounded_by_name(minor: int, part: int, whole: int, half_up: int, down: int, up: int) -> None:
    asked = [share_of(minor, part, whole, rounding) for rounding in (Rounding.HALF_UP, Rounding.DOWN, Rounding.UP)]

    assert asked == [half_up, down, up]
