"""What a payment does, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from creditapp.models import InvoiceKind, InvoiceStatus
from creditapp.queries.payments import Named, NotDue
from creditapp.services.payments import LABELS, Plan, Recorded, Share
from creditapp.web.filters import money

_NOTHING = {
    InvoiceStatus.PAID: "it is paid already",
    InvoiceStatus.CANCELLED: "it was cancelled",
    InvoiceStatus.REFUNDED: "it was refunded",
    InvoiceStatus.UNPAID: "nothing is left for it",
}
SAID_MAX = 3
"""A notice travels in a cookie: it names so many invoices."""


def method_words(method: str) -> str:
    """Return a way of paying as people call it."""
    return LABELS.get(method, method.capitalize())


def plan_words(plan: Plan, named: Sequence[Named]) -> list[str]:
    """Say what will happen, a sentence for each invoice in the order typed, and one for what becomes credit."""
    shares = {share.invoice_id: share for share in plan.shares}
    said = []
    for invoice in named:
        share = shares.get(invoice.id)
        if share is None:
            why = _NOTHING.get(InvoiceStatus(invoice.status), "it takes none")
            said.append(f"Invoice #{invoice.id}: nothing – {why}")
            continue
        said.append(f"Invoice #{invoice.id}: {money(share.amount_minor)} – {_left(share)}")
        if invoice.kind == InvoiceKind.ADD_FUNDS and share.amount_minor == share.due_minor:
            said.append(f"{money(invoice.total_minor)} becomes credit: Add Funds Invoice #{invoice.id}")
    if plan.credit_minor:
        said.append(f"{money(plan.credit_minor)} becomes credit: {plan.description}")
    return said


def done_words(recorded: Recorded) -> str:
    """Say what a payment that was recorded has done, for a notice."""
    plan = recorded.plan
    paid = [f"Invoice #{share.invoice_id}: {money(share.amount_minor)} – {_left(share)}." for share in plan.shares]
    said = paid[:SAID_MAX]
    if len(paid) > SAID_MAX:
        said.append(f"And {len(paid) - SAID_MAX} more.")
    if plan.credit_minor:
        said.append(f"{money(plan.credit_minor)} became credit: {plan.description}.")
    return " ".join(said)


def not_due_words(not_due: NotDue) -> str:
    """Say why the invoice that a payment was for took none of it; its number goes before."""
    return "had been paid already" if not_due.is_duplicate else "was not to be paid any more"


def _left(share: Share) -> str:
    left_minor = share.due_minor - share.amount_minor
    return f"{money(left_minor)} remains due" if left_minor else "paid in full"
