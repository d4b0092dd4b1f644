"""The verbs of the credit desk as tests call them, and what to look at afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from creditapp.db import db, transact, transact_at
from creditapp.errors import DomainError
from creditapp.models import (
    CreditAccount,
    CreditDraw,
    CreditEntry,
    CreditEntryText,
    CreditLot,
)
from creditapp.money import currency
from creditapp.services import credits
from creditapp.services.ledger import Entry
from tests.factories import (
    actor,
    new_key,
    reason_named,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def adjust(customer: int, amount_minor: int, **given: Any) -> Entry:  # noqa: ANN401  (arguments of `credits.adjust`)
    at = given.pop("at", None)
    arguments: dict[str, Any] = {"key": new_key(), **given}
    arguments.setdefault("by", actor())
    arguments.setdefault("reason_id", reason_named("Courtesy" if amount_minor > 0 else "Entered by mistake"))
    if at is None:
        return transact(credits.adjust, customer, amount_minor, **arguments)
    return transact_at(at, credits.adjust, customer, amount_minor, **arguments)


def set_balance(customer: int, target_minor: int, seen_minor: int, **given: Any) -> Entry:  # noqa: ANN401  (its arguments)
    arguments: dict[str, Any] = {"key": new_key(), **given}
    arguments.setdefault("by", actor())
    arguments.setdefault("reason_id", reason_named("Balance correction"))
    return transact(credits.set_balance, customer, target_minor, seen_minor=seen_minor, **arguments)


def undo(verb: Callable[..., Entry], entry: Entry, *amount: int, **given: Any) -> Entry:  # noqa: ANN401  (its arguments)
    arguments: dict[str, Any] = {"key": new_key(), **given}
    arguments.setdefault("by", actor())
    at = arguments.pop("at", None)
    if at is None:
        return transact(verb, entry.customer_id, entry.seq, *amount, **arguments)
    return transact_at(at, verb, entry.customer_id, entry.seq, *amount, **arguments)


def refusal(work: Callable[[], object]) -> str:
    """Return the sentence with which the work is refused; nothing may have been written by it."""
    before = _everything()
    with pytest.raises(DomainError) as refused:
        work()
    assert _everything() == before
    return refused.value.sentence(currency("USD").format)


def _everything() -> list[list[Any]]:
    db.session.rollback()
    models = (CreditAccount, CreditEntry, CreditEntryText, CreditLot, CreditDraw)
    return [sorted(map(tuple, db.session.execute(select(*model.__table__.c)))) for model in models]


def row(entry: Entry) -> CreditEntry:
    db.session.rollback()
    return db.session.get_one(CreditEntry, (entry.customer_id, entry.seq))


def texts(entry: Entry) -> tuple[str | None, str | None, str | None]:
    db.session.rollback()
    found = db.session.get_one(CreditEntryText, (entry.customer_id, entry.seq))
    return found.note, found.customer_note, found.ticket_ref


def lots(customer: int) -> dict[int, int]:
    """Return what each lot has left, by its entry's number."""
    db.session.rollback()
    statement = select(CreditLot.seq, CreditLot.remaining_minor).where(CreditLot.customer_id == customer)
    return dict(list(db.session.execute(statement)))


def usable(customer: int, at: datetime) -> int:
    return transact_at(at, credits.usable_minor, customer)


def close(session: Session, customer_id: int) -> None:
    account = update(CreditAccount).where(CreditAccount.customer_id == customer_id)
    session.execute(account.values(closed_at=NOON))
