"""The outbox: which mails are due, who sends one, and what came of it. The sending itself is `jobs/mail.py`'s.

A mail is claimed by moving its next try away, guarded by what was seen: of two workers one gets it. Who dies between
sending and noting it leaves a mail that is sent once more when the claim is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Update, select, update

from creditapp.db import now
from creditapp.errors import MailStateError
from creditapp.models import Mail, MailEvent, MailStatus, Setting
from creditapp.services import audit
from creditapp.services.audit import Action
from creditapp.services.mails import wording
from creditapp.services.mails.catalogue import delivered

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

CLAIM = timedelta(minutes=10)
"""Longer than any conversation about one mail can take; then somebody else may send it."""
PAUSES = (
    *(timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30)),
    *(timedelta(hours=2), timedelta(hours=6), timedelta(hours=24)),
)
"""How long after each failure it is tried again; after the last it has failed."""
ERROR_CHARS_MAX = 300


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail that is due, as it was seen."""

    id: int
    next_try_at: datetime


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that this worker has claimed, with all that a message is made of."""

    id: int
    tries: int
    key: str
    event: str
    sender: str
    company: str
    recipient: str
    subject: str
    text: str
    """What is read, the link in it."""
    url: str


def due(session: Session, *, most: int) -> list[Waiting]:
    """Return the next mails that may be sent now, the longest due first; none while mails come from no address."""
    m = Mail
    statement = (
        select(m.id, m.next_try_at)
        .join(Setting, Setting.mail_from != "")
        .where(m.status == MailStatus.WAITING, m.next_try_at <= now(session))
        .order_by(m.next_try_at, m.id)
        .limit(most)
    )
    return [Waiting(*row) for row in session.execute(statement)]


def sender(session: Session) -> str:
    """Return the address that mails come from."""
    return session.execute(select(Setting.mail_from).where(Setting.id == 1)).scalar_one()


def claim(session: Session, waiting: Waiting) -> Letter | None:
    """Take the mail for this worker and count the try; None where somebody else has it, or it is gone."""
    m, s = Mail, Setting
    claimed = session.execute(
        update(m)
        .where(m.id == waiting.id, m.status == MailStatus.WAITING, m.next_try_at == waiting.next_try_at)
        .values(tries=m.tries + 1, next_try_at=now(session) + CLAIM)
        .returning(m.tries, m.key, m.event, m.recipient, m.subject, m.text, m.url)
    ).first()
    if claimed is None:
        return None
    sender, company = session.execute(select(s.mail_from, s.company_name).where(s.id == 1)).one()
    tries, key, event, recipient, subject, text, url = claimed
    text = text.replace(wording.URL, url)
    return Letter(waiting.id, tries, key, event, sender, company, recipient, subject, text, url)


def note_sent(session: Session, mail_id: int) -> None:
    """Note that the server has taken the mail; a link in it is forgotten."""
    row = _waiting(mail_id)
    session.execute(row.values(status=str(MailStatus.SENT), sent_at=now(session), error="", url=""))


def put_off(session: Session, mail_id: int, tries: int, error: str) -> bool:
    """Have it tried again after a pause, longer each time; return False where that was the last try."""
    if tries > len(PAUSES):
        fail(session, mail_id, tries, error)
        return False
    row = _waiting(mail_id).where(Mail.tries == tries)
    session.execute(row.values(next_try_at=now(session) + PAUSES[tries - 1], error=_short(error)))
    return True


def fail(session: Session, mail_id: int, tries: int, error: str) -> None:
    """Give the mail up; a link in it is forgotten."""
    row = _waiting(mail_id).where(Mail.tries == tries)
    session.execute(row.values(status=str(MailStatus.FAILED), error=_short(error), url=""))


def note_trouble(session: Session, mail_id: int, error: str) -> None:
    """Note with a mail that waits why none could be sent: the server is out of reach. That is no try."""
    session.execute(_waiting(mail_id).values(error=_short(error)))


def send_again(session: Session, customer_id: int, mail_id: int, *, by: Actor) -> None:
    """Have a failed mail of this customer tried anew, at once.

    Raises:
        MailStateError: it has not failed, or it had a link that works once.
        LookupError: the customer has no such mail.
    """
    m = Mail
    row = session.execute(
        select(m.status, m.event).where(m.id == mail_id, m.customer_id == customer_id).with_for_update()
    ).first()
    if row is None:
        raise LookupError(f"Customer {customer_id} has no mail {mail_id}.")
    if "url" in delivered(MailEvent(row.event)).placeholders:
        raise MailStateError(has_link=True)
    if row.status != MailStatus.FAILED:
        raise MailStateError
    session.execute(
        update(m)
        .where(m.id == mail_id)
        .values(status=str(MailStatus.WAITING), tries=0, next_try_at=now(session), error="")
    )
    audit.record(session, Action.MAIL_SENT_AGAIN, by, "customer", customer_id, after={"mail": mail_id})


def _waiting(mail_id: int) -> Update:
    return update(Mail).where(Mail.id == mail_id, Mail.status == MailStatus.WAITING)


def _short(error: str) -> str:
    return " ".join(error.split())[:ERROR_CHARS_MAX]
