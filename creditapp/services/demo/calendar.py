"""When things happen: office hours, quiet weekends, more and more over time, and days on which something is down."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

OPENS, CLOSES = time(7, 30), time(19, 30)
WEEKDAYS = (1.25, 1.0, 1.05, 1.0, 0.9, 0.12, 0.08)
"""How much happens from Monday to Sunday."""
BEFORE_LUNCH, AFTER_LUNCH = (0.27, 0.11), (0.66, 0.13)
"""Where in the day most things happen, as share of it, and how far around."""
DAYS_BETWEEN_OUTAGES = 24
OUTAGE_WEIGHT = 2.5


class Calendar:
    """The days from `first` up to `until`; nothing happens before `earliest`."""

    def __init__(self, random: Random, zone: ZoneInfo, *, first: date, earliest: datetime, until: datetime) -> None:
        self.random = random
        self.zone = zone
        self.earliest = earliest
        self.until = until
        last = until.astimezone(zone).date()
        self.days = [first + timedelta(days=n) for n in range(max(0, (last - first).days) + 1)]
        self.outages = set(random.sample(self.days, len(self.days) // DAYS_BETWEEN_OUTAGES))
        self.weights = self._weigh()

    def hours(self, day: date) -> tuple[datetime, datetime]:
        """Return between which moments something can happen on this day."""
        opens, closes = self._office(day)
        opens, closes = max(opens, self.earliest), min(closes, self.until)
        if opens < closes:
            return opens, closes
        return min(self.earliest, self.until), self.until

    def moment(self, hours: tuple[datetime, datetime]) -> datetime:
        """Return a moment in these hours; most things happen before and after lunch."""
        opens, closes = hours
        share = self.random.gauss(*self.random.choice((BEFORE_LUNCH, AFTER_LUNCH)))
        return opens + (closes - opens) * min(max(share, 0.0), 0.999)

    def midnight(self, day: date) -> datetime:
        """Return when this day begins in the panel's zone."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def day_of(self, moment: datetime) -> date:
        """Return the panel's calendar day."""
        return moment.astimezone(self.zone).date()

    def _office(self, day: date) -> tuple[datetime, datetime]:
        opens, closes = (datetime.combine(day, at, self.zone).astimezone(UTC) for at in (OPENS, CLOSES))
        return opens, closes

    def _weigh(self) -> list[float]:
        """Return how much happens on each day, beside the others."""
        weights = []
        for place, day in enumerate(self.days):
            opens, closes = self._office(day)
            growth = 0.7 + 0.6 * place / len(self.days)
            weight = WEEKDAYS[day.weekday()] * growth * self.random.uniform(0.8, 1.2)
            is_open = opens < self.until and closes > self.earliest
            weights.append(weight * (OUTAGE_WEIGHT if day in self.outages else 1.0) if is_open else 0.0)
        return weights if any(weights) else [0.0] * (len(weights) - 1) + [1.0]
