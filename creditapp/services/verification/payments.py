"""What each payment must come to: allocations and credit to its amount, its entries to its credit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from creditapp.services.verification.findings import Finding
from creditapp.services.verification.laws import OF_PAYMENTS, RESTORED, Law, agree, ask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_LAWS = (
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
        agree(
            "payment_id",
            "SELECT customer_id, id AS payment_id, credit_minor AS minor FROM payments",
            f"""
            SELECT e.customer_id, e.payment_id, e.amount_minor AS minor
            FROM credit_entries e
            LEFT JOIN payments p ON p.customer_id = e.customer_id AND p.id = e.payment_id
            WHERE e.kind IN {OF_PAYMENTS} OR (e.kind = 'top_up' AND p.key_digest = :restored)
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
        FROM payments t JOIN settings s ON s.id = 1 AND s.currency <> t.currency
        """,
        "it is in {}, the panel in {}",
        "payment",
    ),
)


def check_payments(session: Session) -> Iterator[Finding]:
    """Yield the payments that do not agree with what they paid, or with the entries they made."""
    yield from ask(session, _LAWS)
