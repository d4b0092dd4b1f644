"""The preview of an incident's credit: who was hit, for how long, and what each is owed, worked out chunk by chunk.

Each chunk is a transaction under the lock of the batch, which says how far it has come: killed in between, or done by
two at once, every subscription has one line.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import insert, select, update

from creditapp.bulk import insert_rows
from creditapp.db import Base, now
from creditapp.errors import BatchNotFoundError, IncidentError
from creditapp.models import (
    Batch,
    BatchKind,
    BatchLine,
    BatchStatus,
    CustomerStatus,
    Cycle,
    DowntimePolicy,
    DowntimeTier,
    Incident,
    IncidentWindow,
    LineFlag,
    Setting,
    SubscriptionStatus,
    downtime_key,
)
from creditapp.queries import affected
from creditapp.services import audit, customers, incidents, request_keys
from creditapp.services.audit import Action
from creditapp.services.downtime import Credit, Fee, Outage, Reckoner, Terms
from creditapp.services.ledger import zone

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Row
    from sqlalchemy.orm import Session

    from creditapp.queries.affected import Credited, Hit
    from creditapp.services.actor import Actor

CHUNK = 1000
AT_ONCE_MAX = 1000
"""So many subscriptions are worked out while the person waits; more are the worker's."""

_INCIDENTS = Base.metadata.tables[Incident.__tablename__]
_BATCHES = Base.metadata.tables[Batch.__tablename__]
_LINES = Base.metadata.tables[BatchLine.__tablename__]
_MERGED_OR_CLOSED = {CustomerStatus.MERGED, CustomerStatus.CLOSED}


@dataclass(frozen=True, slots=True)
class Basis:
    """What the lines of a batch were worked out by, as the batch keeps it in `terms`."""

    policy: str
    """What it was called then."""
    terms: Terms
    outage: Outage
    prices_include_tax: bool

    def to_json(self) -> str:
        plain = {
            "policy": self.policy,
            "terms": json.loads(self.terms.to_json()),
            "outage": json.loads(self.outage.to_json()),
            "prices_include_tax": self.prices_include_tax,
        }
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what `to_json` has written."""
        plain = json.loads(text)
        return cls(
            plain["policy"],
            Terms.from_json(json.dumps(plain["terms"])),
            Outage.from_json(json.dumps(plain["outage"])),
            plain["prices_include_tax"],
        )

    def fee(self, price_minor: int, months: int, tax_bp: int) -> Fee:
        """Return what a subscription costs, as the reckoner takes it."""
        return Fee(price_minor, months, tax_bp, self.prices_include_tax)


@dataclass(frozen=True, slots=True)
class Days:
    """The panel's days of an outage: a subscription began and ended on days, not at moments."""

    panel_zone: str
    first: date
    last: date

    @classmethod
    def of(cls, outage: Outage, panel_zone: str) -> Self:
        local = zone(panel_zone)
        return cls(panel_zone, outage.starts_at.astimezone(local).date(), outage.ends_at.astimezone(local).date())

    def span(self, started_on: date, cancelled_on: date | None) -> tuple[datetime | None, datetime | None]:
        """Return since when and until when a subscription was active, as far as that cuts the outage short."""
        since = self._midnight(started_on) if started_on > self.first else None
        until = self._midnight(cancelled_on) if cancelled_on is not None and cancelled_on <= self.last else None
        return since, until

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), zone(self.panel_zone))


def prepare(session: Session, incident_id: int, *, by: Actor, key: str) -> int:
    """Begin to work out what everybody who was hit is owed, and return the batch. Safe to repeat with the same key.

    An earlier preview of the incident that was never issued is dropped.

    Raises:
        IncidentNotFoundError: there is none of this number.
        IncidentError: it still lasts or ends in the future, has no policy, hit nothing, is dismissed, or its credit is
            being issued.
    """
    customers.lock_settings(session)
    setting = _settings(session)
    earlier = request_keys.claim(session, "incident.preview", key, (incident_id, by.kind, by.id))
    if earlier is not None:
        return int(earlier)
    incident, batches = incidents.lock(session, incident_id)
    row = session.execute(select(_INCIDENTS).where(_INCIDENTS.c.id == incident_id)).one()
    basis = _basis(session, row, prices_include_tax=setting.prices_include_tax)
    if any(_is_under_way(one, incident.credit_round) for one in batches):
        raise IncidentError("Credit for this incident is being issued, or was stopped half-way. Finish that first.")
    hit = _hit(session, incident_id, Days.of(basis.outage, setting.time_zone))
    expected = affected.count(session, hit)
    incidents.drop_previews(session, batches)
    moment = now(session)
    values = {
        "kind": str(BatchKind.DOWNTIME),
        "status": str(BatchStatus.PREPARING),
        "title": row.title,
        "incident_id": incident_id,
        "credit_round": incident.credit_round,
        "terms": basis.to_json(),
        "reason_id": row.reason_id,
        "customer_note": row.customer_note,
        "expected": expected,
        "made_by": by.id,
        "version": 1,
        "created_at": moment,
        "updated_at": moment,
    }
    new = insert(_BATCHES).values({**_NOTHING_YET, **values}).returning(_BATCHES.c.id)
    batch_id: int = session.execute(new).scalar_one()
    request_keys.keep(session, "incident.preview", key, str(batch_id))
    after = {"incident": incident_id, "policy": basis.policy, "expected": expected}
    audit.record(session, Action.PREVIEW_MADE, by, "batch", batch_id, after=after)
    return batch_id


