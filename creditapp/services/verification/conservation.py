"""That no money is lost or made: what the laws of single rows might overlook, asked over the whole database.

    Σ balances + Σ credit on invoices + Σ money on invoices = Σ payments − Σ refunds of invoices + Σ other entries

Money on an invoice is what was paid and not refunded; on an Add Funds invoice that has been paid there is none: it is
in the balance. A payment that was voided brought nothing: what it had made of credit is among the other entries, and
so are funds that were taken back. Other entries are all but those that use credit on invoices or give it back (that is
the credit on them), those that money makes (it is in the payments), and refunds to credit (that money has left the
invoices).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from creditapp.services.verification.findings import Finding
from creditapp.services.verification.laws import ON_INVOICES, RESTORED, Law, ask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_OF_MONEY = "('overpayment', 'duplicate_payment', 'loose_payment', 'top_up', 'invoice_refund')"
_MONEY_ON_INVOICES = """
    SELECT COALESCE(SUM(paid_minor - refunded_minor), 0) AS minor
    FROM invoices
    WHERE NOT (kind = 'add_funds' AND status = 'paid')
"""
_MONEY_GONE = """
    SELECT COALESCE(SUM(amount_minor), 0) AS minor FROM refunds WHERE invoice_id IS NOT NULL AND status <> 'failed'
"""
_MADE_OF_NOTHING = """
    SELECT COALESCE(SUM(minor), 0) AS minor
    FROM (
        SELECT credit_minor AS minor FROM payments WHERE voided_at IS NOT NULL
        UNION ALL
        SELECT amount_minor FROM invoice_events WHERE action = 'funds_taken_back'
    ) made
"""
_LAWS = (
    Law(
        "conservation",
        f"""
        SELECT NULL, NULL, balances.minor, credit.minor, money.minor, received.minor, gone.minor,
            posted.minor + void.minor
        FROM (SELECT COALESCE(SUM(balance_minor), 0) AS minor FROM credit_accounts) balances,
            (SELECT COALESCE(SUM(credit_minor), 0) AS minor FROM invoices) credit,
            ({_MONEY_ON_INVOICES}) money,
            (SELECT COALESCE(SUM(amount_minor), 0) AS minor FROM payments WHERE voided_at IS NULL) received,
            ({_MONEY_GONE}) gone,
            (
                SELECT COALESCE(SUM(e.amount_minor), 0) AS minor
                FROM credit_entries e
                LEFT JOIN invoices i ON i.customer_id = e.customer_id AND i.id = e.invoice_id
                WHERE e.kind NOT IN {ON_INVOICES}
                    AND (e.kind NOT IN {_OF_MONEY} OR (e.kind = 'invoice_refund' AND i.key_digest = :restored))
            ) posted,
            ({_MADE_OF_NOTHING}) void
        WHERE balances.minor + credit.minor + money.minor
            <> received.minor - gone.minor + posted.minor + void.minor
        """,  # noqa: S608  (our own names)
        "{} in balances, {} of credit and {} of money on invoices are not {} that came in, less {} that went back, "
        "and {} that was posted",
        values={"restored": RESTORED},
    ),
)


def check_conservation(session: Session) -> Iterator[Finding]:
    """Yield it if the sums over all customers do not balance."""
    yield from ask(session, _LAWS)
