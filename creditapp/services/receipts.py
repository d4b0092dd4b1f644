"""Payments as a person was shown them: what was promised on the page that asks is what happens, or nothing does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from creditapp.errors import PaymentMovedError
from creditapp.services import payments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from creditapp.services.payments import Plan, Recorded


def fingerprint(plan: Plan) -> str:
    """Return a word for what a payment comes to; another plan has another word."""
    shares = ",".join(f"{share.invoice_id}:{share.amount_minor}:{share.due_minor}" for share in plan.shares)
    return f"{shares};{plan.credit_minor};{plan.description}"


def record_as_shown(
    session: Session,
    /,
    customer_id: int,
    payment_id: int,
    amount_minor: int,
    *,
    shown: str,
    invoice_ids: Sequence[int],
    key: str,
    **fields: Any,  # noqa: ANN401  (what `payments.record` takes)
) -> Recorded:
    """Do as `payments.record` does, if that comes to the plan of which `shown` is the fingerprint.

    Raises:
        PaymentMovedError: something was paid, applied or cancelled meanwhile; nothing is recorded.
        What `payments.record` raises.
    """
    recorded = payments.record(
        session, customer_id, payment_id, amount_minor, invoice_ids=invoice_ids, key=key, **fields
    )
    if not recorded.replayed and fingerprint(recorded.plan) != shown:
        raise PaymentMovedError
    return recorded
