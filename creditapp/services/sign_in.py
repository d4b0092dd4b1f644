"""Signing in and out. A session is a row; without its row a cookie opens nothing.

Passwords are checked outside of transactions: hashing takes long, and SQLite has one writer.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from creditapp.db import now
from creditapp.errors import WrongPasswordError
from creditapp.models import FormDraft, LogIn, LogInKind, LogInSession, Staff
from creditapp.services import audit, known_addresses
from creditapp.services.actor import SYSTEM, Actor
from creditapp.services.audit import Action
from creditapp.services.staff import email_key

IDLE_MAX = timedelta(minutes=30)
"""Staff who do nothing for so long have to sign in again."""
SESSION_MAX = timedelta(hours=12)
"""Staff sign in anew after this, however busy."""
TOUCH_EVERY = timedelta(minutes=1)
HALF_MAX = timedelta(minutes=10)
"""So long after the password the code of the second factor is waited for."""
DRAFT_MAX = timedelta(minutes=30)
DRAFTS_MAX = 5
"""How many drafts one person has at most; the oldest go first."""
TOKEN_BYTES = 32


def token_digest(token: str) -> bytes:
    """Return under which digest a session's token is stored."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True, slots=True)
class StaffLogIn:
    """What a sign-in is checked against."""

    log_in_id: int
    password_hash: str
    staff_id: int
    disabled_at: datetime | None
    totp_since: datetime | None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a password was found to be right for: the hash it was checked against, and where it takes another one."""

    password_hash: str
    new_hash: str | None = None
    """The same password's hash at today's cost."""


@dataclass(frozen=True, slots=True)
class Half:
    """A sign-in of which the password was right, and the code of the second factor is still to come."""

    log_in_id: int
    staff_id: int
    email: str


def find_staff_log_in(session: Session, email: str) -> StaffLogIn | None:
    """Return the log-in of the staff member with this e-mail."""
    statement = (
        select(LogIn.id, LogIn.password_hash, Staff.id, Staff.disabled_at, LogIn.totp_since)
        .join(Staff, Staff.log_in_id == LogIn.id)
        .where(LogIn.kind == LogInKind.STAFF, LogIn.email_key == email_key(email))
    )
    row = session.execute(statement).one_or_none()
    return StaffLogIn(*row) if row is not None else None


def open_session(
    session: Session,
    log_in_id: int,
    *,
    by: Actor,
    browser: str,
    checked: Checked | None = None,
    instead_of: str = "",
    lasts: timedelta = SESSION_MAX,
) -> str:
    """Open a session for a log-in whose password has been checked, and return its token.

    `by` is the staff member or the customer whose log-in it is. The session whose token is `instead_of` ends. The
    token is shown only here.

    Raises:
        WrongPasswordError: the password has been changed since it was checked, or is no longer all that is asked for.
    """
    if checked is not None and _expect(session, log_in_id, checked) is not None:
        raise WrongPasswordError  # a second factor was set up while the password was being checked
    end(session, instead_of)
    token = insert_session(session, log_in_id, by=by, browser=browser, lasts=lasts)
    known_addresses.remember(session, log_in_id, by.address)
    audit.record(session, Action.SIGNED_IN, by, by.kind, by.id)
    return token


def open_half(
    session: Session, log_in_id: int, *, by: Actor, browser: str, checked: Checked, instead_of: str = ""
) -> str:
    """Note that the password was right and the code is still to come, and return the token to come back with.

    The session whose token is `instead_of` ends.

    Raises:
        WrongPasswordError: the password has been changed since it was checked.
    """
    _expect(session, log_in_id, checked)
    end(session, instead_of)
    return insert_session(session, log_in_id, by=by, browser=browser, lasts=HALF_MAX, awaits_code=True)


def find_half(session: Session, token: str, moment: datetime) -> Half | None:
    """Return whose sign-in waits for its code under this token; None when it is over."""
    row = session.execute(
        select(LogInSession.log_in_id, Staff.id, LogIn.email)
        .join(Staff, Staff.log_in_id == LogInSession.log_in_id)
        .join(LogIn, LogIn.id == LogInSession.log_in_id)
        .where(
            LogInSession.token_digest == token_digest(token),
            LogInSession.awaits_code,
            LogInSession.ends_at > moment,
            Staff.disabled_at.is_(None),
        )
    ).one_or_none()
    return Half(*row) if row is not None else None


def end(session: Session, token: str) -> bool:
    """End the session with this token, unseen, and return whether it was there. Safe to repeat."""
    own = delete(LogInSession).where(LogInSession.token_digest == token_digest(token))
    return session.connection().execute(own).rowcount == 1


def _expect(session: Session, log_in_id: int, checked: Checked) -> datetime | None:
    """See that the password is still the one that was checked, and keep it so until the commit.

    Return since when a code is asked for as well.
    """
    own = select(LogIn.password_hash, LogIn.totp_since).where(LogIn.id == log_in_id).with_for_update(key_share=True)
    log_in = session.execute(own).one_or_none()
    if log_in is None or not hmac.compare_digest(log_in.password_hash, checked.password_hash):
        raise WrongPasswordError
    if checked.new_hash is not None:
        session.execute(update(LogIn).where(LogIn.id == log_in_id).values(password_hash=checked.new_hash))
    totp_since: datetime | None = log_in.totp_since
    return totp_since


def insert_session(
    session: Session,
    log_in_id: int,
    *,
    by: Actor,
    browser: str,
    lasts: timedelta,
    awaits_code: bool = False,
    views_customer_id: int | None = None,
) -> str:
    """Insert the row that is a session, and return its token. Who may have one, and the audit, are the caller's."""
    token, moment = secrets.token_urlsafe(TOKEN_BYTES), now(session)
    session.execute(
        insert(LogInSession).values(
            token_digest=token_digest(token),
            log_in_id=log_in_id,
            created_at=moment,
            seen_at=moment,
            ends_at=moment + lasts,
            address=by.address,
            browser=browser,
            awaits_code=awaits_code,
            views_customer_id=views_customer_id,
        )
    )
    return token


