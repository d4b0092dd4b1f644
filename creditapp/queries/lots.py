"""Lots of one customer: what of the balance is usable, and where the money of an entry came from and went."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, and_, cast, func, select

from creditapp.models import CreditDraw, CreditEntry, CreditLot

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Usable:
    """A balance taken apart by what has lapsed; all in minor units."""

    usable_minor: int
    expired_minor: int
    by_class: dict[str, int]
    """What is usable, by class; classes of which there is nothing are left out."""
    next_minor: int = 0
    """What lapses next."""
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Draw:
    """One move between an entry and a lot: plus was taken from the lot, minus given back."""

    seq: int
    """The entry at the other end."""
    description: str
    amount_minor: int
    posted_at: datetime
    class_: str


def usable(session: Session, customer_id: int, moment: datetime) -> Usable:
    """Return how much of the balance can be used at this moment, what has expired, and what will next."""
    lot = CreditLot
    statement = (
        select(lot.expires_at, lot.class_, cast(func.sum(lot.remaining_minor), BigInteger))
        .where(lot.customer_id == customer_id, lot.remaining_minor > 0)
        .group_by(lot.expires_at, lot.class_)
    )
    expired_minor, by_class = 0, Counter[str]()
    coming = Counter[datetime]()
    for expires_at, class_, minor in session.execute(statement):
        if expires_at is not None and expires_at <= moment:
            expired_minor += minor
            continue
        by_class[class_] += minor
        if expires_at is not None:
            coming[expires_at] += minor
    next_at = min(coming, default=None)
    next_minor = coming[next_at] if next_at else 0
    return Usable(by_class.total(), expired_minor, dict(by_class), next_minor, next_at)


def came_from(session: Session, customer_id: int, seq: int) -> list[Draw]:
    """Return the lots that this entry took from or gave back to."""
    d, e, lot = CreditDraw, CreditEntry, CreditLot
    statement = (
        select(d.lot_seq, e.description, d.amount_minor, e.posted_at, lot.class_)
        .join(e, and_(e.customer_id == d.customer_id, e.seq == d.lot_seq))
        .join(lot, and_(lot.customer_id == d.customer_id, lot.seq == d.lot_seq))
        .where(d.customer_id == customer_id, d.entry_seq == seq)
        .order_by(d.lot_seq)
    )
    return [Draw(*row) for row in session.execute(statement)]


def went_to(session: Session, customer_id: int, seq: int, *, most: int) -> list[Draw]:
    """Return the entries that took from this entry's lot or gave back to it, oldest first."""
    d, e, lot = CreditDraw, CreditEntry, CreditLot
    statement = (
        select(d.entry_seq, e.description, d.amount_minor, e.posted_at, lot.class_)
        .join(e, and_(e.customer_id == d.customer_id, e.seq == d.entry_seq))
        .join(lot, and_(lot.customer_id == d.customer_id, lot.seq == d.lot_seq))
        .where(d.customer_id == customer_id, d.lot_seq == seq)
        .order_by(d.entry_seq)
        .limit(most)
    )
    return [Draw(*row) for row in session.execute(statement)]
