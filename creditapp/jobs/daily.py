"""The work of the day, and the credit that is used as it arrives: chunk by chunk, so that nobody is held up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

import structlog

from creditapp.db import snapshot, transact_at
from creditapp.errors import DomainError
from creditapp.jobs import renewing
from creditapp.jobs.breath import breathe
from creditapp.jobs.renewing import Tally
from creditapp.services import days, sweeps
from creditapp.services.credits import Applied, Trigger
from creditapp.services.renewal_run import Renewed
from creditapp.services.sweeps import OpenInvoice

INVOICES_A_BREATH = 50


@dataclass(slots=True)
class Used:
    """How much credit a sweep used, and on how many invoices."""

    invoices: int = 0
    credit_minor: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """What the work of one day came to."""

    renewed: Tally
    due: Used
    expired: int
    """How many lots."""

    @property
    def words(self) -> str:
        r = self.renewed
        return f"{r.made} renewed, {len(r.refused)} refused, {self.due.invoices} due used, {self.expired} expired"


def run_day(moment: datetime) -> Day | None:
    """Do the work of the panel's day at this moment, unless it has been done: renewals, due invoices, expiry.

    What a missed day left is done as well. It is noted when all of it is done: whoever is killed in between leaves the
    rest to the next, and two at once share the work.
    """
    with snapshot() as session:
        session.info["now"] = moment
        today = days.today(session)
        if days.is_done(session, today):
            return None
    renewed = renewing.run(today, moment=moment, refused=_log)
    day = Day(renewed, use_on_due(moment, today), expire(moment))
    transact_at(moment, days.note_done, today, day.words)
    return day


def use_on_due(moment: datetime, today: date) -> Used:
    """Use credit on what is due by today, oldest first, where the switch is on or the customer's own."""
    return _use_on(partial(sweeps.due_after, day=today), Trigger.DUE, moment)


def use_on_arrival(moment: datetime) -> Used:
    """Use credit that has come of late and was not used at once, where the switch is on or the customer's own."""
    since = moment - sweeps.ARRIVAL_WINDOW
    return _use_on(partial(sweeps.arrived_since, moment=since), Trigger.ARRIVAL, moment)


def expire(moment: datetime) -> int:
    """Take every lot whose date has passed, and return how many those were."""
    expired = 0
    while taken := transact_at(moment, sweeps.expire):
        expired += taken
        if taken == sweeps.LOTS_AT_ONCE:
            breathe()
    return expired


def _use_on(find: Callable[..., list[OpenInvoice]], trigger: Trigger, moment: datetime) -> Used:
    """Use credit on all that `find` finds, page by page."""
    used, after = Used(), None
    while invoices := _found(find, after):
        _use(invoices, trigger, moment, used)
        after = invoices[-1]
    return used


def _found(find: Callable[..., list[OpenInvoice]], after: OpenInvoice | None) -> list[OpenInvoice]:
    with snapshot() as session:
        return find(session, after=after)


def _use(invoices: Sequence[OpenInvoice], trigger: Trigger, moment: datetime, used: Used) -> None:
    for number, (_invoice, outcome) in enumerate(sweeps.each(invoices, _user(trigger, moment)), start=1):
        if number % INVOICES_A_BREATH == 0:
            breathe()
        if isinstance(outcome, DomainError):
            used.refused += 1
        elif outcome.entry is not None:
            used.invoices += 1
            used.credit_minor += outcome.decision.amount_minor


def _user(trigger: Trigger, moment: datetime) -> Callable[[OpenInvoice], Applied]:
    return lambda invoice: transact_at(moment, sweeps.use_on, invoice, trigger)


def _log(renewed: Renewed) -> None:
    structlog.get_logger().warning(
        "renewal_refused",
        customer_id=renewed.customer_id,
        subscription_id=renewed.subscription_id,
        why=type(renewed.refusal).__name__,
    )
