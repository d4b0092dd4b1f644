"""The anchor of renewals: a month of invoices, paid from credit, by a few statements over all of them at once."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import partial

from sqlalchemy import Connection

from bench.sealing import seal
from creditapp.columns import to_microseconds
from creditapp.services.ledger import LINKS, content_digest, entry_hash

DIGEST = content_digest(())

DUE = """
    CREATE TEMPORARY TABLE bench_found AS
    SELECT s.customer_id, s.id AS subscription_id, s.label, s.price_minor, s.product_id, p.name, a.entry_seq,
        a.balance_minor, a.head_hash, {least}(a.balance_minor, s.price_minor) AS credit_minor,
        {first} - 1 + row_number() OVER (ORDER BY s.customer_id) AS invoice_id
    FROM subscriptions s JOIN products p ON p.id = s.product_id JOIN credit_accounts a ON a.customer_id = s.customer_id
    WHERE s.status = 'active' AND s.next_due_on <= {due_on}"""
INVOICES = """
    INSERT INTO invoices (customer_id, id, kind, status, currency, is_gross, net_minor, tax_minor, total_minor,
        eligible_minor, credit_minor, paid_minor, refunded_minor, issued_on, due_on, paid_at, subscription_id,
        period_start, period_end, note, events, actor, key, key_digest, version, created_at, updated_at)
    SELECT customer_id, invoice_id, 'renewal', CASE WHEN credit_minor = price_minor THEN 'paid' ELSE 'unpaid' END,
        'USD', false, price_minor, 0, price_minor, price_minor, credit_minor, 0, 0, {due_on}, {due_on},
        CASE WHEN credit_minor = price_minor THEN {now} END, subscription_id, {due_on}, {until}, '', 2, 'system',
        'renewal:' || subscription_id || ':' || {due_on}, {digest}, 1, {now}, {now}
    FROM bench_due"""
LINES = """
    INSERT INTO invoice_lines (customer_id, invoice_id, line, description, quantity, unit_minor, tax_bp, net_minor,
        tax_minor, gross_minor, product_id, subscription_id, period_start, period_end, is_credit_automatic)
    SELECT customer_id, invoice_id, 1, name || ': ' || label, 1, price_minor, 0, price_minor, 0, price_minor,
        product_id, subscription_id, {due_on}, {until}, true FROM bench_due"""
ISSUED = """
    INSERT INTO invoice_events (customer_id, invoice_id, seq, at, action, amount_minor, actor)
    SELECT customer_id, invoice_id, 1, {now}, 'issued', price_minor, 'system' FROM bench_due"""
USED = """
    INSERT INTO invoice_events (customer_id, invoice_id, seq, at, action, amount_minor, entry_seq, facts, actor)
    SELECT customer_id, invoice_id, 2, {now}, CASE WHEN credit_minor > 0 THEN 'credit_applied' ELSE 'credit_not_applied'
        END, CASE WHEN credit_minor > 0 THEN credit_minor END, CASE WHEN credit_minor > 0 THEN entry_seq + 1 END,
        {facts}, 'system' FROM bench_due"""
ENTRIES = """
    INSERT INTO credit_entries (customer_id, seq, kind, amount_minor, balance_after_minor, description, is_quiet,
        invoice_id, subscription_id, actor, key, key_digest, effective_on, day, posted_at, hash)
    SELECT customer_id, entry_seq + 1, 'applied', -credit_minor, balance_minor - credit_minor,
        'Credit Applied to Invoice #' || invoice_id, false, invoice_id, subscription_id, 'system',
        'auto:' || invoice_id || ':1', {digest}, {today}, {today}, {now}, hash
    FROM bench_due WHERE credit_minor > 0"""
DRAWS = """
    INSERT INTO credit_draws (customer_id, entry_seq, lot_seq, amount_minor)
    SELECT customer_id, entry_seq + 1, seq, {least}(remaining_minor, credit_minor - before_minor) FROM (
        SELECT d.customer_id, d.entry_seq, d.credit_minor, l.seq, l.remaining_minor,
            sum(l.remaining_minor) OVER (
                PARTITION BY l.customer_id ORDER BY l.expires_at IS NULL, l.expires_at, l.seq
            ) - l.remaining_minor AS before_minor
        FROM bench_due d JOIN credit_lots l ON l.customer_id = d.customer_id AND l.remaining_minor > 0
        WHERE d.credit_minor > 0
    ) AS lots WHERE before_minor < credit_minor"""
LOTS = """
    UPDATE credit_lots SET remaining_minor = remaining_minor - w.amount_minor
    FROM bench_due d JOIN credit_draws w ON w.customer_id = d.customer_id AND w.entry_seq = d.entry_seq + 1
    WHERE credit_lots.customer_id = w.customer_id AND credit_lots.seq = w.lot_seq"""
DAYS = """
    INSERT INTO credit_days (day, kind, reason_id, class, shard, amount_minor, lines)
    SELECT {today}, 'applied', 0, 'goodwill', {shard}, -sum(credit_minor), count(*)
    FROM bench_due WHERE credit_minor > 0 GROUP BY {shard}
    ON CONFLICT (day, kind, reason_id, class, shard) DO UPDATE
    SET amount_minor = credit_days.amount_minor + excluded.amount_minor, lines = credit_days.lines + excluded.lines"""
TOTALS = """
    UPDATE credit_totals SET balance_minor = balance_minor - d.minor, holders = holders - d.emptied
    FROM (SELECT customer_id % 16 AS shard, sum(credit_minor) AS minor,
        sum(CASE WHEN credit_minor > 0 AND credit_minor = balance_minor THEN 1 ELSE 0 END) AS emptied
        FROM bench_due GROUP BY customer_id % 16) AS d
    WHERE credit_totals.shard = d.shard"""
ACCOUNTS = """
    UPDATE credit_accounts SET balance_minor = credit_accounts.balance_minor - d.credit_minor,
        entry_seq = d.entry_seq + 1, head_hash = d.hash, changed_at = {now}
    FROM bench_due d WHERE d.customer_id = credit_accounts.customer_id AND d.credit_minor > 0"""
MOVES = """
    UPDATE subscriptions SET next_due_on = {until}, version = version + 1, updated_at = {now},
        paid_until = CASE WHEN d.credit_minor = d.price_minor THEN {until} ELSE paid_until END
    FROM bench_due d WHERE d.customer_id = subscriptions.customer_id AND d.subscription_id = subscriptions.id"""
ROW = (*("customer_id", "entry_seq", "credit_minor", "balance_minor", "head_hash", "invoice_id", "subscription_id"),)
STATEMENTS = (INVOICES, LINES, ISSUED, USED, ENTRIES, DRAWS, LOTS, DAYS, TOTALS, ACCOUNTS, MOVES)


def renew_in_sets(connection: Connection, key: bytes, first: int, due_on: date, until: date) -> None:
    """Invoice every subscription that is due, one period each, and use credit; nothing is locked or checked."""
    is_sqlite = connection.dialect.name == "sqlite"
    moment = datetime.now(UTC)
    cast = "" if is_sqlite else "::date"
    words = {
        "first": str(first),
        "due_on": f"'{due_on}'{cast}",
        "until": f"'{until}'{cast}",
        "today": f"'{moment.date()}'{cast}",
        "now": str(to_microseconds(moment)) if is_sqlite else f"'{moment.isoformat()}'::timestamptz",
        "least": "min" if is_sqlite else "least",
        "digest": f"x'{DIGEST.hex()}'" if is_sqlite else f"'\\x{DIGEST.hex()}'::bytea",
        "facts": '\'{"trigger": "new", "due_minor": 100, "usable_minor": 100, "why": []}\'',
        "shard": "customer_id * 0" if is_sqlite else "customer_id % 16",
    }
    if not is_sqlite:
        words["facts"] += "::json"
    driver = connection.connection.driver_connection
    for table in ("bench_found", "bench_due"):
        driver.execute(f"DROP TABLE IF EXISTS {table}")  # type: ignore[union-attr]
    driver.execute(DUE.format(**words))  # type: ignore[union-attr]
    seal(driver, "bench_found", "bench_due", ROW, partial(_sealed, key, moment))
    for statement in STATEMENTS:
        driver.execute(statement.format(**words))  # type: ignore[union-attr] # both drivers have it; `%` stays `%` so


def _sealed(  # noqa: PLR0913, PLR0917  (the columns)
    key: bytes,
    moment: datetime,
    customer_id: int,
    entry_seq: int,
    credit_minor: int,
    balance_minor: int,
    head_hash: bytes,
    invoice_id: int,
    subscription_id: int,
) -> tuple[None, bytes | None]:
    if not credit_minor:
        return None, None
    row = {
        "customer_id": customer_id,
        "seq": entry_seq + 1,
        "kind": "applied",
        "amount_minor": -credit_minor,
        "balance_after_minor": balance_minor - credit_minor,
        "description": f"Credit Applied to Invoice #{invoice_id}",
        "is_quiet": False,
        **dict.fromkeys(LINKS),
        "invoice_id": invoice_id,
        "subscription_id": subscription_id,
        "actor": "system",
        "actor_id": None,
        "key": f"auto:{invoice_id}:1",
        "key_digest": DIGEST,
        "effective_on": moment.date(),
        "day": moment.date(),
        "posted_at": moment,
        "text_digest": None,
    }
    return None, entry_hash(key, head_hash, row)
