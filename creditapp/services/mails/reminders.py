"""Reminders of credit that is going to lapse: once for each lot, some days before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import String, and_, cast, exists, literal, or_, select

from creditapp.db import now
from creditapp.models import CreditAccount, CreditLot, Mail, MailEvent, Setting
from creditapp.services.ledger import zone
from creditapp.services.mails.queueing import Notice, queue_many

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LOTS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of lots ends: soonest to lapse first."""

    expires_at: datetime
    customer_id: int
    seq: int


def remind(session: Session, after: Place | None = None) -> tuple[int, Place | None]:
    """Have the owners of the next lots that lapse soon told, and return how many were, and where to go on.

    Nobody is told twice of one lot, nor of a frozen balance, which cannot be used, nor while credits are switched off.
    """
    s = Setting
    days, zone_name = session.execute(
        select(s.expiry_notice_days, s.time_zone).where(s.id == 1, s.mail_from != "", s.credits_enabled)
    ).first() or (0, "UTC")
    if not days:
        return 0, None
    lot, a, moment = CreditLot, CreditAccount, now(session)
    key = literal("expiring:") + cast(lot.customer_id, String) + literal(":") + cast(lot.seq, String)
    statement = (
        select(lot.customer_id, lot.seq, lot.remaining_minor, lot.expires_at, a.balance_minor)
        .join(a, a.customer_id == lot.customer_id)
        .where(
            lot.remaining_minor > 0,
            lot.expires_at.is_not(None),
            lot.expires_at > moment,
            lot.expires_at <= moment + timedelta(days=days),
            a.frozen_at.is_(None),
            a.closed_at.is_(None),
            ~exists().where(Mail.key == key),
        )
        .order_by(lot.expires_at, lot.customer_id, lot.seq)
        .limit(LOTS_AT_ONCE)
    )
    if after is not None:
        same = lot.expires_at == after.expires_at
        later_lot = and_(lot.customer_id == after.customer_id, lot.seq > after.seq)
        beyond = or_(lot.customer_id > after.customer_id, later_lot)
        statement = statement.where(or_(lot.expires_at > after.expires_at, and_(same, beyond)))
    rows = session.execute(statement).all()
    notices = [
        Notice(
            row.customer_id,
            f"expiring:{row.customer_id}:{row.seq}",
            {
                "amount": row.remaining_minor,
                "expires_on": (row.expires_at - timedelta(microseconds=1)).astimezone(zone(zone_name)).date(),
                "balance": row.balance_minor,
            },
        )
        for row in rows
    ]
    told = queue_many(session, MailEvent.CREDIT_EXPIRING, notices)
    if len(rows) < LOTS_AT_ONCE:
        return told, None
    return told, Place(rows[-1].expires_at, rows[-1].customer_id, rows[-1].seq)
