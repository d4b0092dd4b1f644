"""From bytes to cells: a CSV file read line by line, in bounded memory, with its mistakes named by line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from creditapp.errors import ImportFileError

LINE_BYTES_MAX = 1_000_000
CELL_CHARS_MAX = 131_072
HEADER_CELLS_MAX = 200


@dataclass(frozen=True, slots=True)
class Columns:
    """What a kind of file may hold: how panels call each column, and which of them may be left out.

    Case, spaces, underscores and hyphens make no difference to a name. `told` is how the columns are listed to
    somebody whose file lacks one.
    """

    names: Mapping[str, tuple[str, ...]]
    optional: frozenset[str]
    told: str


_CUSTOMERS = {
    "external_id": ("external id", "id", "client id", "customer id", "user id"),
    "name": ("name", "full name", "client name", "customer name"),
    "company": ("company", "company name", "organisation", "organization"),
    "email": ("email", "e mail", "email address", "e mail address"),
    "opening_balance": ("opening balance", "balance", "credit", "credit balance"),
    "joined_on": ("joined on", "joined", "date created", "created", "created at", "signup date"),
}
CUSTOMERS = Columns(_CUSTOMERS, frozenset({"company"}), f"{', '.join(_CUSTOMERS)} (company may be left out)")

_UTF8_MARK = b"\xef\xbb\xbf"
_FOREIGN = (
    (b"\xff\xfe", "is in UTF-16"),
    (b"\xfe\xff", "is in UTF-16"),
    (b"PK\x03\x04", "is a spreadsheet"),
    (b"\xd0\xcf\x11\xe0", "is a spreadsheet"),
    (b"\x1f\x8b", "is compressed"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """Where each known column stands in a line, which columns nobody here knows, and what parts the cells."""

    places: dict[str, int]
    width: int
    ignored: tuple[str, ...]
    delimiter: str = ","

    def cell(self, cells: list[str], column: str) -> str:
        """Return what a line says in this column; an optional column that is not there is empty."""
        place = self.places.get(column)
        return "" if place is None else cells[place]


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line's cells, where in the file it begins, and how much of the file has been read with it."""

    number: int
    cells: list[str]
    read: Place


@dataclass(frozen=True, slots=True)
class Place:
    """So many lines and bytes of a file have been read; a cell may hold several lines."""

    lines: int = 0
    bytes: int = 0


def read(
    source: BinaryIO, columns: Columns = CUSTOMERS, *, bytes_max: int | None = None
) -> tuple[Table, Iterator[RawLine]]:
    """Return the file's columns and its lines, which are read as they are asked for. Empty lines are left out.

    Raises:
        ImportFileError: it is no CSV file in UTF-8, lacks a column, or is larger than `bytes_max`; asking for a line
            raises it too.
    """
    lines = _Lines(source, bytes_max, Place())
    first = next(lines, "")
    if not first.strip():
        raise ImportFileError(
            "The file is empty." if not first else "The first line is empty; it must name the columns."
        )
    delimiter = max(",;\t", key=first.count)
    rows = _rows(_chain(first, lines), delimiter, lines)
    header = next(rows, None)
    if header is None:
        raise ImportFileError("The file holds nothing but separators; its first line must name the columns.")
    return _table(header, columns, delimiter), rows


def go_on(source: BinaryIO, table: Table, place: Place) -> Iterator[RawLine]:
    """Return the lines after a place that an earlier line came with, as `read` would have.

    Raises:
        ImportFileError: when a line is asked for that cannot be read.
    """
    lines = _Lines(source, None, place)
    return _rows(lines, table.delimiter, lines)


class _Lines:
    """The file's lines as text, with their ends, and how far it has been read."""

    def __init__(self, source: BinaryIO, bytes_max: int | None, place: Place) -> None:
        source.seek(place.bytes)
        self.source = source
        self.bytes_max = bytes_max
        self.lines, self.bytes = place.lines, place.bytes

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        raw = self.source.readline(LINE_BYTES_MAX + 1)
        if not raw:
            raise StopIteration
        self.lines += 1
        mark = _mark(raw) if self.lines == 1 else 0
        if len(raw) > LINE_BYTES_MAX:
            raise ImportFileError(f"Line {self.lines} is longer than {LINE_BYTES_MAX:,} bytes.")
        before, self.bytes = self.bytes, self.bytes + len(raw)
        if self.bytes_max is not None and self.bytes > self.bytes_max:
            raise ImportFileError(
                f"The file is larger than {self.bytes_max // 1_000_000} MB; split it, or import it on the command line."
            )
        try:
            return raw[mark:].decode()
        except UnicodeDecodeError as error:
            raise ImportFileError(
                f"Line {self.lines} is not UTF-8 (byte {before + mark + error.start + 1} of the file); "
                "save the file as “CSV UTF-8” and try again."
            ) from error


def _mark(raw: bytes) -> int:
    """Return how many bytes of the first line are the mark of UTF-8, and refuse what begins like something else."""
    for mark, what in _FOREIGN:
        if raw.startswith(mark):
            raise ImportFileError(f"This file {what}; save it as “CSV UTF-8” and try again.")
    if b"\x00" in raw[:4]:
        raise ImportFileError("This file is in UTF-16; save it as “CSV UTF-8” and try again.")
    return len(_UTF8_MARK) if raw.startswith(_UTF8_MARK) else 0


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _rows(lines: Iterator[str], delimiter: str, place: _Lines) -> Iterator[RawLine]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    ahead = 0 if lines is not place else place.lines
    while True:
        number = ahead + reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise ImportFileError(f"Line {number} cannot be read: {_why(error)}") from error
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield RawLine(number, cells, Place(place.lines, place.bytes))


def _why(error: csv.Error) -> str:
    """Say what Python's csv module says in words for the person who made the file."""
    words = str(error)
    if "field limit" in words:
        return f"a cell is longer than {CELL_CHARS_MAX:,} characters. Is a quotation mark not closed?"
    if "unexpected end of data" in words:
        return "a quotation mark is opened here and never closed."
    if "expected after" in words:
        return 'after a closing quotation mark comes more text. Inside quotes, write a quotation mark twice ("").'
    return "its line break is an old one (a bare CR). Save the file with Windows or Unix line breaks."


def _table(header: RawLine, columns: Columns, delimiter: str) -> Table:
    if len(header.cells) > HEADER_CELLS_MAX:
        raise ImportFileError(f"The first line names {len(header.cells)} columns; at most {HEADER_CELLS_MAX} are read.")
    known = {_folded(name): column for column, names in columns.names.items() for name in names}
    places: dict[str, int] = {}
    ignored = []
    for place, title in enumerate(header.cells):
        column = known.get(_folded(title))
        if column is None:
            ignored.append(title.strip()[:40])
        elif column in places:
            other = header.cells[places[column]].strip()
            raise ImportFileError(f"The columns “{other}” and “{title.strip()}” mean the same; leave one of them out.")
        else:
            places[column] = place
    missing = [column for column in columns.names if column not in places and column not in columns.optional]
    if missing:
        told = ", ".join(f"“{column}”" for column in missing)
        raise ImportFileError(f"The first line does not name {told}. It must name the columns: {columns.told}.")
    return Table(places, len(header.cells), tuple(ignored), delimiter)


def _folded(title: str) -> str:
    return " ".join(re.split(r"[\s_-]+", title.strip().casefold()))
