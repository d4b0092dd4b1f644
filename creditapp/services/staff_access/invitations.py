"""Invitations: an admin, or the command line, makes one, and the answer makes the account."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from creditapp.db import now
from creditapp.errors import LinkError, TakenError
from creditapp.models import LogIn, LogInKind, MailEvent, Role, StaffInvitation
from creditapp.services import audit, mails, request_keys, staff
from creditapp.services.audit import Action
from creditapp.services.client_access.links import Linker
from creditapp.services.sign_in import TOKEN_BYTES, token_digest
from creditapp.services.staff import email_key
from creditapp.services.staff_access.people import lock_actor

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

INVITATION_LIFE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Invitation:
    """Whom an invitation is for, and as what they come in."""

    email: str
    name: str
    role: Role


def invite(session: Session, invited: Invitation, *, link: Linker, by: Actor, key: str) -> str | None:
    """Invite somebody by mail, and return the token of the link; an earlier invitation of theirs ends.

    The token is shown only here: asked again under the same key, it returns None and makes no other link.

    Raises:
        StaffDisabledError, RoleAboveError: who asks may not.
        TakenError: somebody signs in with the address already.
        FormReusedError: the key has invited somebody else.
    """
    content = (invited.email, invited.name, str(invited.role), by.kind, by.id)
    if request_keys.claim(session, "staff_invitation", key, content) is not None:
        return None
    lock_actor(session, invited.role, by=by)
    _refuse_taken(session, invited.email)
    i = StaffInvitation
    session.execute(delete(i).where(i.email_key == email_key(invited.email), i.used_at.is_(None)))
    token, moment = secrets.token_urlsafe(TOKEN_BYTES), now(session)
    session.execute(
        insert(i).values(
            token_digest=token_digest(token),
            email=invited.email,
            email_key=email_key(invited.email),
            name=invited.name,
            role=str(invited.role),
            made_by_id=by.id,
            created_at=moment,
            ends_at=moment + INVITATION_LIFE,
        )
    )
    request_keys.keep(session, "staff_invitation", key, "made")
    _send(session, invited, link(token), token)
    after = {"email": invited.email, "name": invited.name, "role": str(invited.role)}
    audit.record(session, Action.STAFF_INVITED, by, "staff", None, after=after)
    return token


def withdraw(session: Session, email: str, *, by: Actor) -> bool:
    """Let nobody use the invitation of this address any more, and return whether there was one.

    Raises:
        StaffDisabledError, RoleAboveError: who asks may not.
    """
    i = StaffInvitation
    own = (i.email_key == email_key(email), i.used_at.is_(None))
    role = session.scalar(select(i.role).where(*own).limit(1))
    if role is None:
        return False
    lock_actor(session, Role(role), by=by)
    session.execute(delete(i).where(*own))
    audit.record(session, Action.STAFF_INVITATION_WITHDRAWN, by, "staff", None, before={"email": email, "role": role})
    return True


def find_invitation(session: Session, token: str, moment: datetime) -> Invitation | None:
    """Return whom the link is for, if it still works; opening its page does not use it up."""
    found = _find(session, token, moment)
    return Invitation(found.email, found.name, Role(found.role)) if found is not None else None


def accept(session: Session, token: str, password_hash: str, *, address: str) -> int:
    """Make the account that the invitation is for, and return the staff id. The link is used up.

    Raises:
        LinkError: it does not work any more.
        TakenError: somebody has begun to sign in with the address meanwhile.
    """
    found = _find(session, token, now(session), lock=True)
    if found is None:
        raise LinkError
    found.used_at = now(session)
    session.flush()
    return staff.add(session, found.email, found.name, Role(found.role), password_hash, address=address)


def _find(session: Session, token: str, moment: datetime, *, lock: bool = False) -> StaffInvitation | None:
    i = StaffInvitation
    statement = select(i).where(i.token_digest == token_digest(token), i.used_at.is_(None), i.ends_at > moment)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalar(statement)


def _refuse_taken(session: Session, email: str) -> None:
    there = select(LogIn.id).where(LogIn.kind == str(LogInKind.STAFF), LogIn.email_key == email_key(email))
    if session.scalar(there) is not None:
        raise TakenError("email address", email)


def _send(session: Session, invited: Invitation, url: str | None, token: str) -> None:
    if url is not None:
        event = MailEvent.STAFF_INVITATION
        key = f"{event}:{token_digest(token).hex()[:32]}"
        mails.queue_to_staff(session, event, name=invited.name, recipient=invited.email, key=key, facts={"url": url})