def record_failure(session: Session, *, staff_id: int | None, address: str, step: str = "") -> None:
    """Write down that somebody tried to sign in and failed; `staff_id` where the e-mail is somebody's.

    `step` says where it was another one than the first.
    """
    by = Actor(SYSTEM.kind, None, address)
    audit.record(session, Action.SIGN_IN_FAILED, by, "staff", staff_id, after={"step": step} if step else None)


def close_session(session: Session, token: str, *, by: Actor) -> None:
    """End the session with this token, and what is looked at as a customer beside it. Safe to repeat."""
    whose = select(LogInSession.log_in_id).where(LogInSession.token_digest == token_digest(token)).scalar_subquery()
    session.execute(
        delete(LogInSession).where(LogInSession.log_in_id == whose, LogInSession.views_customer_id.is_not(None))
    )
    end(session, token)
    audit.record(session, Action.SIGNED_OUT, by, by.kind, by.id)


def touch(session: Session, token: str) -> None:
    """Note that the session is in use."""
    session.execute(
        update(LogInSession).where(LogInSession.token_digest == token_digest(token)).values(seen_at=now(session))
    )


def keep_draft(session: Session, token: str, path: str, fields: list[list[str]]) -> str | None:
    """Keep what was typed into a form whose session ran out; return the draft's id, None for an unknown session."""
    whole = (LogInSession.awaits_code.is_(False), LogInSession.views_customer_id.is_(None))
    log_in_id = session.scalar(
        select(LogInSession.log_in_id).where(LogInSession.token_digest == token_digest(token), *whole)
    )
    if log_in_id is None:
        return None
    draft_id = secrets.token_urlsafe(TOKEN_BYTES)
    values = {"id": draft_id, "log_in_id": log_in_id, "path": path, "fields": fields, "created_at": now(session)}
    session.execute(insert(FormDraft).values(**values))
    of_theirs = FormDraft.log_in_id == log_in_id
    newest = select(FormDraft.id).where(of_theirs).order_by(FormDraft.created_at.desc(), FormDraft.id).limit(DRAFTS_MAX)
    session.execute(delete(FormDraft).where(of_theirs, FormDraft.id != draft_id, FormDraft.id.not_in(newest)))
    return draft_id


def find_draft(session: Session, draft_id: str, log_in_id: int, moment: datetime) -> FormDraft | None:
    """Return the draft if it is this person's and not too old."""
    if not (draft_id.isascii() and draft_id.isprintable()):
        return None  # PostgreSQL knows no NUL and no half of a character, and would not even look
    return session.scalar(
        select(FormDraft).where(
            FormDraft.id == draft_id, FormDraft.log_in_id == log_in_id, FormDraft.created_at > moment - DRAFT_MAX
        )
    )
