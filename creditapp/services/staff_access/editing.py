"""What admins do to the accounts of others: roles, disabling, sessions, second factors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from creditapp.db import now
from creditapp.errors import FactorError, OwnUserError, StaleFormError
from creditapp.models import Customer, LogIn, Role, RoleRules, Setting, Staff
from creditapp.services import audit, second_factor, sessions
from creditapp.services.audit import Action
from creditapp.services.customers import BY_HAND
from creditapp.services.staff_access.people import MANAGES, Person, keep_an_admin, lock_actor, lock_with_actor, shut_out

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor


@dataclass(frozen=True, slots=True)
class StaffFields:
    """What others may change about somebody."""

    role: Role
    own_customer_id: int | None
    """The account they have as a customer."""


def edit(session: Session, staff_id: int, fields: StaffFields, *, version: int, by: Actor) -> None:
    """Save somebody's role and own user. Another role ends their sessions; `version` is the one the form showed.

    Raises:
        StaffNotFoundError, StaffDisabledError, RoleAboveError, OwnStaffAccountError: who asks may not.
        StaleFormError: somebody else changed the account meanwhile.
        LastAdminError: nobody would be left who manages staff.
        OwnUserError: there is no such user, or no longer.
    """
    person = lock_with_actor(session, staff_id, by=by)
    if person.version != version:
        raise StaleFormError("this account")
    if fields.role != person.role:
        lock_actor(session, fields.role, by=by)
        keep_an_admin(session, person)
    if fields.own_customer_id not in {None, person.own_customer_id}:
        _check_own_user(session, fields.own_customer_id or 0)
    values = {"role": str(fields.role), "own_customer_id": fields.own_customer_id}
    before = {"role": str(person.role), "own_customer_id": person.own_customer_id}
    if values == before:
        return
    _write(session, person, **values)
    if fields.role != person.role:
        shut_out(session, person)
    audit.record(session, Action.STAFF_EDITED, by, "staff", staff_id, before, values)


def disable(session: Session, staff_id: int, *, by: Actor) -> None:
    """Keep somebody from signing in, and end whatever they have open. Safe to repeat.

    Raises:
        StaffNotFoundError, StaffDisabledError, RoleAboveError, OwnStaffAccountError: who asks may not.
        LastAdminError: nobody would be left who manages staff.
    """
    person = lock_with_actor(session, staff_id, by=by)
    if person.disabled_at is not None:
        return
    keep_an_admin(session, person)
    _write(session, person, disabled_at=now(session))
    shut_out(session, person)
    audit.record(session, Action.STAFF_DISABLED, by, "staff", staff_id)


def enable(session: Session, staff_id: int, *, by: Actor) -> None:
    """Let somebody who was disabled sign in again. Safe to repeat.

    Raises:
        StaffNotFoundError, StaffDisabledError, RoleAboveError, OwnStaffAccountError: who asks may not.
    """
    person = lock_with_actor(session, staff_id, by=by)
    if person.disabled_at is None:
        return
    _write(session, person, disabled_at=None)
    audit.record(session, Action.STAFF_ENABLED, by, "staff", staff_id)


def end_sessions(session: Session, staff_id: int, *, by: Actor) -> int:
    """Sign somebody out everywhere, and return how many sessions that ended.

    Raises:
        StaffNotFoundError, StaffDisabledError, RoleAboveError, OwnStaffAccountError: who asks may not.
    """
    person = lock_with_actor(session, staff_id, by=by)
    ended = sessions.end_all(session, person.log_in_id)
    audit.record(session, Action.SESSIONS_ENDED, by, "staff", staff_id, after={"ended": ended})
    return ended


def reset_factor(session: Session, staff_id: int, *, by: Actor) -> None:
    """Take somebody's second factor away, who has lost it, and sign them out everywhere.

    Raises:
        StaffNotFoundError, StaffDisabledError, RoleAboveError, OwnStaffAccountError: who asks may not.
        FactorError: there is none.
    """
    person = lock_with_actor(session, staff_id, by=by)
    if session.scalar(select(LogIn.totp_since).where(LogIn.id == person.log_in_id)) is None:
        raise FactorError("There is no second factor to reset.")
    second_factor.forget(session, person.log_in_id)
    sessions.end_all(session, person.log_in_id)
    audit.record(session, Action.FACTOR_RESET, by, "staff", staff_id)


def require_factor(session: Session, required: Mapping[Role, bool], *, version: int, by: Actor) -> None:
    """Save which roles need a second factor; `version` is that of the settings. Binds from the next page on.

    Raises:
        StaffDisabledError, RoleAboveError: who asks may not.
        StaleFormError: somebody else saved the settings meanwhile.
    """
    own = select(Setting.version).where(Setting.id == 1).with_for_update()
    if session.scalar(own) != version:
        raise StaleFormError("the settings")
    lock_actor(session, MANAGES, by=by)
    r = RoleRules
    saved = {Role(role): is_on for role, is_on in session.execute(select(r.role, r.totp_required)).all()}
    changed = {role: is_on for role, is_on in required.items() if saved[role] != is_on}
    if not changed:
        return
    for role, is_on in changed.items():
        session.execute(update(r).where(r.role == str(role)).values(totp_required=is_on))
    session.execute(update(Setting).where(Setting.id == 1).values(version=version + 1, updated_at=now(session)))
    before = {f"{role}_second_factor": saved[role] for role in changed}
    after = {f"{role}_second_factor": is_on for role, is_on in changed.items()}
    audit.record(session, Action.LIMITS_SAVED, by, "settings", 1, before, after)


def _check_own_user(session: Session, customer_id: int) -> None:
    own = select(Customer.id).where(Customer.id == customer_id, Customer.status.in_(BY_HAND))
    if session.scalar(own) is None:
        raise OwnUserError(customer_id)


def _write(session: Session, person: Person, **values: object) -> None:
    session.execute(update(Staff).where(Staff.id == person.id).values(**values, version=person.version + 1))
