"""What the history of each invoice must tell: every row, entry and payment of it, each once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from creditapp.services.verification.findings import Finding
from creditapp.services.verification.laws import KNOWN, ON_INVOICES, RESTORED, Law, ask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_LAWS = (
    Law(
        "history",
        """
        SELECT i.customer_id, i.id, i.events, COUNT(e.seq), MAX(e.seq)
        FROM invoices i
        LEFT JOIN invoice_events e ON e.customer_id = i.customer_id AND e.invoice_id = i.id
        GROUP BY i.customer_id, i.id, i.events
        HAVING COUNT(e.seq) <> i.events OR (i.events > 0 AND (MAX(e.seq) <> i.events OR MIN(e.seq) <> 1))
        """,
        "it counts {} rows of history; there are {}, up to number {}",
        "invoice",
    ),
    Law(
        "history",
        """
        SELECT v.customer_id, v.invoice_id, v.seq, v.customer_id, v.entry_seq
        FROM invoice_events v
        LEFT JOIN credit_entries e ON e.customer_id = v.customer_id AND e.seq = v.entry_seq
        WHERE v.entry_seq IS NOT NULL
            AND (e.invoice_id IS NULL OR e.invoice_id <> v.invoice_id
                 OR (v.action IN ('credit_applied', 'credit_removed')
                     AND (v.amount_minor IS NULL OR v.amount_minor <> ABS(e.amount_minor))))
        """,
        "row {} of its history does not agree with the entry it names, CR-{}-{}",
        "invoice",
    ),
    Law(
        "history",
        f"""
        SELECT customer_id, seq, SUM(named)
        FROM (
            SELECT e.customer_id, e.seq, 0 AS named
            FROM credit_entries e
            JOIN ({KNOWN}) i ON i.customer_id = e.customer_id AND i.id = e.invoice_id
            WHERE e.kind IN {ON_INVOICES}
            UNION ALL
            SELECT v.customer_id, v.entry_seq, 1
            FROM invoice_events v
            JOIN credit_entries e ON e.customer_id = v.customer_id AND e.seq = v.entry_seq
            WHERE e.kind IN {ON_INVOICES}
        ) both_sides
        GROUP BY customer_id, seq
        HAVING SUM(named) <> 1
        """,  # noqa: S608  (our own names)
        "it is named {} times in the history of its invoice",
        values={"restored": RESTORED},
    ),
    Law(
        "history",
        """
        SELECT customer_id, invoice_id, SUM(told_minor), payment_id, SUM(given_minor)
        FROM (
            SELECT customer_id, invoice_id, payment_id, amount_minor AS given_minor, 0 AS told_minor
            FROM payment_allocations
            UNION ALL
            SELECT customer_id, invoice_id, payment_id, 0, amount_minor
            FROM invoice_events
            WHERE action = 'payment_received'
        ) both_sides
        GROUP BY customer_id, invoice_id, payment_id
        HAVING SUM(told_minor) <> SUM(given_minor)
        """,
        "its history tells of {} from payment #{}, which gave it {}",
        "invoice",
    ),
)


def check_history(session: Session) -> Iterator[Finding]:
    """Yield the gaps in the histories of invoices, and what they tell that is not so."""
    yield from ask(session, _LAWS)
