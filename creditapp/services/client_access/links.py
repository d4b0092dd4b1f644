"""Links that open one form, once: made, mailed, found and used up."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from creditapp.db import now
from creditapp.errors import CustomerClosedError, CustomerNotFoundError, LinkError
from creditapp.models import Customer, LinkPurpose, MailEvent, OneTimeLink
from creditapp.services import mails
from creditapp.services.client_access.log_ins import lock_customer
from creditapp.services.customers import BY_HAND
from creditapp.services.sign_in import TOKEN_BYTES, token_digest
from creditapp.services.staff import email_key

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

INVITATION_LIFE = timedelta(days=7)
RESET_LIFE = timedelta(minutes=30)
RESETS_MAX = 3
"""So many links of one log-in work at a time: who asks on somebody's behalf cannot take theirs away at once."""
Linker = Callable[[str], str | None]
"""Makes the address of a page from a link's token; None where nobody knows how we are reached: nothing is mailed."""


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """Whom a link is for: what a password must not be made of."""

    email: str
    name: str
    company: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A link that has just been used up."""

    customer_id: int
    log_in_id: int | None
    email: str


def find_link(session: Session, token: str, purpose: LinkPurpose, moment: datetime) -> LinkFacts | None:
    """Return whom the link is for, if it still works; opening its page does not use it up."""
    link = find_working(session, token, purpose, moment)
    if link is None:
        return None
    statement = select(Customer.email, Customer.name, Customer.company).where(Customer.id == link.customer_id)
    row = session.execute(statement.where(Customer.status.in_(BY_HAND))).one_or_none()
    if row is None or not _still_goes_there(purpose, link.email, row.email):
        return None
    return LinkFacts(link.email, row.name, row.company)


def make_link(
    session: Session,
    purpose: LinkPurpose,
    email: str,
    life: timedelta,
    *,
    customer_id: int,
    log_in_id: int | None = None,
) -> str:
    """Make a link for this, and return its token; only the digest is kept."""
    token, moment = secrets.token_urlsafe(TOKEN_BYTES), now(session)
    session.execute(
        insert(OneTimeLink).values(
            token_digest=token_digest(token),
            purpose=str(purpose),
            customer_id=customer_id,
            log_in_id=log_in_id,
            email=email,
            created_at=moment,
            ends_at=moment + life,
        )
    )
    return token


def take_link(session: Session, token: str, purpose: LinkPurpose) -> Taken:
    """Lock the customer, then the link, and use it up. Of two who come at once, one gets it."""
    seen = find_working(session, token, purpose, now(session))
    if seen is None or seen.customer_id is None:
        raise LinkError
    try:
        person = lock_customer(session, seen.customer_id)
    except (CustomerNotFoundError, CustomerClosedError):
        raise LinkError from None
    link = find_working(session, token, purpose, now(session), lock=True)
    if link is None or not _still_goes_there(purpose, link.email, person.email):
        raise LinkError
    link.used_at = now(session)
    session.flush()
    return Taken(seen.customer_id, link.log_in_id, link.email)


def forget_older_resets(session: Session, log_in_id: int) -> None:
    """Let no more than the newest `RESETS_MAX` links of a log-in work."""
    link = OneTimeLink
    newest = select(link.token_digest).where(link.log_in_id == log_in_id)
    newest = newest.order_by(link.created_at.desc(), link.token_digest).limit(RESETS_MAX)
    session.execute(delete(link).where(link.log_in_id == log_in_id, link.token_digest.not_in(newest)))


def send(session: Session, event: MailEvent, customer_id: int, email: str, url: str | None, token: str) -> None:
    """Send the link to the address of the log-in, whatever the profile says: whoever reads the mail gets in."""
    if url is not None:
        key = f"{event}:{token_digest(token).hex()[:32]}"
        mails.queue(session, event, customer_id=customer_id, key=key, facts={"url": url}, recipient=email)


def find_working(
    session: Session, token: str, purpose: LinkPurpose, moment: datetime, *, lock: bool = False
) -> OneTimeLink | None:
    link = OneTimeLink
    statement = select(link).where(
        link.token_digest == token_digest(token),
        link.purpose == purpose,
        link.used_at.is_(None),
        link.ends_at > moment,
    )
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalar(statement)


def _still_goes_there(purpose: LinkPurpose, sent_to: str, profile_email: str) -> bool:
    """Return whether an invitation was sent to the address that the customer has now.

    Staff who correct a wrong address do not want whoever got the mail there to come in.
    """
    return purpose != LinkPurpose.INVITATION or email_key(sent_to) == email_key(profile_email)
