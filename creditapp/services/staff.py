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
from creditapp.services.audit import Action

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

EMAIL_CHARS_MAX = 254


def create(session: Session, email: str, name: str, role: Role, password: str, *, by: Actor) -> int:
    """Give a person a log-in to the dashboard with this role, and return the staff id.

    Raises:
        PasswordError: the password is too short, too long or too easy to guess.
        TakenError: another staff member signs in with this e-mail.
    """
    company = session.execute(select(Setting.company_name).where(Setting.id == 1)).scalar_one()
    passwords.check(password, email=email, name=name, company=company)
    moment = now(session)
    log_in = insert(LogIn).values(
        kind=str(LogInKind.STAFF),
        email=email,
        email_key=email_key(email),
        password_hash=passwords.hash_password(password),
        password_changed_at=moment,
        created_at=moment,
    )
    try:
        log_in_id = session.execute(log_in.returning(LogIn.id)).scalar_one()
    except IntegrityError as error:
        if "email_key" not in str(error.orig):
            raise
        raise TakenError("email address", email) from error
    person = insert(Staff).values(log_in_id=log_in_id, name=name, role=str(role), created_at=moment)
    staff_id: int = session.execute(person.returning(Staff.id)).scalar_one()
    after = {"name": name, "email": email, "role": str(role)}
    audit.record(session, Action.STAFF_CREATED, by, "staff", staff_id, after=after)
    return staff_id


def email_key(email: str) -> str:
    """Return the e-mail as log-ins are found by it: composed, lower case, without outer spaces. Accents count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email).strip().casefold())
