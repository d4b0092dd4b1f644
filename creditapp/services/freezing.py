"""Freezing a balance: it stays to be seen, takes what arrives and what staff adjust, and is used by nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.db import now
from creditapp.errors import CustomerClosedError, CustomerNotFoundError
from creditapp.models import CreditAccount
from creditapp.services import audit, ledger, self_dealing
from creditapp.services.audit import Action

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

REASON_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class _Frozen:
    """Since when a locked balance is frozen, and why; None: it is not."""

    since: datetime | None
    reason: str | None


def freeze(session: Session, customer_id: int, reason: str, *, by: Actor) -> bool:
    """Make the balance unusable, and return whether that was news. Frozen for another reason: this one counts now.

    Raises:
        CustomerNotFoundError, CustomerClosedError: there is no such balance, or no longer.
        OwnAccountError: it is the account of who asks.
        ValueError: no reason is given, or more of it than `REASON_CHARS_MAX` letters.
    """
    if not 0 < len(reason) <= REASON_CHARS_MAX:
        raise ValueError("A balance is frozen for a reason of at most 200 letters.")
    self_dealing.refuse(session, by, customer_id)
    was = _lock(session, customer_id)
    if was.reason == reason:
        return False
    ledger.set_frozen(session, [customer_id], was.since or now(session), reason)
    audit.record(
        session, Action.BALANCE_FROZEN, by, "customer", customer_id, {"frozen": was.reason}, {"frozen": reason}
    )
    return True


def release(session: Session, customer_id: int, *, by: Actor) -> bool:
    """Make a frozen balance usable again, and return whether that was news.

    Raises:
        CustomerNotFoundError, CustomerClosedError: there is no such balance, or no longer.
        OwnAccountError: it is the account of who asks.
    """
    self_dealing.refuse(session, by, customer_id)
    was = _lock(session, customer_id)
    if was.since is None:
        return False
    ledger.set_frozen(session, [customer_id], None, None)
    audit.record(
        session, Action.BALANCE_RELEASED, by, "customer", customer_id, {"frozen": was.reason}, {"frozen": None}
    )
    return True


def _lock(session: Session, customer_id: int) -> _Frozen:
    a = CreditAccount.__table__.c
    columns = select(a.frozen_at, a.frozen_reason, a.closed_at).where(a.customer_id == customer_id)
    row = session.execute(columns.with_for_update()).one_or_none()
    if row is None:
        raise CustomerNotFoundError(customer_id)
    if row.closed_at is not None:
        raise CustomerClosedError(customer_id)
    return _Frozen(row.frozen_at, row.frozen_reason)
