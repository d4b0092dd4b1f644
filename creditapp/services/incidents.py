"""Incidents: recorded, edited, dismissed. What depends on credit that has been issued stays as it was then."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from creditapp.bulk import among, insert_rows
from creditapp.db import Base, now
from creditapp.errors import IncidentError, IncidentNotFoundError, StaleFormError
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
)
from creditapp.services import audit, customers, request_keys
from creditapp.services.audit import Action
from creditapp.text import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

TITLE_CHARS_MAX = 120
REFERENCE_CHARS_MAX = 80
CUSTOMER_NOTE_CHARS_MAX = 500
WINDOWS_MAX = 50
CUSTOMERS_MAX = 200_000
DAYS_MAX = 366
WHAT = "this incident"

_INCIDENTS = Base.metadata.tables[Incident.__tablename__]
_BATCHES = Base.metadata.tables[Batch.__tablename__]
_TARGETS = {
    "windows": (IncidentWindow, ("starts_at", "ends_at")),
    "product_ids": (IncidentProduct, ("product_id",)),
    "locations": (IncidentLocation, ("location",)),
    "customer_ids": (IncidentCustomer, ("customer_id",)),
}
"""What hangs on an incident: the table of each, and the columns that are not the incident's number."""
_RECKONED_BY = ("starts_at", "ends_at", "time_zone", "policy_id", "windows")
"""What every line of a preview depends on; fixed once one has been issued."""
_ONLY_WORDS = {"reference", "note"}
"""What no preview holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFields:
    """An incident as its form has it: cleaned and within its lengths. Targets are sorted, and named once each."""

    title: str
    starts_at: datetime
    ends_at: datetime | None
    time_zone: str
    reference: str = ""
    policy_id: int | None = None
    reason_id: int | None = None
    customer_note: str = ""
    note: str = ""
    windows: tuple[tuple[datetime, datetime], ...] = ()
    product_ids: tuple[int, ...] = ()
    locations: tuple[str, ...] = ()
    customer_ids: tuple[int, ...] = ()

    def columns(self) -> dict[str, Any]:
        """Return what the incident's own row holds of these."""
        own = {name: value for name, value in asdict(self).items() if name not in _TARGETS}
        return {**own, "search_key": fold(f"{self.title} {self.reference}")}

    def audited(self) -> dict[str, Any]:
        """Return what the audit log keeps: of many customers only how many."""
        windows = [f"{start.isoformat()}/{end.isoformat()}" for start, end in self.windows]
        return {**asdict(self), "windows": windows, "customer_ids": len(self.customer_ids)}


def create(session: Session, fields: IncidentFields, *, by: Actor, key: str) -> int:
    """Record an incident, and return its id. The same key again records no second one.

    Raises:
        IncidentError: the times contradict each other, or it names a policy, product or customer that is not there.
        FormReusedError: the key has recorded another incident.
    """
    _check(fields)
    customers.lock_settings(session)
    earlier = request_keys.claim(session, "incident", key, (repr(fields), by.kind, by.id))
    if earlier is not None:
        return int(earlier)
    _check_named(session, fields)
    moment = now(session)
    row = insert(_INCIDENTS).values(
        **fields.columns(), credit_round=1, made_by=by.id, version=1, created_at=moment, updated_at=moment
    )
    incident_id: int = session.execute(row.returning(_INCIDENTS.c.id)).scalar_one()
    for name in _TARGETS:
        _write_targets(session, incident_id, name, getattr(fields, name))
    request_keys.keep(session, "incident", key, str(incident_id))
    audit.record(session, Action.INCIDENT_CREATED, by, "incident", incident_id, after=fields.audited())
    return incident_id


