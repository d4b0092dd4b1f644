"""The words of the ledger as values: lots, moves, accounts, postings and the entries they become."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from creditapp.models import CreditClass, Kind
from creditapp.services.actor import Actor

CLASS_ORDER = {CreditClass.PROMOTIONAL: 0, CreditClass.GOODWILL: 1, CreditClass.PAID: 2}
"""Which class is spent first among lots that lapse together."""


@dataclass(slots=True)
class Lot:
    """An open lot, as it stands inside this transaction."""

    seq: int
    class_: str
    remaining_minor: int
    expires_at: datetime | None

    @property
    def drawdown_order(self) -> tuple[bool, float, int, int]:
        """What lots are sorted by: soonest expiry, promotional → goodwill → paid, oldest."""
        expires = self.expires_at.timestamp() if self.expires_at else 0.0
        return self.expires_at is None, expires, CLASS_ORDER[CreditClass(self.class_)], self.seq

    def has_expired(self, moment: datetime) -> bool:
        """Return whether the lot's date has passed; until a sweep takes it, it still counts in the balance."""
        return self.expires_at is not None and self.expires_at <= moment


class Move(NamedTuple):
    """What one entry does to one lot: plus takes from it, minus gives back."""

    lot_seq: int
    class_: str
    amount_minor: int
    expires_at: datetime | None = None
    """When the lot now lapses, where what comes back to it would have lapsed already; None: as before."""


class Entry(NamedTuple):
    """A posted entry, as the verbs return it. `replayed`: it had been posted before under the same key."""

    customer_id: int
    seq: int
    kind: str
    amount_minor: int
    balance_after_minor: int
    replayed: bool = False

    @property
    def reference(self) -> str:
        return reference(self.customer_id, self.seq)


@dataclass(slots=True)
class Account:
    """A locked account: what it is now, and what it has become by the entries posted in this transaction."""

    customer_id: int
    balance_minor: int
    entry_seq: int
    head_hash: bytes
    frozen_at: datetime | None
    closed_at: datetime | None
    changed_at: datetime | None = None
    """When its newest entry was posted."""
    posted: Entry | None = None
    """What was posted earlier under the key it was opened with."""
    lots: list[Lot] = field(default_factory=list)
    """Open lots in drawdown order, read when a debit is coming."""
    has_more_lots: bool = False
    """Only the first of the open lots have been read."""

    def moment(self, now: datetime) -> datetime:
        """Return when an entry made now is posted: never before the newest one, even if the clock was set back."""
        return now if self.changed_at is None else max(now, self.changed_at)

    def drawable(self, moment: datetime, *, expired_too: bool) -> Iterator[Lot]:
        """Yield the lots that a debit may draw on now, in drawdown order."""
        return (lot for lot in self.lots if lot.remaining_minor and (expired_too or not lot.has_expired(moment)))

    def drawable_minor(self, moment: datetime) -> int:
        """Return how much a debit that spends may draw on now, of the lots that have been read."""
        return sum([lot.remaining_minor for lot in self.lots if not lot.has_expired(moment)])


@dataclass(frozen=True, slots=True)
class Panel:
    """The settings that matter to an entry, read after the lock."""

    credits_enabled: bool
    currency: str
    time_zone: str
    duplicate_window_days: int
    has_mail: bool
    """Mails have an address to come from."""
    low_balance_minor: int
    """Below this balance a customer is told; 0: never."""

    def day_of(self, moment: datetime) -> date:
        """Return the panel's calendar day at this moment."""
        return moment.astimezone(zone(self.time_zone)).date()


@dataclass(slots=True, kw_only=True)
class Posting:
    """One entry to be made; nobody changes it.

    `content` is what the request asked for: the same key with other content is refused.
    """

    kind: Kind
    amount_minor: int
    description: str
    by: Actor
    key: str
    content: tuple[Any, ...] = ()
    reason_id: int | None = None
    is_quiet: bool = False
    class_: CreditClass = CreditClass.GOODWILL
    expires_at: datetime | None = None
    moves: tuple[Move, ...] | None = None
    """Which lots to take from or give back to; None: the drawdown order decides."""
    draws_expired: bool = False
    invoice_id: int | None = None
    payment_id: int | None = None
    subscription_id: int | None = None
    batch_id: int | None = None
    incident_id: int | None = None
    promo_code_id: int | None = None
    reversed_seq: int | None = None
    other_customer_id: int | None = None
    other_seq: int | None = None
    effective_on: date | None = None
    note: str = ""
    customer_note: str = ""
    ticket_ref: str = ""


def reference(customer_id: int, seq: int) -> str:
    """Return the entry's name as people see it, `CR-1108-17`."""
    return f"CR-{customer_id}-{seq}"


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """Return the time zone with this name."""
    return ZoneInfo(name)
