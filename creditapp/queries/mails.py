"""What pages show of mails: their set-up, what waits, and what a customer was sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select

from creditapp.models import Mail, MailEvent, MailStatus, MailText, Setting

if TYPE_CHECKING:
    from sqlalchemy import Row
    from sqlalchemy.orm import Session

COUNT_MAX = 1000
"""Counting stops here."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What has not been sent."""

    waiting: int
    """At most one more than `COUNT_MAX`."""
    since: datetime | None
    """When the oldest of them was written."""
    trouble: str
    """What was said last of one that waits; empty where nothing was."""
    failed: int


@dataclass(frozen=True, slots=True)
class SavedText:
    """The words of one event's mail as they are saved; empty: as they were delivered."""

    subject: str = ""
    body: str = ""
    version: int = 0


def select_set_up() -> Select[*tuple[Any, ...]]:
    """Return where mails come from and when reminders are sent, as the form holds it."""
    s = Setting
    return select(s.mail_from, s.low_balance_minor, s.expiry_notice_days, s.version).where(s.id == 1)


def find_text(session: Session, event: MailEvent) -> SavedText:
    """Return the saved words of this event's mail."""
    t = MailText
    found = session.execute(select(t.subject, t.body, t.version).where(t.event == str(event))).first()
    return SavedText(*found) if found else SavedText()


def changed(session: Session) -> set[str]:
    """Return the events whose mails have other words than were delivered."""
    return set(session.execute(select(MailText.event).where(MailText.body != "")).scalars())


def backlog(session: Session) -> Backlog:
    """Return what waits and what has failed."""
    m = Mail
    waits = m.status == MailStatus.WAITING
    waiting = session.execute(
        select(func.count()).select_from(select(m.id).where(waits).limit(COUNT_MAX + 1).subquery())
    ).scalar_one()
    since = trouble = None
    if waiting:
        since = session.execute(select(m.created_at).where(waits).order_by(m.next_try_at, m.id).limit(1)).scalar()
        trouble = session.execute(
            select(m.error).where(waits, m.error != "").order_by(m.next_try_at.desc(), m.id.desc()).limit(1)
        ).scalar()
    failed = session.execute(
        select(func.count()).select_from(
            select(m.id).where(m.status == MailStatus.FAILED).limit(COUNT_MAX + 1).subquery()
        )
    ).scalar_one()
    return Backlog(waiting, since, trouble or "", failed)


def select_mails(customer_id: int) -> Select[*tuple[Any, ...]]:
    """Return what this customer was sent, or is going to be; for a list that adds its order."""
    m = Mail
    return select(m.id, m.event, m.subject, m.status, m.recipient, m.created_at, m.sent_at).where(
        m.customer_id == customer_id
    )


def find(session: Session, customer_id: int, mail_id: int) -> Row[*tuple[Any, ...]] | None:
    """Return one mail of this customer, without its link."""
    m = Mail
    columns = (m.id, m.event, m.subject, m.text, m.status, m.recipient, m.tries, m.error)
    moments = (m.created_at, m.sent_at, m.next_try_at)
    return session.execute(select(*columns, *moments).where(m.id == mail_id, m.customer_id == customer_id)).first()
