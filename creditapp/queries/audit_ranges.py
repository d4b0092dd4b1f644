"""The ranges of indexes in which acts and entries lie side by side, newest first, and how they become one list.

A list of several people, or of several kinds of act, is put together from one range for each: none of them is read
further than the page is long. Each range is in the order of time; where an index begins with a NULL that is asked for,
the order names it, too, as PostgreSQL does not see that it is the same in all rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    and_,
    literal,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    union_all,
)

from creditapp.columns import UtcDateTime
from creditapp.models import AuditRow, CreditEntry

KEY = ("at", "source", "first", "second")
"""What a row is told by: its moment, which of the two it is, and there its number, or customer and sequence."""
ENTRY, ACT = 0, 1
BRANCHES_MAX = 100
"""Of more people together nearly everything is to be seen: the way through all of it is shorter."""

_ACTS = AuditRow.__table__
_ENTRIES = CreditEntry.__table__


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who acts: staff, customer or api with a number, or the system without one."""

    kind: str
    id: int | None = None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which acts are meant; every condition that is given must hold."""

    people: tuple[Person, ...] | None = None
    """Acts of these alone; None: of everybody."""
    actions: tuple[str, ...] = ()
    object_kind: str = ""
    object_id: int | None = None
    """With `object_kind`: this one; None: the acts that name no number."""
    since: datetime | None = None
    until: datetime | None = None
    """The first moment that no longer belongs to the period."""
    with_entries: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after, or before, the row with this key."""

    key: tuple[datetime, int, int, int]
    backwards: bool


@dataclass(frozen=True, slots=True)
class _Source:
    """One of the two tables as this list reads it."""

    number: int
    at: ColumnElement[Any]
    keys: tuple[ColumnElement[Any], ...]

    @property
    def order(self) -> tuple[ColumnElement[Any], ...]:
        return (self.at, *self.keys)

    def columns(self) -> list[ColumnElement[Any]]:
        second = self.keys[1] if len(self.keys) > 1 else literal_column("0", BigInteger)
        return [
            self.at.label("at"),
            literal_column(str(self.number), Integer).label("source"),
            self.keys[0].label("first"),
            second.label("second"),
        ]


_ACT = _Source(ACT, _ACTS.c.at, (_ACTS.c.seq,))
_ENTRY = _Source(ENTRY, _ENTRIES.c.posted_at, (_ENTRIES.c.customer_id, _ENTRIES.c.seq))


@dataclass(frozen=True, slots=True)
class _Range:
    """Rows that lie side by side in an index, in the order of time; `same` is NULL in all of them."""

    source: _Source
    conditions: list[ColumnElement[bool]]
    same: tuple[ColumnElement[Any], ...] = ()

    def newest(self, most: int, *, backwards: bool = False, beyond: Sequence[ColumnElement[bool]] = ()) -> Select[Any]:
        """Return the keys of its newest rows, or of its oldest."""
        order = [one.asc() if backwards else one.desc() for one in (*self.same, *self.source.order)]
        return self.all().where(*beyond).order_by(*order).limit(most)

    def all(self) -> Select[Any]:
        """Return the keys of all its rows, in no order."""
        return select(*self.source.columns()).where(*self.conditions)


def select_keys(wanted: AuditFilter, place: Place | None = None, rows: int | None = None) -> Select[Any]:
    """Return the keys of what is wanted, newest first or, before a place, oldest first; at most `rows` of them."""
    backwards = place is not None and place.backwards
    found = _together([_part(one, place, rows) for one in _ranges(wanted)])
    order = [found.c[name].asc() if backwards else found.c[name].desc() for name in KEY]
    return select(*[found.c[name] for name in KEY]).order_by(*order).limit(rows)


def select_some(wanted: AuditFilter, most: int) -> Select[Any]:
    """Return the keys of as many of what is wanted, in no order: to be counted."""
    return select(_together([one.newest(most) for one in _ranges(wanted)])).limit(most)


