"""What every verb about invoices stands on: the locked invoice, its history, and what its payment moves on."""

from creditapp.services.bills.bill import (
    ALLOCATIONS,
    EVENTS,
    INVOICES,
    LINES,
    Bill,
    event_row,
    lock_call,
    read_bill,
    select_bill,
    status,
    write,
)
from creditapp.services.bills.moved import Moved, drop_pending, move_back, move_on, moved_by

__all__ = [
    "ALLOCATIONS",
    "EVENTS",
    "INVOICES",
    "LINES",
    "Bill",
    "Moved",
    "drop_pending",
    "event_row",
    "lock_call",
    "move_back",
    "move_on",
    "moved_by",
    "read_bill",
    "select_bill",
    "status",
    "write",
]
