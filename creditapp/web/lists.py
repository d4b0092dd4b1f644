"""Lists: which columns sort, where a page begins, and the links to its neighbours. Paged by key, never by number.

A page is asked for by the sort key of the row it follows, so page 4,000 costs what page 1 does. Totals are not
counted beyond a thousand.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Select, tuple_

PAGE_ROWS = 50
COUNT_MAX = 1000
"""Counting stops here: the page says `1,000+`."""

Direction = Literal["ascending", "descending"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, as `components/table.html` draws it. `key` names its sort; None does not sort."""

    label: str
    key: str | None = None
    numeric: bool = False
    css: str = ""
    sort_url: str | None = None
    sorted: Direction | None = None


@dataclass(frozen=True, slots=True)
class Sort:
    """One way to order a list: columns that are never NULL, the last one unique, and values that JSON can hold."""

    columns: tuple[ColumnElement[Any], ...]
    descending: bool = False
    read: Callable[[Sequence[Any]], Sequence[Any]] = tuple
    """Turns a cursor's JSON values into what the columns compare with; raises ValueError for nonsense."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: after, or before, the row with these sort values."""

    values: tuple[Any, ...]
    backwards: bool


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows with the links to its neighbours."""

    rows: list[Any]
    summary: str
    newer_url: str | None
    older_url: str | None


def encode_cursor(values: Sequence[Any]) -> str:
    """Return the sort values of a row as a word for the URL."""
    text = json.dumps(list(values), separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(args: Mapping[str, str], sort: Sort) -> Cursor | None:
    """Return where the page begins; None for the first one, and for a cursor that makes no sense."""
    for name, backwards in (("after", False), ("before", True)):
        word = args.get(name, "")
        if not word or len(word) > 2000:  # noqa: PLR2004  (a name folded and encoded is far shorter)
            continue
        try:
            values = json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)).decode())
            if not isinstance(values, list) or len(values) != len(sort.columns):
                return None
            return Cursor(tuple(sort.read(values)), backwards)
        except (ValueError, TypeError, binascii.Error, RecursionError):
            return None
    return None


def select_page(statement: Select[Any], sort: Sort, cursor: Cursor | None, *, rows: int = PAGE_ROWS) -> Select[Any]:
    """Return the statement for one page and one row more, which tells whether there is another."""
    backwards = cursor is not None and cursor.backwards
    descending = sort.descending != backwards
    if cursor is not None:
        key = tuple_(*sort.columns)
        bound = tuple_(*cursor.values)
        statement = statement.where(key < bound if descending else key > bound)
    order = [column.desc() if descending else column.asc() for column in sort.columns]
    return statement.order_by(*order).limit(rows + 1)


def make_page(
    found: Sequence[Any],
    cursor: Cursor | None,
    *,
    key_of: Callable[[Any], Sequence[Any]],
    url: Callable[..., str],
    noun: str,
    total: str | None = None,
    rows: int = PAGE_ROWS,
) -> Page:
    """Put the rows that `select_page` found in order and link the neighbours; `url(after=…)` makes a link.

    `total` is what `counted` makes of how many there are.
    """
    backwards = cursor is not None and cursor.backwards
    more = len(found) > rows
    shown = list(found[:rows])
    if backwards:
        shown.reverse()
    has_newer = more if backwards else cursor is not None
    has_older = True if backwards else more
    newer = url(before=encode_cursor(key_of(shown[0]))) if shown and has_newer else None
    older = url(after=encode_cursor(key_of(shown[-1]))) if shown and has_older else None
    return Page(shown, _summary(len(shown), total, noun, is_first=cursor is None), newer, older)


def counted(total: int, most: int = COUNT_MAX) -> str:
    """Return how many there are as a list says it: `1,284`, or `1,000+` where counting stopped."""
    return f"{most:,}+" if total > most else f"{total:,}"


def _summary(shown: int, total: str | None, noun: str, *, is_first: bool) -> str:
    if total is None:
        return f"{shown:,} {noun}" if shown else f"No {noun}"
    if is_first and shown:
        return f"1–{shown:,} of {total} {noun}"
    return f"{shown:,} of {total} {noun}"


def link(path: str, args: Mapping[str, Any], anchor: str = "") -> str:
    """Return the URL with those arguments that say something; `anchor` is the id to land on."""
    kept = [(name, value) for name, value in args.items() if value not in {None, ""}]
    url = f"{path}?{urlencode(kept)}" if kept else path
    return f"{url}#{anchor}" if anchor else url


def sortable(
    columns: Sequence[Column],
    sort: str,
    default: str,
    path: str,
    args: Mapping[str, Any],
    *,
    prefix: str = "",
    anchor: str = "",
) -> list[Column]:
    """Return the columns with links that sort by them; `-name` sorts downwards, a second click turns it round.

    `prefix` begins the names of this list's arguments where a page has several lists.
    """
    key, downwards = sort.removeprefix("-"), sort.startswith("-")
    made = []
    for column in columns:
        if column.key is None:
            made.append(column)
            continue
        is_sorted = column.key == key
        turned = f"-{column.key}" if is_sorted and not downwards else column.key
        if not is_sorted and column.numeric:
            turned = f"-{column.key}"
        fresh = {
            f"{prefix}sort": None if turned == default else turned,
            f"{prefix}after": None,
            f"{prefix}before": None,
        }
        direction: Direction | None = None
        if is_sorted:
            direction = "descending" if downwards else "ascending"
        url = link(path, {**args, **fresh}, anchor)
        made.append(Column(column.label, column.key, column.numeric, column.css, url, direction))
    return made
