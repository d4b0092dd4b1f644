"""New passwords by a link: asked for by whoever has forgotten theirs, or sent by an admin."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, insert, select

from creditapp.db import now
from creditapp.errors import LinkError, StaffStateError
from creditapp.models import LinkPurpose, LogIn, LogInKind, MailEvent, OneTimeLink, Staff
from creditapp.services import audit, mails
from creditapp.services.actor import SYSTEM, Actor, staff
from creditapp.services.audit import Action
from creditapp.services.client_access.links import RESET_LIFE, Linker, find_working, forget_older_resets
from creditapp.services.client_access.log_ins import set_password
from creditapp.services.sign_in import TOKEN_BYTES, token_digest
from creditapp.services.staff import email_key
from creditapp.services.staff_access.people import lock_with_actor

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class ResetLink:
    """Whom a link is for: what a password must not be made of, and whether it may be a shorter one."""

    email: str
    name: str
    has_factor: bool


def ask_reset(session: Session, email: str, *, link: Linker, address: str) -> str | None:
    """Send a link for a new password to whoever signs in with this e-mail, and return its token; None for nobody.

    Whether there is somebody must not be told: it is written down in either case, and the view takes its time.
    """
    found = _find(session, LogIn.email_key == email_key(email))
    token = None
    if found is not None and found.disabled_at is None:
        token = _make(session, found)
        _send(session, found, link(token), token)
    by = Actor(SYSTEM.kind, None, address)
    audit.record(session, Action.RESET_ASKED, by, "staff", found.id if found else None)
    return token


def send_reset(session: Session, staff_id: int, *, link: Linker, by: Actor) -> str:
    """Send somebody a link for a new password, and return its token.

    Raises:
        StaffNotFoundError, StaffDisabledError, RoleAboveError, OwnStaffAccountError: who asks may not.
        StaffStateError: the person is disabled.
    """
    person = lock_with_actor(session, staff_id, by=by)
    found = _find(session, Staff.id == person.id)
    if found is None or found.disabled_at is not None:
        raise StaffStateError("This person is disabled and cannot sign in: enable the account first.")
    token = _make(session, found)
    _send(session, found, link(token), token)
    audit.record(session, Action.STAFF_LINK_SENT, by, "staff", staff_id)
    return token


def find_reset(session: Session, token: str, moment: datetime) -> ResetLink | None:
    """Return whom the link is for, if it still works; opening its page does not use it up."""
    link = find_working(session, token, LinkPurpose.RESET, moment)
    found = _find(session, LogIn.id == link.log_in_id) if link is not None and link.customer_id is None else None
    if found is None or found.disabled_at is not None:
        return None
    return ResetLink(found.email, found.name, found.totp_since is not None)


def reset(session: Session, token: str, password_hash: str, *, address: str) -> int:
    """Set the password that was chosen by the link, end all sessions of the log-in, and return the staff id.

    Raises:
        LinkError: the link does not work any more.
    """
    link = find_working(session, token, LinkPurpose.RESET, now(session), lock=True)
    found = _find(session, LogIn.id == link.log_in_id) if link is not None and link.customer_id is None else None
    if link is None or found is None or found.disabled_at is not None:
        raise LinkError
    link.used_at = now(session)
    session.flush()
    set_password(session, link.log_in_id, password_hash)
    by = staff(found.id, address)
    audit.record(session, Action.PASSWORD_CHANGED, by, "staff", found.id, after={"by_mail": True})
    return int(found.id)


def _find(session: Session, whose: Any) -> Row[*tuple[Any, ...]] | None:  # noqa: ANN401  (a condition)
    log_in, s = LogIn, Staff
    columns = (s.id, s.name, s.disabled_at, log_in.id.label("log_in_id"), log_in.email, log_in.totp_since)
    statement = select(*columns).join(log_in, log_in.id == s.log_in_id)
    return session.execute(statement.where(log_in.kind == str(LogInKind.STAFF), whose)).one_or_none()


def _make(session: Session, found: Row[*tuple[Any, ...]]) -> str:
    token, moment = secrets.token_urlsafe(TOKEN_BYTES), now(session)
    session.execute(
        insert(OneTimeLink).values(
            token_digest=token_digest(token),
            purpose=str(LinkPurpose.RESET),
            customer_id=None,
            log_in_id=found.log_in_id,
            email=found.email,
            created_at=moment,
            ends_at=moment + RESET_LIFE,
        )
    )
    forget_older_resets(session, found.log_in_id)
    return token


def _send(session: Session, found: Row[*tuple[Any, ...]], url: str | None, token: str) -> None:
    if url is not None:
        event = MailEvent.STAFF_PASSWORD_RESET
        key = f"{event}:{token_digest(token).hex()[:32]}"
        mails.queue_to_staff(session, event, name=found.name, recipient=found.email, key=key, facts={"url": url})
