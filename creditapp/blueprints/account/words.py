"""The ledger in words that a customer reads. What staff wrote for staff never comes here."""

from __future__ import annotations

from typing import Any

from creditapp.models import InvoiceStatus, Kind

_PLAIN = {
    Kind.ADDED: "Credit added",
    Kind.REMOVED: "Credit removed",
    Kind.OPENING: "Balance brought forward",
    Kind.CORRECTION: "Balance corrected",
    Kind.LOOSE_PAYMENT: "Payment received",
    Kind.CREDIT_REFUND: "Credit paid back to you",
    Kind.EXPIRED: "Credit expired",
    Kind.REFERRAL: "Credit for a referral",
    Kind.TRANSFER_OUT: "Moved to another account",
    Kind.TRANSFER_IN: "Moved from another account",
    Kind.MERGED_OUT: "Moved when accounts were merged",
    Kind.MERGED_IN: "Moved when accounts were merged",
}
_OF_INVOICE = {
    Kind.APPLIED: "Used for invoice #{}",
    Kind.UNAPPLIED: "Given back from invoice #{}",
    Kind.RETURNED: "Given back from invoice #{}",
    Kind.INVOICE_REFUND: "Refund of invoice #{}",
    Kind.OVERPAYMENT: "Overpaid on invoice #{}",
    Kind.DUPLICATE_PAYMENT: "Invoice #{} was paid twice",
    Kind.TOP_UP: "Funds added with invoice #{}",
}
_TAKEN_BACK = (Kind.REVERSAL, Kind.VOID)
STATUSES = {"unpaid": "To pay", "paid": "Paid", "cancelled": "Cancelled", "refunded": "Refunded"}
TONES = {"unpaid": "waiting", "paid": "done", "cancelled": "system", "refunded": "system"}


def plain(entry: Any) -> str:  # noqa: ANN401  (a row)
    """Say what an entry did, as one says it to the customer."""
    kind = Kind(entry.kind)
    if kind in _OF_INVOICE and entry.invoice_id is not None:
        return _OF_INVOICE[kind].format(entry.invoice_id)
    if kind in _TAKEN_BACK:
        return f"Taken back: {entry.description.rpartition(' ')[2]}"
    said = _PLAIN.get(kind) or str(entry.description)
    if kind is Kind.DOWNTIME and entry.label and entry.label not in said:  # older lines hold it
        return f"{said}, {entry.label}"
    return said


def status_tag(status: str, *, is_overdue: bool) -> tuple[str, str]:
    """Return the words and the tone of an invoice's tag."""
    if is_overdue and status == InvoiceStatus.UNPAID:
        return "Overdue", "wrong"
    return STATUSES[status], TONES[status]
