"""What must agree between promo codes, referrals and the ledger. One question for each law, as in `sums`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from creditapp.services.verification.findings import Finding
from creditapp.services.verification.laws import Law, ask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def check_codes(session: Session) -> Iterator[Finding]:
    """Yield what does not agree between codes, their uses and the entries that came of them."""
    yield from ask(session, _LAWS)


_LAWS = (
    Law(
        "codes",
        """
        SELECT NULL, NULL, p.code, p.uses, p.uses_max, COUNT(u.invoice_id)
        FROM promo_codes p
        LEFT JOIN promo_uses u ON u.promo_code_id = p.id AND u.status <> 'dropped'
        GROUP BY p.id, p.code, p.uses, p.uses_max
        HAVING p.uses <> COUNT(u.invoice_id) OR p.uses > p.uses_max
        """,
        "promo code {} counts {} uses of at most {}; there are {}",
    ),
    Law(
        "codes",
        """
        SELECT u.customer_id, u.invoice_id, i.kind
        FROM promo_uses u
        JOIN invoices i ON i.customer_id = u.customer_id AND i.id = u.invoice_id
        WHERE i.kind <> 'order'
        """,
        "a promo code was used on it, and it is of the kind {}",
        "invoice",
    ),
    Law(
        "codes",
        """
        SELECT u.customer_id, u.invoice_id, u.amount_minor, u.customer_id, u.entry_seq
        FROM promo_uses u
        LEFT JOIN credit_entries e ON e.customer_id = u.customer_id AND e.seq = u.entry_seq
        WHERE u.status = 'granted'
            AND (e.kind IS NULL OR e.kind <> 'promo' OR e.amount_minor <> u.amount_minor
                 OR e.invoice_id IS NULL OR e.invoice_id <> u.invoice_id
                 OR e.promo_code_id IS NULL OR e.promo_code_id <> u.promo_code_id)
        """,
        "its promo code has brought {}, and CR-{}-{} does not say so",
        "invoice",
    ),
    Law(
        "codes",
        """
        SELECT e.customer_id, e.seq, e.amount_minor
        FROM credit_entries e
        LEFT JOIN promo_uses u ON u.customer_id = e.customer_id AND u.invoice_id = e.invoice_id
            AND u.promo_code_id = e.promo_code_id
            AND (u.entry_seq = e.seq
                 OR (u.status = 'dropped' AND e.amount_minor = (
                     SELECT COALESCE(SUM(-back.amount_minor), 0)
                     FROM credit_entries back
                     WHERE back.customer_id = e.customer_id AND back.reversed_seq = e.seq)))
        WHERE e.kind = 'promo' AND u.customer_id IS NULL
        """,
        "{} came of a promo code, and no order says that it used one",
    ),
    Law(
        "codes",
        """
        SELECT i.customer_id, i.id, i.status
        FROM promo_uses u
        JOIN invoices i ON i.customer_id = u.customer_id AND i.id = u.invoice_id
        WHERE u.status = 'pending' AND i.status <> 'unpaid'
        """,
        "it is {}, and what its promo code promised has neither come nor been dropped",
        "invoice",
    ),
    Law(
        "referrals",
        """
        SELECT r.customer_id, NULL, r.status, r.referred_minor, r.referrer_minor, e.entries, e.minor
        FROM referrals r
        LEFT JOIN (
            SELECT key, COUNT(*) AS entries, SUM(amount_minor) AS minor
            FROM credit_entries
            WHERE kind = 'referral'
            GROUP BY key
        ) e ON e.key = 'referral:' || r.customer_id
        WHERE CASE WHEN r.status = 'granted'
            THEN COALESCE(e.minor, 0) <> r.referred_minor + r.referrer_minor
                OR COALESCE(e.entries, 0) <> CASE WHEN r.referred_minor > 0 THEN 1 ELSE 0 END
                    + CASE WHEN r.referrer_minor > 0 THEN 1 ELSE 0 END
            ELSE e.key IS NOT NULL END
        """,
        "the referral is {} with {} and {}; {} entries come to {}",
    ),
    Law(
        "referrals",
        """
        SELECT e.customer_id, e.seq, e.key
        FROM credit_entries e
        LEFT JOIN referrals r ON e.key = 'referral:' || r.customer_id
        WHERE e.kind = 'referral' AND r.customer_id IS NULL
        """,
        "it is the credit of a referral, and there is none for {}",
    ),
    Law(
        "referrals",
        """
        SELECT r.customer_id, r.invoice_id, i.kind
        FROM referrals r
        JOIN invoices i ON i.customer_id = r.customer_id AND i.id = r.invoice_id
        WHERE i.kind <> 'order' OR r.referrer_id = r.customer_id
        """,
        "a referral names it, and it is of the kind {} or the customer's own",
        "invoice",
    ),
    Law(
        "codes",
        """
        SELECT u.customer_id, u.invoice_id
        FROM promo_uses u
        JOIN referrals r ON r.customer_id = u.customer_id AND r.invoice_id = u.invoice_id
        """,
        "a promo code and a referral code were used on it",
        "invoice",
    ),
)
