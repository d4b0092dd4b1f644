"""Renewal invoices for everything that is due: what `invoices renew` and the tick do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from creditapp.db import snapshot, transact, transact_at
from creditapp.jobs.breath import breathe
from creditapp.models import InvoiceStatus
from creditapp.services import numbers, renewals
from creditapp.services.renewal_run import Renewed
from creditapp.services.renewals import Due


@dataclass(slots=True)
class Tally:
    """What the renewals of one day came to."""

    on: date
    made: int = 0
    in_full: int = 0
    """Paid by credit."""
    in_part: int = 0
    refused: dict[tuple[int, int], Renewed] = field(default_factory=dict)
    """Without an invoice, by customer and subscription."""
    credit_minor: int = 0

    @property
    def not_at_all(self) -> int:
        return self.made - self.in_full - self.in_part

    def add(self, renewed: Renewed) -> None:
        """Count one subscription's period."""
        if renewed.refusal is not None:
            self.refused[renewed.customer_id, renewed.subscription_id] = renewed
            return
        self.made += 1
        self.credit_minor += renewed.credit_minor
        if renewed.credit_minor:
            self.in_full += renewed.status == InvoiceStatus.PAID
            self.in_part += renewed.status != InvoiceStatus.PAID


def run(
    on: date,
    *,
    moment: datetime | None = None,
    chunk: int = renewals.CHUNK,
    refused: Callable[[Renewed], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Tally:
    """Invoice every period that is to be invoiced by this day, missed ones too, and return what it came to.

    Each chunk is a transaction of its own at `moment` (now). Safe to repeat, to kill and to run by many at once: there
    is one invoice for each subscription and period. A refusal is told once, and the others go on; `progress` hears
    after each chunk how many periods that was.
    """
    with snapshot() as session:
        until = renewals.horizon(session, on)
    tally = Tally(on)
    found, after = 1, None
    while found:  # a pass finds the first missed period of each, the next pass the second
        found, after = 0, None
        while due := _due(until, after, chunk):
            fresh = [one for one in due if (one.customer_id, one.subscription_id) not in tally.refused]
            if fresh:
                first_id = transact(numbers.reserve, "invoices", len(fresh))
                results = transact_at(moment or datetime.now(UTC), renewals.renew, fresh, first_id, on=on)
                for renewed in results:
                    tally.add(renewed)
                    if renewed.refusal is not None and refused is not None:
                        refused(renewed)
                if progress is not None:
                    progress(len(fresh))
                if len(due) == chunk:
                    breathe()
            found += len(fresh)
            after = due[-1]
    return tally


def count_due(on: date) -> int:
    """Return how many subscriptions are to be invoiced by this day: no fewer periods than that."""
    with snapshot() as session:
        return renewals.count_due(session, renewals.horizon(session, on))


def _due(until: date, after: Due | None, most: int) -> list[Due]:
    with snapshot() as session:
        return renewals.due_after(session, until, after, most=most)