def edit(session: Session, incident_id: int, fields: IncidentFields, *, version: int, by: Actor) -> None:
    """Save an incident; `version` is the one the form was opened on. A preview that no longer fits is dropped.

    Nothing is written when nothing differs. Once credit has been issued, times and policy stay, and what was hit may
    only grow: whoever is added can be credited by another preview, and nobody twice.

    Raises:
        IncidentNotFoundError: there is none of this number.
        IncidentError: the fields contradict each other, or what has been issued.
        StaleFormError: somebody else saved it meanwhile.
    """
    _check(fields)
    customers.lock_settings(session)
    incident, batches = lock(session, incident_id)
    saved = read(session, incident_id)
    changed = {name for name in asdict(fields) if getattr(saved, name) != getattr(fields, name)}
    if not changed:
        return
    if incident.version != version:
        raise StaleFormError(WHAT)
    _check_named(session, fields, known=saved)
    if is_issued(incident, batches):
        _check_against_issued(saved, fields, changed)
    for name in changed & _TARGETS.keys():
        _write_targets(session, incident_id, name, getattr(fields, name))
    values = {**fields.columns(), "version": version + 1, "updated_at": now(session)}
    session.execute(update(_INCIDENTS).where(_INCIDENTS.c.id == incident_id).values(**values))
    if changed - _ONLY_WORDS:
        drop_previews(session, batches)
    audit.record(
        session, Action.INCIDENT_EDITED, by, "incident", incident_id, before=saved.audited(), after=fields.audited()
    )


def dismiss(session: Session, incident_id: int, *, by: Actor, dismissed: bool = True) -> None:
    """Put an incident away: nothing is credited for it; or, not `dismissed`, take it up again. Safe to repeat.

    Raises:
        IncidentNotFoundError: there is none of this number.
        IncidentError: credit has been issued for it.
    """
    customers.lock_settings(session)
    incident, batches = lock(session, incident_id)
    if (incident.dismissed_at is not None) == dismissed:
        return
    if dismissed and is_issued(incident, batches):
        raise IncidentError("Credit has been issued for this incident. Take the batch back first, then dismiss it.")
    if dismissed:
        drop_previews(session, batches)
    moment = now(session)
    values = {"dismissed_at": moment if dismissed else None, "version": incident.version + 1, "updated_at": moment}
    session.execute(update(_INCIDENTS).where(_INCIDENTS.c.id == incident_id).values(**values))
    audit.record(
        session,
        Action.INCIDENT_EDITED,
        by,
        "incident",
        incident_id,
        before={"dismissed": not dismissed},
        after={"dismissed": dismissed},
    )


def lock(session: Session, incident_id: int) -> tuple[Row[*tuple[Any, ...]], Sequence[Row[*tuple[Any, ...]]]]:
    """Lock the incident and then its batches by rising id, and return it and them.

    Raises:
        IncidentNotFoundError: there is none of this number.
    """
    b, i = _BATCHES.c, _INCIDENTS.c
    statement = select(i.id, i.version, i.starts_at, i.ends_at, i.credit_round, i.dismissed_at)
    incident = session.execute(statement.where(i.id == incident_id).with_for_update()).one_or_none()
    if incident is None:
        raise IncidentNotFoundError(incident_id)
    batches = (
        select(b.id, b.kind, b.status, b.issued_at, b.credit_round, b.version)
        .where(b.incident_id == incident_id)
        .order_by(b.id)
    )
    return incident, session.execute(batches.with_for_update()).all()


def is_issued(incident: Row[*tuple[Any, ...]], batches: Sequence[Row[*tuple[Any, ...]]]) -> bool:
    """Return whether credit has been issued for the incident, and not been taken back."""
    return any(
        one.kind == BatchKind.DOWNTIME and one.issued_at is not None and one.credit_round == incident.credit_round
        for one in batches
    )


def drop_previews(session: Session, batches: Sequence[Row[*tuple[Any, ...]]]) -> None:
    """Drop those of the batches that were never issued; a job removes their lines."""
    never = {BatchStatus.PREPARING, BatchStatus.READY, BatchStatus.FAILED}
    stale = [one.id for one in batches if one.kind == BatchKind.DOWNTIME and one.status in never]
    if stale:
        moment = now(session)
        values = {"status": str(BatchStatus.DROPPED), "finished_at": moment, "updated_at": moment}
        row = update(_BATCHES).where(_BATCHES.c.id.in_(stale))
        session.execute(row.values(**values, version=_BATCHES.c.version + 1))


