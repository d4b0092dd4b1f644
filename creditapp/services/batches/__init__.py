"""Batches: many entries issued together by a job, chunk by chunk, each customer exactly once; and taken back together.

How far a batch has come stands in its row and moves in the transaction of each chunk, under the row's lock: who is
killed in between leaves nothing half done, and however many work on a batch, each line is dealt with once.
"""

from creditapp.services.batches.batch import BatchRow, find, unfinished
from creditapp.services.batches.going import Step, go_on
from creditapp.services.batches.issuing import drop, forget_lines, issue, resume, stop
from creditapp.services.batches.reversing import (
    INVOICES_AT_ONCE,
    bill_line,
    bill_spent,
    reverse,
    spent_lines,
    want_bills,
)

__all__ = [
    "INVOICES_AT_ONCE",
    "BatchRow",
    "Step",
    "bill_line",
    "bill_spent",
    "drop",
    "find",
    "forget_lines",
    "go_on",
    "issue",
    "resume",
    "reverse",
    "spent_lines",
    "stop",
    "unfinished",
    "want_bills",
]
