"""What must be so of customers who were merged, and of what moved. One question for each law.

Who was merged has nothing left: no balance, no open invoice, no live subscription, no log-in; and leads to somebody who
was not merged. Whatever moved is there again under the other, with the same number and over the same amount; what was
drawn for a pair of entries has the class of the lot it became.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from creditapp.services.verification.findings import Finding
from creditapp.services.verification.laws import Law, ask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def check_merges(session: Session) -> Iterator[Finding]:
    """Yield what a merge has left behind, or lost on the way."""
    yield from ask(session, _LAWS)


_LAWS = (
    Law(
        "merges",
        """
        SELECT c.id, NULL, a.balance_minor
        FROM customers c JOIN credit_accounts a ON a.customer_id = c.id
        WHERE c.merged_into_id IS NOT NULL AND (a.balance_minor <> 0 OR a.closed_at IS NULL)
        """,
        "it was merged into another, and holds {} or is not closed",
    ),
    Law(
        "merges",
        """
        SELECT c.id, NULL, c.merged_into_id
        FROM customers c JOIN customers s ON s.id = c.merged_into_id
        WHERE s.merged_into_id IS NOT NULL OR s.id = c.id
        """,
        "it was merged into {}, who was merged, too",
    ),
    Law(
        "merges",
        """
        SELECT c.id, i.id, i.status
        FROM customers c JOIN invoices i ON i.customer_id = c.id
        WHERE c.merged_into_id IS NOT NULL AND i.status IN ('draft', 'unpaid')
        """,
        "it is {}, and its customer was merged into another",
        "invoice",
    ),
    Law(
        "merges",
        """
        SELECT c.id, s.id, s.status
        FROM customers c JOIN subscriptions s ON s.customer_id = c.id
        WHERE c.merged_into_id IS NOT NULL AND (s.status <> 'cancelled' OR s.moved_to_id IS NULL)
        """,
        "it is {} or was left behind, and its customer was merged into another",
        "subscription",
    ),
    Law(
        "merges",
        """
        SELECT c.id, NULL, c.merged_into_id
        FROM customers c JOIN log_ins l ON l.customer_id = c.id
        WHERE c.merged_into_id IS NOT NULL
        """,
        "it was merged into {}, and somebody can sign in as it",
    ),
    Law(
        "merges",
        """
        SELECT i.customer_id, i.id, i.status, i.total_minor, i.moved_to_id, t.total_minor
        FROM invoices i
        LEFT JOIN invoices t ON t.customer_id = i.moved_to_id AND t.id = i.id AND t.moved_from_id = i.customer_id
        WHERE i.moved_to_id IS NOT NULL
            AND (t.id IS NULL OR i.status <> 'cancelled' OR t.kind <> i.kind OR t.currency <> i.currency
                 OR (t.total_minor <> i.total_minor - CASE WHEN i.kind = 'add_funds' THEN i.paid_minor ELSE 0 END
                     AND NOT EXISTS (SELECT 1 FROM invoice_events e
                                     WHERE e.customer_id = t.customer_id AND e.invoice_id = t.id
                                         AND e.action = 'edited')))
        """,
        "it is {}, of {}, and moved to user #{}, where it is of {}",
        "invoice",
    ),
    Law(
        "merges",
        """
        SELECT t.customer_id, t.id, t.moved_from_id
        FROM invoices t
        LEFT JOIN invoices i ON i.customer_id = t.moved_from_id AND i.id = t.id AND i.moved_to_id = t.customer_id
        WHERE t.moved_from_id IS NOT NULL AND i.id IS NULL
        """,
        "it came from user #{}, who has no such invoice that moved",
        "invoice",
    ),
    Law(
        "merges",
        """
        SELECT s.customer_id, s.id, s.moved_to_id
        FROM subscriptions s
        LEFT JOIN subscriptions t ON t.customer_id = s.moved_to_id AND t.id = s.id
        WHERE s.moved_to_id IS NOT NULL AND t.id IS NULL
        """,
        "it moved to user #{}, who has none of that number",
        "subscription",
    ),
    Law(
        "merges",
        """
        SELECT e.customer_id, e.seq, l.class, i.customer_id, i.seq, i.class
        FROM credit_entries e
        JOIN credit_draws d ON d.customer_id = e.customer_id AND d.entry_seq = e.seq
        JOIN credit_lots l ON l.customer_id = d.customer_id AND l.seq = d.lot_seq
        JOIN credit_lots i ON i.customer_id = e.other_customer_id AND i.seq = e.other_seq
        WHERE e.kind = 'merged_out' AND i.class <> l.class
        """,
        "it moved {} credit, which became CR-{}-{}, {}",
    ),
    Law(
        "merges",
        """
        SELECT e.customer_id, e.seq, e.other_customer_id
        FROM credit_entries e JOIN customers c ON c.id = e.customer_id
        WHERE e.kind = 'merged_out' AND c.merged_into_id IS NULL
        """,
        "it moved credit to user #{}, and nobody was merged",
    ),
)
