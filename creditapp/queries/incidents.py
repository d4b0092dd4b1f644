"""Incidents as pages read them: the list, one incident, what can be hit, and the users whom a text names."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select

from creditapp.bulk import among
from creditapp.models import (
    Batch,
    BatchKind,
    BatchStatus,
    Customer,
    DowntimePolicy,
    Incident,
    IncidentCustomer,
    IncidentLocation,
    IncidentProduct,
    IncidentWindow,
    Product,
    Staff,
    Subscription,
)
from creditapp.queries.affected import HAS_PLACE
from creditapp.queries.search import ID_MAX
from creditapp.text import fold

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

PLACES_MAX = 1000
NAMED_MAX = 20
WORDS_AT_ONCE = 500


class State(StrEnum):
    """How far an incident has come."""

    OPEN = "open"
    """It still lasts."""
    TO_CREDIT = "to_credit"
    """It is over, and no credit has been issued for it."""
    CREDITED = "credited"
    DISMISSED = "dismissed"

    @property
    def label(self) -> str:
        return "To credit" if self is State.TO_CREDIT else self.capitalize()


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFilter:
    """Which incidents a list shows; what is empty does not matter."""

    text: str = ""
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """What an incident hit, in words."""

    products: list[str]
    locations: list[str]
    customers: list[tuple[int, str]]
    """The first of the users who were named."""
    customer_count: int
    windows: list[tuple[datetime, datetime]]


@dataclass(slots=True)
class Named:
    """The users whom words name, and what is wrong with the other words."""

    customer_ids: set[int] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)
    ambiguous: list[tuple[str, list[int]]] = field(default_factory=list)


def select_list(wanted: IncidentFilter) -> Select[*tuple[Any, ...]]:
    """Return the incidents that fit, to be ordered and limited; each with its `state`."""
    i = Incident
    columns = (i.id, i.title, i.reference, i.starts_at, i.ends_at, i.time_zone)
    return select(*columns, _state().label("state")).where(*_conditions(wanted))


def count(session: Session, wanted: IncidentFilter, *, most: int) -> int:
    """Return how many incidents fit; counting stops at `most` and one more."""
    some = select(Incident.id).where(*_conditions(wanted)).limit(most + 1)
    return session.execute(select(func.count()).select_from(some.subquery())).scalar_one()


def find(session: Session, incident_id: int) -> Any:  # noqa: ANN401  (a row or None)
    """Return the incident with all its columns, its `state`, and the names of its policy and of who recorded it."""
    i, p = Incident, DowntimePolicy
    statement = (
        select(*i.__table__.c, _state().label("state"), p.name.label("policy"), Staff.name.label("maker"))
        .outerjoin(p, p.id == i.policy_id)
        .outerjoin(Staff, Staff.id == i.made_by)
        .where(i.id == incident_id)
    )
    return session.execute(statement).one_or_none()


def batches_of(session: Session, incident_id: int) -> Sequence[Any]:
    """Return the batches of an incident, the newest first; dropped previews are left out."""
    b = Batch
    columns = (b.id, b.kind, b.status, b.lines, b.expected, b.to_post, b.to_post_minor, b.posted, b.posted_minor)
    statement = (
        select(*columns, b.created_at, b.issued_at, b.reverses_id, Staff.name.label("maker"))
        .outerjoin(Staff, Staff.id == func.coalesce(b.issued_by, b.made_by))
        .where(b.incident_id == incident_id, b.status != str(BatchStatus.DROPPED))
        .order_by(b.id.desc())
    )
    return session.execute(statement).all()


def expected_lines(session: Session, batch_id: int) -> int:
    """Return how many lines a batch will have about."""
    return session.execute(select(Batch.expected).where(Batch.id == batch_id)).scalar_one()


def hit(session: Session, incident_id: int) -> Hit:
    """Return what the incident hit."""
    c, i, p, w = Customer, IncidentCustomer, Product, IncidentWindow
    products = select(p.name).join(IncidentProduct, IncidentProduct.product_id == p.id)
    places = select(IncidentLocation.location).where(IncidentLocation.incident_id == incident_id)
    people = select(c.id, c.name).join(i, i.customer_id == c.id).where(i.incident_id == incident_id)
    windows = select(w.starts_at, w.ends_at).where(w.incident_id == incident_id).order_by(w.starts_at)
    how_many = select(func.count()).select_from(i).where(i.incident_id == incident_id)
    return Hit(
        list(
            session.execute(products.where(IncidentProduct.incident_id == incident_id).order_by(p.name_key)).scalars()
        ),
        list(session.execute(places.order_by(IncidentLocation.location)).scalars()),
        [(row.id, row.name) for row in session.execute(people.order_by(c.id).limit(NAMED_MAX))],
        session.execute(how_many).scalar_one(),
        [(row.starts_at, row.ends_at) for row in session.execute(windows)],
    )


def places(session: Session, *, most: int = PLACES_MAX) -> list[str]:
    """Return the servers and locations that subscriptions have, by name.

    Each is sought after the one before it: many subscriptions share few of them.
    """
    first = select(func.min(Subscription.location).label("name")).where(HAS_PLACE)
    names = first.cte("names", recursive=True)
    after = select(func.min(Subscription.location)).where(HAS_PLACE, Subscription.location > names.c.name)
    names = names.union_all(select(after.correlate(names).scalar_subquery()).where(names.c.name.is_not(None)))
    statement = select(names.c.name).where(names.c.name.is_not(None)).limit(most)
    return list(session.execute(statement).scalars())


def known_places(session: Session, names: Collection[str]) -> set[str]:
    """Return those of the names that some subscription has, cancelled or not."""
    s = Subscription
    return set(session.execute(select(s.location).where(HAS_PLACE, s.location.in_(names)).distinct()).scalars())


def products(session: Session, also: Collection[int] = ()) -> list[tuple[int, str]]:
    """Return the products that renew and are sold, and those `also` that are switched off, by name."""
    p = Product
    statement = select(p.id, p.name).where(or_(and_(p.is_active, p.cycle != "one_off"), p.id.in_(also)))
    return [(row.id, row.name) for row in session.execute(statement.order_by(p.name_key, p.id))]


def customers_named(session: Session, words: Collection[str]) -> Named:
    """Return the users whom these words name, each by number (`#12` or `12`), external id or e-mail.

    A word that names nobody, or several, is said.
    """
    named = Named()
    numbers = {word: _number(word) for word in words}
    there = _existing(session, {number for number in numbers.values() if number is not None})
    named.customer_ids |= there
    rest = [word for word in dict.fromkeys(words) if numbers[word] not in there]
    for some in (rest[start : start + WORDS_AT_ONCE] for start in range(0, len(rest), WORDS_AT_ONCE)):
        found = _by_words(session, some)
        for word in some:
            ids = found.get(word) or found.get(fold(word)) or []
            if not ids or word.startswith("#"):
                named.unknown.append(word)
            elif len(ids) > 1:
                named.ambiguous.append((word, sorted(ids)))
            else:
                named.customer_ids |= set(ids)
    return named


def _existing(session: Session, numbers: Collection[int]) -> set[int]:
    column = Customer.__table__.c.id
    return set(session.execute(select(column).where(among(session, column, numbers))).scalars()) if numbers else set()


def _by_words(session: Session, words: Sequence[str]) -> dict[str, list[int]]:
    """Return the users by external id, which is one user's alone, and by folded e-mail, which several may share."""
    c = Customer
    found: dict[str, list[int]] = {}
    folded = {fold(word) for word in words if "@" in word}
    for customer_id, key in session.execute(select(c.id, c.email_key).where(c.email_key.in_(folded))):
        found.setdefault(key, []).append(customer_id)
    for row in session.execute(select(c.id, c.external_id).where(c.external_id.in_(words))):
        found[str(row.external_id)] = [row.id]
    return found


def _number(word: str) -> int | None:
    digits = word.removeprefix("#")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(ID_MAX))):
        return None
    return int(digits) if 0 < int(digits) <= ID_MAX else None


def _is_credited() -> ColumnElement[bool]:
    b, i = Batch, Incident
    issued = select(b.id).where(
        b.incident_id == i.id,
        b.kind == str(BatchKind.DOWNTIME),
        b.issued_at.is_not(None),
        b.credit_round == i.credit_round,
    )
    return issued.correlate(i).exists()


def _state() -> ColumnElement[str]:
    i = Incident
    return case(
        (i.dismissed_at.is_not(None), str(State.DISMISSED)),
        (_is_credited(), str(State.CREDITED)),
        (i.ends_at.is_(None), str(State.OPEN)),
        else_=str(State.TO_CREDIT),
    )


def _conditions(wanted: IncidentFilter) -> list[ColumnElement[bool]]:
    """Every word must be in the title or the reference, in any order."""
    key = Incident.search_key
    found: list[ColumnElement[bool]] = [key.contains(word, autoescape=True) for word in fold(wanted.text).split()]
    if wanted.state is not None:
        found.append(_state() == str(wanted.state))
    return found
