"""What must add up between what gateways have told and our books. One question for each law.

Money that a gateway has captured is in one place: in a payment of ours over the same amount, or in suspense, or a
person has dismissed it. So what gateways hold for us is what our payments and the suspense list say, to the cent. What
has gone back is never more than came, and our books follow no further than the gateway and our own refunds go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from creditapp.services.verification.findings import Finding
from creditapp.services.verification.laws import Law, ask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def check_gateways(session: Session) -> Iterator[Finding]:
    """Yield what does not agree between gateways and our books."""
    yield from ask(session, _LAWS)


_LAWS = (
    Law(
        "gateways",
        """
        SELECT NULL, NULL, c.gateway, c.ref, c.captured_minor
        FROM captures c
        WHERE c.captured_minor > 0 AND c.payment_id IS NULL
            AND NOT EXISTS (SELECT 1 FROM gateway_events e
                            WHERE e.gateway = c.gateway AND e.capture_ref = c.ref
                                AND e.status IN ('suspense', 'dismissed'))
        """,
        "{} {}: {} was captured; it is in no payment, nor in suspense",
    ),
    Law(
        "gateways",
        """
        SELECT c.customer_id, c.payment_id, c.ref, c.captured_minor, p.amount_minor, p.method, p.transaction_ref
        FROM captures c
        LEFT JOIN payments p ON p.customer_id = c.customer_id AND p.id = c.payment_id
        WHERE c.payment_id IS NOT NULL
            AND (p.id IS NULL OR p.amount_minor > c.captured_minor OR p.method <> c.gateway
                 OR p.transaction_ref <> c.ref)
        """,
        "{} was captured with {}; the payment is of {} by {}, {}",
        "payment",
    ),
    Law(
        "gateways",
        """
        SELECT p.customer_id, p.id, p.method, COUNT(c.ref)
        FROM payments p
        LEFT JOIN captures c ON c.customer_id = p.customer_id AND c.payment_id = p.id
        WHERE p.key LIKE 'gateway:%'
        GROUP BY p.customer_id, p.id, p.method
        HAVING COUNT(c.ref) <> 1
        """,
        "it came by {}, and {} captures are its own",
        "payment",
    ),
    Law(
        "gateways",
        """
        SELECT i.customer_id, i.id, i.payment_started_at
        FROM invoices i
        WHERE i.payment_started_at IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM payment_intents t
                            WHERE t.customer_id = i.customer_id AND t.invoice_id = i.id
                                AND t.status IN ('started', 'pending'))
            AND EXISTS (SELECT 1 FROM payment_intents t WHERE t.customer_id = i.customer_id AND t.invoice_id = i.id)
        """,
        "a payment is said to be under way since {}, and none is",
        "invoice",
    ),
    Law(
        "numbers",
        """
        SELECT NULL, NULL, c.next_id, t.newest
        FROM id_counters c JOIN (SELECT MAX(id) AS newest FROM payment_intents) t ON t.newest >= c.next_id
        WHERE c.name = 'intents'
        """,
        "the next intent would be number {}, and there is number {}",
    ),
)
