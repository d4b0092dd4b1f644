"""Refunds to where money came from: of what a payment paid of an invoice, and of unspent credit that it became.

A refund is asked for, then sent, then settled or failed; each step is a transaction of its own, and the gateway is
asked between them. What is asked for counts as gone at once, so that two who ask together never get more than came:
`payments.refunded_minor` and, for an invoice, `payment_allocations.refunded_minor` and `invoices.refunded_minor` rise
when it is asked for and fall when it fails. Amounts are minor units without sign.
"""

from creditapp.services.refunds.asking import Asked, request_for_invoice, request_of_credit
from creditapp.services.refunds.ending import call_off, done_by_hand, fail, settle
from creditapp.services.refunds.refund import own_lots_call, refundable_credit
from creditapp.services.refunds.sending import Due, due, find_due, find_told, put_off

__all__ = [
    "Asked",
    "Due",
    "call_off",
    "done_by_hand",
    "due",
    "fail",
    "find_due",
    "find_told",
    "own_lots_call",
    "put_off",
    "refundable_credit",
    "request_for_invoice",
    "request_of_credit",
    "settle",
]
