"""What lines come to: tax for each line, rounded once, half away from zero."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditapp.errors import InvoiceAmountError
from creditapp.money import AMOUNT_MINOR_MAX, tax_on, tax_within
from creditapp.services.invoices import Line, Sums, price
from creditapp.services.invoices.lines import LINES_MAX, QUANTITY_MAX

AMOUNTS = st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX)
RATES = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("net_minor", "tax_bp", "tax_minor"),
    [
        (0, 1900, 0),
        (1000, 0, 0),
        (1000, 1900, 190),
        (1000, 10_000, 1000),
        (1, 4999, 0),
        (1, 5000, 1),
        (-1, 5000, -1),
        (-1, 4999, 0),
        (3, 5000, 2),
        (-3, 5000, -2),
        (50, 700, 4),  # 3.5
        (-50, 700, -4),
        (150, 700, 11),  # 10.5
        (1050, 1900, 200),  # 199.5
        (1049, 1900, 199),  # 199.31
        (1799, 825, 148),  # 148.4175
        (AMOUNT_MINOR_MAX, 10_000, AMOUNT_MINOR_MAX),
        (99_999_999_999, 1900, 19_000_000_000),  # 18,999,999,999.81
    ],
)
def test_tax_on_an_amount(net_minor: int, tax_bp: int, tax_minor: int) -> None:
    assert tax_on(net_minor, tax_bp) == tax_minor


@pytest.mark.parametrize(
    ("gross_minor", "tax_bp", "tax_minor"),
    [
        (0, 1900, 0),
        (1000, 0, 0),
        (1190, 1900, 190),
        (1000, 1900, 160),  # 159.66…
        (1000, 2000, 167),  # 166.66…
        (2000, 10_000, 1000),
        (1, 10_000, 1),  # 0.5
        (-1, 10_000, -1),
        (3, 10_000, 2),  # 1.5
        (-3, 10_000, -2),
        (21, 500, 1),
        (107, 700, 7),
        (AMOUNT_MINOR_MAX, 1900, 15_966_386_555),  # …554.6
    ],
)
def test_tax_within_an_amount(gross_minor: int, tax_bp: int, tax_minor: int) -> None:
    assert tax_within(gross_minor, tax_bp) == tax_minor


@given(AMOUNTS, RATES)
def test_tax_is_never_off_by_more_than_half(minor: int, tax_bp: int) -> None:
    half = Fraction(1, 2)
    on, within = Fraction(minor * tax_bp, 10_000), Fraction(minor * tax_bp, 10_000 + tax_bp)

    assert abs(tax_on(minor, tax_bp) - on) <= half
    assert abs(tax_within(minor, tax_bp) - within) <= half
    assert abs(on) - abs(tax_on(minor, tax_bp)) < half  # halves go away from zero
    assert abs(within) - abs(tax_within(minor, tax_bp)) < half


@given(AMOUNTS, RATES)
def test_a_discount_takes_off_the_tax_that_its_charge_has(minor: int, tax_bp: int) -> None:
    assert tax_on(-minor, tax_bp) == -tax_on(minor, tax_bp)
    assert tax_within(-minor, tax_bp) == -tax_within(minor, tax_bp)


def line(unit_minor: int, quantity: int = 1, tax_bp: int = 0, *, is_automatic: bool = True) -> Line:
    return Line(
        description="Hosting", unit_minor=unit_minor, quantity=quantity, tax_bp=tax_bp, is_credit_automatic=is_automatic
    )


@pytest.mark.parametrize(
    ("lines", "is_gross", "sums"),
    [
        ([line(1000, 3, 1900)], False, Sums(3000, 570, 3570, 3570)),
        ([line(1190, 3, 1900)], True, Sums(3000, 570, 3570, 3570)),
        ([line(1000, 1, 2000), line(500)], True, Sums(1333, 167, 1500, 1500)),
        # rounded for each line, not for the sum: 3 × 0.5 up is 3, on the sum it would be 2
        ([line(10, 1, 500)] * 3, False, Sums(30, 3, 33, 33)),
        ([line(1000, 1, 1900), line(-250, 1, 1900)], False, Sums(750, 142, 892, 892)),  # 190 − 48
        ([line(1000), line(-1000)], False, Sums(0, 0, 0, 0)),
        ([line(0, 7, 1900)], False, Sums(0, 0, 0, 0)),
        ([line(1000), line(500, is_automatic=False)], False, Sums(1500, 0, 1500, 1000)),
        ([line(1000), line(-400, is_automatic=False)], False, Sums(600, 0, 600, 600)),
        ([line(-400), line(1000, is_automatic=False)], False, Sums(600, 0, 600, 0)),
        ([line(AMOUNT_MINOR_MAX)], False, Sums(AMOUNT_MINOR_MAX, 0, AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX)),
        ([line(1, QUANTITY_MAX)], False, Sums(QUANTITY_MAX, 0, QUANTITY_MAX, QUANTITY_MAX)),
        ([line(7, 1, 1900)] * LINES_MAX, False, Sums(700, 100, 800, 800)),
        # yen have no decimals, dinars have three: only the minor unit is ever rounded
        ([line(1234, 1, 1000)], False, Sums(1234, 123, 1357, 1357)),
        ([line(12_345, 1, 500)], False, Sums(12_345, 617, 12_962, 12_962)),
    ],
)
def test_what_lines_come_to(lines: list[Line], is_gross: bool, sums: Sums) -> None:
    rows, came_to = price(lines, is_gross=is_gross)

    assert came_to == sums
    assert [row["line"] for row in rows] == list(range(1, len(lines) + 1))
    assert all(row["gross_minor"] == row["net_minor"] + row["tax_minor"] for row in rows)


TOO_MUCH = "The invoice comes to more than an amount may be."


@pytest.mark.parametrize(
    ("lines", "is_gross", "problem"),
    [
        ([], False, "An invoice has at least one line."),
        ([line(1)] * (LINES_MAX + 1), False, "An invoice has at most 100 lines."),
        ([line(1, 0)], False, "A quantity is a whole number from 1 to 100,000."),
        ([line(1, -1)], False, "A quantity is a whole number from 1 to 100,000."),
        ([line(1, QUANTITY_MAX + 1)], False, "A quantity is a whole number from 1 to 100,000."),
        ([line(-1)], False, "The total must not be below zero."),
        ([line(1000), line(-1001)], True, "The total must not be below zero."),
        ([line(AMOUNT_MINOR_MAX + 1)], False, TOO_MUCH),
        ([line(AMOUNT_MINOR_MAX), line(1)], False, TOO_MUCH),
        ([line(AMOUNT_MINOR_MAX, 1, 1)], False, TOO_MUCH),
        ([line(-AMOUNT_MINOR_MAX, 2), line(AMOUNT_MINOR_MAX)], False, TOO_MUCH),
        ([line(AMOUNT_MINOR_MAX // 2, 3), line(-AMOUNT_MINOR_MAX)], False, TOO_MUCH),
    ],
)
def test_what_no_invoice_is(lines: list[Line], is_gross: bool, problem: str) -> None:
    with pytest.raises(InvoiceAmountError) as refused:
        price(lines, is_gross=is_gross)

    assert refused.value.sentence(str) == problem
