"""Amounts as Stripe writes them: its smallest units are not always those of ISO 4217, by which we count.

Source: Stripe's documentation, "Supported currencies": zero-decimal and three-decimal currencies, special cases.
"""

from __future__ import annotations

from creditapp.gateways.protocol import RefusedError
from creditapp.money import currency as currency_of

_WHOLE = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
"""Counted in whole units. ISK and UGX are not among them: Stripe goes on counting their hundredths."""
_THOUSANDTHS = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))
"""Counted in thousandths, of which the last digit must be zero."""
_DECIMALS = 2
_LAST_DIGIT = 10


def to_stripe(minor: int, code: str) -> int:
    """Return our minor units as Stripe counts them.

    Raises:
        RefusedError: Stripe cannot take exactly this amount in this currency.
    """
    amount, rest = _shifted(minor, _decimals(code) - currency_of(code).exponent)
    if code in _THOUSANDTHS:
        rest = amount % _LAST_DIGIT
    if rest:
        raise RefusedError(f"Stripe takes no such fractions of {code}: round the amount.")
    return amount


def from_stripe(amount: int, code: str) -> int:
    """Return what Stripe counts as our minor units.

    Raises:
        RefusedError: it is a fraction of the smallest unit that we know.
    """
    minor, rest = _shifted(amount, currency_of(code).exponent - _decimals(code))
    if rest:
        raise RefusedError(f"{amount} of Stripe's units are no whole number of ours in {code}.")
    return minor


def _shifted(units: int, places: int) -> tuple[int, int]:
    """Return the units with so many more decimals, or fewer, and what does not fit into those."""
    by: int = 10 ** abs(places)
    return (units * by, 0) if places >= 0 else divmod(units, by)


def _decimals(code: str) -> int:
    if code in _WHOLE:
        return 0
    return 3 if code in _THOUSANDTHS else _DECIMALS
