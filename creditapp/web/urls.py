"""What URLs say, read: texts, numbers, days and amounts, and the values in the cursors of lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from creditapp.money import AmountError
from creditapp.queries.search import ID_MAX, typed_text
from creditapp.web.fields import showable
from creditapp.web.panel import current_panel

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ID_DIGITS_MAX = len(str(ID_MAX))


def text(args: Mapping[str, str], name: str) -> str:
    """Return what was typed, as a page can show it; empty where nothing was."""
    return showable(typed_text(args.get(name, "")))


def number(typed: str) -> int | None:
    """Return the number of a customer, an invoice or a payment, with or without its `#`; None for anything else."""
    digits = typed.strip().removeprefix("#")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _ID_DIGITS_MAX):
        return None
    return int(digits) if 0 < int(digits) <= ID_MAX else None


def day(typed: str) -> date | None:
    """Return the calendar day `2026-03-14`; None for anything else."""
    try:
        return date.fromisoformat(typed) if _DAY.fullmatch(typed) else None
    except ValueError:
        return None


def amount(typed: str) -> int | None:
    """Return the amount in minor units of the panel's currency, not below zero; None for anything else."""
    try:
        minor = current_panel().currency.parse(typed)
    except AmountError:
        return None
    return minor if minor >= 0 else None


def whole(value: Any) -> int:  # noqa: ANN401  (what JSON held)
    """Return the whole number that a cursor holds.

    Raises:
        ValueError: it is none, or none that a database can compare with.
    """
    if type(value) is not int or not 0 <= value <= ID_MAX:
        raise ValueError("no whole number")
    return value


def folded(value: Any) -> str:  # noqa: ANN401  (what JSON held)
    """Return the folded name that a cursor holds.

    Raises:
        ValueError: it is none, or none that a database can compare with.
    """
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError("no name")
    value.encode()
    return value


def each(*readers: Callable[[Any], Any]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Return what reads the values of a cursor, each by its reader: `each(date.fromisoformat, whole)`."""
    return lambda values: [read(value) for read, value in zip(readers, values, strict=True)]
