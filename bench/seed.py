"""Made-up customers with ten entries each: always the same ones, posted through the ledger's own bulk path."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
from flask import Flask
from sqlalchemy import Column, LargeBinary, text
from sqlalchemy.orm import Session

from creditapp.columns import UtcDateTime
from creditapp.db import Base, now, transact_at
from creditapp.errors import DomainError
from creditapp.models import Kind, LogIn, Reason, Staff
from creditapp.services import actor, ledger
from creditapp.services.ledger import Posting
from creditapp.statements import insert_rows
from creditapp.text import fold
from tests.postgres import DRIVER

ENTRIES_EACH = 10
CHUNK = 1000
STAFF_ID = 1
REASON_ID = 1
"""The first reason of a fresh installation, *Courtesy*; what is removed has `REMOVAL_REASON_ID`."""
REMOVAL_REASON_ID = 2
DAYS_BETWEEN = 40
FIRST = ("Ada", "Björn", "Chloé", "Dmitri", "Elif", "Farid", "Grace", "Hiro", "Ines", "João", "Kofi", "Lucía")
SYLLABLES = ("an", "bel", "cor", "dan", "ero", "fin", "gar", "hol", "ist", "jor", "kam", "lund", "mar", "nor", "oss")
COMPANIES = ("", "", "Harbour Hosting", "Pixel Foundry", "Northwind Traders", "Blue Ridge Labs")
NOTES = ("", "", "Outage of the mail cluster", "Agreed on the phone", "Ticket escalated by the account manager")


def sow(app: Flask, customers: int) -> None:
    """Fill the migrated, empty SQLite database of `app`, whose context is active."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=DAYS_BETWEEN * ENTRIES_EACH)
    transact_at(start, _hire)
    for first in range(1, customers + 1, CHUNK):
        ids = range(first, min(first + CHUNK, customers + 1))
        chunk_start = start + timedelta(minutes=first // CHUNK)
        transact_at(chunk_start, _join, ids)
        dice = random.Random(first)
        balances = dict.fromkeys(ids, 0)
        for turn in range(ENTRIES_EACH):
            moment = chunk_start + timedelta(days=DAYS_BETWEEN * turn)
            transact_at(moment, _post_turn, turn, balances, dice)
    with app.extensions["sqlalchemy"].engine.connect() as connection:
        connection.execute(text("ANALYZE"))
        connection.commit()


def transplant(path: str, app: Flask) -> None:
    """Copy everything in the SQLite file to the migrated PostgreSQL database of `app`, whose context is active."""
    url = app.extensions["sqlalchemy"].engine.url
    address = url.render_as_string(hide_password=False).replace(DRIVER, "postgresql://", 1)
    with closing(sqlite3.connect(path)) as source, psycopg.connect(address) as target:
        target.execute("SET session_replication_role = replica")  # the rows have been checked where they come from
        for table in Base.metadata.sorted_tables:
            if table.name == "credit_totals":
                rows = source.execute("SELECT balance_minor, holders, shard FROM credit_totals")
                target.cursor().executemany(
                    "UPDATE credit_totals SET balance_minor = %s, holders = %s WHERE shard = %s", rows.fetchall()
                )
            elif target.execute(f"SELECT 1 FROM {table.name} LIMIT 1").fetchone() is None:
                columns = ", ".join(f'"{column.name}"' for column in table.columns)
                with target.cursor().copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
                    words = ", ".join(_in_postgresqls_words(column) for column in table.columns)
                    for row in source.execute(f"SELECT {words} FROM {table.name}"):
                        copy.write_row(row)
        for name in ("customers", "log_ins", "staff"):
            target.execute(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), max(id)) FROM {name}")
        target.commit()
        target.autocommit = True
        target.execute("VACUUM ANALYZE")


def surname(customer_id: int) -> str:
    """Return the family name of this customer: a few syllables, so that some letters are common and some are rare."""
    dice = random.Random(customer_id)
    return "".join(dice.choice(SYLLABLES) for _ in range(dice.randint(2, 4))).capitalize()


def _hire(session: Session) -> None:
    moment = now(session)
    session.add(
        LogIn(
            id=STAFF_ID,
            kind="staff",
            email="seed@example.com",
            email_key="seed@example.com",
            password_hash="!",  # noqa: S106  (matches no password)
            password_changed_at=moment,
            created_at=moment,
        )
    )
    session.flush()
    session.add(Staff(id=STAFF_ID, log_in_id=STAFF_ID, name="Sam Seed", role="admin", created_at=moment))
    for reason_id, name in ((REASON_ID, "Courtesy"), (REMOVAL_REASON_ID, "Billing error")):
        reason = session.get(Reason, reason_id)
        if reason is None or reason.name != name:
            raise RuntimeError(f"Reason {reason_id} is not {name}.")


def _join(session: Session, ids: range) -> None:
    insert_rows(
        session, Base.metadata.tables["customers"], [_customer(customer_id, now(session)) for customer_id in ids]
    )
    ledger.create_accounts(session, ids)


def _customer(customer_id: int, moment: datetime) -> dict[str, Any]:
    dice = random.Random(customer_id)
    name = f"{FIRST[customer_id % len(FIRST)]} {surname(customer_id)}"
    company = dice.choice(COMPANIES)
    email = f"{fold(name).replace(' ', '.')}{customer_id}@example.com"
    return {
        "id": customer_id,
        "external_id": None,
        "name": name,
        "company": company,
        "email": email,
        "status": "active",
        "joined_on": date(2015, 1, 1) + timedelta(days=customer_id % 3000),
        "name_key": fold(name),
        "email_key": fold(email),
        "search_key": fold(f"{name} {company} {email}"),
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
    """Yield one posting for each customer: mostly credit; a third of all customers end with nothing."""
    for customer_id, balance_minor in balances.items():
        if turn == ENTRIES_EACH - 1 and balance_minor and customer_id % 3 == 0:
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


def _in_postgresqls_words(column: Column[Any]) -> str:
    """Return SQLite's expression for the column's value as text that COPY understands."""
    name = f'"{column.name}"'
    if isinstance(column.type, LargeBinary):
        return f"'\\x' || hex({name})"
    if isinstance(column.type, UtcDateTime):
        return f"datetime({name} / 1000000, 'unixepoch') || printf('.%06d+00', {name} % 1000000)"
    return name
