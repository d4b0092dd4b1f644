"""What a code brings in an order, and whose first order it is: what promo codes and referrals have in common."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.models import Invoice, InvoiceKind, InvoiceStatus
from creditapp.queries.merged import family
from creditapp.text import fold

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

CODE_CHARS_MAX = 40


@dataclass(frozen=True, slots=True)
class Offer:
    """What a code brings: so much credit to who orders, at once or when the order is paid; minor units.

    Either a promo code, or with `referrer_id` a referral, which brings something to that customer as well.
    """

    code: str
    amount_minor: int
    when_paid: bool
    last_day: date | None = None
    """The last day on which the credit could be used, if it came today; None: for ever."""
    promo_id: int | None = None
    promo_version: int = 0
    referrer_id: int | None = None
    referrer_minor: int = 0


def plain_code(typed: str) -> str:
    """Return a typed code as codes are kept for finding: folded, without spaces; empty for what can be none."""
    key = fold(typed[: 4 * CODE_CHARS_MAX]).replace(" ", "")
    return key if len(key) <= CODE_CHARS_MAX else ""


def is_first_order(session: Session, customer_id: int, *, invoice_id: int | None = None) -> bool:
    """Return whether the customer, and whoever was merged into them, has ordered nothing else that still stands."""
    i = Invoice
    other = select(i.id).where(
        i.customer_id.in_(family(customer_id)),
        i.kind == InvoiceKind.ORDER,
        i.status != InvoiceStatus.CANCELLED,
    )
    if invoice_id is not None:
        other = other.where(i.id != invoice_id)
    return session.execute(other.limit(1)).first() is None
