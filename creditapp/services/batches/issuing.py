"""What people do with a batch: confirm it, stop it between two chunks, let it go on, or drop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from creditapp.db import now
from creditapp.errors import BatchCountError, BatchStateError, BatchTooLargeError, ReasonError
from creditapp.models import BatchKind, BatchPart, BatchStatus, Reason
from creditapp.services import audit, request_keys
from creditapp.services.audit import Action
from creditapp.services.batches import overlaps
from creditapp.services.batches.batch import BATCHES, LINES, BatchRow, expect, find, lock, write
from creditapp.services.credits import rules
from creditapp.statements import run
from creditapp.text import fold

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor
    from creditapp.services.batches.overlaps import Locked

LINES_AT_ONCE = 5000
"""How many lines of a dropped batch go in one transaction."""
REASON = "Downtime"


def issue(session: Session, batch_id: int, *, count: int, by: Actor, key: str) -> None:
    """Confirm a batch: its lines are fixed from now on, and a job posts them. Safe to repeat with the same key.

    `count` is what the person typed: how many lines are to be posted.

    Raises:
        BatchNotFoundError: there is none of this number.
        BatchStateError: it has been issued or dropped, has nothing to post, its incident was reckoned anew, or another
            one that overlaps has been credited since.
        BatchCountError: another number of lines is to be posted.
        BatchTooLargeError, StaffDisabledError: this person may not post all of it.
        ReasonError: the reason has been switched off.
    """
    if request_keys.claim(session, "batch.issue", key, (batch_id, count, by.kind, by.id)) is not None:
        return
    incident_id = find(session, batch_id).incident_id
    incidents = overlaps.lock(session, incident_id) if incident_id is not None else {}
    batch = lock(session, batch_id)
    expect(batch, BatchStatus.READY)
    _check_round(batch, incidents)
    c = LINES.c
    lines, total_minor = session.execute(
        select(func.count(), func.coalesce(func.sum(c.amount_minor), 0)).where(
            c.batch_id == batch_id, c.is_included, c.amount_minor != 0
        )
    ).one()
    if lines == 0:
        raise BatchStateError(batch_id, "has no line that would be posted.")
    if lines != count:
        raise BatchCountError(typed=count, lines=lines)
    check_authority(session, batch_id, by)
    overlaps.check(session, batch, incidents)
    write(
        session,
        batch,
        status=str(BatchStatus.ISSUING),
        issued_by=by.id,
        issued_at=now(session),
        to_post=lines,
        to_post_minor=int(total_minor),
        reason_id=_reason(session, batch) if batch.kind == BatchKind.DOWNTIME else batch.reason_id,
    )
    after = {"lines": lines, "total_minor": int(total_minor), "incident": batch.incident_id}
    audit.record(session, Action.BATCH_ISSUED, by, "batch", batch_id, after=after)


def stop(session: Session, batch_id: int, *, by: Actor, key: str) -> None:
    """Stop a batch between two chunks; what has been posted stays. Safe to repeat with the same key.

    Raises:
        BatchStateError: it is not being issued.
    """
    _turn(session, batch_id, BatchStatus.ISSUING, BatchStatus.STOPPED, Action.BATCH_STOPPED, by=by, key=key)


def resume(session: Session, batch_id: int, *, by: Actor, key: str) -> None:
    """Let a stopped batch go on where it was. Safe to repeat with the same key.

    Raises:
        BatchStateError: it is not stopped, or what it posted is being taken back.
    """
    _turn(session, batch_id, BatchStatus.STOPPED, BatchStatus.ISSUING, Action.BATCH_RESUMED, by=by, key=key)


def drop(session: Session, batch_id: int, *, by: Actor, key: str) -> None:
    """Give up a batch of which nothing was posted; a job removes its lines. Safe to repeat with the same key.

    Raises:
        BatchStateError: it has been issued.
    """
    if request_keys.claim(session, "batch.drop", key, (batch_id, by.kind, by.id)) is not None:
        return
    batch = lock(session, batch_id)
    if batch.status != BatchStatus.STOPPED or batch.done_line:
        expect(batch, BatchStatus.READY, BatchStatus.PREPARING, BatchStatus.FAILED)
    write(session, batch, status=str(BatchStatus.DROPPED), finished_at=now(session), issued_at=None)
    audit.record(session, Action.BATCH_DROPPED, by, "batch", batch_id, after={"lines": batch.lines})


def forget_lines(session: Session, batch_id: int) -> bool:
    """Remove some lines of a dropped batch, and return whether there may be more."""
    batch = find(session, batch_id)
    if batch.status != BatchStatus.DROPPED:
        return False
    session.execute(delete(BatchPart).where(BatchPart.batch_id == batch_id))
    c = LINES.c
    first = select(func.min(c.line)).where(c.batch_id == batch_id).scalar_subquery()
    gone = session.connection().execute(delete(LINES).where(c.batch_id == batch_id, c.line < first + LINES_AT_ONCE))
    return bool(gone.rowcount)


def check_authority(session: Session, batch_id: int, by: Actor) -> None:
    """Check what a person may post alone against the largest lines.

    Raises:
        BatchTooLargeError, StaffDisabledError: not all of it.
    """
    asked = run(session, *rules.authority_calls(by)) if by.kind == "staff" else []
    limits = rules.limits(asked)
    c = LINES.c
    posted = (c.batch_id == batch_id, c.is_included)
    for limit_minor, above, largest in (
        (limits[0], c.amount_minor > (limits[0] or 0), func.max(c.amount_minor)),
        (limits[1], c.amount_minor < -(limits[1] or 0), func.min(c.amount_minor)),
    ):
        if limit_minor is None:
            continue
        lines, largest_minor = session.execute(select(func.count(), largest).where(*posted, above)).one()
        if lines:
            raise BatchTooLargeError(limit_minor=limit_minor, largest_minor=largest_minor, lines=lines)


def _turn(
    session: Session,
    batch_id: int,
    before: BatchStatus,
    after: BatchStatus,
    action: Action,
    *,
    by: Actor,
    key: str,
) -> None:
    if request_keys.claim(session, str(action), key, (batch_id, by.kind, by.id)) is not None:
        return
    batch = lock(session, batch_id)
    expect(batch, before)
    if after is BatchStatus.ISSUING and _taken_back(session, batch_id):
        raise BatchStateError(batch_id, "is being taken back, and cannot go on.")
    write(session, batch, status=str(after))
    audit.record(session, action, by, "batch", batch_id, after={"posted": batch.posted, "of": batch.to_post})


def _taken_back(session: Session, batch_id: int) -> bool:
    return session.execute(select(BATCHES.c.id).where(BATCHES.c.reverses_id == batch_id)).first() is not None


def _check_round(batch: BatchRow, incidents: dict[int, Locked]) -> None:
    """See that the incident stands as it did when the lines were worked out."""
    if batch.incident_id is None:
        return
    incident = incidents[batch.incident_id]
    if incident.dismissed_at is not None:
        raise BatchStateError(batch.id, "is about an incident that has been dismissed.")
    if incident.credit_round != batch.credit_round:
        raise BatchStateError(batch.id, "was worked out before the incident's credit was taken back; preview it anew.")


def _reason(session: Session, batch: BatchRow) -> int:
    """Return the reason of the batch, or the one for downtime."""
    reasons = select(Reason.id, Reason.is_active, Reason.direction)
    own = reasons.where(Reason.id == batch.reason_id) if batch.reason_id else None
    statement = reasons.where(Reason.name_key == fold(REASON)) if own is None else own
    row = session.execute(statement).first()
    if row is None or not row.is_active or row.direction == "remove":
        raise ReasonError(f"The reason “{REASON}” is missing or switched off; choose one for the incident.")
    return int(row.id)
