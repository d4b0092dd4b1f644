"""Money: the only door between text and integer minor units.

An amount is an `int` of minor units (cents, or whatever the currency's ISO 4217 exponent says); plus is in the
customer's favour. Nothing here knows a database or a request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from babel.numbers import get_currency_name, get_currency_symbol
from iso4217 import Currency as IsoCurrency

AMOUNT_MINOR_MAX = 10**11
"""The largest amount of one entry, in minor units; every table has a CHECK for it."""

BALANCE_MINOR_MAX = 10**12
"""The largest balance of one customer, in minor units."""

AMOUNT_CHARS_MAX = 24
MINUS = "\N{MINUS SIGN}"
_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
_AMOUNT = re.compile(r"(?P<sign>[+-]?)(?P<whole>[0-9]{1,21})(?:\.(?P<fraction>[0-9]{1,3}))?", re.ASCII)


class AmountError(ValueError):
    """The text is not an amount; its message says what to type instead."""


@dataclass(frozen=True, slots=True)
class Currency:
    """One ISO 4217 currency: its code, symbol and how many decimals an amount has (0, 2 or 3)."""

    code: str
    exponent: int
    symbol: str

    @property
    def name(self) -> str:
        """The English name, `US Dollar`."""
        return str(get_currency_name(self.code, locale="en_US"))

    def parse(self, text: str | None) -> int:
        """Return the minor units that `text` names: `12.50` is 1250 in a currency with two decimals.

        A leading plus, minus or true minus is taken; zero is returned as 0, and it is for the caller to refuse it.

        Raises:
            AmountError: anything else: NaN, 1e5, 1_000, digits that are not 0–9, a comma, a symbol, too many
                decimals or more than `AMOUNT_MINOR_MAX`.
        """
        typed = (text or "").strip(" ")
        if not typed:
            raise AmountError("Enter an amount.")
        if len(typed) > AMOUNT_CHARS_MAX:
            raise AmountError(f"Enter an amount of at most {self.format(AMOUNT_MINOR_MAX)}.")
        match = _AMOUNT.fullmatch(typed.replace(MINUS, "-"))
        if match is None:
            if "," in typed:
                raise AmountError(f"Write the amount without commas, with a point for decimals: {self.example}.")
            raise AmountError(f"Enter the amount in digits, like {self.example}.")
        fraction = match["fraction"] or ""
        if len(fraction) > self.exponent:
            raise AmountError(self._too_many_decimals())
        minor = int(match["whole"] + fraction.ljust(self.exponent, "0"))
        if minor > AMOUNT_MINOR_MAX:
            raise AmountError(f"Enter an amount of at most {self.format(AMOUNT_MINOR_MAX)}.")
        return -minor if match["sign"] == "-" else minor

    def plain(self, minor: int) -> str:
        """Return what `parse` reads back: `-1234.50`, no symbol, no grouping."""
        whole, fraction = divmod(abs(minor), 10**self.exponent)
        sign = "-" if minor < 0 else ""
        return f"{sign}{whole}.{fraction:0{self.exponent}d}" if self.exponent else f"{sign}{whole}"

    def format(self, minor: int) -> str:
        """Return the amount as people read it: `$1,234.50`, `−$14.99`."""
        whole, fraction = divmod(abs(minor), 10**self.exponent)
        sign = MINUS if minor < 0 else ""
        if self.exponent:
            return f"{sign}{self.symbol}{whole:,}.{fraction:0{self.exponent}d}"
        return f"{sign}{self.symbol}{whole:,}"

    def signed(self, minor: int) -> str:
        """Return the amount as a change: `+$10.00`, `−$14.99`."""
        return f"+{self.format(minor)}" if minor > 0 else self.format(minor)

    def short(self, minor: int) -> str:
        """Return the amount as an axis has room for it: `$7.50`, `$250`, `$2.5k`, `$1.2M`."""
        units, rest = divmod(abs(minor), 10**self.exponent)
        for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
            if units >= size:
                tenths = units * 10 // size
                decimals = f".{tenths % 10}" if tenths % 10 else ""
                return f"{MINUS if minor < 0 else ''}{self.symbol}{tenths // 10:,}{decimals}{letter}"
        return self.format(minor) if rest else f"{MINUS if minor < 0 else ''}{self.symbol}{units}"

    @property
    def example(self) -> str:
        """An amount a person may copy: `12.50`, or `1250` where the currency has no decimals."""
        return {0: "1250", 2: "12.50", 3: "12.500"}[self.exponent]

    def _too_many_decimals(self) -> str:
        if self.exponent == 0:
            return f"{self.code} has no decimals: write whole amounts, like {self.example}."
        return f"{self.code} has {self.exponent} decimals: write no more, like {self.example}."


@lru_cache(maxsize=256)
def currency(code: str) -> Currency:
    """Return the currency with this ISO 4217 code.

    Exponents are ISO's, not CLDR's: the two differ for thirteen currencies.

    Raises:
        ValueError: no such currency, or one without minor units (gold, testing codes).
    """
    exponent = IsoCurrency(code).exponent
    if exponent not in {0, 2, 3}:
        raise ValueError(f"{code} is not a currency that people pay in.")
    symbol = str(get_currency_symbol(code, locale="en_US"))
    spaced = f"{symbol}{_NO_BREAK_SPACE}" if symbol[-1:].isalpha() else symbol
    return Currency(code=code, exponent=exponent, symbol=spaced)


@lru_cache(maxsize=1)
def currency_codes() -> tuple[str, ...]:
    """Return every currency a panel can be run in, by code."""
    codes = []
    for iso in IsoCurrency:
        try:
            codes.append(currency(iso.code).code)
        except ValueError:
            continue
    return tuple(sorted(set(codes)))


RATE_WHOLE = 10_000
"""What a rate in basis points is a part of: 1,900 of it are 19 %."""


def tax_on(net_minor: int, tax_bp: int) -> int:
    """Return the tax on an amount without it, rounded half away from zero."""
    return _divided(net_minor * tax_bp, RATE_WHOLE)


def tax_within(gross_minor: int, tax_bp: int) -> int:
    """Return how much of an amount is the tax that it includes, rounded half away from zero."""
    return _divided(gross_minor * tax_bp, RATE_WHOLE + tax_bp)


def part_of(minor: int, rate_bp: int) -> int:
    """Return this part of an amount, in basis points of it, rounded half away from zero."""
    return _divided(minor * rate_bp, RATE_WHOLE)


class Rounding(StrEnum):
    """What becomes of a part of a minor unit."""

    HALF_UP = "half_up"
    """Half of one counts as a whole one, away from zero."""
    DOWN = "down"
    """Towards zero."""
    UP = "up"
    """Away from zero."""


def share_of(minor: int, part: int, whole: int, rounding: Rounding = Rounding.HALF_UP) -> int:
    """Return `minor` × `part` ÷ `whole`, multiplied first and rounded once."""
    times = minor * part
    if rounding is Rounding.HALF_UP:
        return _divided(times, whole)
    rounded = (abs(times) if rounding is Rounding.DOWN else abs(times) + whole - 1) // whole
    return -rounded if times < 0 else rounded


def _divided(part: int, whole: int) -> int:
    rounded = (2 * abs(part) + whole) // (2 * whole)
    return -rounded if part < 0 else rounded
