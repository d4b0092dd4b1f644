"""Who did what, newest first: rows of the audit log and, where asked for, the entries that people made, as one list.

What is shown is chosen by keys from indexes alone. A list of several people, or of several kinds of act, is put
together from one range of an index for each: none of them is read further than the page is long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    and_,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    union_all,
)

from creditapp.columns import UtcDateTime
from creditapp.models import AuditDetails, AuditRow, CreditEntry, Customer, Role, Staff
from creditapp.services.audit import Action

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

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
_Branch = tuple[_Source, list[ColumnElement[bool]]]


def seen_by(session: Session, staff_id: int, role: str) -> tuple[Person, ...]:
    """Return whose acts somebody sees who may not see everybody's: their own, and a manager those of agents, too."""
    others: list[int] = []
    if role == Role.MANAGER:
        agents = select(Staff.id).where(Staff.role == Role.AGENT, Staff.id != staff_id).order_by(Staff.id)
        others = list(session.execute(agents).scalars())
    return tuple(Person("staff", one) for one in (staff_id, *others))


def select_keys(wanted: AuditFilter, place: Place | None = None, rows: int | None = None) -> Select[Any]:
    """Return the keys of what is wanted, newest first or, before a place, oldest first; at most `rows` of them."""
    backwards = place is not None and place.backwards
    branches = [_branch(source, conditions, place, rows) for source, conditions in _branches(wanted)]
    found = _together(branches)
    order = [found.c[name].asc() if backwards else found.c[name].desc() for name in KEY]
    return select(*[found.c[name] for name in KEY]).order_by(*order).limit(rows)


def count(session: Session, wanted: AuditFilter, most: int) -> int:
    """Return how many there are, counting no further than one above `most`."""
    branches = [
        select(source.at).where(*conditions).order_by(*_newest_first(source)).limit(most + 1)
        for source, conditions in _branches(wanted)
    ]
    some = select(_together(branches)).limit(most + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one()


def acts(session: Session, numbers: Sequence[int]) -> dict[int, Any]:
    """Return these rows of the log with their details and the name of who acted, by number."""
    r, d = AuditRow, AuditDetails
    statement = (
        select(
            *(r.seq, r.at, r.actor, r.actor_id, r.action, r.object_kind, r.object_id),
            *(d.details, d.erased_at, Staff.name.label("staff"), Customer.name.label("customer")),
        )
        .join(d, d.seq == r.seq)
        .outerjoin(Staff, (Staff.id == r.actor_id) & (r.actor == "staff"))
        .outerjoin(Customer, (Customer.id == r.actor_id) & (r.actor == "customer"))
        .where(r.seq.in_(numbers))
    )
    return {row.seq: row for row in session.execute(statement)} if numbers else {}


def entries(session: Session, keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Any]:
    """Return these entries with the name of who made them, by customer and sequence."""
    e = CreditEntry
    customers, sequences = {key[0] for key in keys}, {key[1] for key in keys}
    statement = (
        select(
            *(e.customer_id, e.seq, e.posted_at, e.actor, e.actor_id, e.description, e.amount_minor),
            *(Staff.name.label("staff"), Customer.name.label("customer")),
        )
        .outerjoin(Staff, (Staff.id == e.actor_id) & (e.actor == "staff"))
        .outerjoin(Customer, (Customer.id == e.actor_id) & (e.actor == "customer"))
        .where(e.customer_id.in_(customers), e.seq.in_(sequences), tuple_(e.customer_id, e.seq).in_(keys))
    )
    return {(row.customer_id, row.seq): row for row in session.execute(statement)} if keys else {}


def find(session: Session, number: int, people: Sequence[Person] | None) -> Any:  # noqa: ANN401  (a row of acts, or None)
    """Return one row of the log; None where there is none, or none that is by these people."""
    row = acts(session, [number]).get(number)
    if row is None or (people is not None and Person(row.actor, row.actor_id) not in people):
        return None
    return row


def newest_number(session: Session) -> int:
    """Return the number of the newest row; 0 while there is none."""
    return session.execute(select(func.max(AuditRow.seq))).scalar_one() or 0


def last_check(session: Session) -> Any:  # noqa: ANN401  (a row of acts, or None)
    """Return the last time somebody had the chain verified: who, when, and what came of it."""
    r = AuditRow
    newest = select(r.seq).where(r.action == Action.CHAIN_VERIFIED).order_by(r.at.desc(), r.seq.desc()).limit(1)
    number = session.execute(newest).scalar_one_or_none()
    return None if number is None else acts(session, [number])[number]


def select_staff() -> Select[int, str]:
    """Return everybody who works here or did, by name."""
    return select(Staff.id, Staff.name).order_by(Staff.name, Staff.id)


def _branches(wanted: AuditFilter) -> Iterator[_Branch]:
    """Yield what has to be put together: for each, rows that lie side by side in an index, in the order of time."""
    if wanted.object_kind:
        yield (
            _ACT,
            [*_about(wanted), *_by_any(_ACTS.c, wanted.people), *_of_any(wanted.actions), *_in_time(_ACT, wanted)],
        )
    elif wanted.people is not None and len(wanted.people) <= BRANCHES_MAX:
        for person in wanted.people:
            yield _ACT, [_by(_ACTS.c, person), *_of_any(wanted.actions), *_in_time(_ACT, wanted)]
    elif wanted.people is None and wanted.actions:
        for action in wanted.actions:
            yield _ACT, [_ACTS.c.action == action, *_in_time(_ACT, wanted)]
    else:
        yield _ACT, [*_by_any(_ACTS.c, wanted.people), *_of_any(wanted.actions), *_in_time(_ACT, wanted)]
    if wanted.with_entries and not wanted.actions:
        yield from _entry_branches(wanted)


def _entry_branches(wanted: AuditFilter) -> Iterator[_Branch]:
    within = _in_time(_ENTRY, wanted)
    if wanted.object_kind:
        if wanted.object_kind == "customer" and wanted.object_id is not None:
            yield _ENTRY, [_ENTRIES.c.customer_id == wanted.object_id, *_by_any(_ENTRIES.c, wanted.people), *within]
    elif wanted.people is not None and len(wanted.people) <= BRANCHES_MAX:
        for person in wanted.people:
            yield _ENTRY, [_entry_by(person), *within]
    else:
        yield _ENTRY, [*_by_any(_ENTRIES.c, wanted.people), *within]


def _branch(
    source: _Source, conditions: Sequence[ColumnElement[bool]], place: Place | None, rows: int | None
) -> Select[Any]:
    backwards = place is not None and place.backwards
    order = [column.asc() if backwards else column.desc() for column in source.order]
    beyond = [] if place is None else [_beyond(source, place)]
    statement = select(*source.columns()).where(*conditions, *beyond)
    return statement if rows is None else statement.order_by(*order).limit(rows)


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


def _newest_first(source: _Source) -> list[ColumnElement[Any]]:
    return [column.desc() for column in source.order]


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
