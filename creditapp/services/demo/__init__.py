"""A made-up panel to look at and to measure: customers, staff and months of credit history.

Everything goes through the services, at past moments: the ledger cannot tell it from real work.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from creditapp.db import snapshot, transact_at
from creditapp.models import CreditEntry, Customer, Role, Staff
from creditapp.services import actor, audit, customers, imports, ledger
from creditapp.services.audit import Action
from creditapp.services.demo import client, codes, gateways, mail, mergers, outages, partings, sign_ins, words
from creditapp.services.demo.acts import carry_out
from creditapp.services.demo.business import Business
from creditapp.services.demo.calendar import Calendar
from creditapp.services.demo.history import History
from creditapp.services.demo.people import People
from creditapp.services.demo.scene import look

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

__all__ = ["ENTRIES", "MONTHS", "SEED", "client", "grow", "install", "is_wanted", "play", "sign_ins"]

SEED = 1
MONTHS = 6
DAYS = 183
ENTRIES = 6000
CHUNK = 1000
SUBSCRIBERS = 0.6
"""Such a part of all customers has a subscription."""
EVENING = timedelta(hours=21, minutes=30)

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A part of the demo's time: at `opens` come those who joined before it, then its days."""

    opens: datetime
    until: datetime
    export: bytes
    entries: int


def is_wanted(session: Session) -> bool:
    """Return whether there is nobody here yet, so that a demo does no harm."""
    return session.execute(select(Customer.id).limit(1)).first() is None and (
        session.execute(select(Staff.id).limit(1)).first() is None
    )


def install(
    instance: Path,
    *,
    until: datetime | None = None,
    entries: int = ENTRIES,
    subscribers: float = SUBSCRIBERS,
    progress: Progress | None = None,
) -> int:
    """Fill an empty panel: staff with random passwords kept in `instance`, customers, six months of history.

    `subscribers`: the part of them that has a subscription, with invoices and payments. Returns how many entries the
    history has beside those that come of invoices and payments.
    """
    ends = until or datetime.now(UTC)
    first = (ends - timedelta(days=DAYS)).date()
    staff_ids = transact_at(_morning(first), sign_ins.create_staff, sign_ins.read_or_make(instance), by=actor.SYSTEM)
    admin = actor.staff(staff_ids[Role.ADMIN])
    business = Business(SEED, share=subscribers, by=actor.staff(staff_ids[Role.MANAGER])) if subscribers else None
    posted = 0
    for number, stretch in enumerate(_stretches(first, ends, entries)):
        export = io.BytesIO(stretch.export)
        transact_at(stretch.opens, imports.post, export, by=admin, key=f"demo-{number}")
        if business is not None:
            business.grow(stretch.opens)
        posted += play(
            stretch.entries,
            seed=SEED + number,
            first=stretch.opens.date(),
            until=stretch.until,
            progress=progress,
            business=business,
        )
    if business is not None:
        codes.play(ends, by=business.by)
        outages.suffer(ends, by=business.by)
        partings.play(ends, by=admin)
        mergers.play(ends, by=admin)
    gateways.create(ends)
    transact_at(ends, client.create, instance)
    transact_at(ends, mail.create)
    transact_at(ends, sign_ins.invite_somebody, by=admin)
    return posted


def grow(
    count: int,
    *,
    by: Actor = actor.SYSTEM,
    seed: int = SEED,
    until: datetime | None = None,
    progress: Progress | None = None,
) -> int:
    """Make customers until there are `count`: those of the sample file first, then made-up ones. Return how many.

    They come six months before `until` (now), or after the newest entry there is.
    """
    with snapshot() as session:
        there = session.execute(select(func.count()).select_from(Customer)).scalar_one()
        made_up = session.execute(
            select(func.count()).select_from(Customer).where(Customer.external_id.startswith(words.PREFIX))
        ).scalar_one()
        newest = session.execute(select(func.max(CreditEntry.posted_at))).scalar_one()
    moment = _morning(((until or datetime.now(UTC)) - timedelta(days=DAYS)).date())
    moment = max(moment, newest or moment)
    missing = max(0, count - there)
    report = None
    if missing and not there:
        header, *lines = _lines()
        export = io.BytesIO(_export(header, lines[:missing]))
        report = transact_at(moment, imports.post, export, by=by, key=f"demo-{count}-{seed}")
        _tell(progress, report.new)
    left = missing - (report.new if report else 0)
    random = Random(f"people {seed} {made_up}")  # noqa: S311  (made-up people, no secret)
    for start in range(0, left, CHUNK):
        numbers = range(made_up + start + 1, made_up + min(left, start + CHUNK) + 1)
        people = [words.person(random, number, moment.date()) for number in numbers]
        transact_at(moment, _make, people, by=by)
        _tell(progress, len(people))
    return missing