def prepare_chunk(session: Session, batch_id: int) -> bool:
    """Work out the next lines of a batch, and return whether there may be more. Safe to repeat, and to do at once.

    Raises:
        BatchNotFoundError: there is none of this number.
    """
    b = _BATCHES.c
    columns = (b.status, b.incident_id, b.credit_round, b.terms, b.lines, b.prepared_customer, b.prepared_item)
    batch = session.execute(select(b.version, *columns).where(b.id == batch_id).with_for_update()).one_or_none()
    if batch is None:
        raise BatchNotFoundError(batch_id)
    if batch.status != BatchStatus.PREPARING:
        return False
    basis = Basis.from_json(batch.terms)
    days = Days.of(basis.outage, _settings(session).time_zone)
    hit = affected.find_hit(session, batch.incident_id, days.first, days.last)
    after = (batch.prepared_customer, batch.prepared_item)
    found = session.execute(affected.select_next(hit, after, most=CHUNK)).all()
    flags = _Flags(session, batch, basis, {row.customer_id for row in found})
    reckoner = Reckoner(basis.terms, basis.outage)
    rows = []
    for line, row in enumerate(found, start=batch.lines + 1):
        fee = basis.fee(row.price_minor, Cycle(row.cycle).months, row.tax_bp)
        credit = reckoner.credit(fee, *days.span(row.started_on, row.cancelled_on))
        rows.append(_line(batch_id, line, row, fee, credit, flags))
    insert_rows(session, _LINES, rows)
    has_more = len(found) == CHUNK
    values: dict[str, Any] = {"lines": batch.lines + len(found), "version": batch.version + 1}
    if found:
        values |= {"prepared_customer": found[-1].customer_id, "prepared_item": found[-1].id}
    if not has_more:
        values["status"] = str(BatchStatus.READY)
    session.execute(update(_BATCHES).where(b.id == batch_id).values(**values, updated_at=now(session)))
    return has_more


class _Flags:
    """What somebody should know of the lines of a chunk."""

    def __init__(
        self, session: Session, batch: Row[*tuple[Any, ...]], basis: Basis, customer_ids: Collection[int]
    ) -> None:
        self.incident_id, self.credit_round = batch.incident_id, batch.credit_round
        self._credited: dict[int, list[Credited]] = defaultdict(list)
        for one in affected.credited(session, customer_ids):
            self._credited[one.subscription_id].append(one)
        others = {
            one.incident_id
            for credited in self._credited.values()
            for one in credited
            if one.stands and one.incident_id is not None
        }
        span = (basis.outage.starts_at, basis.outage.ends_at)
        self._overlapping = affected.overlapping(session, batch.incident_id, *span, others) if others else {}

    def of(self, row: Row[*tuple[Any, ...]], credit: Credit) -> tuple[LineFlag, str]:
        """Return the flag of a line, the one that weighs most, and what it is about in a sentence."""
        credited = self._credited.get(row.id, ())
        key = downtime_key(self.incident_id, row.id, self.credit_round)
        if any(one.key == key or (one.stands and one.incident_id == self.incident_id) for one in credited):
            return LineFlag.CREDITED, "Has been credited for this incident."
        return _in_the_way(row) or self._weighed(row, credit, self._overlap(credited))

    def _weighed(self, row: Row[*tuple[Any, ...]], credit: Credit, overlap: list[str]) -> tuple[LineFlag, str]:
        if row.status == SubscriptionStatus.SUSPENDED:
            return LineFlag.SUSPENDED, " ".join(["The subscription is suspended.", *overlap])
        if credit.is_small:
            return LineFlag.SMALL, " ".join(["It comes to less than the policy’s minimum.", *overlap])
        if credit.amount_minor == 0:
            return LineFlag.SMALL, " ".join(["It comes to nothing.", *overlap])
        return (LineFlag.OVERLAP, overlap[0]) if overlap else (LineFlag.NONE, "")

    def _overlap(self, credited: Collection[Credited]) -> list[str]:
        for one in credited:
            if one.stands and one.incident_id in self._overlapping:
                title = self._overlapping[one.incident_id]
                return [f"Has been credited for “{title}” (incident #{one.incident_id}), which overlaps this one."]
        return []


