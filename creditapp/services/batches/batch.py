"""A batch inside a transaction: its row, locked, and what is written back to it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from creditapp.db import Base, now
from creditapp.errors import BatchNotFoundError, BatchStateError, DomainError
from creditapp.models import Batch, BatchKind, BatchLine, BatchPart, BatchStatus, Incident, Setting, downtime_key
from creditapp.money import currency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

OUTCOME_CHARS_MAX = 300
BATCHES = Base.metadata.tables[Batch.__tablename__]
LINES = Base.metadata.tables[BatchLine.__tablename__]


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch as it stands inside this transaction."""

    id: int
    kind: str
    status: str
    title: str
    incident_id: int | None
    reverses_id: int | None
    credit_round: int
    terms: str
    reason_id: int | None
    customer_note: str
    note: str
    spent_choice: str
    lines: int
    to_post: int
    done_line: int
    posted: int
    posted_minor: int
    skipped: int
    made_by: int | None
    issued_by: int | None
    issued_at: datetime | None
    version: int


_COLUMNS = [BATCHES.c[field.name] for field in fields(BatchRow)]
UNFINISHED = (BatchStatus.PREPARING, BatchStatus.ISSUING, BatchStatus.DROPPED)


def find(session: Session, batch_id: int) -> BatchRow:
    """Return the batch, unlocked.

    Raises:
        BatchNotFoundError: there is none of this number.
    """
    return _read(session, batch_id, locked=False)


def lock(session: Session, batch_id: int) -> BatchRow:
    """Return the batch, locked until the commit. No chunk of it is being worked on while it is.

    Raises:
        BatchNotFoundError: there is none of this number.
    """
    return _read(session, batch_id, locked=True)


def lock_after_incident(session: Session, batch_id: int) -> BatchRow:
    """Return the batch, locked after the incident whose credit it takes back: it will begin a new round of it.

    Raises:
        BatchNotFoundError: there is none of this number.
    """
    batch = find(session, batch_id)
    if batch.kind == BatchKind.REVERSAL and batch.incident_id is not None:
        session.execute(select(Incident.id).where(Incident.id == batch.incident_id).with_for_update()).one()
    return lock(session, batch_id)


def expect(batch: BatchRow, *statuses: BatchStatus) -> None:
    """Raise what somebody is told who comes too late, unless the batch has one of these statuses.

    Raises:
        BatchStateError: it has another.
    """
    if batch.status not in statuses:
        raise BatchStateError(batch.id, _WHERE_IT_IS[BatchStatus(batch.status)])


def write(session: Session, batch: BatchRow, **values: Any) -> None:  # noqa: ANN401  (the columns' own)
    """Write these columns of a locked batch."""
    session.execute(
        update(BATCHES)
        .where(BATCHES.c.id == batch.id)
        .values(version=batch.version + 1, updated_at=now(session), **values)
    )


def entry_key(batch: BatchRow, own: str, subscription_id: int | None) -> str:
    """Return under which key a line posts: its own, or that of its incident, subscription and round."""
    return own or downtime_key(batch.incident_id or 0, subscription_id or 0, batch.credit_round)


def unfinished(session: Session) -> Sequence[tuple[int, str, str]]:
    """Return id, kind and status of the batches that a job has to go on with, the oldest first.

    Those that were dropped are among them until their lines and their file have gone.
    """
    has_lines = select(LINES.c.line).where(LINES.c.batch_id == BATCHES.c.id).exists()
    has_file = select(BatchPart.part).where(BatchPart.batch_id == BATCHES.c.id).exists()
    statement = (
        select(BATCHES.c.id, BATCHES.c.kind, BATCHES.c.status)
        .where(
            BATCHES.c.status.in_([str(status) for status in UNFINISHED]),
            (BATCHES.c.status != str(BatchStatus.DROPPED)) | has_lines | has_file,
        )
        .order_by(BATCHES.c.id)
    )
    return [(row.id, row.kind, row.status) for row in session.execute(statement)]


def says(session: Session, refusal: DomainError) -> str:
    """Return the sentence of a refusal, in the panel's currency, as long as a line has room for."""
    write_money = currency(session.execute(select(Setting.currency)).scalar_one()).format
    return refusal.sentence(write_money)[:OUTCOME_CHARS_MAX]


def may_be_reversed(batch: BatchRow) -> bool:
    """Return whether it has posted something, and nothing more is coming."""
    return batch.kind != BatchKind.REVERSAL and batch.status in {BatchStatus.DONE, BatchStatus.STOPPED}


def _read(session: Session, batch_id: int, *, locked: bool) -> BatchRow:
    statement = select(*_COLUMNS).where(BATCHES.c.id == batch_id)
    row = session.execute(statement.with_for_update() if locked else statement).first()
    if row is None:
        raise BatchNotFoundError(batch_id)
    return BatchRow(*row)


_WHERE_IT_IS = {
    BatchStatus.PREPARING: "is still being worked out.",
    BatchStatus.READY: "has not been issued.",
    BatchStatus.ISSUING: "is being issued already.",
    BatchStatus.STOPPED: "has been stopped.",
    BatchStatus.DONE: "has been issued already.",
    BatchStatus.DROPPED: "was dropped; there is a newer preview, or somebody decided against it.",
    BatchStatus.FAILED: "could not be worked out.",
}
