"""When an incident was, in words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from creditapp.queries.incidents import State
from creditapp.services.downtime import durations
from creditapp.services.ledger import zone
from creditapp.web.filters import day

TONES = {State.OPEN: "wrong", State.TO_CREDIT: "waiting", State.CREDITED: "done", State.DISMISSED: "system"}


def when(incident: Any) -> str:  # noqa: ANN401  (a row of the incidents)
    """Return `2 Mar 2026, 10:00 – 13:20`, in the incident's own zone."""
    return span(incident.starts_at, incident.ends_at, incident.time_zone)


def span(starts_at: datetime, ends_at: datetime | None, zone_name: str) -> str:
    """Return from when to when; the day is said once where it is the same."""
    start = starts_at.astimezone(zone(zone_name))
    said = f"{day(start.date())}, {start:%H:%M}"
    if ends_at is None:
        return f"Since {said}"
    end = ends_at.astimezone(zone(zone_name))
    return f"{said} – {end:%H:%M}" if end.date() == start.date() else f"{said} – {day(end.date())}, {end:%H:%M}"


def length(incident: Any) -> str:  # noqa: ANN401  (a row of the incidents)
    """Return how long it lasted: `3 h 20 min`."""
    if incident.ends_at is None:
        return "Still lasts"
    return durations.words(int((incident.ends_at - incident.starts_at).total_seconds()))
