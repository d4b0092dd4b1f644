"""What each invoice must come to: one question for each law, as in `sums`.

Its lines come to its net, tax and total; the entries that use credit on it and give it back come to the credit on it;
the allocations of payments that were not voided come to what was paid for it, and what has come back of them to what
was refunded; its status is what the amounts say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from creditapp.money import RATE_WHOLE
from creditapp.services.verification.findings import Finding
from creditapp.services.verification.laws import ALLOCATED, KNOWN, ON_INVOICES, RESTORED, Law, agree, ask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

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
        agree(
            "invoice_id",
            "SELECT customer_id, id AS invoice_id, credit_minor AS minor FROM invoices",
            f"SELECT customer_id, invoice_id, -amount_minor AS minor FROM credit_entries WHERE kind IN {ON_INVOICES}",  # noqa: S608  (our own names)
        ),
        "{} of credit is on it; the entries about it come to {}",
        "invoice",
    ),
    Law(
        "paid",
        agree(
            "invoice_id",
            "SELECT customer_id, id AS invoice_id, paid_minor AS minor FROM invoices",
            f"SELECT a.customer_id, a.invoice_id, a.amount_minor AS minor {ALLOCATED}",
        ),
        "{} was paid for it; payments gave it {}",
        "invoice",
    ),
    Law(
        "refunded",
        agree(
            "invoice_id",
            "SELECT customer_id, id AS invoice_id, refunded_minor AS minor FROM invoices",
            f"SELECT a.customer_id, a.invoice_id, a.refunded_minor AS minor {ALLOCATED}",
        ),
        "{} was refunded of it; of its payments, {}",
        "invoice",
    ),
    Law(
        "refunded",
        agree(
            "invoice_id",
            "SELECT customer_id, id AS invoice_id, refunded_minor AS minor FROM invoices",
            f"""
            SELECT e.customer_id, e.invoice_id, e.amount_minor AS minor
            FROM credit_entries e
            JOIN ({KNOWN}) i ON i.customer_id = e.customer_id AND i.id = e.invoice_id
            WHERE e.kind = 'invoice_refund'
            UNION ALL
            SELECT customer_id, invoice_id, amount_minor FROM refunds
            WHERE invoice_id IS NOT NULL AND status <> 'failed'
            """,  # noqa: S608  (our own names)
        ),
        "{} was refunded of it; {} of that became credit or went back",
        "invoice",
        {"restored": RESTORED},
    ),
    Law(
        "funds",
        agree(
            "invoice_id",
            """
            SELECT customer_id, id AS invoice_id, total_minor AS minor
            FROM invoices
            WHERE kind = 'add_funds' AND status = 'paid'
            """,
            f"""
            SELECT e.customer_id, e.invoice_id, e.amount_minor AS minor
            FROM credit_entries e
            JOIN ({KNOWN}) i ON i.customer_id = e.customer_id AND i.id = e.invoice_id
            WHERE e.kind = 'top_up'
            UNION ALL
            SELECT customer_id, invoice_id, -amount_minor FROM invoice_events WHERE action = 'funds_taken_back'
            """,  # noqa: S608  (our own names)
        ),
        "it adds funds of {}; {} has become credit",
        "invoice",
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
)


def check_invoices(session: Session) -> Iterator[Finding]:
    """Yield the invoices that do not agree with their lines, with the ledger, or with what was paid for them."""
    yield from ask(session, _LAWS)
