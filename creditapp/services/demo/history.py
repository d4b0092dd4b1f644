"""A plausible history, made up day by day: credit added and removed, outages, mistakes that are taken back.

The same seed over the same scene makes the same history.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from math import ceil
from typing import Any

from creditapp.models import CreditClass, Kind, Role
from creditapp.services.actor import Actor
from creditapp.services.demo import words
from creditapp.services.demo.acts import Act, Done
from creditapp.services.demo.calendar import Calendar
from creditapp.services.demo.people import People
from creditapp.services.demo.scene import Why
from creditapp.services.ledger import Entry, Posting

REMOVALS, CORRECTIONS = 0.22, 0.04
WHOLE_BALANCES, DOWNWARD = 0.3, 0.5
TICKETS, TOLD = 0.35, 0.08
MISTAKES, VOIDS = 0.035, 0.015
OUTAGE_SHARE = 0.65
"""Of what happens on a day on which something is down."""
LIVES = (30, 60, 90)
"""Days after which promotional credit lapses here, so that some does within the history."""
CALM_DAY, MOMENTS_OF_A_BUSY_DAY = 300, 12
"""Acts of a day beyond `CALM_DAY` share their moments: many are posted at a time."""
LAPSES_AT_ONCE = 500

Hours = tuple[datetime, datetime]


class History:
    """What is going to happen: ask for one day after the other, carry it out, and tell what came of it."""

    def __init__(self, people: People, calendar: Calendar, key: str) -> None:
        self.people = people
        self.calendar = calendar
        self.key = key
        self.balances = people.scene.balances
        self.numbers = count(people.scene.numbers + 1)
        self.lapsing = list(people.scene.lapsing)
        heapq.heapify(self.lapsing)
        self.ends: dict[int, datetime] = {}
        self.pending: list[tuple[datetime, int, Act]] = []
        self.regretted: dict[int, Entry | None] = {}
        """Entries that will be undone, by the number of the act that makes them."""

    def plan(self, place: int, entries: int) -> list[Act]:
        """Return what happens on the day at this place, in order: about `entries` entries in all."""
        day = self.calendar.days[place]
        hours = self.calendar.hours(day)
        acts = [*self._lapses(self.calendar.midnight(day), hours), *self._undos(hours)]
        wanted = entries - sum(len(act.lapsed) or 1 for act in acts)
        if day in self.calendar.outages and wanted > 0:
            acts += self._outage(int(wanted * OUTAGE_SHARE), hours)
            wanted -= int(wanted * OUTAGE_SHARE)
        acts += [self._anything(hours) for _ in range(wanted)]
        acts += self._undos(hours)  # the mistakes of today that are noticed today
        return _in_order(acts)

    def learn(self, acts: Sequence[Act], done: Done) -> None:
        """Take in what the acts came to."""
        for entry in done.entries:
            self.balances[entry.customer_id] = entry.balance_after_minor
        for number, entry in done.by_number.items():
            if number in self.regretted:
                self.regretted[number] = entry
            if number in self.ends:
                heapq.heappush(self.lapsing, (self.ends.pop(number), entry.customer_id, entry.seq))
        for act in acts:
            if act.undoes is not None:
                self.regretted.pop(act.undoes, None)

    def _lapses(self, midnight: datetime, hours: Hours) -> Iterator[Act]:
        lapsed = []
        while self.lapsing and self.lapsing[0][0] <= midnight:
            _end, customer_id, seq = heapq.heappop(self.lapsing)
            lapsed.append((customer_id, seq))
        for start in range(0, len(lapsed), LAPSES_AT_ONCE):
            yield Act(hours[0], next(self.numbers), lapsed=tuple(lapsed[start : start + LAPSES_AT_ONCE]))

    def _undos(self, hours: Hours) -> Iterator[Act]:
        while self.pending and self.pending[0][0] < hours[1]:
            yield heapq.heappop(self.pending)[2]

    def _outage(self, hit: int, hours: Hours) -> Iterator[Act]:
        """Something is down; whom it hit is credited within the hour, by one person, in the same words."""
        people = self.people
        why, maker = people.reason("add", "Downtime"), people.maker()
        note, ticket = words.incident(people.random), words.ticket(people.random)
        begins = self.calendar.moment(hours)
        for customer_id in people.crowd(hit):
            moment = min(begins + timedelta(seconds=people.random.uniform(0, 3600)), hours[1])
            yield self._add(moment, customer_id, why, maker, note=note, ticket_ref=ticket)

    def _anything(self, hours: Hours) -> Act:
        moment, roll = self.calendar.moment(hours), self.people.random.random()
        act = None
        if roll < REMOVALS:
            act = self._remove(moment)
        elif roll < REMOVALS + CORRECTIONS:
            act = self._correct(moment)
        return act or self._credit(moment, hours)

    def _credit(self, moment: datetime, hours: Hours) -> Act:
        people = self.people
        why, maker = people.reason("add"), people.maker()
        ticket = words.ticket(people.random) if people.happens(TICKETS) else ""
        act = self._add(moment, people.customer(), why, maker, note=self._note(why), ticket_ref=ticket)
        if people.happens(MISTAKES):
            self._regret(act, maker, hours)
        elif people.happens(VOIDS):
            days, minutes = people.random.randrange(5, 20), people.random.randrange(90)
            later = moment + timedelta(days=days, minutes=minutes)
            self._undo(act, later, people.maker(Role.MANAGER), "Void", is_void=True)
        return act

    def _regret(self, act: Act, maker: Actor, hours: Hours) -> None:
        """It was a mistake: its maker notices within the hour, or a manager does next morning."""
        random = self.people.random
        noticed = act.moment + timedelta(minutes=random.uniform(2, 55))
        if noticed >= hours[1]:
            noticed = hours[1] + timedelta(hours=random.uniform(13, 16))
            maker = self.people.maker(Role.MANAGER)
        self._undo(act, noticed, maker, "Mistake", is_void=False)

    def _undo(self, act: Act, moment: datetime, by: Actor, about: str, *, is_void: bool) -> None:
        note = words.written_note(self.people.random, about)
        undo = Act(moment, next(self.numbers), undoes=act.number, is_void=is_void, by=by, note=note)
        self.regretted[act.number] = None
        heapq.heappush(self.pending, (moment, undo.number, undo))

    def _remove(self, moment: datetime) -> Act | None:
        people = self.people
        if (found := people.holder()) is None:
            return None
        customer_id, balance_minor = found
        amount_minor = balance_minor if people.happens(WHOLE_BALANCES) else min(balance_minor, people.amount())
        why = people.reason("remove")
        note = self._note(why, instead="Used" if why and why.direction == "both" else "")
        number = next(self.numbers)
        posting = self._posting(number, Kind.REMOVED, "Credit Removed", -amount_minor, why, people.maker(), note=note)
        return self._act(moment, number, customer_id, posting)

    def _correct(self, moment: datetime) -> Act | None:
        people = self.people
        if (found := people.holder()) is None:
            return None
        customer_id, balance_minor = found
        amount_minor = people.random.randrange(1, 5 * people.scene.scale)
        if people.happens(DOWNWARD):
            amount_minor = -min(balance_minor, amount_minor)
        why = people.reason("both", "Balance correction")
        number = next(self.numbers)
        posting = self._posting(
            number, Kind.CORRECTION, "Balance Correction", amount_minor, why, people.maker(), note=self._note(why)
        )
        return self._act(moment, number, customer_id, posting)

    def _add(self, moment: datetime, customer_id: int, why: Why | None, maker: Actor, **texts: str) -> Act:
        expires_at = None
        if why and why.class_ == CreditClass.PROMOTIONAL:
            last_day = self.calendar.day_of(moment) + timedelta(days=self.people.random.choice(LIVES))
            expires_at = self.calendar.midnight(last_day + timedelta(days=1))
        if self.people.happens(TOLD):
            texts["customer_note"] = words.customer_note(self.people.random)
        amount_minor = self.people.amount()
        number = next(self.numbers)
        posting = self._posting(
            number, Kind.ADDED, "Credit Added", amount_minor, why, maker, expires_at=expires_at, **texts
        )
        act = self._act(moment, number, customer_id, posting)
        if expires_at is not None:
            self.ends[act.number] = expires_at
        return act

    def _posting(
        self,
        number: int,
        kind: Kind,
        description: str,
        amount_minor: int,
        why: Why | None,
        maker: Actor,
        **more: Any,  # noqa: ANN401  (fields of `Posting`)
    ) -> Posting:
        told = {"customer_note": why.customer_text if why else ""}
        return Posting(
            kind=kind,
            amount_minor=amount_minor,
            description=description,
            by=maker,
            key=f"{self.key}-{number}",
            content=("demo", number, amount_minor),
            reason_id=why.id if why else None,
            is_quiet=bool(why and why.is_quiet),
            class_=CreditClass(why.class_) if why else CreditClass.GOODWILL,
            **(told | more),
        )

    def _act(self, moment: datetime, number: int, customer_id: int, posting: Posting) -> Act:
        self.balances[customer_id] += posting.amount_minor
        return Act(moment, number, customer_id, posting)

    def _note(self, why: Why | None, *, instead: str = "") -> str:
        write = words.written_note if why and why.note_required else words.note
        return write(self.people.random, instead or (why.name if why else ""))


def _in_order(acts: list[Act]) -> list[Act]:
    acts.sort(key=lambda act: (act.moment, act.number))
    if len(acts) <= CALM_DAY:
        return acts
    width = ceil(len(acts) / MOMENTS_OF_A_BUSY_DAY)
    return [replace(act, moment=acts[place - place % width].moment) for place, act in enumerate(acts)]
