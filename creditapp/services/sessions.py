"""Sessions that are there already: ended, given another token, or marked as proved. `sign_in` opens them.

Whoever changes what a person may do, or how they sign in, ends their sessions here: a cookie that somebody copied
opens nothing on the very next request.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from creditapp.db import now
from creditapp.models import LogInSession
from creditapp.services import audit
from creditapp.services.audit import Action
from creditapp.services.sign_in import TOKEN_BYTES, token_digest

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

HANDLE_CHARS = 16
"""How much of a session's digest names it in a form: enough to tell one person's sessions apart."""


def end_all(session: Session, log_in_id: int) -> int:
    """End every session of the log-in, and return how many that were. Auditing is the caller's."""
    return session.connection().execute(delete(LogInSession).where(LogInSession.log_in_id == log_in_id)).rowcount


def end_others(session: Session, log_in_id: int, token: str, *, by: Actor) -> str:
    """End all sessions of the log-in but the one of this token, and return another token for that one.

    The new token is what makes a copy of one's own cookie worthless, too.
    """
    fresh = keep_one(session, log_in_id, token)
    audit.record(session, Action.SESSIONS_ENDED, by, by.kind, by.id)
    return fresh


def end_one(session: Session, log_in_id: int, handle: str, *, by: Actor) -> bool:
    """End the session of this log-in with this handle, and return whether it was there.

    What is looked at as a customer ends as well: nobody can tell from which of the sessions it was begun.
    """
    s = LogInSession
    digests = session.scalars(select(s.token_digest).where(s.log_in_id == log_in_id))
    ended = [digest for digest in digests if handle_of(digest) == handle]
    if not ended:
        return False
    viewing = (s.log_in_id == log_in_id) & s.views_customer_id.is_not(None)
    session.execute(delete(s).where(s.token_digest.in_(ended) | viewing))
    audit.record(session, Action.SESSIONS_ENDED, by, by.kind, by.id)
    return True


def keep_one(session: Session, log_in_id: int, token: str) -> str:
    """End all other sessions of the log-in, and return another token for the one of this token."""
    others = LogInSession.token_digest != token_digest(token)
    session.execute(delete(LogInSession).where(LogInSession.log_in_id == log_in_id, others))
    return renew(session, token)


def renew(session: Session, token: str) -> str:
    """Give the session of this token another one, and return that; the old one opens nothing any more."""
    fresh = secrets.token_urlsafe(TOKEN_BYTES)
    own = update(LogInSession).where(LogInSession.token_digest == token_digest(token))
    session.execute(own.values(token_digest=token_digest(fresh)))
    return fresh


def prove(session: Session, token: str, *, by: Actor) -> str:
    """Note that the password was given once more, and return the session's new token."""
    fresh = renew(session, token)
    own = update(LogInSession).where(LogInSession.token_digest == token_digest(fresh))
    session.execute(own.values(proved_at=now(session)))
    audit.record(session, Action.PROVED, by, by.kind, by.id)
    return fresh


def handle_of(digest: bytes) -> str:
    """Return how a session is named in a form of its owner's; it opens nothing."""
    return digest.hex()[:HANDLE_CHARS]


def handle_of_token(token: str) -> str:
    """Return how the session of this token is named."""
    return handle_of(token_digest(token))
