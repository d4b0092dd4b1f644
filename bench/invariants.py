"""What must hold whatever has been done to the ledger, asked in plain SQL."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Engine, text

from bench.stage import Database

RULES: Mapping[str, str] = {
    "entries sum to the balance, and are numbered without a gap": """
        SELECT count(*) FROM credit_accounts a LEFT JOIN (
            SELECT customer_id, sum(amount_minor) AS minor, max(seq) AS newest, count(*) AS entries
            FROM credit_entries GROUP BY customer_id
        ) e ON e.customer_id = a.customer_id
        WHERE a.balance_minor <> coalesce(e.minor, 0) OR a.entry_seq <> coalesce(e.newest, 0)
           OR a.entry_seq <> coalesce(e.entries, 0)""",
    "each entry stands on the one before it": """
        SELECT count(*) FROM (
            SELECT amount_minor, balance_after_minor,
                lag(balance_after_minor, 1, 0) OVER (PARTITION BY customer_id ORDER BY seq) AS before_minor
            FROM credit_entries
        ) AS e WHERE before_minor + amount_minor <> balance_after_minor""",
    "lots sum to the balance": """
        SELECT count(*) FROM credit_accounts a LEFT JOIN (
            SELECT customer_id, sum(remaining_minor) AS minor FROM credit_lots GROUP BY customer_id
        ) l ON l.customer_id = a.customer_id WHERE a.balance_minor <> coalesce(l.minor, 0)""",
    "draws say what is left of each lot": """
        SELECT count(*) FROM credit_lots l LEFT JOIN (
            SELECT customer_id, lot_seq, sum(amount_minor) AS minor FROM credit_draws GROUP BY customer_id, lot_seq
        ) d ON d.customer_id = l.customer_id AND d.lot_seq = l.seq
        WHERE l.opening_minor - coalesce(d.minor, 0) <> l.remaining_minor""",
    "totals are the sum of the balances": """
        SELECT count(*) FROM (SELECT sum(balance_minor) AS minor, sum(holders) AS holders FROM credit_totals) t,
            (SELECT coalesce(sum(balance_minor), 0) AS minor,
                sum(CASE WHEN balance_minor > 0 THEN 1 ELSE 0 END) AS holders FROM credit_accounts) a
        WHERE t.minor <> a.minor OR t.holders <> coalesce(a.holders, 0)""",
    "days sum to the balances": """
        SELECT count(*) FROM (SELECT coalesce(sum(amount_minor), 0) AS minor FROM credit_days) d,
            (SELECT coalesce(sum(balance_minor), 0) AS minor FROM credit_accounts) a WHERE d.minor <> a.minor""",
    "credit on invoices is what entries put on them": """
        SELECT count(*) FROM (SELECT coalesce(sum(credit_minor), 0) AS minor FROM invoices) i,
            (SELECT coalesce(sum(amount_minor), 0) AS minor FROM credit_entries
            WHERE kind IN ('applied', 'unapplied', 'returned')) e WHERE i.minor <> -e.minor""",
    "each invoice has the history it counts": """
        SELECT count(*) FROM invoices i LEFT JOIN (
            SELECT customer_id, invoice_id, count(*) AS events FROM invoice_events GROUP BY customer_id, invoice_id
        ) e ON e.customer_id = i.customer_id AND e.invoice_id = i.id WHERE i.events <> coalesce(e.events, 0)""",
}
"""For each rule, how many rows break it."""


def broken(engine: Engine) -> list[str]:
    """Return the rules that do not hold, each with how many rows break it."""
    with engine.connect() as connection:
        connection.exec_driver_sql("SET statement_timeout = 0") if engine.dialect.name == "postgresql" else None
        found = {rule: _count(connection, sql) for rule, sql in RULES.items()}
    return [f"{rule}: {rows} do not" for rule, rows in found.items() if rows]


def broken_in(database: Database) -> list[str]:
    """Return the rules that do not hold in this database."""
    app = database.app()
    with app.app_context():
        engine: Engine = app.extensions["sqlalchemy"].engine
        found = broken(engine)
        engine.dispose()
    return found


def _count(connection: Connection, sql: str) -> int:
    return int(connection.execute(text(sql)).scalar_one())
