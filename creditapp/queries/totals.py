"""What all customers together are owed, and how it came to that: from the sums the ledger keeps, never from entries.

Three groups of kinds add up to every change: what was brought along from elsewhere, what was issued, what was used.
Transfers and merges move credit between customers and cancel out in every total.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Select, cast, func, select

from creditapp.models import CreditDay, CreditTotal, Effect, Kind, Reason
from creditapp.services.ledger import KINDS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

BETWEEN_CUSTOMERS = frozenset({Kind.TRANSFER_OUT, Kind.TRANSFER_IN, Kind.MERGED_OUT, Kind.MERGED_IN})
OPENED = frozenset({Kind.OPENING})
TAKEN_BACK = frozenset({Kind.REVERSAL, Kind.VOID})
ISSUED = (
    frozenset(kind for kind, rules in KINDS.items() if rules.effect is Effect.ISSUES) - OPENED - BETWEEN_CUSTOMERS
    | TAKEN_BACK
    | {Kind.CORRECTION}
)
"""New credit, net of reversals, voids and corrections."""
USED = (
    frozenset(kind for kind, rules in KINDS.items() if rules.effect in {Effect.SPENDS, Effect.GIVES_BACK})
    - BETWEEN_CUSTOMERS
)
"""Applied, removed, expired, refunded or charged back, net of what invoices gave back."""


@dataclass(frozen=True, slots=True)
class Outstanding:
    """What all customers are owed now, and how many hold any."""

    balance_minor: int
    holders: int


def outstanding(session: Session) -> Outstanding:
    """Return what all customers are owed now."""
    balance = cast(func.sum(CreditTotal.balance_minor), BigInteger)
    holders = cast(func.sum(CreditTotal.holders), BigInteger)
    return Outstanding(*session.execute(select(balance, holders)).one())


def outstanding_on(session: Session, day: date) -> int:
    """Return what all customers were owed at the end of a day in the panel's zone."""
    later = select(cast(func.coalesce(func.sum(CreditDay.amount_minor), 0), BigInteger)).where(CreditDay.day > day)
    return outstanding(session).balance_minor - session.execute(later).scalar_one()


def select_days(since: date) -> Select[*tuple[date, str, int]]:
    """Return (day, kind, minor units) from a day on, the oldest first."""
    return (
        select(CreditDay.day, CreditDay.kind, cast(func.sum(CreditDay.amount_minor), BigInteger))
        .where(CreditDay.day >= since)
        .group_by(CreditDay.day, CreditDay.kind)
        .order_by(CreditDay.day)
    )


def select_reasons_issued(since: date) -> Select[*tuple[int, str | None, int]]:
    """Return (reason id or 0, its name, minor units issued) from a day on, the largest first."""
    minor = cast(func.sum(CreditDay.amount_minor), BigInteger)
    return (
        select(CreditDay.reason_id, Reason.name, minor)
        .outerjoin(Reason, Reason.id == CreditDay.reason_id)
        .where(CreditDay.day >= since, CreditDay.kind.in_(sorted(ISSUED)))
        .group_by(CreditDay.reason_id, Reason.name)
        .order_by(minor.desc(), CreditDay.reason_id)
    )


@dataclass(frozen=True, slots=True)
class Period:
    """What happened in some days: `opened + issued - used` is the change of the total."""

    opened_minor: int
    issued_minor: int
    used_minor: int
    taken_back_minor: int
    """How much of what had been issued was reversed or voided; already off `issued_minor`."""


def add_up(days: Sequence[Any], since: date, until: date) -> Period:
    """Sum the rows of `select_days` from a day to another, both included."""

    def minor(kinds: frozenset[Kind]) -> int:
        return sum(row[2] for row in days if since <= row[0] <= until and row[1] in kinds)

    return Period(minor(OPENED), minor(ISSUED), -minor(USED), -minor(TAKEN_BACK))