def read(session: Session, incident_id: int) -> IncidentFields:
    """Return the incident as its form has it.

    Raises:
        IncidentNotFoundError: there is none of this number.
    """
    names = [name for name in IncidentFields.__dataclass_fields__ if name not in _TARGETS]
    own = select(*[_INCIDENTS.c[name] for name in names]).where(_INCIDENTS.c.id == incident_id)
    row = session.execute(own).one_or_none()
    if row is None:
        raise IncidentNotFoundError(incident_id)
    targets: dict[str, Any] = {name: _read_targets(session, incident_id, name) for name in _TARGETS}
    return IncidentFields(**dict(zip(names, row, strict=True)), **targets)


def _read_targets(session: Session, incident_id: int, name: str) -> tuple[Any, ...]:
    model, names = _TARGETS[name]
    c = Base.metadata.tables[model.__tablename__].c
    columns = [c[column] for column in names]
    rows = session.execute(select(*columns).where(c.incident_id == incident_id).order_by(*columns))
    return tuple(tuple(row) if len(names) > 1 else row[0] for row in rows)


def _write_targets(session: Session, incident_id: int, name: str, values: Sequence[Any]) -> None:
    model, names = _TARGETS[name]
    table = Base.metadata.tables[model.__tablename__]
    session.execute(delete(table).where(table.c.incident_id == incident_id))
    rows = [value if len(names) > 1 else (value,) for value in values]
    insert_rows(session, table, [{"incident_id": incident_id, **dict(zip(names, row, strict=True))} for row in rows])


def _check(fields: IncidentFields) -> None:
    """Refuse times that contradict each other."""
    if fields.ends_at is not None:
        if fields.ends_at <= fields.starts_at:
            raise IncidentError("The end must be after the start.", box="ends_at")
        if (fields.ends_at - fields.starts_at).days >= DAYS_MAX:
            raise IncidentError(f"An incident lasts less than {DAYS_MAX} days; check the year.", box="ends_at")
    last = None
    for start, end in fields.windows:
        if end <= start:
            raise IncidentError("Each time that does not count must end after it starts.", box="windows")
        if last is not None and start < last:
            raise IncidentError("Two of the times that do not count overlap; write them as one.", box="windows")
        last = end


def _check_named(session: Session, fields: IncidentFields, known: IncidentFields | None = None) -> None:
    """Refuse a policy, products or customers that are not there; a policy that has been switched off stays."""
    policy = DowntimePolicy
    if fields.policy_id is not None and (known is None or fields.policy_id != known.policy_id):
        on = select(policy.id).where(policy.id == fields.policy_id, policy.is_active)
        if session.execute(on).first() is None:
            raise IncidentError("This policy is not there, or switched off. Choose another one.", box="policy")
    for model, numbers, what, box in (
        (Product, fields.product_ids, "product", "products"),
        (Customer, fields.customer_ids, "user", "customers"),
    ):
        column = Base.metadata.tables[model.__tablename__].c.id
        there = set(session.execute(select(column).where(among(session, column, numbers))).scalars())
        missing = sorted(set(numbers) - there)
        if missing:
            raise IncidentError(f"There is no {what} #{missing[0]}.", box=box)


def _check_against_issued(saved: IncidentFields, fields: IncidentFields, changed: set[str]) -> None:
    """Refuse what would contradict the credit that has been issued."""
    for name in _RECKONED_BY:
        if name in changed:
            raise IncidentError(
                "Credit has been issued by these times and this policy. Take the batch back before you change them.",
                box={"policy_id": "policy", "time_zone": "zone"}.get(name, name),
            )
    for name, box in (("product_ids", "products"), ("locations", "places"), ("customer_ids", "customers")):
        before, after = set(getattr(saved, name)), set(getattr(fields, name))
        if not before <= after:
            raise IncidentError("Credit has been issued for what was hit: you can add to it, not take away.", box=box)
    # Customers beside products or servers narrow what was hit down; to begin or end that would take some away.
    if bool(saved.customer_ids) != bool(fields.customer_ids):
        raise IncidentError("Credit has been issued for everybody who was hit; name no users now.", box="customers")
    if saved.customer_ids and bool(saved.product_ids or saved.locations) != bool(
        fields.product_ids or fields.locations
    ):
        raise IncidentError(
            "Credit has been issued for all that these users have; name no products or servers now.", box="places"
        )
