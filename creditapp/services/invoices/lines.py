"""What an invoice charges: lines as they are asked for, and what they come to. Tax is rounded for each line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from creditapp.errors import InvoiceAmountError
from creditapp.money import AMOUNT_MINOR_MAX, tax_on, tax_within

LINES_MAX = 100
QUANTITY_MAX = 100_000
DESCRIPTION_CHARS_MAX = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One charge: so many of something at a price each; below zero it is a discount. A long description is cut."""

    description: str
    unit_minor: int
    quantity: int = 1
    tax_bp: int = 0
    product_id: int | None = None
    subscription_id: int | None = None
    period_start: date | None = None
    period_end: date | None = None
    is_credit_automatic: bool = True


class Sums(NamedTuple):
    """What the lines come to, in minor units."""

    net_minor: int
    tax_minor: int
    total_minor: int
    eligible_minor: int
    """How much of it credit may pay by itself."""


def price(lines: Sequence[Line], *, is_gross: bool) -> tuple[list[dict[str, Any]], Sums]:
    """Return the columns of each line, numbered from one, and what all come to; `is_gross`: prices include the tax.

    Raises:
        InvoiceAmountError: no line, too many, a line or the total is out of range, or the total is below zero.
    """
    if not lines:
        raise InvoiceAmountError("An invoice has at least one line.")
    if len(lines) > LINES_MAX:
        raise InvoiceAmountError(f"An invoice has at most {LINES_MAX} lines.")
    rows = [{"line": number, **_priced(line, is_gross=is_gross)} for number, line in enumerate(lines, start=1)]
    net_minor, tax_minor, total_minor = (sum([row[name] for row in rows]) for name in _SUMMED)
    if not 0 <= total_minor <= AMOUNT_MINOR_MAX:
        raise InvoiceAmountError("The total must not be below zero." if total_minor < 0 else _TOO_MUCH)
    eligible_minor = sum([row["gross_minor"] for row in rows if row["is_credit_automatic"]])
    return rows, Sums(net_minor, tax_minor, total_minor, max(0, min(eligible_minor, total_minor)))


_SUMMED = ("net_minor", "tax_minor", "gross_minor")
_TOO_MUCH = "The invoice comes to more than an amount may be."


def _priced(line: Line, *, is_gross: bool) -> dict[str, Any]:
    if not 1 <= line.quantity <= QUANTITY_MAX:
        raise InvoiceAmountError(f"A quantity is a whole number from 1 to {QUANTITY_MAX:,}.")
    charge_minor = line.quantity * line.unit_minor
    if abs(charge_minor) > AMOUNT_MINOR_MAX:
        raise InvoiceAmountError(_TOO_MUCH)
    tax_minor = tax_within(charge_minor, line.tax_bp) if is_gross else tax_on(charge_minor, line.tax_bp)
    net_minor = charge_minor - tax_minor if is_gross else charge_minor
    return {
        "description": line.description[:DESCRIPTION_CHARS_MAX],
        "quantity": line.quantity,
        "unit_minor": line.unit_minor,
        "tax_bp": line.tax_bp,
        "net_minor": net_minor,
        "tax_minor": tax_minor,
        "gross_minor": net_minor + tax_minor,
        "product_id": line.product_id,
        "subscription_id": line.subscription_id,
        "period_start": line.period_start,
        "period_end": line.period_end,
        "is_credit_automatic": line.is_credit_automatic,
    }
