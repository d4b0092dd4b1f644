"""Invoices: made from lines, issued, paid by credit and money, cancelled, voided and refunded to credit.

Amounts are minor units. Each verb runs inside `transact`, locks settings, account and invoice in this order, and writes
a row of the invoice's history with what it did. Numbers come from `numbers.reserve`, in a transaction before.
"""

from creditapp.services.invoices.closing import cancel, refund_to_credit, void
from creditapp.services.invoices.issuing import Issued, create_with_credit, issue_with_credit, revise
from creditapp.services.invoices.lines import Line, Sums, price
from creditapp.services.invoices.making import Made, create, edit, issue

__all__ = [
    "Issued",
    "Line",
    "Made",
    "Sums",
    "cancel",
    "create",
    "create_with_credit",
    "edit",
    "issue",
    "issue_with_credit",
    "price",
    "refund_to_credit",
    "revise",
    "void",
]