def _in_the_way(row: Row[*tuple[Any, ...]]) -> tuple[LineFlag, str] | None:
    """Return what keeps an account from taking credit."""
    if row.closed_at is not None or row.customer_status in _MERGED_OR_CLOSED:
        return LineFlag.CLOSED, "The user is closed, or was merged into another."
    if row.frozen_at is not None:
        return LineFlag.FROZEN, "The balance is frozen."
    return None


def _line(
    batch_id: int, line: int, row: Row[*tuple[Any, ...]], fee: Fee, credit: Credit, flags: _Flags
) -> dict[str, Any]:
    flag, problem = flags.of(row, credit)
    return {
        "batch_id": batch_id,
        "line": line,
        "customer_id": row.customer_id,
        "subscription_id": row.id,
        "label": f"{row.product}: {row.label}" if row.label else row.product,
        "price_minor": fee.price_minor,
        "months": fee.months,
        "tax_bp": fee.tax_bp,
        "down_seconds": credit.down_seconds,
        "computed_minor": credit.amount_minor,
        "amount_minor": credit.amount_minor,
        "changed_why": "",
        "changed_by": None,
        "is_included": flag is LineFlag.NONE,
        "flag": str(flag),
        "problem": problem,
        "outcome": "",
        "reason_id": None,
        "note": "",
        "customer_note": "",
        "ticket_ref": "",
        "row_hash": None,
        "entry_key": downtime_key(flags.incident_id, row.id, flags.credit_round),
        "invoice_id": None,
    }


def _basis(session: Session, incident: Row[*tuple[Any, ...]], *, prices_include_tax: bool) -> Basis:
    """Return what the incident's lines are worked out by; refuse one that cannot be."""
    if incident.dismissed_at is not None:
        raise IncidentError("This incident has been dismissed.")
    if incident.ends_at is None:
        raise IncidentError("Enter when it ended: what still lasts cannot be credited.", box="ends_at")
    if incident.ends_at > now(session):
        raise IncidentError("It ends in the future: check its times and their zone.", box="ends_at")
    if incident.policy_id is None:
        raise IncidentError("Choose the policy by which it is credited.", box="policy")
    policy = session.get_one(DowntimePolicy, incident.policy_id)
    tier, window = DowntimeTier, IncidentWindow
    tiers = session.execute(select(tier).where(tier.policy_id == policy.id)).scalars()
    windows = session.execute(
        select(window.starts_at, window.ends_at).where(window.incident_id == incident.id).order_by(window.starts_at)
    )
    outage = Outage(
        incident.starts_at, incident.ends_at, tuple((row[0], row[1]) for row in windows), incident.time_zone
    )
    return Basis(policy.name, Terms.of(policy, tiers), outage, prices_include_tax)


def _is_under_way(batch: Row[*tuple[Any, ...]], credit_round: int) -> bool:
    """Return whether a batch posts, or may go on to; one that was stopped and taken back never does again."""
    may_resume = batch.status == BatchStatus.STOPPED and batch.credit_round == credit_round
    return bool(may_resume or batch.status == BatchStatus.ISSUING)


def _hit(session: Session, incident_id: int, days: Days) -> Hit:
    hit = affected.find_hit(session, incident_id, days.first, days.last)
    if hit.is_nothing:
        raise IncidentError("Say what was hit: servers or locations, products, or users.", box="places")
    return hit


def _settings(session: Session) -> Row[*tuple[Any, ...]]:
    columns = select(Setting.time_zone, Setting.prices_include_tax)
    return session.execute(columns.where(Setting.id == 1)).one()


_NOTHING_YET: dict[str, Any] = {
    "note": "",
    "problem": "",
    "source_name": "",
    "source_digest": "",
    "spent_choice": "",
    **dict.fromkeys(("lines", "prepared_customer", "prepared_item", "to_post", "to_post_minor"), 0),
    **dict.fromkeys(("done_line", "posted", "posted_minor", "skipped"), 0),
}
