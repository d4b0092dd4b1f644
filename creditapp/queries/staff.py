"""Who works here, and how they sign in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from creditapp.models import (
    AuditRow,
    Customer,
    LogIn,
    LogInSession,
    RecoveryCode,
    Role,
    RoleRules,
    Setting,
    Staff,
    StaffInvitation,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SHOWN_MAX = 500
ACTS_MAX = 10


@dataclass(frozen=True, slots=True)
class StaffFacts:
    """Somebody who works here."""

    id: int
    log_in_id: int
    name: str
    email: str
    role: Role
    disabled_at: datetime | None
    created_at: datetime
    totp_since: datetime | None
    needs_factor: bool
    """The role asks for a second factor."""
    own_customer_id: int | None
    own_customer_name: str | None
    version: int
    seen_at: datetime | None
    """When something was last done or opened; None where nobody has signed in yet."""


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation that waits."""

    email: str
    name: str
    role: Role
    made_by: str | None
    """None: it was made on the command line."""
    created_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Act:
    """One line of the audit log about what somebody did."""

    at: datetime
    action: str
    object_kind: str
    object_id: int | None


def everybody(session: Session) -> list[StaffFacts]:
    """Return all staff: who can sign in first, by name."""
    statement = _select_staff().order_by(Staff.disabled_at.is_not(None), Staff.name, Staff.id).limit(SHOWN_MAX)
    return [_facts(row) for row in session.execute(statement)]


def find(session: Session, staff_id: int) -> StaffFacts | None:
    """Return this member of the staff."""
    row = session.execute(_select_staff().where(Staff.id == staff_id)).one_or_none()
    return _facts(row) if row is not None else None


def invitations(session: Session, moment: datetime) -> list[Invited]:
    """Return the invitations that still work, the newest first."""
    i = StaffInvitation
    works = _select_invited().where(i.ends_at > moment)
    newest = works.order_by(i.created_at.desc(), i.email_key).limit(SHOWN_MAX)
    return [_invited(row) for row in session.execute(newest)]


def find_invited(session: Session, email: str) -> Invited | None:
    """Return the invitation of this address that was not used; it may have run out."""
    i = StaffInvitation
    own = _select_invited().where(i.email == email).order_by(i.created_at.desc()).limit(1)
    row = session.execute(own).one_or_none()
    return _invited(row) if row is not None else None


def last_acts(session: Session, staff_id: int) -> list[Act]:
    """Return what somebody did last, the newest first."""
    a = AuditRow
    statement = (
        select(a.at, a.action, a.object_kind, a.object_id)
        .where(a.actor == "staff", a.actor_id == staff_id)
        .order_by(a.at.desc(), a.seq.desc())
        .limit(ACTS_MAX)
    )
    return [Act(*row) for row in session.execute(statement)]


def required_factors(session: Session) -> dict[Role, bool]:
    """Return of each role whether it asks for a second factor."""
    return {Role(role): on for role, on in session.execute(select(RoleRules.role, RoleRules.totp_required)).all()}


def settings_version(session: Session) -> int:
    """Return the version of the settings, of which the roles are a part."""
    return session.execute(select(Setting.version).where(Setting.id == 1)).scalar_one()


def find_hash(session: Session, log_in_id: int) -> str | None:
    """Return what the password of this log-in is checked against."""
    return session.scalar(select(LogIn.password_hash).where(LogIn.id == log_in_id))


def find_salt(session: Session, log_in_id: int) -> bytes | None:
    """Return what a second factor that is being set up is made from; None where none is."""
    return session.scalar(select(LogIn.totp_salt).where(LogIn.id == log_in_id, LogIn.totp_since.is_(None)))


def count_recovery_codes(session: Session, log_in_id: int) -> int:
    """Return how many recovery codes have not been used."""
    r = RecoveryCode
    unused = select(func.count()).where(r.log_in_id == log_in_id, r.used_at.is_(None))
    return session.execute(unused).scalar_one()


def _select_invited() -> Select[*tuple[Any, ...]]:
    i = StaffInvitation
    return (
        select(i.email, i.name, i.role, Staff.name, i.created_at, i.ends_at)
        .outerjoin(Staff, Staff.id == i.made_by_id)
        .where(i.used_at.is_(None))
    )


def _invited(row: Any) -> Invited:  # noqa: ANN401  (a row)
    return Invited(row[0], row[1], Role(row[2]), *row[3:])


def _select_staff() -> Select[*tuple[Any, ...]]:
    s, own = Staff, aliased(Customer)
    opened = select(func.max(LogInSession.seen_at)).where(LogInSession.log_in_id == s.log_in_id).correlate(s)
    acted = select(func.max(AuditRow.at)).where(AuditRow.actor == "staff", AuditRow.actor_id == s.id).correlate(s)
    return (
        select(s.id, s.log_in_id, s.name, LogIn.email, s.role, s.disabled_at, s.created_at, LogIn.totp_since)
        .add_columns(RoleRules.totp_required, s.own_customer_id, own.name, s.version)
        .add_columns(opened.scalar_subquery(), acted.scalar_subquery())
        .join(LogIn, LogIn.id == s.log_in_id)
        .join(RoleRules, RoleRules.role == s.role)
        .outerjoin(own, own.id == s.own_customer_id)
    )


def _facts(row: Any) -> StaffFacts:  # noqa: ANN401  (a row)
    columns: list[Any] = list(row)
    seen = max((moment for moment in columns[12:] if moment is not None), default=None)
    columns[4], columns[12:] = Role(columns[4]), [seen]
    return StaffFacts(*columns)
