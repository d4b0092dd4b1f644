"""Customers' log-ins: found, made, given a password and ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from creditapp.db import now
from creditapp.errors import AddressUnfitError, CustomerNotFoundError, NoLogInError
from creditapp.models import Customer, FormDraft, LogIn, LogInKind, LogInSession, OneTimeLink
from creditapp.services import audit, sessions, survivors
from creditapp.services.actor import SYSTEM, Actor
from creditapp.services.audit import Action
from creditapp.services.customers import BY_HAND
from creditapp.services.sign_in import token_digest
from creditapp.services.staff import email_key

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

IDLE_MAX = timedelta(hours=2)
"""Customers who do nothing for so long have to sign in again."""
SESSION_MAX = timedelta(days=14)
"""Customers sign in anew after this, however busy."""


@dataclass(frozen=True, slots=True)
class CustomerLogIn:
    """What a sign-in is checked against."""

    log_in_id: int
    password_hash: str
    customer_id: int
    email: str
    """As it was written for the log-in; where links go."""
    is_open: bool
    """The customer is neither closed nor merged."""


def find_log_in(session: Session, email: str) -> CustomerLogIn | None:
    """Return the log-in of the customer who signs in with this e-mail."""
    statement = (
        select(LogIn.id, LogIn.password_hash, Customer.id, LogIn.email, Customer.status.in_(BY_HAND))
        .join(Customer, Customer.id == LogIn.customer_id)
        .where(LogIn.kind == LogInKind.CUSTOMER, LogIn.email_key == email_key(email))
    )
    row = session.execute(statement).one_or_none()
    return CustomerLogIn(*row) if row is not None else None


def record_failure(session: Session, *, customer_id: int | None, address: str) -> None:
    """Write down that somebody tried to sign in and failed; `customer_id` where the e-mail is somebody's."""
    audit.record(session, Action.SIGN_IN_FAILED, Actor(SYSTEM.kind, None, address), "customer", customer_id)


def make_log_in(session: Session, customer_id: int, email: str, password_hash: str) -> int:
    """Give the customer a log-in, and return its id. Auditing is the caller's.

    Raises:
        AddressUnfitError: another customer signs in with the address.
    """
    moment = now(session)
    row = insert(LogIn).values(
        kind=str(LogInKind.CUSTOMER),
        email=email,
        email_key=email_key(email),
        password_hash=password_hash,
        password_changed_at=moment,
        customer_id=customer_id,
        created_at=moment,
    )
    try:
        return session.execute(row.returning(LogIn.id)).scalar_one()
    except IntegrityError as error:
        raise unfit(error) from error


def change_password(session: Session, customer_id: int, password_hash: str, *, keep_token: str, by: Actor) -> str:
    """Set a password that was chosen by who knows the old one, and return another token for this session.

    All sessions but that of `keep_token` end; a copy of its own cookie opens nothing any more either.

    Raises:
        NoLogInError: the log-in has been ended meanwhile.
    """
    log_in_id = lock_log_in(session, customer_id)
    set_password(session, log_in_id, password_hash, keep_token=keep_token)
    fresh = sessions.renew(session, keep_token)
    audit.record(session, Action.PASSWORD_CHANGED, by, "customer", customer_id)
    return fresh


def end(session: Session, customer_id: int, *, by: Actor) -> None:
    """Take the customer's log-in away, with its sessions, drafts and links. The same e-mail can be invited again.

    Raises:
        NoLogInError: there is none.
    """
    log_in_id = lock_log_in(session, customer_id)
    session.execute(delete(LogInSession).where(LogInSession.log_in_id == log_in_id))
    session.execute(delete(FormDraft).where(FormDraft.log_in_id == log_in_id))
    session.execute(delete(OneTimeLink).where(OneTimeLink.log_in_id == log_in_id))
    session.execute(delete(LogIn).where(LogIn.id == log_in_id))
    audit.record(session, Action.CLIENT_LOG_IN_ENDED, by, "customer", customer_id)


def lock_customer(session: Session, customer_id: int) -> Row[*tuple[object, ...]]:
    """Lock the customer and return the profile.

    Raises:
        CustomerNotFoundError, CustomerClosedError: there is nobody, or no longer.
    """
    c = Customer
    columns = (c.name, c.company, c.email, c.external_id, c.status, c.joined_on, c.automatic_credit)
    person = session.execute(select(*columns).where(c.id == customer_id).with_for_update(key_share=True)).one_or_none()
    if person is None:
        raise CustomerNotFoundError(customer_id)
    if person.status not in BY_HAND:
        raise survivors.closed_error(session, customer_id)
    return person


def lock_log_in(session: Session, customer_id: int) -> int:
    """Lock the customer's log-in and return its id.

    Raises:
        NoLogInError: there is none.
    """
    own = (LogIn.kind == LogInKind.CUSTOMER, LogIn.customer_id == customer_id)
    log_in_id = session.scalar(select(LogIn.id).where(*own).with_for_update())
    if log_in_id is None:
        raise NoLogInError
    return log_in_id


def set_password(session: Session, log_in_id: int | None, password_hash: str, *, keep_token: str = "") -> None:
    """Set the password, and end all sessions but that of `keep_token`, and all links that set another."""
    own = update(LogIn).where(LogIn.id == log_in_id)
    session.execute(own.values(password_hash=password_hash, password_changed_at=now(session)))
    others = LogInSession.token_digest != token_digest(keep_token)
    session.execute(delete(LogInSession).where(LogInSession.log_in_id == log_in_id, others))
    unused = (OneTimeLink.log_in_id == log_in_id, OneTimeLink.used_at.is_(None))
    session.execute(delete(OneTimeLink).where(*unused))


def refuse_taken(session: Session, email: str) -> None:
    """Refuse an address that a customer signs in with.

    Raises:
        AddressUnfitError: one does.
    """
    taken = select(LogIn.id).where(LogIn.kind == LogInKind.CUSTOMER, LogIn.email_key == email_key(email))
    if session.scalar(taken) is not None:
        raise AddressUnfitError


def unfit(error: IntegrityError) -> Exception:
    """Return the refusal that a broken unique key means, or the error itself when it is another one."""
    return AddressUnfitError() if "email_key" in str(error.orig) else error
