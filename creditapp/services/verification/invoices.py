"""What must add up between invoices, payments and the ledger. One question for each law, as in `sums`.

For each invoice: its lines come to its net, tax and total; the entries that use credit on it and give it back come to
the credit on it; the allocations of payments come to what was paid for it, and what has come back of them to what was
refunded; its status is what the amounts say; its history is numbered without a gap, and names each of these entries and
allocations. For each payment: allocations and credit come to its amount, and the entries it made to its credit.

**Conservation** follows from these, and is asked apart, over the whole database, for what they might overlook:

    Σ balances + Σ credit on invoices + Σ money on invoices = Σ payments + Σ other entries

Money on an invoice is what was paid and not refunded; on an Add Funds invoice that has been paid there is none: it is
in the balance. Other entries are all but those that use credit on invoices or give it back (that is the credit on
them), those that money makes (it is in the payments), and refunds to credit (that money has left the invoices).

A migration that took invoices away and brought them back made them whole again from what the ledger says of them. Of
these, marked by a digest of zeros, lines, history and money are unknown: nothing is asked about those.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from creditapp.money import RATE_WHOLE
from creditapp.services.verification.findings import Finding
from creditapp.services.verification.laws import Law, ask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

RESTORED = bytes(32)
"""The key's digest on what a migration has made whole again: no content has it."""
_ON_INVOICES = "('applied', 'unapplied', 'returned')"
_OF_PAYMENTS = "('overpayment', 'duplicate_payment', 'loose_payment')"
_OF_MONEY = "('overpayment', 'duplicate_payment', 'loose_payment', 'top_up', 'invoice_refund')"


def check_invoices(session: Session) -> Iterator[Finding]:
    """Yield what does not agree between invoices, payments and the ledger."""
    yield from ask(session, _LAWS)


def _agree(number: str, stored: str, summed: str) -> str:
    """Return the question where two sides differ, each of them rows of customer, number and amount."""
    return f"""
        SELECT customer_id, {number}, SUM(stored_minor), SUM(summed_minor)
        FROM (
            SELECT customer_id, {number}, minor AS stored_minor, 0 AS summed_minor FROM ({stored}) stored
            UNION ALL
            SELECT customer_id, {number}, 0, minor FROM ({summed}) summed
        ) both_sides
        GROUP BY customer_id, {number}
        HAVING SUM(stored_minor) <> SUM(summed_minor)
    """  # noqa: S608  (our own names)


