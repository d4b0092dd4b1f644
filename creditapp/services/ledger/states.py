"""What changes of accounts and texts beside entries: frozen or not, closed for good, and words that are erased."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, update

from creditapp.db import now
from creditapp.services.ledger.plans import ACCOUNTS, TEXTS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def set_frozen(session: Session, customer_ids: Sequence[int], since: datetime | None, reason: str | None) -> None:
    """Freeze these accounts, which are locked, since then and for this reason; None and None: release them."""
    its_own = update(ACCOUNTS).where(ACCOUNTS.c.customer_id.in_(customer_ids))
    session.execute(its_own.values(frozen_at=since, frozen_reason=reason))


def close(session: Session, customer_id: int) -> None:
    """Let an account, which is locked, take no more entries."""
    session.execute(update(ACCOUNTS).where(ACCOUNTS.c.customer_id == customer_id).values(closed_at=now(session)))


def erase_texts(session: Session, which: ColumnElement[bool]) -> int:
    """Take the words out of these texts, a condition on their columns, and return how many had some.

    What their entries remember of them, a salted digest, stays; with the salt gone, nobody can try words against it.
    """
    empty = dict.fromkeys(("note", "customer_note", "ticket_ref", "search_key", "salt"))
    with_words = update(TEXTS).where(which, TEXTS.c.erased_at.is_(None))
    return int(session.connection().execute(with_words.values(**empty, erased_at=now(session))).rowcount)
