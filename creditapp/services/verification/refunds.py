"""What must add up between refunds, what they are of, and what their gateways know. One question for each law.

What was asked for and has not failed counts as gone. For each payment, this is never more than came, and comes to what
the payment says has gone back, what a bank has taken apart; for a payment of a gateway, that is what its capture says.
For each refund of credit, there is one entry that took it off, from lots of the class *paid*, and one that gave it back
if it failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from creditapp.services.verification.findings import Finding
from creditapp.services.verification.laws import Law, ask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def check_refunds(session: Session) -> Iterator[Finding]:
    """Yield what does not agree between refunds, payments and the ledger."""
    yield from ask(session, _LAWS)


_LIVE = "SELECT customer_id, payment_id, amount_minor FROM refunds WHERE status <> 'failed'"
_CAPTURED = """
    SELECT customer_id, payment_id, SUM(taken_back_minor) AS taken_back_minor
    FROM captures WHERE payment_id IS NOT NULL GROUP BY customer_id, payment_id
"""
_LAWS = (
    Law(
        "refunds",
        f"""
        SELECT p.customer_id, p.id, p.refunded_minor, COALESCE(r.minor, 0)
        FROM payments p
        LEFT JOIN (SELECT customer_id, payment_id, SUM(amount_minor) AS minor FROM ({_LIVE}) live
                   GROUP BY customer_id, payment_id) r ON r.customer_id = p.customer_id AND r.payment_id = p.id
        LEFT JOIN ({_CAPTURED}) c ON c.customer_id = p.customer_id AND c.payment_id = p.id
        WHERE p.voided_at IS NULL AND (p.refunded_minor <> 0 OR r.minor IS NOT NULL)
            AND (p.refunded_minor > p.amount_minor OR p.refunded_minor < COALESCE(r.minor, 0)
                 OR (c.payment_id IS NULL AND p.refunded_minor <> COALESCE(r.minor, 0)))
        """,  # noqa: S608  (our own names)
        "{} of it went back; its refunds come to {}",
        "payment",
    ),
    Law(
        "voids",
        """
        SELECT p.customer_id, p.id, p.refunded_minor, p.amount_minor,
            COALESCE(SUM(a.amount_minor - a.refunded_minor), 0)
        FROM payments p
        LEFT JOIN payment_allocations a ON a.customer_id = p.customer_id AND a.payment_id = p.id
        WHERE p.voided_at IS NOT NULL
        GROUP BY p.customer_id, p.id, p.refunded_minor, p.amount_minor, p.void_reason
        HAVING p.refunded_minor <> p.amount_minor OR COALESCE(SUM(a.amount_minor - a.refunded_minor), 0) <> 0
            OR EXISTS (SELECT 1 FROM refunds r
                       WHERE r.customer_id = p.customer_id AND r.payment_id = p.id AND r.status <> 'failed')
            OR EXISTS (SELECT 1 FROM captures c WHERE c.customer_id = p.customer_id AND c.payment_id = p.id)
        """,
        "it was voided, with {} of {} taken back, {} of it still on invoices, or money of it elsewhere",
        "payment",
    ),
    Law(
        "voids",
        """
        SELECT customer_id, invoice_id, SUM(told_minor), payment_id, SUM(given_minor)
        FROM (
            SELECT a.customer_id, a.invoice_id, a.payment_id, a.amount_minor AS given_minor, 0 AS told_minor
            FROM payment_allocations a
            JOIN payments p ON p.customer_id = a.customer_id AND p.id = a.payment_id AND p.voided_at IS NOT NULL
            UNION ALL
            SELECT customer_id, invoice_id, payment_id, 0, amount_minor
            FROM invoice_events WHERE action = 'payment_voided'
        ) both_sides
        GROUP BY customer_id, invoice_id, payment_id
        HAVING SUM(told_minor) <> SUM(given_minor)
        """,
        "its history takes back {} of payment #{}, which gave it {} and is void",
        "invoice",
    ),
    Law(
        "refunds",
        f"""
        SELECT p.customer_id, p.id, p.refunded_minor, c.taken_back_minor
        FROM ({_CAPTURED}) c
        JOIN payments p ON p.customer_id = c.customer_id AND p.id = c.payment_id
        WHERE p.refunded_minor <> c.taken_back_minor
        """,  # noqa: S608  (our own names)
        "{} of it went back; of what its gateway told, {} was followed",
        "payment",
    ),
    Law(
        "refunds",
        """
        SELECT r.customer_id, r.id, r.amount_minor, r.entry_seq, e.kind, e.amount_minor
        FROM refunds r
        LEFT JOIN credit_entries e ON e.customer_id = r.customer_id AND e.seq = r.entry_seq
        WHERE r.entry_seq IS NOT NULL
            AND (e.seq IS NULL OR e.kind <> 'credit_refund' OR e.amount_minor <> -r.amount_minor
                 OR e.payment_id IS NULL OR e.payment_id <> r.payment_id)
        """,
        "it is of {}, entry {} is “{}” of {}",
        "refund",
    ),
    Law(
        "refunds",
        """
        SELECT e.customer_id, e.seq, COUNT(r.id)
        FROM credit_entries e
        LEFT JOIN refunds r ON r.customer_id = e.customer_id AND r.entry_seq = e.seq
        WHERE e.kind = 'credit_refund'
        GROUP BY e.customer_id, e.seq
        HAVING COUNT(r.id) <> 1
        """,
        "it takes credit off for a refund, and there are {}",
    ),
    Law(
        "refunds",
        """
        SELECT r.customer_id, r.id, r.status, r.amount_minor, COALESCE(SUM(e.amount_minor), 0)
        FROM refunds r
        LEFT JOIN credit_entries e ON e.customer_id = r.customer_id AND e.reversed_seq = r.entry_seq
        WHERE r.entry_seq IS NOT NULL
        GROUP BY r.customer_id, r.id, r.status, r.amount_minor
        HAVING COALESCE(SUM(e.amount_minor), 0) <> CASE WHEN r.status = 'failed' THEN r.amount_minor ELSE 0 END
        """,
        "it is {}, of {}; {} of that was given back",
        "refund",
    ),
    Law(
        "refunds",
        """
        SELECT e.customer_id, e.seq, d.lot_seq, l.class
        FROM credit_entries e
        JOIN credit_draws d ON d.customer_id = e.customer_id AND d.entry_seq = e.seq
        JOIN credit_lots l ON l.customer_id = d.customer_id AND l.seq = d.lot_seq
        WHERE e.kind = 'credit_refund' AND l.class <> 'paid'
        """,
        "it is refunded from lot {}, which is {}",
    ),
    Law(
        "refunds",
        """
        SELECT i.customer_id, i.id, i.refunded_minor, i.paid_minor
        FROM invoices i
        WHERE i.status = 'paid' AND i.refunded_minor = i.paid_minor AND i.paid_minor > 0
            AND NOT EXISTS (SELECT 1 FROM refunds r
                            WHERE r.customer_id = i.customer_id AND r.invoice_id = i.id AND r.status = 'requested')
        """,
        "{} of {} paid has gone back, and it is not refunded",
        "invoice",
    ),
    Law(
        "numbers",
        """
        SELECT NULL, NULL, c.next_id, t.newest
        FROM id_counters c JOIN (SELECT MAX(id) AS newest FROM refunds) t ON t.newest >= c.next_id
        WHERE c.name = 'refunds'
        """,
        "the next refund would be number {}, and there is number {}",
    ),
)
