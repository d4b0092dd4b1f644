"""Queueing: a mail is a row, written in the transaction that it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, column, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite

from creditapp.bulk import among
from creditapp.db import Base, now, public_url
from creditapp.models import Customer, CustomerStatus, LogIn, LogInKind, Mail, MailEvent, MailStatus, MailText, Setting
from creditapp.money import currency
from creditapp.services.mails import wording
from creditapp.services.mails.catalogue import delivered
from creditapp.services.staff import email_key

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

MAILS = Base.metadata.tables[Mail.__tablename__]
_TOLD = (CustomerStatus.ACTIVE, CustomerStatus.INACTIVE)


@dataclass(frozen=True, slots=True)
class Notice:
    """What one customer is to be told; `facts` fill the placeholders, see `wording.words`."""

    customer_id: int
    key: str
    facts: Mapping[str, Any]
    recipient: str = ""
    """Where it goes; empty: to the address in the customer's profile."""


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What all mails of one event are written with."""

    event: MailEvent
    company: str
    currency: str
    subject: str
    body: str
    page: str
    """The address of the page that it is about, with facts in braces; empty where there is none to name."""
    moment: datetime

    def row(
        self,
        key: str,
        customer_id: int | None,
        name: str,
        recipient: str,
        facts: Mapping[str, Any],
        *,
        has_log_in: bool = False,
    ) -> Any:  # noqa: ANN401  (a row)
        known = {**facts, "name": name, "company": self.company}
        values = wording.words(known, currency(self.currency))
        values["page"] = wording.fill(self.page, values) if has_log_in else ""
        return {
            "key": key,
            "event": str(self.event),
            "customer_id": customer_id,
            "recipient": recipient,
            "subject": wording.subject(self.subject, values),
            "text": wording.body(self.body, values),
            "url": str(facts.get("url", "")),
            "status": str(MailStatus.WAITING),
            "tries": 0,
            "next_try_at": self.moment,
            "error": "",
            "created_at": self.moment,
        }


def queue(
    session: Session, event: str, *, customer_id: int, key: str, facts: Mapping[str, Any], recipient: str = ""
) -> None:
    """Have the customer told of this once the transaction is committed; the same key again tells nothing.

    `event` is a `MailEvent`. Facts are named as its placeholders; amounts are minor units, under their name or with
    `_minor` after it. Nothing is written while mails come from no address, the event is switched off, or the customer
    has no address, is closed or was merged away. `recipient` is for what is about a log-in: it may be another address
    than the profile's.
    """
    queue_many(session, event, [Notice(customer_id, key, facts, recipient)])


def queue_many(session: Session, event: str, notices: Sequence[Notice]) -> int:
    """Do as `queue` does for many customers at once, with few statements, and return how many mails that made."""
    sheet = _sheet(session, MailEvent(event)) if notices else None
    if sheet is None:
        return 0
    c = Customer
    people = {
        row.id: (row.name, row.email)
        for row in session.execute(
            select(c.id, c.name, c.email).where(
                among(session, Customer.__table__.c.id, {one.customer_id for one in notices}),
                c.status.in_(_TOLD),
            )
        )
    }
    signing_in = _signing_in(session, people) if sheet.page else set()
    rows = []
    for one in notices:
        name, email = people.get(one.customer_id, ("", ""))
        recipient = one.recipient or email
        if one.customer_id in people and "@" in recipient:
            has_log_in = one.customer_id in signing_in
            rows.append(sheet.row(one.key, one.customer_id, name, recipient, one.facts, has_log_in=has_log_in))
    return _insert(session, rows)


def _signing_in(session: Session, people: Mapping[int, tuple[str, str]]) -> set[int]:
    """Return who of these can open a page of the client area: a link would only lead the others to a locked door."""
    log_in = LogIn.__table__.c
    keys = {email_key(email) for _name, email in people.values() if email}
    theirs = select(log_in.customer_id).where(
        log_in.kind == str(LogInKind.CUSTOMER), among(session, log_in.email_key, keys)
    )
    return {found for found in session.execute(theirs).scalars() if found in people}


def queue_to_staff(
    session: Session, event: MailEvent, *, name: str, recipient: str, key: str, facts: Mapping[str, Any] | None = None
) -> bool:
    """Have somebody who works here told of this; False where mails come from no address."""
    sheet = _sheet(session, event)
    if sheet is None:
        return False
    _insert(session, [sheet.row(key, None, name, recipient, facts or {})])
    return True


def _sheet(session: Session, event: MailEvent) -> _Sheet | None:
    """Return what mails of this event are written with; None where none are sent."""
    s, t = Setting, MailText
    found = session.execute(
        select(s.company_name, s.currency, t.is_enabled, t.subject, t.body)
        .outerjoin(t, t.event == str(event))
        .where(s.id == 1, s.mail_from != "")
    ).first()
    known = delivered(event)
    if found is None or (found.is_enabled is False and known.is_switchable):
        return None
    return _Sheet(
        event,
        found.company_name,
        found.currency,
        found.subject or known.subject,
        found.body or known.body,
        f"{public_url(session)}{known.page}" if public_url(session) and known.page else "",
        now(session),
    )


def _insert(session: Session, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert those whose keys are new, with one statement, and return how many those were."""
    if not rows:
        return 0
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        return connection.execute(sqlite.insert(MAILS).on_conflict_do_nothing(index_elements=["key"]), rows).rowcount
    columns = [MAILS.c[name] for name in rows[0]]
    lists = [literal([row[each.name] for row in rows], ARRAY(each.type)) for each in columns]
    given = func.unnest(*lists).table_valued(*[column(c.name, c.type) for c in columns]).render_derived("given")
    fresh = postgresql.insert(MAILS).from_select([c.name for c in columns], select(*given.c))
    made = fresh.on_conflict_do_nothing(index_elements=["key"]).returning(MAILS.c.id)
    return len(connection.execute(made).all())