def _part(one: _Range, place: Place | None, rows: int | None) -> Select[Any]:
    if rows is None:
        return one.all()
    if place is None:
        return one.newest(rows)
    return one.newest(rows, backwards=place.backwards, beyond=[_beyond(one.source, place)])


def _ranges(wanted: AuditFilter) -> Iterator[_Range]:
    within, of_any = _in_time(_ACT, wanted), _of_any(wanted.actions)
    if wanted.object_kind:
        same = (_ACTS.c.object_id,) if wanted.object_id is None else ()
        yield _Range(_ACT, [*_about(wanted), *_by_any(_ACTS.c, wanted.people), *of_any, *within], same)
    elif wanted.people is not None and len(wanted.people) <= BRANCHES_MAX:
        for person in wanted.people:
            same = (_ACTS.c.actor_id,) if person.id is None else ()
            yield _Range(_ACT, [_by(_ACTS.c, person), *of_any, *within], same)
    elif wanted.people is None and wanted.actions:
        for action in wanted.actions:
            yield _Range(_ACT, [_ACTS.c.action == action, *within])
    else:
        yield _Range(_ACT, [*_by_any(_ACTS.c, wanted.people), *of_any, *within])
    if wanted.with_entries and not wanted.actions:
        yield from _entry_ranges(wanted)


def _entry_ranges(wanted: AuditFilter) -> Iterator[_Range]:
    within = _in_time(_ENTRY, wanted)
    by_any = _by_any(_ENTRIES.c, wanted.people)
    if wanted.object_kind:
        if wanted.object_kind == "customer" and wanted.object_id is not None:
            yield _Range(_ENTRY, [_ENTRIES.c.customer_id == wanted.object_id, *by_any, *within])
    elif wanted.people is not None and len(wanted.people) <= BRANCHES_MAX:
        for person in wanted.people:
            yield _Range(_ENTRY, [_entry_by(person), *within])
    else:
        yield _Range(_ENTRY, [*by_any, *within])


def _beyond(source: _Source, place: Place) -> ColumnElement[bool]:
    """Return what lies on the other side of the place; at the same moment acts come after entries."""
    at, number, *keys = place.key
    moment = literal(at, UtcDateTime())
    if source.number == number:
        mine, its = tuple_(*source.order), tuple_(moment, *keys[: len(source.keys)])
        return mine > its if place.backwards else mine < its
    if source.number > number:
        return source.at >= moment if place.backwards else source.at < moment
    return source.at > moment if place.backwards else source.at <= moment


def _together(branches: Sequence[Select[Any]]) -> Any:  # noqa: ANN401  (a subquery)
    if len(branches) == 1:
        return branches[0].subquery()
    return union_all(*[select(branch.subquery()) for branch in branches]).subquery()


def _about(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    number = _ACTS.c.object_id
    return [
        _ACTS.c.object_kind == wanted.object_kind,
        number.is_(None) if wanted.object_id is None else number == wanted.object_id,
    ]


def _by(c: Any, person: Person) -> ColumnElement[bool]:  # noqa: ANN401  (columns)
    number = c.actor_id
    return and_(c.actor == person.kind, number.is_(None) if person.id is None else number == person.id)


def _by_any(c: Any, people: Sequence[Person] | None) -> list[ColumnElement[bool]]:  # noqa: ANN401  (columns)
    return [] if people is None else [or_(*[_by(c, person) for person in people])]


def _entry_by(person: Person) -> ColumnElement[bool]:
    """Return whose entry it is; what customers do themselves, they do with their own credit."""
    c = _ENTRIES.c
    if person.kind == "staff":
        return and_(text("actor = 'staff'"), c.actor_id == person.id)
    if person.kind == "customer":
        return and_(c.customer_id == person.id, _by(c, person))
    return _by(c, person)


def _of_any(actions: Sequence[str]) -> list[ColumnElement[bool]]:
    return [_ACTS.c.action.in_(actions)] if actions else []


def _in_time(source: _Source, wanted: AuditFilter) -> list[ColumnElement[bool]]:
    since = [] if wanted.since is None else [source.at >= wanted.since]
    until = [] if wanted.until is None else [source.at < wanted.until]
    return [*since, *until]
