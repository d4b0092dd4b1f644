"""What must add up across rows: lots and draws, reversals, pairs, days and totals. One question for each law.

Every question returns only the rows that break its law: `customer_id`, `seq` and the facts for its sentence. Both
engines understand all of them, and answer from the primary keys without holding a table in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from creditapp.db import Base
from creditapp.models import TOTAL_SHARDS
from creditapp.services.verification.findings import Finding
from creditapp.services.verification.laws import Law, ask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_ORPHANS = """
    SELECT t.customer_id, t.{seq} FROM {table} t
    WHERE NOT EXISTS (SELECT 1 FROM credit_entries e WHERE e.customer_id = t.customer_id AND e.seq = t.{seq})
"""

_LAWS = (
    Law(
        "account",
        """
        SELECT DISTINCT e.customer_id, NULL FROM credit_entries e
        WHERE NOT EXISTS (SELECT 1 FROM credit_accounts a WHERE a.customer_id = e.customer_id)
        """,
        "it has entries and no account",
    ),
    Law("lots", _ORPHANS.format(table="credit_lots", seq="seq"), "there is a lot and no entry"),
    Law("draws", _ORPHANS.format(table="credit_draws", seq="entry_seq"), "there are draws and no entry"),
    Law("text", _ORPHANS.format(table="credit_entry_texts", seq="seq"), "there is a text and no entry"),
    Law(
        "lots",
        """
        SELECT e.customer_id, e.seq, e.amount_minor, l.opening_minor
        FROM credit_entries e
        JOIN credit_kinds k ON k.kind = e.kind
        LEFT JOIN credit_lots l ON l.customer_id = e.customer_id AND l.seq = e.seq
        WHERE CASE WHEN k.effect = 'issues' OR (k.effect = 'by_sign' AND e.amount_minor > 0)
                   THEN l.opening_minor IS NULL OR l.opening_minor <> e.amount_minor
                   ELSE l.opening_minor IS NOT NULL END
        """,
        "an entry of {} has a lot of {}",
    ),
    Law(
        "lots",
        """
        SELECT l.customer_id, l.seq, l.remaining_minor,
            l.opening_minor - COALESCE((SELECT SUM(d.amount_minor) FROM credit_draws d
                                        WHERE d.customer_id = l.customer_id AND d.lot_seq = l.seq), 0)
        FROM credit_lots l
        WHERE l.remaining_minor <>
            l.opening_minor - COALESCE((SELECT SUM(d.amount_minor) FROM credit_draws d
                                        WHERE d.customer_id = l.customer_id AND d.lot_seq = l.seq), 0)
        """,
        "its lot has {} left; its draws leave {}",
    ),
    Law(
        "lots",
        """
        SELECT a.customer_id, NULL, a.balance_minor,
            COALESCE((SELECT SUM(l.remaining_minor) FROM credit_lots l WHERE l.customer_id = a.customer_id), 0)
        FROM credit_accounts a
        WHERE a.balance_minor <>
            COALESCE((SELECT SUM(l.remaining_minor) FROM credit_lots l WHERE l.customer_id = a.customer_id), 0)
        """,
        "the balance is {}, what is left of the lots sums to {}",
    ),
    Law(
        "draws",
        """
        SELECT e.customer_id, e.seq, e.amount_minor, COALESCE(SUM(d.amount_minor), 0)
        FROM credit_entries e
        JOIN credit_kinds k ON k.kind = e.kind
        LEFT JOIN credit_draws d ON d.customer_id = e.customer_id AND d.entry_seq = e.seq
        GROUP BY e.customer_id, e.seq, e.amount_minor, k.effect
        HAVING CASE WHEN k.effect = 'issues' OR (k.effect = 'by_sign' AND e.amount_minor > 0)
                    THEN COUNT(d.lot_seq) > 0
                    ELSE COALESCE(SUM(d.amount_minor), 0) <> -e.amount_minor END
        """,
        "an entry of {} draws {}",
    ),
    Law(
        "draws",
        """
        SELECT d.customer_id, d.entry_seq, d.amount_minor, d.lot_seq, e.amount_minor
        FROM credit_draws d
        JOIN credit_entries e ON e.customer_id = d.customer_id AND e.seq = d.entry_seq
        WHERE (d.amount_minor > 0) = (e.amount_minor > 0)
        """,
        "its draw of {} on lot {} has the sign of the entry of {}",
    ),
    Law(
        "reversals",
        """
        SELECT r.customer_id, r.seq, r.amount_minor, o.amount_minor, o.kind
        FROM credit_entries r
        LEFT JOIN credit_entries o ON o.customer_id = r.customer_id AND o.seq = r.reversed_seq
        WHERE r.reversed_seq IS NOT NULL
            AND (o.seq IS NULL OR o.seq >= r.seq OR o.kind IN ('reversal', 'void')
                 OR (r.amount_minor > 0) = (o.amount_minor > 0))
        """,
        "{} cannot reverse {} (“{}”)",
    ),
    Law(
        "reversals",
        """
        SELECT o.customer_id, o.seq, o.amount_minor, SUM(r.amount_minor)
        FROM credit_entries r
        JOIN credit_entries o ON o.customer_id = r.customer_id AND o.seq = r.reversed_seq
        WHERE r.reversed_seq IS NOT NULL
        GROUP BY o.customer_id, o.seq, o.amount_minor
        HAVING ABS(SUM(r.amount_minor)) > ABS(o.amount_minor)
        """,
        "of {}, {} is reversed",
    ),
    Law(
        "reversals",
        """
        SELECT r.customer_id, r.seq, d.lot_seq
        FROM credit_entries r
        JOIN credit_draws d ON d.customer_id = r.customer_id AND d.entry_seq = r.seq
        JOIN credit_lots l ON l.customer_id = r.customer_id AND l.seq = r.reversed_seq
        WHERE r.reversed_seq IS NOT NULL AND d.lot_seq <> r.reversed_seq
        """,
        "it takes back a lot's entry and draws on lot {} instead",
    ),
    Law(
        "reversals",
        """
        SELECT r.customer_id, r.seq, d.lot_seq
        FROM credit_entries r
        JOIN credit_draws d ON d.customer_id = r.customer_id AND d.entry_seq = r.seq
        WHERE r.reversed_seq IS NOT NULL AND d.amount_minor < 0
            AND (SELECT COALESCE(SUM(all_draws.amount_minor), 0)
                 FROM credit_draws all_draws
                 JOIN credit_entries by ON by.customer_id = all_draws.customer_id AND by.seq = all_draws.entry_seq
                 WHERE all_draws.customer_id = r.customer_id AND all_draws.lot_seq = d.lot_seq
                     AND (by.seq = r.reversed_seq OR by.reversed_seq = r.reversed_seq)) < 0
        """,
        "it gives lot {} more than was drawn from it",
    ),
    Law(
        "pairs",
        """
        SELECT e.customer_id, e.seq, e.kind, e.other_customer_id, e.other_seq
        FROM credit_entries e
        LEFT JOIN credit_entries o ON o.customer_id = e.other_customer_id AND o.seq = e.other_seq
        WHERE (e.other_seq IS NOT NULL OR e.kind IN ('transfer_out', 'transfer_in', 'merged_out', 'merged_in'))
            AND (o.seq IS NULL OR o.other_customer_id IS NULL OR o.other_customer_id <> e.customer_id
                 OR o.other_seq <> e.seq OR o.amount_minor <> -e.amount_minor
                 OR e.kind || ' ' || o.kind NOT IN ('transfer_out transfer_in', 'transfer_in transfer_out',
                                                    'merged_out merged_in', 'merged_in merged_out'))
        """,
        "“{}” and its other half, CR-{}-{}, do not match",
    ),
    Law(
        "days",
        """
        SELECT NULL, NULL, day, kind, reason_id, class, -SUM(amount_minor), -SUM(lines)
        FROM (
            SELECT e.day, e.kind, COALESCE(e.reason_id, 0) AS reason_id, l.class,
                SUM(e.amount_minor) AS amount_minor, COUNT(*) AS lines
            FROM credit_entries e
            JOIN credit_kinds k ON k.kind = e.kind
            JOIN credit_lots l ON l.customer_id = e.customer_id AND l.seq = e.seq
            WHERE k.effect = 'issues' OR (k.effect = 'by_sign' AND e.amount_minor > 0)
            GROUP BY e.day, e.kind, COALESCE(e.reason_id, 0), l.class
            UNION ALL
            SELECT day, kind, reason_id, class, SUM(amount_minor), COUNT(*)
            FROM (
                SELECT e.customer_id, e.seq, e.day, e.kind, COALESCE(e.reason_id, 0) AS reason_id, l.class,
                    -SUM(d.amount_minor) AS amount_minor
                FROM credit_draws d
                JOIN credit_entries e ON e.customer_id = d.customer_id AND e.seq = d.entry_seq
                JOIN credit_lots l ON l.customer_id = d.customer_id AND l.seq = d.lot_seq
                GROUP BY e.customer_id, e.seq, e.day, e.kind, COALESCE(e.reason_id, 0), l.class
            ) drawn
            GROUP BY day, kind, reason_id, class
            UNION ALL
            SELECT day, kind, reason_id, class, -amount_minor, -lines FROM credit_days
        ) both_sides
        GROUP BY day, kind, reason_id, class
        HAVING SUM(amount_minor) <> 0 OR SUM(lines) <> 0
        """,
        "on {}, “{}”, reason {}, {}: the sums differ from the entries by {} in {} lines",
    ),
    Law(
        "totals",
        """
        SELECT NULL, NULL, shard, -SUM(balance_minor), -SUM(holders)
        FROM (
            SELECT customer_id % :shards AS shard, SUM(balance_minor) AS balance_minor,
                SUM(CASE WHEN balance_minor > 0 THEN 1 ELSE 0 END) AS holders
            FROM credit_accounts GROUP BY customer_id % :shards
            UNION ALL
            SELECT shard, -balance_minor, -holders FROM credit_totals
        ) both_sides
        GROUP BY shard
        HAVING SUM(balance_minor) <> 0 OR SUM(holders) <> 0
        """,
        "shard {}: the total differs from the balances by {}, the holders by {}",
        values={"shards": TOTAL_SHARDS},
    ),
)


def check_sums(session: Session) -> Iterator[Finding]:
    """Yield what does not add up."""
    yield from ask(session, _LAWS)
    if session.connection().dialect.name == "sqlite":
        yield from ask(session, _whole_numbers())


_NUMBERED = {
    "invoices": ("id", "invoice"),
    "invoice_lines": ("invoice_id", "invoice"),
    "invoice_events": ("invoice_id", "invoice"),
    "payments": ("id", "payment"),
    "payment_allocations": ("payment_id", "payment"),
    "refunds": ("id", "refund"),
    "subscriptions": ("id", "subscription"),
}
"""Tables of customers that hold no entries: the column that says which row it is, and what that numbers."""


def _whole_numbers() -> Iterator[Law]:
    """SQLite keeps whatever it is given: ask whether every amount is a whole number."""
    for table in Base.metadata.sorted_tables:
        owner = "customer_id" if "customer_id" in table.c else "NULL"
        number, of = _NUMBERED.get(
            table.name, ("seq" if {"customer_id", "seq"} <= set(table.c.keys()) else "NULL", "entry")
        )
        for column in table.c:
            if column.name.endswith("_minor"):
                question = (
                    f"SELECT {owner}, {number}, typeof({column.name}) FROM {table.name} "  # noqa: S608  (our own names)
                    f"WHERE typeof({column.name}) NOT IN ('integer', 'null')"
                )
                yield Law("whole numbers", question, f"{table.name}.{column.name} is {{}}", of)
