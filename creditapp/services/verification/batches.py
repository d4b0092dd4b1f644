"""What must add up between batches, their lines and the ledger. One question for each law.

Every line that a batch says it has posted is one entry, of the same amount and of this batch; and what all of them come
to is what the batch counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from creditapp.services.verification.findings import Finding
from creditapp.services.verification.laws import Law, ask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def check_batches(session: Session) -> Iterator[Finding]:
    """Yield what does not agree between batches and the ledger."""
    yield from ask(session, _LAWS)


_KEY = (
    "CASE WHEN l.entry_key <> '' THEN l.entry_key ELSE 'downtime:' || CAST(b.incident_id AS VARCHAR(20)) || ':' "
    "|| CAST(l.subscription_id AS VARCHAR(20)) || ':' || CAST(b.credit_round AS VARCHAR(20)) END"
)
_LAWS = (
    Law(
        "batches",
        """
        SELECT NULL, NULL, b.id, b.posted, b.posted_minor, COALESCE(e.lines, 0), COALESCE(e.minor, 0)
        FROM batches b
        LEFT JOIN (SELECT batch_id, COUNT(*) AS lines, SUM(amount_minor) AS minor FROM credit_entries
                   WHERE batch_id IS NOT NULL GROUP BY batch_id) e ON e.batch_id = b.id
        WHERE b.posted <> COALESCE(e.lines, 0) OR b.posted_minor <> COALESCE(e.minor, 0)
        """,
        "batch {} counts {} entries of {} together; the ledger has {} of {}",
    ),
    Law(
        "batches",
        f"""
        SELECT l.customer_id, e.seq, b.id, l.amount_minor, l.line, e.amount_minor
        FROM batches b
        JOIN batch_lines l ON l.batch_id = b.id AND l.line <= b.done_line
        LEFT JOIN credit_entries e ON e.customer_id = l.customer_id AND e.key = {_KEY}
        WHERE b.issued_at IS NOT NULL AND l.is_included AND l.outcome = '' AND l.amount_minor <> 0
            AND (e.seq IS NULL OR e.amount_minor <> l.amount_minor OR e.batch_id IS NULL OR e.batch_id <> b.id)
            AND NOT EXISTS (
                SELECT 1
                FROM customers c
                JOIN customers o ON o.id = c.merged_into_id OR o.merged_into_id = c.merged_into_id
                JOIN credit_entries m ON m.customer_id = o.id AND m.key = {_KEY}
                WHERE c.id = l.customer_id AND m.amount_minor = l.amount_minor AND m.batch_id = b.id)
        """,  # noqa: S608  (our own names)
        "batch {} posted {} of it by line {}; its entry is of {}",
    ),
)
