"""Made-up customers with ten entries each: always the same ones, posted through the ledger's own bulk path."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from creditapp.bulk import insert_rows
from creditapp.db import Base, now, transact_at
from creditapp.errors import DomainError
from creditapp.models import Kind, Reason, Role
from creditapp.services import actor, ledger, staff
from creditapp.services.ledger import Posting
from creditapp.text import fold

ENTRIES_EACH = 10
CHUNK = 1000
STAFF_ID = 1
"""Who has made all entries and signs in to look at them."""
EMAIL = "bench@example.com"
PASSWORD = "forty-two paper lanterns over the harbour"  # noqa: S105  (a made-up person's)
REASON_ID = 1
"""The first reason of a fresh installation, *Courtesy*; what is removed has `REMOVAL_REASON_ID`."""
REMOVAL_REASON_ID = 2
DAYS_BETWEEN = 40
WITHOUT_CREDIT = 1 / 3
"""Such a part of all customers has spent everything."""
FIRST = ("Ada", "Björn", "Chloé", "Dmitri", "Elif", "Farid", "Grace", "Hiro", "Ines", "João", "Kofi", "Lucía")
SYLLABLES = ("an", "bel", "cor", "dan", "ero", "fin", "gar", "hol", "ist", "jor", "kam", "lund", "mar", "nor", "oss")
COMPANIES = ("", "", "Harbour Hosting", "Pixel Foundry", "Northwind Traders", "Blue Ridge Labs")
NOTES = ("", "", "Outage of the mail cluster", "Agreed on the phone", "Ticket escalated by the account manager")


def sow(app: Flask, customers: int) -> None:
    """Fill the migrated, empty SQLite database of `app`, whose context is active."""
    engine = app.extensions["sqlalchemy"].engine
    event.listen(engine, "connect", _hurry)
    engine.dispose()  # the connections it has have not been told
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=DAYS_BETWEEN * ENTRIES_EACH)
    transact_at(start, _check_reasons)
    if transact_at(start, staff.create, EMAIL, "Sam Seed", Role.ADMIN, PASSWORD, by=actor.SYSTEM) != STAFF_ID:
        raise RuntimeError("Somebody has been there before.")
    for first in range(1, customers + 1, CHUNK):
        ids = range(first, min(first + CHUNK, customers + 1))
        chunk_start = start + timedelta(minutes=first // CHUNK)
        transact_at(chunk_start, _join, ids)
        dice = random.Random(first)
        balances = dict.fromkeys(ids, 0)
        for turn in range(ENTRIES_EACH):
            moment = chunk_start + timedelta(days=DAYS_BETWEEN * turn)
            transact_at(moment, _post_turn, turn, balances, dice)
    event.remove(engine, "connect", _hurry)
    with engine.connect() as connection:
        connection.execute(text("ANALYZE"))
        connection.commit()


def surname(customer_id: int) -> str:
    """Return the family name of this customer: a few syllables, so that some letters are common and some are rare."""
    dice = random.Random(customer_id)
    return "".join(dice.choice(SYLLABLES) for _ in range(dice.randint(2, 4))).capitalize()


def name(customer_id: int) -> str:
    """Return the full name of this customer."""
    return f"{FIRST[customer_id % len(FIRST)]} {surname(customer_id)}"


def email(customer_id: int) -> str:
    """Return the e-mail address of this customer; nobody else has it."""
    return f"{fold(name(customer_id)).replace(' ', '.')}{customer_id}@example.com"


def _hurry(connection: sqlite3.Connection, _record: object) -> None:
    """Give up safety while sowing: a seed that is not whole is thrown away."""
    for pragma in ("synchronous=OFF", "cache_size=-500000", "wal_autocheckpoint=50000"):
        connection.execute(f"PRAGMA {pragma}")


def _check_reasons(session: Session) -> None:
    for reason_id, its_name in ((REASON_ID, "Courtesy"), (REMOVAL_REASON_ID, "Billing error")):
        reason = session.get(Reason, reason_id)
        if reason is None or reason.name != its_name:
            raise RuntimeError(f"Reason {reason_id} is not {its_name}.")


def _join(session: Session, ids: range) -> None:
    insert_rows(
        session, Base.metadata.tables["customers"], [_customer(customer_id, now(session)) for customer_id in ids]
    )
    ledger.create_accounts(session, ids)


def _customer(customer_id: int, moment: datetime) -> dict[str, Any]:
    dice = random.Random(customer_id)
    company = dice.choice(COMPANIES)
    its_name, its_email = name(customer_id), email(customer_id)
    return {
        "id": customer_id,
        "external_id": None,
        "name": its_name,
        "company": company,
        "email": its_email,
        "status": "active",
        "joined_on": date(2015, 1, 1) + timedelta(days=customer_id % 3000),
        "name_key": fold(its_name),
        "email_key": fold(its_email),
        "search_key": fold(f"{its_name} {company} {its_email}"),
        "merged_into_id": None,
        "version": 1,
        "created_at": moment,
        "updated_at": moment,
    }


def _post_turn(session: Session, turn: int, balances: dict[int, int], dice: random.Random) -> None:
    postings = list(_turn(turn, balances, dice))
    for result in ledger.post_many(session, postings):
        if isinstance(result, DomainError):
            raise result


def _turn(turn: int, balances: dict[int, int], dice: random.Random) -> Iterator[tuple[int, Posting]]:
    """Yield one posting for each customer: mostly credit."""
    for customer_id, balance_minor in balances.items():
        if turn == ENTRIES_EACH - 1 and balance_minor and dice.random() < WITHOUT_CREDIT:
            amount_minor = -balance_minor
        elif balance_minor and dice.random() < 0.3:
            amount_minor = -dice.randint(1, balance_minor)
        else:
            amount_minor = dice.randint(1, 500) * 100
        balances[customer_id] += amount_minor
        adds = amount_minor > 0
        yield (
            customer_id,
            Posting(
                kind=Kind.ADDED if adds else Kind.REMOVED,
                amount_minor=amount_minor,
                description="Credit Added" if adds else "Credit Removed",
                by=actor.staff(STAFF_ID),
                key=f"seed:{turn}",
                reason_id=REASON_ID if adds else REMOVAL_REASON_ID,
                note=dice.choice(NOTES),
            ),
        )
