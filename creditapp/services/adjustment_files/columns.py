"""What a file of adjustments holds: its columns, how panels call them, and an example to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from creditapp.errors import ImportFileError
from creditapp.money import Currency
from creditapp.services.imports import files
from creditapp.services.imports.files import Columns, Place, Table

WAYS = {
    "customer": ("customer", "user", "client"),
    "number": ("customer id", "user id", "customer number", "user number", "number"),
    "external_id": ("external id", "client id"),
    "email": ("email", "e mail", "email address", "e mail address"),
}
"""The columns that can name the customer; a file has one of them. `customer` takes any of what the others take."""
COLUMNS = Columns(
    WAYS
    | {
        "amount": ("amount", "credit", "adjustment"),
        "reason": ("reason",),
        "note": ("note", "notes", "internal note"),
        "customer_note": ("customer note", "user note", "note for the user", "note for the customer"),
        "ticket": ("ticket", "ticket id", "ticket reference"),
        "reference": ("reference", "ref", "key"),
    },
    frozenset({*WAYS, "note", "customer_note", "ticket", "reference"}),
    "customer, amount, reason (note, customer_note, ticket and reference may be left out)",
)
HEADINGS = ("customer", "amount", "reason", "note", "customer_note", "ticket", "reference")
"""The columns of the file to begin with, and of the file of refused lines."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A file that can be read from its beginning to its end: its columns, lines and bytes."""

    table: Table
    lines: int
    bytes: int


def check(source: BinaryIO, *, bytes_max: int | None = None) -> Shape:
    """Read the file once, without a database, and return its shape. What each line means is judged later.

    Raises:
        ImportFileError: it cannot be read, lacks a column, or holds no line; the sentence names the line.
    """
    table, rows = files.read(source, COLUMNS, bytes_max=bytes_max)
    ways = [way for way in WAYS if way in table.places]
    if not ways:
        raise ImportFileError(
            f"The first line names no column for the user. It must name the columns: {COLUMNS.told}. "
            "Instead of customer it may be customer_id, external_id or email."
        )
    if len(ways) > 1:
        told = " and ".join(f"“{way}”" for way in ways)
        raise ImportFileError(f"The columns {told} all name the user; leave only one of them in.")
    lines, place = 0, Place()
    for row in rows:
        lines, place = lines + 1, row.read
    if lines == 0:
        raise ImportFileError("The file names its columns, but holds no line below them.")
    return Shape(table, lines, place.bytes)


def way_of(table: Table) -> str:
    """Return the column that names the customer."""
    return next(way for way in WAYS if way in table.places)


def example(currency: Currency) -> list[tuple[str, ...]]:
    """Return lines that show how a file is filled in, in the order of `HEADINGS`."""
    amount = currency.example
    return [
        ("#1108", amount, "Courtesy", "Kept on hold for 40 minutes", "Sorry for the wait", "88021", ""),
        ("ana@kite.example", f"-{amount}", "Entered by mistake", "Credited twice", "", "", "2026-03-14/17"),
    ]
