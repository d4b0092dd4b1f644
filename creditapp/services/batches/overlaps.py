"""Incidents that overlap in time: what one of them credits, another must not credit unseen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select

from creditapp.errors import BatchStateError
from creditapp.models import BatchKind, BatchStatus, Incident, LineFlag
from creditapp.services.batches.batch import BATCHES, LINES, BatchRow

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Locked:
    """An incident, locked until the commit."""

    id: int
    title: str
    credit_round: int
    dismissed_at: datetime | None


def lock(session: Session, incident_id: int) -> dict[int, Locked]:
    """Lock an incident and those that overlap it, by rising id, and return them by id.

    Incidents are locked before batches. Of two that overlap, only one batch can be confirmed at a time.
    """
    i = Incident
    starts_at, ends_at = session.execute(select(i.starts_at, i.ends_at).where(i.id == incident_id)).one()
    until = i.starts_at < ends_at if ends_at is not None else i.starts_at >= starts_at
    overlaps = until & or_(i.ends_at.is_(None), i.ends_at > starts_at)
    statement = (
        select(i.id, i.title, i.credit_round, i.dismissed_at)
        .where((i.id == incident_id) | overlaps)
        .order_by(i.id)
        .with_for_update()
    )
    return {row.id: Locked(*row) for row in session.execute(statement)}


def check(session: Session, batch: BatchRow, incidents: dict[int, Locked]) -> None:
    """Refuse a batch whose preview could not show what another incident, locked as it is, credits by now.

    A subscription that was flagged is credited by choice; one that another batch has credited since, or is about to,
    would be credited twice without anybody having seen it.

    Raises:
        BatchStateError: it is to be previewed anew.
    """
    for other_id, incident_id in _unseen(session, batch, incidents):
        lines = _shared_lines(session, batch.id, other_id)
        if lines:
            title = incidents[incident_id].title
            which = "1 of its lines has" if lines == 1 else f"{lines:,} of its lines have"
            problem = (
                f"does not show that {which} got credit for “{title}” (incident #{incident_id}), which overlaps this "
                f"one, or will by batch #{other_id}. When that is done, preview this incident anew."
            )
            raise BatchStateError(batch.id, problem)


def _unseen(session: Session, batch: BatchRow, incidents: dict[int, Locked]) -> list[tuple[int, int]]:
    """Return the batches, with their incidents, that were not done when this one was worked out."""
    b = BATCHES.c
    under_way = b.status.in_([str(BatchStatus.ISSUING), str(BatchStatus.STOPPED)])
    created_at = select(b.created_at).where(b.id == batch.id).scalar_subquery()
    statement = select(b.id, b.incident_id, b.credit_round).where(
        b.incident_id.in_([one for one in incidents if one != batch.incident_id]),
        b.kind == str(BatchKind.DOWNTIME),
        b.issued_at.is_not(None),
        or_(under_way, b.finished_at >= created_at),
    )
    rows = session.execute(statement.order_by(b.id))
    return [(row.id, row.incident_id) for row in rows if row.credit_round == incidents[row.incident_id].credit_round]


def _shared_lines(session: Session, batch_id: int, other_id: int) -> int:
    """Return how many lines of a batch, flagged for no overlap, are about what another one credits."""
    mine, other = LINES.alias("mine").c, LINES.alias("other").c
    same = (mine.customer_id == other.customer_id) & (mine.subscription_id == other.subscription_id)
    statement = select(func.count()).where(
        *(mine.batch_id == batch_id, mine.is_included, mine.amount_minor != 0, mine.flag != str(LineFlag.OVERLAP)),
        *(other.batch_id == other_id, other.is_included, other.amount_minor != 0, other.outcome == "", same),
    )
    return session.execute(statement).scalar_one()
