"""The anchor of batches: the same chunks in plain SQL, entries sealed and lots made, nothing checked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from bench.sealing import seal
from creditapp.columns import to_microseconds
from creditapp.services.ledger import ZERO_HASH, content_digest, entry_hash, text_digest

TEXT = "Credit for downtime"
CHUNK = """
    CREATE TEMPORARY TABLE bench_chunk AS
    SELECT l.customer_id, l.line, l.subscription_id, l.amount_minor, a.entry_seq, a.balance_minor, a.head_hash,
        'Downtime Credit: Outage, 3 h 20 min, ' || p.name || ' #' || l.subscription_id AS description,
        'downtime:{incident}:' || l.subscription_id || ':' || {round} AS key, {salt} AS salt
    FROM batch_lines l JOIN credit_accounts a ON a.customer_id = l.customer_id
    JOIN subscriptions s ON s.customer_id = l.customer_id AND s.id = l.subscription_id
    JOIN products p ON p.id = s.product_id
    WHERE l.batch_id = {batch} AND l.is_included AND l.line > {after} AND l.line <= {after} + {most}{lock}"""
ROW = (
    *("customer_id", "entry_seq", "amount_minor", "balance_minor", "head_hash"),
    *("description", "key", "subscription_id", "salt"),
)
ENTRIES = """
    INSERT INTO credit_entries (customer_id, seq, kind, amount_minor, balance_after_minor, description, is_quiet,
        reason_id, subscription_id, batch_id, incident_id, actor, actor_id, key, key_digest, effective_on, day,
        posted_at, text_digest, hash)
    SELECT customer_id, entry_seq + 1, 'downtime', amount_minor, balance_minor + amount_minor, description, false,
        {reason}, subscription_id, {batch}, {incident}, 'staff', {staff}, key, {digest}, {today}, {today}, {now},
        text_digest, hash
    FROM bench_sealed"""
LOTS = """
    INSERT INTO credit_lots (customer_id, seq, class, opening_minor, remaining_minor)
    SELECT customer_id, entry_seq + 1, 'goodwill', amount_minor, amount_minor FROM bench_sealed"""
TEXTS = """
    INSERT INTO credit_entry_texts (customer_id, seq, customer_note, salt)
    SELECT customer_id, entry_seq + 1, {text}, salt FROM bench_sealed"""
ACCOUNTS = """
    UPDATE credit_accounts SET balance_minor = credit_accounts.balance_minor + c.amount_minor,
        entry_seq = c.entry_seq + 1, head_hash = c.hash, changed_at = {now}
    FROM bench_sealed c WHERE c.customer_id = credit_accounts.customer_id"""
DAYS = """
    INSERT INTO credit_days (day, kind, reason_id, class, shard, amount_minor, lines)
    SELECT {today}, 'downtime', {reason}, 'goodwill', {shard}, sum(amount_minor), count(*)
    FROM bench_sealed WHERE true GROUP BY {shard}
    ON CONFLICT (day, kind, reason_id, class, shard) DO UPDATE
    SET amount_minor = credit_days.amount_minor + excluded.amount_minor, lines = credit_days.lines + excluded.lines"""
TOTALS = """
    UPDATE credit_totals SET balance_minor = balance_minor + d.minor, holders = holders + d.more
    FROM (SELECT customer_id % 16 AS shard, sum(amount_minor) AS minor,
        sum(CASE WHEN balance_minor = 0 THEN 1 ELSE 0 END) AS more
        FROM bench_sealed GROUP BY customer_id % 16) AS d
    WHERE credit_totals.shard = d.shard"""
BATCH = """
    UPDATE batches SET done_line = {after} + {most}, posted = posted + (SELECT count(*) FROM bench_sealed),
        posted_minor = posted_minor + (SELECT sum(amount_minor) FROM bench_sealed) WHERE id = {batch}"""
STATEMENTS = (ENTRIES, TEXTS, LOTS, ACCOUNTS, DAYS, TOTALS, BATCH)


def issue_in_sets(
    connection: Connection, key: bytes, batch_id: int, incident_id: int, reason_id: int, staff_id: int, size: int
) -> None:
    """Post every line of a batch, `size` lines in each transaction."""
    with connection.begin():
        lines = connection.exec_driver_sql(
            f"SELECT max(line) FROM batch_lines WHERE batch_id = {batch_id}"
        ).scalar_one()
    for after in range(0, int(lines), size):
        with connection.execution_options(sqlite_begin="IMMEDIATE").begin():
            _Chunk(connection, key, batch_id, incident_id, reason_id, staff_id).post(after, size)


class _Chunk:
    """One transaction of the anchor."""

    def __init__(
        self, connection: Connection, key: bytes, batch_id: int, incident_id: int, reason_id: int, staff_id: int
    ) -> None:
        self.is_sqlite = connection.dialect.name == "sqlite"
        self.driver: Any = connection.connection.driver_connection
        self.key, self.moment = key, datetime.now(UTC)
        self.links = {"reason_id": reason_id, "batch_id": batch_id, "incident_id": incident_id}
        self.staff_id = staff_id
        cast = "" if self.is_sqlite else "::date"
        digest = content_digest(()).hex()
        self.words = {
            "batch": str(batch_id),
            "incident": str(incident_id),
            "round": "1",
            "reason": str(reason_id),
            "staff": str(staff_id),
            "today": f"'{self.moment.date()}'{cast}",
            "now": str(to_microseconds(self.moment)) if self.is_sqlite else f"'{self.moment.isoformat()}'::timestamptz",
            "digest": f"x'{digest}'" if self.is_sqlite else f"'\\x{digest}'::bytea",
            "shard": "customer_id * 0" if self.is_sqlite else "customer_id % 16",
            "salt": "randomblob(16)" if self.is_sqlite else "uuid_send(gen_random_uuid())",
            "text": f"'{TEXT}'",
            "lock": "" if self.is_sqlite else " ORDER BY l.line",
        }

    def post(self, after: int, size: int) -> None:
        """Lock and read the chunk, seal its entries, write its rows."""
        words = {**self.words, "after": str(after), "most": str(size)}
        for table in ("bench_chunk", "bench_sealed"):
            self.driver.execute(f"DROP TABLE IF EXISTS {table}")
        if not self.is_sqlite:
            self.driver.execute(
                "SELECT 1 FROM credit_accounts WHERE customer_id IN (SELECT customer_id FROM batch_lines WHERE "
                f"batch_id = {words['batch']} AND line > {after} AND line <= {after + size}) "
                "ORDER BY customer_id FOR UPDATE"
            )
        self.driver.execute(CHUNK.format(**words))
        seal(self.driver, "bench_chunk", "bench_sealed", ROW, self._sealed)
        for statement in STATEMENTS:
            self.driver.execute(statement.format(**words))

    def _sealed(  # noqa: PLR0913, PLR0917  (the columns)
        self,
        customer_id: int,
        entry_seq: int,
        amount_minor: int,
        balance_minor: int,
        head_hash: bytes,
        description: str,
        key: str,
        subscription_id: int,
        salt: bytes,
    ) -> tuple[bytes, bytes]:
        day, texts = self.moment.date(), text_digest(salt, None, TEXT, None)
        row = {
            "customer_id": customer_id,
            "seq": entry_seq + 1,
            "kind": "downtime",
            "amount_minor": amount_minor,
            "balance_after_minor": balance_minor + amount_minor,
            "description": description,
            "is_quiet": False,
            **dict.fromkeys(("invoice_id", "payment_id", "promo_code_id", "reversed_seq")),
            **dict.fromkeys(("other_customer_id", "other_seq")),
            **self.links,
            "subscription_id": subscription_id,
            "actor": "staff",
            "actor_id": self.staff_id,
            "key": key,
            "key_digest": content_digest(()),
            "effective_on": day,
            "day": day,
            "posted_at": self.moment,
            "text_digest": texts,
        }
        return texts, entry_hash(self.key, head_hash or ZERO_HASH, row)
