"""The demo's mails: where they come from, and what some customers were told of late."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from creditapp.db import now
from creditapp.models import CreditEntry, Invoice, InvoiceStatus, Kind, Mail, MailEvent, MailStatus, Setting
from creditapp.services.mails import Notice, queue_many

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SENDER = "billing@kite.example"
TOLD_OF = 120
"""So many entries, and as many invoices: the newest."""
SOON = timedelta(seconds=40)
STILL_WAITING = timedelta(hours=8)
"""What was written since then waits: a demo has no mail server."""


def create(session: Session) -> None:
    """Set a sender, and have customers told of the newest entries and invoices.

    All but those of the last hours count as sent, so that nobody who sets up a server sends them by accident.
    """
    session.execute(update(Setting).where(Setting.id == 1).values(mail_from=SENDER, version=Setting.version + 1))
    e, i = CreditEntry, Invoice
    entries = session.execute(
        select(e.customer_id, e.seq, e.amount_minor, e.balance_after_minor, e.description, e.posted_at)
        .where(e.kind.in_((Kind.ADDED, Kind.OVERPAYMENT)), ~e.is_quiet)
        .order_by(e.posted_at.desc(), e.customer_id, e.seq)
        .limit(TOLD_OF)
    ).all()
    invoices = session.execute(
        select(i.customer_id, i.id, i.total_minor, i.credit_minor, i.paid_minor, i.due_on, i.created_at)
        .where(i.status == InvoiceStatus.UNPAID, i.due_on.is_not(None))
        .order_by(i.created_at.desc(), i.customer_id, i.id)
        .limit(TOLD_OF)
    ).all()
    told: list[tuple[datetime, MailEvent, Notice]] = [
        (row.posted_at, MailEvent.CREDIT_RECEIVED, _received(row)) for row in entries
    ]
    told += [(row.created_at, MailEvent.INVOICE_ISSUED, _issued(row)) for row in invoices]
    for moment, event, notice in sorted(told, key=lambda one: (one[0], one[2].key)):
        queue_many(session, event, [notice])
        values: dict[str, Any] = {"created_at": moment, "next_try_at": moment}
        if moment < now(session) - STILL_WAITING:
            values |= {"status": str(MailStatus.SENT), "tries": 1, "sent_at": moment + SOON}
        session.execute(update(Mail).where(Mail.key == notice.key).values(values))


def _received(row: Any) -> Notice:  # noqa: ANN401  (a row)
    facts = {"amount": row.amount_minor, "balance": row.balance_after_minor, "text": row.description}
    return Notice(row.customer_id, f"credit:{row.customer_id}:{row.seq}", facts)


def _issued(row: Any) -> Notice:  # noqa: ANN401  (a row)
    facts = {
        "invoice": row.id,
        "amount": row.total_minor,
        "credit": row.credit_minor,
        "due": row.total_minor - row.credit_minor - row.paid_minor,
        "due_on": row.due_on,
        "text": "Please pay what is left by the day it is due.",
    }
    return Notice(row.customer_id, f"issued:{row.id}", facts)
