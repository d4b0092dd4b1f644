"""Referrals whose first order has been paid: both sides get their credit, each pair in a transaction of its own."""

from __future__ import annotations

from datetime import datetime

from creditapp.db import snapshot, transact_at
from creditapp.jobs.breath import breathe
from creditapp.services import referrals


def run(moment: datetime) -> int:
    """Grant what is due, and return how many referrals that was. Safe to repeat, to kill and to run by many at once."""
    granted, after = 0, 0
    while due := _due(after):
        for customer_id in due:
            granted += transact_at(moment, referrals.grant, customer_id)
        after = due[-1]
        breathe()
    return granted


def _due(after: int) -> list[int]:
    with snapshot() as session:
        return referrals.due(session, after=after)
