"""From cells to a customer with an opening balance, or to sentences about what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from creditapp.models.customer import EMAIL_CHARS_MAX, EXTERNAL_ID_CHARS_MAX, NAME_CHARS_MAX
from creditapp.money import AmountError, Currency
from creditapp.services.customers import CustomerFields
from creditapp.services.imports.files import RawLine, Table
from creditapp.services.imports.reports import Problem
from creditapp.text import TextError, verbatim

YEAR_MIN, YEAR_MAX = 1900, 2100
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Line:
    """A line that can be read."""

    number: int
    fields: CustomerFields
    opening_minor: int

    @property
    def external_id(self) -> str:
        return self.fields.external_id or ""


class _CellError(ValueError):
    """The cell cannot be taken; its message says why."""


def understand(raw: RawLine, table: Table, currency: Currency) -> Line | tuple[Problem, ...]:
    """Return what the line says, or everything that is wrong with it.

    Names and companies are kept as they are; of ids, e-mails, amounts and dates outer spaces are dropped.
    """
    if len(raw.cells) != table.width:
        count = len(raw.cells)
        return (Problem("", f"This line has {count} cell{'s' * (count != 1)}; the first line names {table.width}."),)
    problems: list[Problem] = []

    def cell(column: str, read: Callable[[str], Value], instead: Value) -> Value:
        try:
            return read(table.cell(raw.cells, column))
        except (AmountError, TextError, _CellError) as error:
            problems.append(Problem(column, str(error)))
            return instead

    fields = CustomerFields(
        external_id=cell("external_id", _external_id, ""),
        name=cell("name", _name, ""),
        company=cell("company", _company, ""),
        email=cell("email", _email, ""),
        joined_on=cell("joined_on", _day, date.min),
    )
    opening_minor = cell("opening_balance", lambda text: _opening(text, currency), 0)
    return tuple(problems) or Line(raw.number, fields, opening_minor)


def _external_id(text: str) -> str:
    kept = verbatim(text.strip(), chars_max=EXTERNAL_ID_CHARS_MAX)
    if not kept:
        raise _CellError("Every line needs the customer's id in the panel it comes from.")
    if not kept.isprintable():
        raise _CellError("An id has no line breaks or invisible characters.")
    return kept


def _name(text: str) -> str:
    if not text.strip():
        raise _CellError("Every customer needs a name.")
    return verbatim(text, chars_max=NAME_CHARS_MAX)


def _company(text: str) -> str:
    return verbatim(text, chars_max=NAME_CHARS_MAX)


def _email(text: str) -> str:
    kept = verbatim(text.strip(), chars_max=EMAIL_CHARS_MAX)
    if not _EMAIL.fullmatch(kept):
        raise _CellError("This is no email address: it takes one @, something on each side, and no spaces.")
    return kept


def _day(text: str) -> date:
    kept = text.strip()
    try:
        day = date.fromisoformat(kept) if _DAY.fullmatch(kept) else None
    except ValueError:
        day = None
    if day is None or not YEAR_MIN <= day.year <= YEAR_MAX:
        raise _CellError("Write the date as year-month-day, like 2024-05-31.")
    return day


def _opening(text: str, currency: Currency) -> int:
    opening_minor = currency.parse(text.strip())
    if opening_minor < 0:
        raise _CellError("An opening balance is never below zero.")
    return opening_minor
