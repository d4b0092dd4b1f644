"""The lines of a preview, as people change them before it is issued: left out, included again, given another amount."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, or_, select, update

from creditapp.db import Base, now
from creditapp.errors import BatchNotFoundError, BatchStateError, LineError
from creditapp.models import Batch, BatchLine, BatchStatus, LineFlag
from creditapp.money import AMOUNT_MINOR_MAX
from creditapp.queries import batch_lines as queries
from creditapp.queries.batch_lines import LineFilter
from creditapp.services import audit, request_keys
from creditapp.services.audit import Action

if TYPE_CHECKING:
    from sqlalchemy import Row
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

WHY_CHARS_MAX = 200
BY_AMOUNT = {LineFlag.SUSPENDED, LineFlag.SMALL}
"""Left out, unless somebody says how much and why."""
FREE = {LineFlag.NONE, LineFlag.OVERLAP}
"""What may be included by a tick."""
_BATCHES = Base.metadata.tables[Batch.__tablename__]
_LINES = Base.metadata.tables[BatchLine.__tablename__]
SCOPE = "batch.lines"


def tick(session: Session, batch_id: int, wanted: int | LineFilter, *, by: Actor, key: str) -> int:
    """Include a line, or all that fit, and return how many more are included now. Safe to repeat with the same key.

    Of many, those that may not be included are left as they are; and those whose subscription has been credited for an
    overlapping incident, unless just these were asked for.

    Raises:
        BatchNotFoundError, BatchStateError: there is no such preview, or it is one no longer.
        LineError: there is no such line, or it may not be included.
    """
    return _include(session, batch_id, wanted, by=by, key=key, included=True)


def untick(session: Session, batch_id: int, wanted: int | LineFilter, *, by: Actor, key: str) -> int:
    """Leave out a line, or all that fit, and return how many fewer are included now. Safe to repeat with the same key.

    Raises:
        BatchNotFoundError, BatchStateError: there is no such preview, or it is one no longer.
        LineError: there is no such line.
    """
    return _include(session, batch_id, wanted, by=by, key=key, included=False)


def change(session: Session, batch_id: int, line: int, amount_minor: int, *, why: str, by: Actor, key: str) -> None:
    """Give a line another amount and include it; `why` says why. Safe to repeat with the same key.

    Raises:
        BatchNotFoundError, BatchStateError: there is no such preview, or it is one no longer.
        LineError: there is no such line, nothing can be given on it, or the amount or reason is out of range.
    """
    content = (batch_id, line, amount_minor, why, by.kind, by.id)
    if request_keys.claim(session, SCOPE, key, content) is not None:
        return
    _lock_preview(session, batch_id)
    found = _find(session, batch_id, line)
    if found.flag not in FREE | BY_AMOUNT:
        raise LineError(f"Nothing can be given on line {line}. {found.problem}")
    if not 0 < amount_minor <= AMOUNT_MINOR_MAX:
        raise LineError("Enter an amount above zero; to give nothing, leave the line out.")
    if not why or len(why) > WHY_CHARS_MAX:
        raise LineError("Say why the amount differs from what the policy gives.")
    values = {"amount_minor": amount_minor, "changed_why": why, "changed_by": by.id, "is_included": True}
    c = _LINES.c
    session.execute(update(_LINES).where(c.batch_id == batch_id, c.line == line).values(**values))
    before = {"amount_minor": found.amount_minor, "is_included": found.is_included, "why": found.changed_why}
    after = {"line": line, "amount_minor": amount_minor, "is_included": True, "why": why}
    audit.record(session, Action.PREVIEW_EDITED, by, "batch", batch_id, before=before, after=after)


def may_be_ticked(flag: str, amount_minor: int, changed_why: str) -> bool:
    """Return whether a tick is enough to include a line."""
    return amount_minor != 0 and (flag in FREE or (flag in BY_AMOUNT and bool(changed_why)))


def may_be_changed(flag: str) -> bool:
    """Return whether somebody may give a line another amount."""
    return flag in FREE | BY_AMOUNT


def _include(session: Session, batch_id: int, wanted: int | LineFilter, *, by: Actor, key: str, included: bool) -> int:
    earlier = request_keys.claim(session, SCOPE, key, (batch_id, repr(wanted), included, by.kind, by.id))
    if earlier is not None:
        return int(earlier)
    _lock_preview(session, batch_id)
    c = _LINES.c
    if isinstance(wanted, int):
        found = _find(session, batch_id, wanted)
        if included and not may_be_ticked(found.flag, found.amount_minor, found.changed_why):
            raise LineError(_why_not(found))
        which: list[ColumnElement[bool]] = [c.batch_id == batch_id, c.line == wanted]
    else:
        which = queries.conditions(session, batch_id, wanted)
        if included:
            which.append(_tickable(with_overlaps=wanted.flag is LineFlag.OVERLAP))
    which.append(~c.is_included if included else c.is_included)
    turned = session.connection().execute(update(_LINES).where(*which).values(is_included=included)).rowcount
    request_keys.keep(session, SCOPE, key, str(turned))
    if turned:
        about = {"line": wanted} if isinstance(wanted, int) else {"lines": turned}
        audit.record(session, Action.PREVIEW_EDITED, by, "batch", batch_id, after={**about, "is_included": included})
    return turned


def _tickable(*, with_overlaps: bool) -> ColumnElement[bool]:
    c = _LINES.c
    free = [str(flag) for flag in FREE if with_overlaps or flag is not LineFlag.OVERLAP]
    by_amount = [str(flag) for flag in BY_AMOUNT]
    return and_(c.amount_minor != 0, or_(c.flag.in_(free), and_(c.flag.in_(by_amount), c.changed_why != "")))


def _why_not(line: Row[*tuple[Any, ...]]) -> str:
    if line.flag in BY_AMOUNT:
        return f"{line.problem} To credit it all the same, change its amount and say why."
    return f"Line {line.line} cannot be included. {line.problem}".strip()


def _lock_preview(session: Session, batch_id: int) -> None:
    b = _BATCHES.c
    batch = session.execute(select(b.status, b.version).where(b.id == batch_id).with_for_update()).one_or_none()
    if batch is None:
        raise BatchNotFoundError(batch_id)
    if batch.status == BatchStatus.PREPARING:
        raise BatchStateError(batch_id, "is still being worked out.")
    if batch.status != BatchStatus.READY:
        raise BatchStateError(batch_id, "does not change any more.")
    values = {"version": batch.version + 1, "updated_at": now(session)}
    session.execute(update(_BATCHES).where(b.id == batch_id).values(**values))


def _find(session: Session, batch_id: int, line: int) -> Row[*tuple[Any, ...]]:
    c = _LINES.c
    columns = (c.line, c.flag, c.problem, c.amount_minor, c.changed_why, c.is_included)
    row = session.execute(select(*columns).where(c.batch_id == batch_id, c.line == line)).one_or_none()
    if row is None:
        raise LineError(f"There is no line {line}.")
    return row
