"""The anchor: an adjustment, or credit on an invoice, in plain SQL on the driver, one statement after the other.

It writes the same rows as `credits.adjust` and `credits.apply` to the same tables, under the same locks, and neither
checks nor seals anything: the hash is 32 random bytes.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Protocol, cast

import psycopg

from bench.seed import STAFF_ID
from bench.stage import SQLITE, Database
from creditapp.columns import to_microseconds
from creditapp.db import POSTGRES_OPTIONS
from creditapp.models import TOTAL_SHARDS
from tests.postgres import DRIVER

LOTS_AT_ONCE = 32

LOCK = "SELECT balance_minor, entry_seq FROM credit_accounts WHERE customer_id = %s FOR UPDATE"
OPEN_LOTS = """
    SELECT seq, remaining_minor FROM credit_lots WHERE customer_id = %s AND remaining_minor > 0
    ORDER BY expires_at IS NULL, expires_at, seq LIMIT %s"""
UPDATE_ACCOUNT = """
    UPDATE credit_accounts SET balance_minor = %s, entry_seq = %s, head_hash = %s, changed_at = %s
    WHERE customer_id = %s"""
INSERT_ENTRY = """
    INSERT INTO credit_entries (customer_id, seq, kind, amount_minor, balance_after_minor, description, is_quiet,
        reason_id, actor, actor_id, key, key_digest, effective_on, day, posted_at, text_digest, hash)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
INSERT_TEXT = """
    INSERT INTO credit_entry_texts (customer_id, seq, note, customer_note, search_key, salt)
    VALUES (%s, %s, %s, %s, %s, %s)"""
INSERT_LOT = """
    INSERT INTO credit_lots (customer_id, seq, class, opening_minor, remaining_minor) VALUES (%s, %s, %s, %s, %s)"""
INSERT_DRAW = "INSERT INTO credit_draws (customer_id, entry_seq, lot_seq, amount_minor) VALUES (%s, %s, %s, %s)"
UPDATE_LOT = "UPDATE credit_lots SET remaining_minor = remaining_minor - %s WHERE customer_id = %s AND seq = %s"
UPSERT_DAY = """
    INSERT INTO credit_days (day, kind, reason_id, class, shard, amount_minor, lines) VALUES (%s, %s, %s, %s, %s, %s, 1)
    ON CONFLICT (day, kind, reason_id, class, shard) DO UPDATE
    SET amount_minor = credit_days.amount_minor + excluded.amount_minor, lines = credit_days.lines + 1"""
UPDATE_TOTAL = "UPDATE credit_totals SET balance_minor = balance_minor + %s, holders = holders + %s WHERE shard = %s"
LOCK_RULES = "SELECT credits_enabled FROM settings WHERE id = 1 FOR SHARE"
LOCK_INVOICE = """
    SELECT total_minor - credit_minor - paid_minor, events FROM invoices
    WHERE customer_id = %s AND id = %s FOR UPDATE"""
INSERT_APPLIED = """
    INSERT INTO credit_entries (customer_id, seq, kind, amount_minor, balance_after_minor, description, is_quiet,
        invoice_id, actor, actor_id, key, key_digest, effective_on, day, posted_at, hash)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
UPDATE_INVOICE = """
    UPDATE invoices SET credit_minor = credit_minor + %s, events = %s, version = version + 1, updated_at = %s
    WHERE customer_id = %s AND id = %s"""
INSERT_EVENT = """
    INSERT INTO invoice_events (customer_id, invoice_id, seq, at, action, amount_minor, entry_seq, facts, actor,
        actor_id)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
FACTS = '{"trigger": "hand", "due_minor": 1000, "usable_minor": 1000, "why": []}'

Driver = Any
"""A connection of sqlite3 or psycopg, and a moment or a day as it takes them."""


class Desk(Protocol):
    """One client's seat: it adjusts one account at a time."""

    def adjust(self, customer_id: int, amount_minor: int, *, reason_id: int, note: str, key: str) -> None:
        """Add credit, or remove it."""

    def apply(self, customer_id: int, invoice_id: int, amount_minor: int, *, key: str) -> None:
        """Use credit on an invoice."""


def desk(database: Database) -> Desk:
    """Open a connection of its own and return a plain desk on it."""
    if database.engine == SQLITE:
        return PlainDesk(_sqlite(database.url), is_sqlite=True)
    address = database.url.replace(DRIVER, "postgresql://", 1)
    return PlainDesk(psycopg.connect(address, options=POSTGRES_OPTIONS), is_sqlite=False)


