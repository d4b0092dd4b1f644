"""Reasons: the managed list that says why credit was given or taken. Switched off, never deleted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from creditapp.errors import LastReasonError, ReasonError, StaleFormError, TakenError
from creditapp.models import CreditClass, Direction, Reason
from creditapp.services import audit, request_keys, settings
from creditapp.services.audit import Action
from creditapp.text import fold

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

NAME_CHARS_MAX = 80
EXPIRY_DAYS_MAX = 3660


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonFields:
    """A reason as its form has it: cleaned and within its lengths. Amounts are minor units."""

    name: str
    direction: Direction
    class_: CreditClass
    is_active: bool = True
    is_quiet: bool = False
    note_required: bool = False
    note_above_minor: int | None = None
    expires_after_days: int | None = None
    customer_text: str = ""

    def columns(self) -> dict[str, Any]:
        """Return what the row holds of these, and the folded name by which it is unique."""
        values = asdict(self) | {"direction": str(self.direction), "class_": str(self.class_)}
        return {**values, "name_key": fold(self.name)}


def create(session: Session, fields: ReasonFields, *, by: Actor, key: str) -> int:
    """Add a reason at the end of the list, and return its id. The same key again adds no second one.

    Raises:
        TakenError: another reason has this name, capitals and accents apart.
        FormReusedError: the key has added another reason.
    """
    settings.lock(session)
    content = (*(None if value is None else str(value) for value in asdict(fields).values()), by.kind, by.id)
    earlier = request_keys.claim(session, "reason", key, content)
    if earlier is not None:
        return int(earlier)
    last = session.execute(select(func.coalesce(func.max(Reason.position), 0))).scalar_one()
    row = insert(Reason).values(**fields.columns(), position=last + 1, version=1)
    try:
        reason_id: int = session.execute(row.returning(Reason.id)).scalar_one()
    except IntegrityError as error:
        raise _taken(error, fields) from error
    request_keys.keep(session, "reason", key, str(reason_id))
    audit.record(session, Action.REASON_CREATED, by, "reason", reason_id, after=asdict(fields))
    return reason_id


def edit(session: Session, reason_id: int, fields: ReasonFields, *, version: int, by: Actor) -> None:
    """Save a reason; `version` is the one the form was opened on. Nothing is written when nothing differs.

    What has been posted keeps its class and expiry; its reason shows under the new name.

    Raises:
        ReasonError: there is no such reason.
        StaleFormError: somebody else saved it meanwhile.
        TakenError: another reason has this name.
        LastReasonError: no active reason would be left for adding, or for removing.
    """
    settings.lock(session)
    saved = session.execute(select(Reason).where(Reason.id == reason_id)).scalar_one_or_none()
    if saved is None:
        raise ReasonError("There is no such reason.")
    if saved.version != version:
        raise StaleFormError("this reason")
    before, after = {name: getattr(saved, name) for name in asdict(fields)}, asdict(fields)
    if before == after:
        return
    row = update(Reason).where(Reason.id == reason_id).execution_options(synchronize_session=False)
    try:
        session.execute(row.values(**fields.columns(), version=version + 1))
    except IntegrityError as error:
        raise _taken(error, fields) from error
    _check_enough(session)
    audit.record(session, Action.REASON_EDITED, by, "reason", reason_id, before, after)


def move(session: Session, reason_id: int, *, up: bool, by: Actor) -> None:
    """Let a reason change places with the one before it, or after it; at the end of the list nothing happens.

    Raises:
        ReasonError: there is no such reason.
    """
    settings.lock(session)
    order = list(session.execute(select(Reason.id).order_by(Reason.position, Reason.id)).scalars())
    if reason_id not in order:
        raise ReasonError("There is no such reason.")
    place = order.index(reason_id)
    other = place - 1 if up else place + 1
    if not 0 <= other < len(order):
        return
    order[place], order[other] = order[other], order[place]
    for position, one in enumerate(order, start=1):
        session.execute(update(Reason).where(Reason.id == one, Reason.position != position).values(position=position))
    before, after = {"position": place + 1}, {"position": other + 1}
    audit.record(session, Action.REASON_EDITED, by, "reason", reason_id, before, after)


def _check_enough(session: Session) -> None:
    """Without a reason for its direction nobody could post a correction any more."""
    active = set(session.execute(select(Reason.direction).where(Reason.is_active)).scalars())
    for direction in (Direction.ADD, Direction.REMOVE):
        if not active & {str(direction), str(Direction.BOTH)}:
            raise LastReasonError(adds=direction is Direction.ADD)


def _taken(error: IntegrityError, fields: ReasonFields) -> Exception:
    return TakenError("name", fields.name) if "name_key" in str(error.orig) else error
