"""What comes back to somebody who was merged passes on to the survivor in the same transaction.

A refund that failed, a dispute that was won, a paid invoice that is undone: each is booked where its history is, under
the merged id, and what that leaves there moves on at once. So the merged account is empty after every transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from creditapp.services import survivors
from creditapp.services.actor import SYSTEM
from creditapp.services.ledger import Chunk
from creditapp.services.merging import lots

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@contextmanager
def through(session: Session, customer_id: int) -> Iterator[int]:
    """Lock the customer and the survivor, let entries pass through the merged account, and yield the survivor.

    What they leave there moves on to the survivor when all is done. For who was not merged, nothing is different.
    The settings, and what a gateway told, are locked before.
    """
    owner_id = survivors.lock(session, customer_id)
    if owner_id == customer_id:
        yield owner_id
        return
    with survivors.passing(session, customer_id) as is_inner:
        yield owner_id
        if not is_inner:
            _pass_on(session, customer_id, owner_id)


def _pass_on(session: Session, customer_id: int, owner_id: int) -> None:
    chunk = Chunk(session, [customer_id, owner_id], ())
    if chunk.account(customer_id).balance_minor:
        lots.move(chunk, customer_id, owner_id, by=SYSTEM)
        chunk.write()
