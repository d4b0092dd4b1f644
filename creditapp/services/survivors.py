"""Who answers for a customer now: the one they were merged into, or the customer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.errors import CustomerClosedError, MergedError
from creditapp.models import CreditAccount, Customer

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_PASSING = "passing"


def survivor(session: Session, customer_id: int) -> int:
    """Return whom this customer was merged into, or the customer. Chains are flat: one step is enough."""
    into = session.execute(select(Customer.merged_into_id).where(Customer.id == customer_id)).scalar_one_or_none()
    return customer_id if into is None else int(into)


def lock(session: Session, customer_id: int) -> int:
    """Lock the accounts of the customer and of the survivor, by rising id, and return the survivor.

    Somebody may merge while the lock is waited for; then the next survivor is locked, too.
    """
    a = CreditAccount
    while True:
        owner = survivor(session, customer_id)
        both = sorted({customer_id, owner})
        session.execute(select(a.customer_id).where(a.customer_id.in_(both)).order_by(a.customer_id).with_for_update())
        if survivor(session, customer_id) == owner:
            return owner


def closed_error(session: Session, customer_id: int) -> CustomerClosedError:
    """Return why a closed account takes nothing: it was merged, and into whom, or the customer has gone."""
    owner = survivor(session, customer_id)
    return CustomerClosedError(customer_id) if owner == customer_id else MergedError(customer_id, owner)


@contextmanager
def passing(session: Session, customer_id: int) -> Iterator[bool]:
    """Let the closed account of a merged customer take entries inside; yield whether it did so before already.

    What they leave on it has to be passed on in the same transaction: `merging.through` sees to that.
    """
    passing_now: set[int] = session.info.setdefault(_PASSING, set())
    was_passing = customer_id in passing_now
    passing_now.add(customer_id)
    try:
        yield was_passing
    finally:
        if not was_passing:
            passing_now.discard(customer_id)


def is_passing(session: Session, customer_id: int) -> bool:
    """Return whether entries may pass through this closed account now."""
    return customer_id in session.info.get(_PASSING, ())
