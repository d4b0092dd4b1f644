"""The list of acts: its page and its file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy.orm import Session

from creditapp.blueprints.audit import words
from creditapp.blueprints.audit.asking import Asked
from creditapp.columns import from_microseconds, to_microseconds
from creditapp.queries import audit as queries
from creditapp.queries.audit import ACT, AuditFilter, Place
from creditapp.services.ledger import reference
from creditapp.web import lists, urls
from creditapp.web.exports import Number
from creditapp.web.filters import plain
from creditapp.web.lists import Column, Cursor, Page, Sort
from creditapp.web.panel import Panel

COLUMNS = (Column("When"), Column("Who"), Column("What"), Column("Object"), Column("Changed"), Column("From"))
HEADINGS = (
    *("Number", "At (UTC)", "Day", "Who", "Kind of person", "Person", "What", "Act", "Object", "Object number"),
    *("Before", "After", "From"),
)
ROWS_AT_ONCE = 500
_MOMENT_MAX = 2**53


@dataclass(frozen=True, slots=True)
class Act:
    """One line of the list, in words."""

    at: datetime
    number: str
    url: str | None
    """Where it is opened."""
    who: str
    who_url: str | None
    what: str
    object: str
    object_url: str | None
    changed: str
    address: str
    is_entry: bool


def read_page(session: Session, asked: Asked, args: Mapping[str, str], path: str, act: Any) -> Page:  # noqa: ANN401  (makes an `Act`)
    """Return the page of acts the URL asks for, newest first; `act(source, row)` puts a row into words."""
    cursor = lists.read_cursor(args, _SORT)
    place = None if cursor is None else Place(_key_of(cursor), cursor.backwards)
    keys = session.execute(queries.select_keys(asked.wanted, place, lists.PAGE_ROWS + 1)).all()
    page = lists.make_page(
        keys,
        cursor,
        key_of=lambda key: (to_microseconds(key.at), key.source, key.first, key.second),
        url=lambda **to: lists.link(path, {**asked.args, **to}, "acts"),
        noun="acts",
        total=lists.counted(queries.count(session, asked.wanted, most=lists.COUNT_MAX)),
    )
    return replace(page, rows=[act(*one) for one in _found(session, page.rows)])


def lines(session: Session, asked: Asked, panel: Panel) -> Iterator[Sequence[Any]]:
    """Yield the rows of the file: everything the list shows on all its pages, in its order."""
    keys = session.execute(queries.select_keys(asked.wanted), execution_options={"yield_per": ROWS_AT_ONCE})
    for some in keys.partitions():
        for source, row in _found(session, some):
            yield _act_line(row, panel) if source == ACT else _entry_line(row, panel)


def _found(session: Session, keys: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    acts = queries.acts(session, [key.first for key in keys if key.source == ACT])
    entries = queries.entries(session, [(key.first, key.second) for key in keys if key.source != ACT])
    for key in keys:
        yield key.source, acts[key.first] if key.source == ACT else entries[key.first, key.second]


def _act_line(row: Any, panel: Panel) -> Sequence[Any]:  # noqa: ANN401  (a row of acts)
    details = row.details or {}
    before, after = (
        ("erased", "erased") if row.erased_at else (_text(details.get(side)) for side in ("before", "after"))
    )
    return (
        row.seq,
        *_when(row.at, panel),
        *_who(row),
        *(words.action_words(row.action), row.action, row.object_kind, row.object_id),
        *(before, after, details.get("address", "")),
    )


def _entry_line(row: Any, panel: Panel) -> Sequence[Any]:  # noqa: ANN401  (a row of entries)
    return (
        reference(row.customer_id, row.seq),
        *_when(row.posted_at, panel),
        *_who(row),
        *(row.description, "entry", "customer", row.customer_id),
        *("", Number(plain(row.amount_minor)), ""),
    )


def _when(at: datetime, panel: Panel) -> tuple[str, date]:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}", at.astimezone(panel.zone).date()


def _who(row: Any) -> tuple[str, str, int | None]:  # noqa: ANN401  (a row of either)
    return words.person_words(row.actor, row.actor_id, row.staff or row.customer), row.actor, row.actor_id


def _text(values: Mapping[str, Any] | None) -> str:
    return json.dumps(values, ensure_ascii=False) if values else ""


def _read_key(values: Sequence[Any]) -> Sequence[Any]:
    """Return the key that a cursor holds; its moment stays in microseconds until it is known to be one."""
    moment, source, first, second = values
    if type(moment) is not int or not 0 <= moment <= _MOMENT_MAX or source not in {0, 1}:
        raise ValueError("no key")
    return from_microseconds(moment), urls.whole(source), urls.whole(first), urls.whole(second)


def _key_of(cursor: Cursor) -> tuple[datetime, int, int, int]:
    moment, source, first, second = cursor.values
    return moment, source, first, second


_KEYS = queries.select_keys(AuditFilter()).selected_columns
_SORT = Sort(tuple(_KEYS[name] for name in queries.KEY), descending=True, read=_read_key)
