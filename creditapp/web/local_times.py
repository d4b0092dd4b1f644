"""Moments as people write them: a day and a time in a named zone, and spans of them, one on a line."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from wtforms import StringField
from wtforms.validators import StopValidation
from wtforms.widgets import DateTimeLocalInput

from creditapp.services.ledger import zone
from creditapp.web.fields import echo

YEARS = (1990, 2100)
EXAMPLE = "2026-03-14 09:30"
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)", re.ASCII)
_SPAN = re.compile(
    r"(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}) *(?:to|until|-|–|,) *((?:\d{4}-\d{2}-\d{2}[T ])?\d{2}:\d{2})", re.ASCII
)


class TimeError(ValueError):
    """The text is no moment; its message says what to write instead."""


class LocalTimeField(StringField):
    """A day and a time, or nothing; `local` is it without a zone, once the form is valid."""

    widget = DateTimeLocalInput()

    def __init__(self, label: str, **kw: Any) -> None:  # noqa: ANN401
        super().__init__(label, **kw)
        self.local: datetime | None = None

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401, ARG002  (WTForms' signature)
        typed = (self.data or "").strip()
        if typed:
            try:
                self.local = read(typed)
            except TimeError as error:
                raise StopValidation(str(error)) from None

    def _value(self) -> str:
        return echo(self.data)


def read(typed: str) -> datetime:
    """Return the day and time that was typed, without a zone.

    Raises:
        TimeError: it is none.
    """
    match = _MOMENT.fullmatch(typed)
    try:
        local = datetime.combine(date.fromisoformat(match[1]), time.fromisoformat(match[2])) if match else None
    except ValueError:
        local = None
    if local is None or not YEARS[0] <= local.year < YEARS[1]:
        raise TimeError(f"Enter a day and a time like {EXAMPLE}.")
    return local


def moment(local: datetime, zone_name: str) -> datetime:
    """Return the moment in UTC at which it is this time in the zone.

    Raises:
        TimeError: the clocks were changed then, and the zone has no such time, or has it twice.
    """
    place = zone(zone_name)
    once, again = (local.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1))
    if once == again:
        return once
    if once.astimezone(place).replace(tzinfo=None) != local:
        raise TimeError(f"There is no {local:%H:%M} on this day in {zone_name}: the clocks were put forward.")
    raise TimeError(
        f"It was {local:%H:%M} twice on this day in {zone_name}: the clocks were put back. Choose the zone UTC and "
        f"write {once:%H:%M} for the first, or {again:%H:%M} for the second."
    )


def spans(text: str, zone_name: str) -> tuple[tuple[datetime, datetime], ...]:
    """Return the spans that stand one on each line, `2026-03-14 01:00 to 02:30`, by rising start.

    An end without a day is on the day of the start, or on the next one where it would be earlier.

    Raises:
        TimeError: a line is none.
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = _SPAN.fullmatch(line.strip())
        if match is None:
            raise TimeError(f"Line {number}: write a start and an end, like {EXAMPLE} to 11:00.")
        try:
            found.append(_span(match[1], match[2], zone_name))
        except TimeError as error:
            raise TimeError(f"Line {number}: {error}") from None
    return tuple(sorted(found))


def written(moment_: datetime, zone_name: str) -> str:
    """Return the moment as a box holds it: `2026-03-14T09:30`, with seconds where there are any."""
    local = moment_.astimezone(zone(zone_name))
    return local.strftime("%Y-%m-%dT%H:%M:%S" if local.second else "%Y-%m-%dT%H:%M")


def span_written(start: datetime, end: datetime, zone_name: str) -> str:
    """Return the span as a line of `spans`."""
    return f"{written(start, zone_name)} to {written(end, zone_name)}".replace("T", " ")


def _span(start_typed: str, end_typed: str, zone_name: str) -> tuple[datetime, datetime]:
    start = read(start_typed)
    if ":" in end_typed[:3]:
        end = read(f"{start:%Y-%m-%d} {end_typed}")
        end += timedelta(days=end <= start)
    else:
        end = read(end_typed)
    return moment(start, zone_name), moment(end, zone_name)