class PlainDesk:
    """Begins, reads, writes and commits as anyone would by hand."""

    def __init__(self, connection: Driver, *, is_sqlite: bool) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._is_sqlite = is_sqlite

    def adjust(self, customer_id: int, amount_minor: int, *, reason_id: int, note: str, key: str) -> None:
        """Add credit, or remove it, and commit."""
        self._commit(lambda: self._adjust(customer_id, amount_minor, reason_id, note, key))

    def apply(self, customer_id: int, invoice_id: int, amount_minor: int, *, key: str) -> None:
        """Use credit on an invoice, and commit."""
        self._commit(lambda: self._apply(customer_id, invoice_id, amount_minor, key))

    def _commit(self, work: Callable[[], None]) -> None:
        if self._is_sqlite:
            self._cursor.execute("BEGIN IMMEDIATE")
        try:
            work()
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def _adjust(self, customer_id: int, amount_minor: int, reason_id: int, note: str, key: str) -> None:
        moment = datetime.now(UTC)
        today = moment.date()
        ((before_minor, seq_before),) = self._ask(LOCK, customer_id)
        balance_minor, seq, seal = before_minor + amount_minor, seq_before + 1, secrets.token_bytes(32)
        adds = amount_minor > 0
        kind, words = ("added", "Credit Added") if adds else ("removed", "Credit Removed")
        lots = [] if adds else self._ask(OPEN_LOTS, customer_id, LOTS_AT_ONCE)
        self._tell(UPDATE_ACCOUNT, balance_minor, seq, seal, self._moment(moment), customer_id)
        self._tell(
            INSERT_ENTRY,
            *(customer_id, seq, kind, amount_minor, balance_minor, words, False, reason_id, "staff", STAFF_ID),
            *(key, seal, self._day(today), self._day(today), self._moment(moment), seal, seal),
        )
        self._tell(INSERT_TEXT, customer_id, seq, note, "A credit from us to you", note.lower(), seal[:16])
        if adds:
            self._tell(INSERT_LOT, customer_id, seq, "goodwill", amount_minor, amount_minor)
        self._draw(customer_id, seq, lots, -amount_minor)
        shard = customer_id % TOTAL_SHARDS
        day_shard = 0 if self._is_sqlite else shard
        self._tell(UPSERT_DAY, self._day(today), kind, reason_id, "goodwill", day_shard, amount_minor)
        self._tell(UPDATE_TOTAL, amount_minor, (balance_minor > 0) - (before_minor > 0), shard)

    def _apply(self, customer_id: int, invoice_id: int, amount_minor: int, key: str) -> None:
        moment = datetime.now(UTC)
        at, today = self._moment(moment), self._day(moment.date())
        self._tell(LOCK_RULES)
        self._cursor.fetchall()
        ((before_minor, seq_before),) = self._ask(LOCK, customer_id)
        lots = self._ask(OPEN_LOTS, customer_id, LOTS_AT_ONCE)
        ((due_minor, events),) = self._ask(LOCK_INVOICE, customer_id, invoice_id)
        if due_minor < amount_minor:
            raise RuntimeError("The invoice owes less.")
        balance_minor, seq, seal = before_minor - amount_minor, seq_before + 1, secrets.token_bytes(32)
        self._tell(UPDATE_ACCOUNT, balance_minor, seq, seal, at, customer_id)
        self._tell(
            INSERT_APPLIED,
            *(customer_id, seq, "applied", -amount_minor, balance_minor, f"Credit Applied to Invoice #{invoice_id}"),
            *(False, invoice_id, "staff", STAFF_ID, key, seal, today, today, at, seal),
        )
        self._draw(customer_id, seq, lots, amount_minor)
        shard = customer_id % TOTAL_SHARDS
        day_shard = 0 if self._is_sqlite else shard
        self._tell(UPSERT_DAY, today, "applied", 0, "goodwill", day_shard, -amount_minor)
        self._tell(UPDATE_TOTAL, -amount_minor, (balance_minor > 0) - (before_minor > 0), shard)
        self._tell(UPDATE_INVOICE, amount_minor, events + 1, at, customer_id, invoice_id)
        self._tell(
            INSERT_EVENT,
            *(customer_id, invoice_id, events + 1, at, "credit_applied", amount_minor, seq, FACTS, "staff", STAFF_ID),
        )

    def _draw(self, customer_id: int, seq: int, lots: Sequence[tuple[int, int]], left_minor: int) -> None:
        for lot_seq, remaining_minor in lots:
            taken_minor = min(remaining_minor, left_minor)
            if taken_minor <= 0:
                break
            self._tell(INSERT_DRAW, customer_id, seq, lot_seq, taken_minor)
            self._tell(UPDATE_LOT, taken_minor, customer_id, lot_seq)
            left_minor -= taken_minor
        if left_minor > 0 and lots:
            raise RuntimeError("The lots do not cover what is removed.")

    def _ask(self, sql: str, *values: object) -> list[tuple[int, int]]:
        self._tell(sql, *values)
        return cast("list[tuple[int, int]]", self._cursor.fetchall())

    def _tell(self, sql: str, *values: object) -> None:
        self._cursor.execute(_SQLITE[sql] if self._is_sqlite else sql, values)

    def _moment(self, moment: datetime) -> Driver:
        return to_microseconds(moment) if self._is_sqlite else moment

    def _day(self, day: date) -> Driver:
        return day.isoformat() if self._is_sqlite else day


def _sqlite(url: str) -> sqlite3.Connection:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
    for pragma in (
        "busy_timeout=15000",
        "synchronous=FULL",
        "foreign_keys=ON",
        "recursive_triggers=ON",
        "cache_size=-65536",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


_STATEMENTS = (
    *(LOCK, OPEN_LOTS, UPDATE_ACCOUNT, INSERT_ENTRY, INSERT_TEXT, INSERT_LOT),
    *(INSERT_DRAW, UPDATE_LOT, UPSERT_DAY, UPDATE_TOTAL),
    *(LOCK_RULES, LOCK_INVOICE, INSERT_APPLIED, UPDATE_INVOICE, INSERT_EVENT),
)
_SQLITE = {sql: sql.replace("%s", "?").replace(" FOR UPDATE", "").replace(" FOR SHARE", "") for sql in _STATEMENTS}
