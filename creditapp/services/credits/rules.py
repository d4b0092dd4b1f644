"""What stands before every verb: why credit may be given or taken, and how much this person may do alone.

What they ask of the database goes along with the opening of the account (`*_calls`); they judge what came back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, bindparam, select

from creditapp.errors import AuthorityLimitError, NoteRequiredError, ReasonError, StaffDisabledError
from creditapp.models import CreditClass, Reason, Role, Staff
from creditapp.models import RoleRules as Rules
from creditapp.services import ledger, self_dealing
from creditapp.services.ledger import Panel
from creditapp.statements import Call, Outcome, Prepared

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor


@dataclass(frozen=True, slots=True)
class Why:
    """A reason, as it stands inside this transaction."""

    id: int
    name: str
    direction: str
    is_active: bool
    is_quiet: bool
    note_required: bool
    note_above_minor: int | None
    class_: str
    expires_after_days: int | None
    customer_text: str

    def terms(self, panel: Panel, moment: datetime) -> dict[str, Any]:
        """Return what the reason decides about a posting made now."""
        return {
            "reason_id": self.id,
            "is_quiet": self.is_quiet,
            "class_": CreditClass(self.class_),
            "expires_at": self._expires_at(panel, moment),
        }

    def _expires_at(self, panel: Panel, moment: datetime) -> datetime | None:
        """Return the moment a lot of this reason lapses: the end of its last day in the panel's zone."""
        if self.expires_after_days is None:
            return None
        last_day = panel.day_of(moment) + timedelta(days=self.expires_after_days)
        return datetime.combine(last_day + timedelta(days=1), time(), ledger.zone(panel.time_zone))


@dataclass(frozen=True, slots=True)
class Authority:
    """What the role of the staff member who asks may do alone."""

    role: str
    add_max_minor: int | None
    remove_max_minor: int | None
    reverses_own_only: bool
    disabled_at: datetime | None


def reason_call(reason_id: int) -> Call:
    """Return what to ask for `check_reason`."""
    return _REASON(reason_id=reason_id)


def check_reason(asked: Outcome, amount_minor: int, note: str) -> Why:
    """Return the reason, if it fits the amount and the note.

    Raises:
        ReasonError, NoteRequiredError: it does not.
    """
    if not asked.rows:
        raise ReasonError("Choose a reason from the list.")
    why = Why(*asked.rows[0])
    check_why(why, amount_minor, note)
    return why


def check_why(why: Why, amount_minor: int, note: str) -> None:
    """Check that a reason fits the amount and the note.

    Raises:
        ReasonError, NoteRequiredError: it does not.
    """
    if not why.is_active:
        raise ReasonError(f"The reason “{why.name}” has been switched off; choose another.")
    if why.direction not in {"both", "add" if amount_minor > 0 else "remove"}:
        verb = "adding" if why.direction == "add" else "removing"
        raise ReasonError(f"The reason “{why.name}” is only for {verb} credit; choose another.")
    if not note and why.note_required:
        raise NoteRequiredError(reason=why.name, above_minor=None)
    if not note and why.note_above_minor is not None and abs(amount_minor) > why.note_above_minor:
        raise NoteRequiredError(reason=why.name, above_minor=why.note_above_minor)


def authority_calls(by: Actor, customer_id: int | None = None) -> list[Call]:
    """Return what to ask for `check_authority`: nothing of anybody but staff, who alone have limits.

    Without a customer it is about limits alone.
    """
    if by.kind != "staff":
        return []
    about_both = [] if customer_id is None else [self_dealing.call(by, customer_id)]
    return [_AUTHORITY(staff_id=by.id), *about_both]


def check_authority(asked: Sequence[Outcome], amount_minor: int, customer_id: int = 0) -> Authority | None:
    """Return what the staff member may do alone, this amount being part of it; None for anybody else.

    Raises:
        AuthorityLimitError, StaffDisabledError, OwnAccountError: this person may not.
    """
    if not asked:
        return None
    authority = _authority(asked)
    for about_both in asked[1:]:
        self_dealing.check(about_both, customer_id)
    limit_minor = authority.add_max_minor if amount_minor > 0 else authority.remove_max_minor
    if limit_minor is not None and abs(amount_minor) > limit_minor:
        role = Role(authority.role).label.lower()
        raise AuthorityLimitError(limit_minor=limit_minor, amount_minor=amount_minor, role=role)
    return authority


def limits(asked: Sequence[Outcome]) -> tuple[int | None, int | None]:
    """Return the most that this person may add and remove with one entry, in minor units; None: no limit.

    Raises:
        StaffDisabledError: this person may do nothing any more.
    """
    if not asked:
        return None, None
    authority = _authority(asked)
    return authority.add_max_minor, authority.remove_max_minor


def _authority(asked: Sequence[Outcome]) -> Authority:
    if not asked[0].rows:
        raise StaffDisabledError
    authority = Authority(*asked[0].rows[0])
    if authority.disabled_at is not None:
        raise StaffDisabledError
    return authority


def read_reasons(session: Session) -> dict[int, Why]:
    """Return every reason, as it stands inside this transaction: for many entries at once."""
    return {row[0]: Why(*row) for row in session.connection().execute(_select_reasons()).all()}


def _select_reasons() -> Select[*tuple[Any, ...]]:
    return select(
        Reason.id,
        Reason.name,
        Reason.direction,
        Reason.is_active,
        Reason.is_quiet,
        Reason.note_required,
        Reason.note_above_minor,
        Reason.class_,
        Reason.expires_after_days,
        Reason.customer_text,
    )


_REASON = Prepared(_select_reasons().where(Reason.id == bindparam("reason_id")))
_AUTHORITY = Prepared(
    select(Staff.role, Rules.add_max_minor, Rules.remove_max_minor, Rules.reverses_own_only, Staff.disabled_at)
    .join(Rules, Rules.role == Staff.role)
    .where(Staff.id == bindparam("staff_id"))
)
