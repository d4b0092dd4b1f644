"""Staff accounts: the people who sign in to the dashboard."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from creditapp.db import now
from creditapp.errors import TakenError
from creditapp.models import LogIn, LogInKind, Role, Setting, Staff
from creditapp.services import audit, passwords
from creditapp.services.actor import Actor, staff
from creditapp.services.audit import Action

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

EMAIL_CHARS_MAX = 254


def create(session: Session, email: str, name: str, role: Role, password: str, *, by: Actor) -> int:
    """Give a person a log-in to the dashboard with this role, and return the staff id.

    Raises:
        PasswordError: the password is too short, too long or too easy to guess.
        TakenError: another staff member signs in with this e-mail.
    """
    company = session.execute(select(Setting.company_name).where(Setting.id == 1)).scalar_one()
    passwords.check(password, email=email, name=name, company=company)
    return add(session, email, name, role, passwords.hash_password(password), by=by)


def add(
    session: Session,
    email: str,
    name: str,
    role: Role,
    password_hash: str,
    *,
    by: Actor | None = None,
    address: str = "",
) -> int:
    """Give a person a log-in whose password has been checked and hashed, and return the staff id.

    `by` is None where the person does it from `address`, with the invitation that somebody else has made.

    Raises:
        TakenError: another staff member signs in with this e-mail.
    """
    moment = now(session)
    log_in = insert(LogIn).values(
        kind=str(LogInKind.STAFF),
        email=email,
        email_key=email_key(email),
        password_hash=password_hash,
        password_changed_at=moment,
        created_at=moment,
    )
    try:
        log_in_id = session.execute(log_in.returning(LogIn.id)).scalar_one()
    except IntegrityError as error:
        raise taken(error, email) from error
    person = insert(Staff).values(log_in_id=log_in_id, name=name, role=str(role), created_at=moment)
    staff_id: int = session.execute(person.returning(Staff.id)).scalar_one()
    after = {"name": name, "email": email, "role": str(role)}
    audit.record(session, Action.STAFF_CREATED, by or staff(staff_id, address), "staff", staff_id, after=after)
    return staff_id


def taken(error: IntegrityError, email: str) -> Exception:
    """Return the refusal that a broken unique key means, or the error itself when it is another one."""
    return TakenError("email address", email) if "email_key" in str(error.orig) else error


def email_key(email: str) -> str:
    """Return the e-mail as log-ins are found by it: composed, lower case, without outer spaces. Accents count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email).strip().casefold())
