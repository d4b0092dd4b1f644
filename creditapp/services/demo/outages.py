"""Two outages of a made-up panel: one of yesterday that has been credited, one of this morning that has not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from creditapp.db import transact_at
from creditapp.models import BatchLine, DowntimePolicy, Subscription
from creditapp.services import batches, downtime_lines, incidents
from creditapp.services.incidents import IncidentFields

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

POLICY = "5 % per started 30 minutes"
KEY = "demo-outage"
YESTERDAY, LATELY = timedelta(hours=27), timedelta(hours=5)
LONG, SHORT = timedelta(hours=3, minutes=20), timedelta(minutes=47)


def suffer(until: datetime, *, by: Actor) -> None:
    """Let two servers fail before this moment, if the panel has two, and credit the first of the outages."""
    places = transact_at(until, _places)
    if len(places) < 2:  # noqa: PLR2004  (one for each outage)
        return
    policy_id = transact_at(until, _policy)
    first = _fields(places[0], until - YESTERDAY, LONG, policy_id, reference="STATUS-114")
    second = _fields(places[1], until - LATELY, SHORT, policy_id, reference="STATUS-117")
    incident_id = transact_at(until, incidents.create, first, by=by, key=f"{KEY}-1")
    transact_at(until, incidents.create, second, by=by, key=f"{KEY}-2")
    batch_id = transact_at(until, downtime_lines.prepare, incident_id, by=by, key=KEY)
    while transact_at(until, downtime_lines.prepare_chunk, batch_id):
        pass
    count = transact_at(until, _included, batch_id)
    if count:
        transact_at(until, batches.issue, batch_id, count=count, by=by, key=KEY)
        while transact_at(until, batches.go_on, batch_id).goes_on:
            pass


def _fields(place: str, starts_at: datetime, lasted: timedelta, policy_id: int, *, reference: str) -> IncidentFields:
    began = starts_at.replace(second=0, microsecond=0)
    return IncidentFields(
        title=f"Outage of {place}",
        starts_at=began,
        ends_at=began + lasted,
        time_zone="UTC",
        reference=reference,
        policy_id=policy_id,
        customer_note="We are sorry for the outage",
        locations=(place,),
    )


def _places(session: Session) -> list[str]:
    """Return the two servers that most subscriptions depend on."""
    s = Subscription
    statement = (
        select(s.location).where(s.location != "").group_by(s.location).order_by(func.count().desc(), s.location)
    )
    return list(session.execute(statement.limit(2)).scalars())


def _policy(session: Session) -> int:
    return session.execute(select(DowntimePolicy.id).where(DowntimePolicy.name == POLICY)).scalar_one()


def _included(session: Session, batch_id: int) -> int:
    included = select(func.count()).where(BatchLine.batch_id == batch_id, BatchLine.is_included)
    return session.execute(included).scalar_one()
