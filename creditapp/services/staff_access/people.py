"""Who asks, and about whom: both rows locked, read anew, and compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, or_, select

from creditapp.errors import (
    LastAdminError,
    OwnStaffAccountError,
    RoleAboveError,
    StaffDisabledError,
    StaffNotFoundError,
    StaleFormError,
)
from creditapp.models import FormDraft, LogIn, OneTimeLink, Role, Staff, StaffInvitation
from creditapp.services import sessions

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

RANKS = (Role.AUDITOR, Role.AGENT, Role.MANAGER, Role.ADMIN)
"""The roles, from the one that may least."""
MANAGES = Role.ADMIN
"""The role that manages staff at all: the one that has `staff:write`."""


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the staff, locked."""

    id: int
    log_in_id: int
    name: str
    role: Role
    own_customer_id: int | None
    disabled_at: datetime | None
    version: int
    email: str


def may_give(own: Role, given: Role) -> bool:
    """Return whether who has one role may give, take or edit another."""
    return own == MANAGES and RANKS.index(given) <= RANKS.index(own)


def lock_with_actor(session: Session, staff_id: int, *, by: Actor) -> Person:
    """Lock whoever is to be changed and whoever asks, and return the former.

    All admins are locked as well, in the order of their ids: of two who take the last ones away at once, the second
    finds out.

    Raises:
        StaffNotFoundError: there is nobody of this number.
        StaffDisabledError: who asks has been disabled meanwhile.
        RoleAboveError: who asks manages nobody, or not somebody of this role.
        OwnStaffAccountError: it is who asks.
    """
    people = _lock(session, {staff_id, by.id or 0})
    if by.kind == "staff" and by.id == staff_id:
        raise OwnStaffAccountError
    check_actor(people, by, people[staff_id].role if staff_id in people else None)
    if staff_id not in people:
        raise StaffNotFoundError(staff_id)
    return people[staff_id]


def lock_actor(session: Session, given: Role, *, by: Actor) -> None:
    """Lock whoever asks, and see that they may give this role.

    Raises:
        StaffDisabledError, RoleAboveError: they may not.
    """
    check_actor(_lock(session, {by.id or 0}), by, given)


def check_actor(people: dict[int, Person], by: Actor, role: Role | None) -> None:
    """See that who asks may manage somebody of this role; the system may."""
    if by.kind != "staff":
        return
    actor = people.get(by.id or 0)
    if actor is None or actor.disabled_at is not None:
        raise StaffDisabledError
    if role is not None and not may_give(actor.role, role):
        raise RoleAboveError


def keep_an_admin(session: Session, without: Person) -> None:
    """See that somebody else is left who manages staff; all admins are locked.

    Raises:
        LastAdminError: nobody is.
    """
    s = Staff
    others = select(s.id).where(s.role == str(MANAGES), s.disabled_at.is_(None), s.id != without.id).limit(1)
    if without.role == MANAGES and session.execute(others).first() is None:
        raise LastAdminError


def lock_self(session: Session, staff_id: int, *, version: int | None = None) -> Person:
    """Lock and return whoever asks about themselves.

    Raises:
        StaffDisabledError: they have been disabled meanwhile.
        StaleFormError: their account has changed since `version`.
    """
    person = _lock(session, {staff_id}).get(staff_id)
    if person is None or person.disabled_at is not None:
        raise StaffDisabledError
    if version is not None and person.version != version:
        raise StaleFormError("your profile")
    return person


def shut_out(session: Session, person: Person) -> None:
    """End everything that was opened or made as whoever this was: sessions, drafts, links, and invitations made."""
    sessions.end_all(session, person.log_in_id)
    session.execute(delete(FormDraft).where(FormDraft.log_in_id == person.log_in_id))
    session.execute(delete(OneTimeLink).where(OneTimeLink.log_in_id == person.log_in_id))
    unused = (StaffInvitation.made_by_id == person.id, StaffInvitation.used_at.is_(None))
    session.execute(delete(StaffInvitation).where(*unused))


def _lock(session: Session, ids: set[int]) -> dict[int, Person]:
    s = Staff
    columns = (s.id, s.log_in_id, s.name, s.role, s.own_customer_id, s.disabled_at, s.version, LogIn.email)
    rows = session.execute(
        select(*columns)
        .join(LogIn, LogIn.id == s.log_in_id)
        .where(or_(s.id.in_(ids), s.role == str(MANAGES)))
        .order_by(s.id)
        .with_for_update(of=s, key_share=True)
    )
    return {row[0]: Person(row[0], row[1], row[2], Role(row[3]), row[4], row[5], row[6], row[7]) for row in rows}
