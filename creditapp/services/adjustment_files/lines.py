"""From cells to what a line asks for, or to why it cannot be taken."""

from __future__ import annotations

import csv
import hashlib
import io
from enum import StrEnum
from typing import NamedTuple

from creditapp.money import AmountError, Currency
from creditapp.services.adjustment_files.columns import way_of
from creditapp.services.imports.files import RawLine, Table
from creditapp.text import LINE_CHARS_MAX, NOTE_CHARS_MAX, TextError, clean

WHO_CHARS_MAX = 254
"""As long as an email."""
REASON_CHARS_MAX = 80
CUSTOMER_NOTE_CHARS_MAX = 500
REFERENCE_CHARS_MAX = 80
KEPT_CHARS_MAX = 2000
"""How much of a refused line is kept as it was."""
_BETWEEN = "\x1f"


class Cause(StrEnum):
    """What a line is refused for, to count by. The words are stored."""

    LINE = "Columns"
    USER = "User"
    AMOUNT = "Amount"
    REASON = "Reason"
    TEXT = "Text"
    LIMIT = "Limit"
    TWICE = "Twice in the file"


class RefusedLineError(Exception):
    """A line is not posted; `sentence` says why and is safe to show."""

    def __init__(self, cause: Cause, sentence: str) -> None:
        self.cause, self.sentence = cause, sentence


class Wish(NamedTuple):
    """What a line asks for, before anybody has looked whether it can be had. `way` says how it names the customer."""

    way: str
    who: str
    amount_minor: int
    reason: str
    note: str
    customer_note: str
    ticket: str
    reference: str

    def digest(self, customer_id: int, reason_id: int) -> bytes:
        """Return what makes the line the same as another: its reference, or everything it comes to.

        Two references are the same for one customer only: an incident's number may stand in every line.
        """
        facts = ["reference", str(customer_id), self.reference]
        if not self.reference:
            facts = ["line", str(customer_id), str(self.amount_minor), str(reason_id)]
            facts += [self.note, self.customer_note, self.ticket]
        return hashlib.sha256(_BETWEEN.join(facts).encode()).digest()


def understand(raw: RawLine, table: Table, currency: Currency) -> Wish:
    """Return what the line says.

    Raises:
        RefusedLineError: it cannot be read; the first thing that is wrong with it.
    """
    if len(raw.cells) != table.width:
        count = len(raw.cells)
        told = f"This line has {count} cell{'s' * (count != 1)}; the first line names {table.width}."
        raise RefusedLineError(Cause.LINE, told)
    way = way_of(table)
    who = _text(raw, table, way, WHO_CHARS_MAX, Cause.USER)
    if not who:
        raise RefusedLineError(Cause.USER, "Every line needs a user: the number, the external id or the email.")
    reason = _text(raw, table, "reason", REASON_CHARS_MAX, Cause.REASON)
    if not reason:
        raise RefusedLineError(Cause.REASON, "Every line needs a reason, by its name in the settings.")
    return Wish(
        way,
        who,
        _amount(table.cell(raw.cells, "amount"), currency),
        reason,
        _text(raw, table, "note", NOTE_CHARS_MAX, lines=True),
        _text(raw, table, "customer_note", CUSTOMER_NOTE_CHARS_MAX),
        _text(raw, table, "ticket", LINE_CHARS_MAX),
        _text(raw, table, "reference", REFERENCE_CHARS_MAX),
    )


def as_it_was(cells: list[str]) -> str:
    """Return the cells of a refused line in one text, so that the line can be given back to be corrected."""
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(cells)
    return written.getvalue().replace("\x00", "\N{REPLACEMENT CHARACTER}")[:KEPT_CHARS_MAX]


def cells_of(kept: str) -> list[str]:
    """Return the cells that `as_it_was` made one text of; the last one is cut where the line was far too long."""
    return next(csv.reader(io.StringIO(kept, newline="")), [])


def shown(cell: str) -> str:
    """Return how a line names its customer, as a list can show it, whatever it is."""
    if len(cell) <= WHO_CHARS_MAX and cell.isprintable():
        return cell.strip()
    return "".join(c if c.isprintable() else " " for c in cell[:WHO_CHARS_MAX]).strip()


def _text(
    raw: RawLine, table: Table, column: str, chars_max: int, cause: Cause = Cause.TEXT, *, lines: bool = False
) -> str:
    cell = table.cell(raw.cells, column)
    if not cell:
        return ""
    try:
        return clean(cell, chars_max=chars_max, lines=lines)
    except TextError as error:
        raise RefusedLineError(cause, f"{column}: {error}") from None


def _amount(cell: str, currency: Currency) -> int:
    try:
        amount_minor = currency.parse(cell.strip())
    except AmountError as error:
        raise RefusedLineError(Cause.AMOUNT, str(error)) from None
    if amount_minor == 0:
        raise RefusedLineError(Cause.AMOUNT, "Enter an amount other than zero.")
    return amount_minor