def play(
    entries: int,
    *,
    seed: int = SEED,
    first: date | None = None,
    until: datetime | None = None,
    progress: Progress | None = None,
    business: Business | None = None,
) -> int:
    """Make up a history of about so many entries from `first` (six months before) up to `until` (now), and post it.

    It begins after the newest entry there is, so that time only goes forward. Returns how many entries were posted;
    `progress` hears how many at a time. Each day ends with the evening of `business`.
    """
    ends = until or datetime.now(UTC)
    begins = first or (ends - timedelta(days=DAYS)).date()
    with snapshot() as session:
        scene = look(session, begins)
    if not scene.customers or entries <= 0:
        return 0
    if not any(scene.makers[role] for role in (Role.AGENT, Role.MANAGER, Role.ADMIN)):
        scene.makers = transact_at(max(scene.earliest, _morning(begins)), sign_ins.create_colleagues, by=actor.SYSTEM)
    begins = max(begins, scene.earliest.date())
    random = Random(f"history {seed} {begins}")  # noqa: S311  (made-up history, no secret)
    calendar = Calendar(
        random,
        ledger.zone(scene.time_zone),
        first=min(begins, ends.date()),
        earliest=scene.earliest,
        until=max(ends, scene.earliest),
    )
    key = f"demo-{seed}-{begins:%Y%m%d}"
    history = History(People(scene, random), calendar, key)
    posted = 0
    for place, weight in enumerate(calendar.weights):
        left = sum(calendar.weights[place:])
        acts = history.plan(place, round((entries - posted) * weight / left) if left else 0)
        for start in range(0, len(acts), CHUNK):
            chunk = acts[start : start + CHUNK]
            done = transact_at(chunk[0].moment, carry_out, chunk, dict(history.regretted), key=key)
            history.learn(chunk, done)
            posted += len(done.entries)
            _tell(progress, len(done.entries))
        if business is not None:
            evening = calendar.midnight(calendar.days[place]) + EVENING
            history.balances.update(business.evening(min(max(evening, scene.earliest), calendar.until)))
    return posted


def _make(session: Session, people: list[customers.CustomerFields], *, by: Actor) -> None:
    ids = customers.create_many(session, people)
    audit.record(session, Action.CUSTOMERS_IMPORTED, by, "import", None, after={"new": len(ids)})


def _stretches(first: date, ends: datetime, entries: int) -> Iterator[_Stretch]:
    """Cut the time into months, and the sample file by who joined before each of them; the newest come at the end."""
    header, *lines = _lines()
    starts = [_morning(first + timedelta(days=DAYS * month // MONTHS)) for month in range(MONTHS)]
    day_of = header.index("joined_on")
    lines.sort(key=lambda cells: cells[day_of])
    taken = 0
    for number, (start, until) in enumerate(pairwise([*starts, ends])):
        count = sum(date.fromisoformat(cells[day_of]) <= start.date() for cells in lines)
        share = entries * (number + 1) // MONTHS - entries * number // MONTHS
        yield _Stretch(start, until, _export(header, lines[taken:count]), share)
        taken = count
    yield _Stretch(ends, ends, _export(header, lines[taken:]), 0)


def _morning(day: date) -> datetime:
    return datetime.combine(day, time(6), UTC)


def _lines() -> list[list[str]]:
    with words.CUSTOMERS.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def _export(header: list[str], lines: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *lines])
    return text.getvalue().encode()


def _tell(progress: Progress | None, count: int) -> None:
    if progress is not None:
        progress(count)
