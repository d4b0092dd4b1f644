"""What members of the staff change about themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError

from creditapp.models import LogIn, MailEvent, OneTimeLink, Staff
from creditapp.services import audit, mails, sessions
from creditapp.services.audit import Action
from creditapp.services.client_access.log_ins import set_password
from creditapp.services.staff import email_key, taken
from creditapp.services.staff_access.people import lock_self

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor


def rename(session: Session, staff_id: int, name: str, *, version: int, by: Actor) -> None:
    """Save one's own name; `version` is the one the form showed.

    Raises:
        StaffDisabledError: the account has been disabled meanwhile.
        StaleFormError: it has been changed meanwhile.
    """
    person = lock_self(session, staff_id, version=version)
    if name == person.name:
        return
    session.execute(update(Staff).where(Staff.id == staff_id).values(name=name, version=version + 1))
    audit.record(session, Action.STAFF_EDITED, by, "staff", staff_id, {"name": person.name}, {"name": name})


def change_email(session: Session, staff_id: int, email: str, *, token: str, by: Actor) -> str:
    """Save the address to sign in with, end all other sessions, tell the old address, and return a new token.

    Raises:
        StaffDisabledError: the account has been disabled meanwhile.
        TakenError: somebody else signs in with the address.
    """
    person = lock_self(session, staff_id)
    own = update(LogIn).where(LogIn.id == person.log_in_id)
    try:
        session.execute(own.values(email=email, email_key=email_key(email)))
    except IntegrityError as error:
        raise taken(error, email) from error
    session.execute(delete(OneTimeLink).where(OneTimeLink.log_in_id == person.log_in_id))
    fresh = sessions.keep_one(session, person.log_in_id, token)
    if email_key(person.email) != email_key(email):
        event = MailEvent.STAFF_ADDRESS_CHANGED
        key = f"{event}:{staff_id}:{sessions.handle_of_token(fresh)}"
        mails.queue_to_staff(session, event, name=person.name, recipient=person.email, key=key, facts={"email": email})
    audit.record(session, Action.STAFF_EDITED, by, "staff", staff_id, {"email": person.email}, {"email": email})
    return fresh


def change_password(session: Session, staff_id: int, password_hash: str, *, token: str, by: Actor) -> str:
    """Set a password chosen by who knows the old one, end all other sessions, and return a new token for this one.

    Raises:
        StaffDisabledError: the account has been disabled meanwhile.
    """
    person = lock_self(session, staff_id)
    set_password(session, person.log_in_id, password_hash, keep_token=token)
    fresh = sessions.renew(session, token)
    audit.record(session, Action.PASSWORD_CHANGED, by, "staff", staff_id)
    return fresh
