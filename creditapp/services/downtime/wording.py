"""How a credit came about, in one line that can be checked by hand: `$24.00 × 200 min ÷ 43,200 min × 10 = $1.11`."""

from __future__ import annotations

from collections.abc import Callable

from creditapp.models import FeeBasis, MinuteRule, MonthBasis, PolicyMethod
from creditapp.money import RATE_WHOLE
from creditapp.services.downtime.reckoning import FACTOR_ONE, MINUTE, UPTIME_WHOLE, Credit, Fee, Part, started_blocks
from creditapp.services.downtime.terms import Terms

Write = Callable[[int], str]
"""How an amount in minor units is written in the panel's currency."""


def arithmetic(credit: Credit, terms: Terms, fee: Fee, write: Write) -> str:
    """Return the arithmetic of a credit in one line."""
    fee_said = _fee(fee, terms, write)
    line = (
        f"{_fixed(credit, terms, fee_said, write) or _said(credit, terms, fee_said)} = {write(credit.computed_minor)}"
    )
    return f"{line}, below the minimum of {write(terms.minimum_minor)}" if credit.is_small else line


def formula(terms: Terms, write: Write) -> str:
    """Return what a policy does with any outage, in one sentence."""
    said = _method(terms, write)
    most = max((credit for _below, credit in terms.tiers), default=0) if terms.method is PolicyMethod.TIERS else None
    if most is None or most > terms.cap_bp:
        part = "" if terms.cap_bp == RATE_WHOLE else f"{percent(terms.cap_bp)} of "
        said += f", at most {part}a month’s fee"
    if terms.minute_rule is not MinuteRule.EXACT:
        said += "; only whole minutes count" if terms.minute_rule is MinuteRule.WHOLE else "; started minutes count"
    if terms.excluded_minutes:
        said += f"; {terms.excluded_minutes:,} min of each month do not count"
    if terms.minimum_minor:
        said += f"; nothing below {write(terms.minimum_minor)}"
    return said


def _method(terms: Terms, write: Write) -> str:
    fee = {FeeBasis.AS_PRICED: "Fee", FeeBasis.NET: "Fee without tax", FeeBasis.GROSS: "Fee with tax"}[terms.fee_basis]
    month = {
        MonthBasis.ACTUAL: "the month’s minutes",
        MonthBasis.DAYS_30: "43,200 min",
        MonthBasis.HOURS_730: "43,800 min",
    }[terms.month_basis]
    match terms.method:
        case PolicyMethod.PRO_RATA:
            return f"{fee} × minutes down ÷ {month}"
        case PolicyMethod.MULTIPLIER:
            return f"{fee} × minutes down ÷ {month} × {_decimal(terms.factor_hundredths, FACTOR_ONE)}"
        case PolicyMethod.BLOCK:
            return f"{fee} × {percent(terms.block_bp)} for each started {terms.block_minutes:,} min"
        case PolicyMethod.TIERS:
            table = (f"{percent(credit)} below {uptime(below)}" for below, credit in reversed(terms.tiers))
            return f"{fee} × {', '.join(table)} uptime"
        case PolicyMethod.FIXED:
            return f"{write(terms.fixed_minor)} for each subscription"


def percent(bp: int) -> str:
    """Return a rate in basis points as people read it: `12.5 %`."""
    return f"{_decimal(bp, FACTOR_ONE)} %"


def uptime(ppm: int) -> str:
    """Return an uptime in millionths as people read it: `99.95 %`."""
    return f"{_decimal(ppm, UPTIME_WHOLE // 100)} %"


def _fee(fee: Fee, terms: Terms, write: Write) -> str:
    """Return how the monthly fee comes from the price."""
    said = write(fee.price_minor)
    if fee.months > 1:
        said += f" ÷ {fee.months}"
    with_tax = _decimal(RATE_WHOLE + fee.tax_bp, RATE_WHOLE)
    if fee.tax_bp and terms.fee_basis is FeeBasis.NET and fee.has_tax_in_it:
        return f"{said} ÷ {with_tax}"
    if fee.tax_bp and terms.fee_basis is FeeBasis.GROSS and not fee.has_tax_in_it:
        return f"{said} × {with_tax}"
    return said


def _fixed(credit: Credit, terms: Terms, fee: str, write: Write) -> str:
    if terms.method is not PolicyMethod.FIXED or not credit.parts:
        return ""
    fixed = f"{write(terms.fixed_minor)} for each subscription"
    if credit.computed_minor == terms.fixed_minor:
        return fixed
    months = f" × {len(credit.parts)} months" if len(credit.parts) > 1 else ""
    return f"{fixed}, at most {fee} × {percent(terms.cap_bp)}{months}"


def _said(credit: Credit, terms: Terms, fee: str) -> str:
    if not credit.parts:
        return f"{fee} × 0 min"
    if len(credit.parts) > 1:
        each = (_capped(part, terms) or _share(part, terms) for part in credit.parts)
        return f"{fee} × ({' + '.join(each)})"
    (part,) = credit.parts
    said = f"{fee} × {_share(part, terms)}"
    return f"{said}, at most {percent(terms.cap_bp)}" if _capped(part, terms) else said


def _capped(part: Part, terms: Terms) -> str:
    return f"{percent(terms.cap_bp)} at most" if part.asked > part.share else ""


def _share(part: Part, terms: Terms) -> str:
    """Return the share that one month's part gives, before the cap."""
    if terms.method is PolicyMethod.BLOCK:
        blocks = started_blocks(terms, part.down_seconds)
        return f"{blocks:,} started {terms.block_minutes:,} min × {percent(terms.block_bp)}"
    if terms.method is PolicyMethod.TIERS:
        up = max(0, part.month_seconds - part.down_seconds) * UPTIME_WHOLE // part.month_seconds
        return f"{percent(int(part.asked * RATE_WHOLE))} at {uptime(up)} uptime"
    are_minutes = part.down_seconds % MINUTE == part.month_seconds % MINUTE == 0
    size, unit = (MINUTE, "min") if are_minutes else (1, "s")
    said = f"{part.down_seconds // size:,} {unit} ÷ {part.month_seconds // size:,} {unit}"
    if terms.method is PolicyMethod.MULTIPLIER:
        said += f" × {_decimal(terms.factor_hundredths, FACTOR_ONE)}"
    return said


def _decimal(part: int, whole: int) -> str:
    """Return `part` ÷ `whole`, a power of ten, without zeros at the end."""
    units, rest = divmod(part, whole)
    decimals = f"{rest:0{len(str(whole)) - 1}d}".rstrip("0")
    return f"{units:,}.{decimals}" if decimals else f"{units:,}"