_MONEY_ON_INVOICES = """
    SELECT COALESCE(SUM(paid_minor - refunded_minor), 0) AS minor
    FROM invoices
    WHERE NOT (kind = 'add_funds' AND status = 'paid')
"""
_KNOWN = "SELECT customer_id, id FROM invoices WHERE key_digest <> :restored"
_LAWS = (
    Law(
        "lines",
        """
        SELECT i.customer_id, i.id, i.net_minor, i.tax_minor, i.total_minor, COUNT(l.line), SUM(l.net_minor),
            SUM(l.tax_minor), SUM(l.gross_minor)
        FROM invoices i
        LEFT JOIN invoice_lines l ON l.customer_id = i.customer_id AND l.invoice_id = i.id
        WHERE i.key_digest <> :restored
        GROUP BY i.customer_id, i.id, i.net_minor, i.tax_minor, i.total_minor
        HAVING COUNT(l.line) = 0 OR SUM(l.net_minor) <> i.net_minor OR SUM(l.tax_minor) <> i.tax_minor
            OR SUM(l.gross_minor) <> i.total_minor OR MAX(l.line) <> COUNT(l.line)
        """,
        "it comes to {} and {} tax, {}; its {} lines to {} and {} tax, {}",
        "invoice",
        {"restored": RESTORED},
    ),
    Law(
        "lines",
        """
        SELECT customer_id, invoice_id, line, quantity, unit_minor, tax_bp, net_minor, tax_minor, gross_minor
        FROM (
            SELECT l.*, i.is_gross, l.quantity * l.unit_minor AS charge_minor,
                :whole + CASE WHEN i.is_gross THEN l.tax_bp ELSE 0 END AS divisor
            FROM invoice_lines l
            JOIN invoices i ON i.customer_id = l.customer_id AND i.id = l.invoice_id
        ) priced
        WHERE gross_minor <> net_minor + tax_minor
            OR charge_minor <> CASE WHEN is_gross THEN gross_minor ELSE net_minor END
            OR tax_minor <> (2 * ABS(charge_minor) * tax_bp + divisor) / (2 * divisor)
                * CASE WHEN charge_minor < 0 THEN -1 ELSE 1 END
        """,
        "line {}, {} times {} at {} basis points of tax, does not come to {} and {} tax, {}",
        "invoice",
        {"whole": RATE_WHOLE},
    ),
    Law(
        "eligible",
        """
        SELECT customer_id, id, eligible_minor, CASE WHEN minor < 0 THEN 0 WHEN minor > total_minor THEN total_minor
            ELSE minor END
        FROM (
            SELECT i.customer_id, i.id, i.eligible_minor, i.total_minor,
                SUM(CASE WHEN l.is_credit_automatic THEN l.gross_minor ELSE 0 END) AS minor
            FROM invoices i
            JOIN invoice_lines l ON l.customer_id = i.customer_id AND l.invoice_id = i.id
            GROUP BY i.customer_id, i.id, i.eligible_minor, i.total_minor
        ) lines
        WHERE eligible_minor <> CASE WHEN minor < 0 THEN 0 WHEN minor > total_minor THEN total_minor ELSE minor END
        """,
        "credit may pay {} of it by itself; its lines say {}",
        "invoice",
    ),
    Law(
        "status",
        """
        SELECT customer_id, id, status, credit_minor, paid_minor, total_minor, refunded_minor
        FROM invoices
        WHERE credit_minor < 0 OR paid_minor < 0 OR refunded_minor NOT BETWEEN 0 AND paid_minor
            OR credit_minor + paid_minor > total_minor OR (kind = 'add_funds' AND credit_minor <> 0)
            OR CASE status
                WHEN 'draft' THEN credit_minor + paid_minor <> 0
                WHEN 'unpaid' THEN credit_minor + paid_minor = total_minor
                WHEN 'paid' THEN credit_minor + paid_minor <> total_minor
                WHEN 'cancelled' THEN credit_minor <> 0 OR refunded_minor <> paid_minor
                WHEN 'refunded' THEN credit_minor <> 0 OR refunded_minor <> paid_minor
                ELSE TRUE END
        """,
        "it is {} with {} credit and {} paid of {}, and {} refunded",
        "invoice",
    ),
    Law(
        "credit",
        _agree(
            "invoice_id",
            "SELECT customer_id, id AS invoice_id, credit_minor AS minor FROM invoices",
            f"SELECT customer_id, invoice_id, -amount_minor AS minor FROM credit_entries WHERE kind IN {_ON_INVOICES}",  # noqa: S608  (our own names)
        ),
        "{} of credit is on it; the entries about it come to {}",
        "invoice",
    ),
    Law(
        "paid",
        _agree(
            "invoice_id",
            "SELECT customer_id, id AS invoice_id, paid_minor AS minor FROM invoices",
            "SELECT customer_id, invoice_id, amount_minor AS minor FROM payment_allocations",
        ),
        "{} was paid for it; payments gave it {}",
        "invoice",
    ),
    Law(
        "refunded",
        _agree(
            "invoice_id",
            "SELECT customer_id, id AS invoice_id, refunded_minor AS minor FROM invoices",
            "SELECT customer_id, invoice_id, refunded_minor AS minor FROM payment_allocations",
        ),
        "{} was refunded of it; of its payments, {}",
        "invoice",
    ),
    Law(
        "refunded",
        _agree(
            "invoice_id",
            "SELECT customer_id, id AS invoice_id, refunded_minor AS minor FROM invoices",
            f"""
            SELECT e.customer_id, e.invoice_id, e.amount_minor AS minor
            FROM credit_entries e
            JOIN ({_KNOWN}) i ON i.customer_id = e.customer_id AND i.id = e.invoice_id
            WHERE e.kind = 'invoice_refund'
            """,  # noqa: S608  (our own names)
        ),
        "{} was refunded of it; {} of that became credit",
        "invoice",
        {"restored": RESTORED},
    ),
    Law(
        "funds",
        _agree(
            "invoice_id",
            """
            SELECT customer_id, id AS invoice_id, total_minor AS minor
            FROM invoices
            WHERE kind = 'add_funds' AND status = 'paid'
            """,
            f"""
            SELECT e.customer_id, e.invoice_id, e.amount_minor AS minor
            FROM credit_entries e
            JOIN ({_KNOWN}) i ON i.customer_id = e.customer_id AND i.id = e.invoice_id
            WHERE e.kind = 'top_up'
            """,  # noqa: S608  (our own names)
        ),
        "it adds funds of {}; {} has become credit",
        "invoice",
        {"restored": RESTORED},
    ),
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
            JOIN ({_KNOWN}) i ON i.customer_id = e.customer_id AND i.id = e.invoice_id
            WHERE e.kind IN {_ON_INVOICES}
            UNION ALL
            SELECT v.customer_id, v.entry_seq, 1
            FROM invoice_events v
            JOIN credit_entries e ON e.customer_id = v.customer_id AND e.seq = v.entry_seq
            WHERE e.kind IN {_ON_INVOICES}
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
    Law(
        "payments",
        """
        SELECT p.customer_id, p.id, p.amount_minor, p.credit_minor, COALESCE(SUM(a.amount_minor), 0)
        FROM payments p
        LEFT JOIN payment_allocations a ON a.customer_id = p.customer_id AND a.payment_id = p.id
        GROUP BY p.customer_id, p.id, p.amount_minor, p.credit_minor
        HAVING p.amount_minor <> p.credit_minor + COALESCE(SUM(a.amount_minor), 0)
        """,
        "{} came in; {} became credit, and {} went to invoices",
        "payment",
    ),
    Law(
        "payments",
        _agree(
            "payment_id",
            "SELECT customer_id, id AS payment_id, credit_minor AS minor FROM payments",
            f"""
            SELECT e.customer_id, e.payment_id, e.amount_minor AS minor
            FROM credit_entries e
            LEFT JOIN payments p ON p.customer_id = e.customer_id AND p.id = e.payment_id
            WHERE e.kind IN {_OF_PAYMENTS} OR (e.kind = 'top_up' AND p.key_digest = :restored)
            """,  # noqa: S608  (our own names)
        ),
        "{} of it became credit; its entries come to {}",
        "payment",
        {"restored": RESTORED},
    ),
    Law(
        "currency",
        """
        SELECT t.customer_id, t.id, t.currency, s.currency
        FROM invoices t JOIN settings s ON s.id = 1 AND s.currency <> t.currency
        """,
        "it is in {}, the panel in {}",
        "invoice",
    ),
    Law(
        "currency",
        """
        SELECT t.customer_id, t.id, t.currency, s.currency
        FROM payments t JOIN settings s ON s.id = 1 AND s.currency <> t.currency
        """,
        "it is in {}, the panel in {}",
        "payment",
    ),
    *(
        Law(
            "numbers",
            f"""
            SELECT NULL, NULL, c.name, c.next_id, t.newest
            FROM id_counters c JOIN (SELECT MAX(id) AS newest FROM {table}) t ON t.newest >= c.next_id
            WHERE c.name = '{table}'
            """,  # noqa: S608  (our own names)
            "the next of the {} would be number {}, and there is number {}",
        )
        for table in ("invoices", "payments", "subscriptions")
    ),
    Law(
        "conservation",
        f"""
        SELECT NULL, NULL, balances.minor, credit.minor, money.minor, received.minor, posted.minor
        FROM (SELECT COALESCE(SUM(balance_minor), 0) AS minor FROM credit_accounts) balances,
            (SELECT COALESCE(SUM(credit_minor), 0) AS minor FROM invoices) credit,
            ({_MONEY_ON_INVOICES}) money,
            (SELECT COALESCE(SUM(amount_minor), 0) AS minor FROM payments) received,
            (
                SELECT COALESCE(SUM(e.amount_minor), 0) AS minor
                FROM credit_entries e
                LEFT JOIN invoices i ON i.customer_id = e.customer_id AND i.id = e.invoice_id
                WHERE e.kind NOT IN {_ON_INVOICES}
                    AND (e.kind NOT IN {_OF_MONEY} OR (e.kind = 'invoice_refund' AND i.key_digest = :restored))
            ) posted
        WHERE balances.minor + credit.minor + money.minor <> received.minor + posted.minor
        """,  # noqa: S608  (our own names)
        "{} in balances, {} of credit and {} of money on invoices are not {} that came in and {} that was posted",
        values={"restored": RESTORED},
    ),
)
