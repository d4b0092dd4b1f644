"""A value that changes at moments and holds in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from creditapp.web.charts.scale import HEIGHT, Mark, Numbers, Scale, Tick, Write, letters, scale_of

EDGE = 8
"""Percent at either end where a label is kept inside the plot."""
SLIVERS = 400
"""A line with more points than this is thinned to so many slivers of its width."""

ROWS_MAX = 120


@dataclass(frozen=True, slots=True)
class Point:
    """A value that holds from `at` until the next point; `label` is the time in words."""

    at: datetime
    label: str
    value: int


@dataclass(frozen=True, slots=True)
class End:
    """The dot at the end of a line, and the label beside it with the pixels it needs."""

    y: float
    label: str
    room: int


@dataclass(frozen=True, slots=True)
class Steps:
    """A line of steps with the area under it; `line` and `area` are SVG paths, x in percent."""

    title: str
    description: str
    ticks: tuple[Tick, ...]
    line: str
    area: str
    end: End | None
    marks: tuple[Mark, ...]
    numbers: Numbers
    gutter: int
    height: int
    kind: Literal["steps"] = "steps"


def steps(
    title: str,
    points: Sequence[Point],
    *,
    until: datetime,
    marks: Sequence[tuple[datetime, str]],
    write: Write,
    axis: Write,
    height: int = HEIGHT,
) -> Steps:
    """Return the line of a value that changes at moments and holds in between.

    `points` rise in time; the first one is the left edge and the last one holds to `until`, the right edge.
    `marks` are the labels under the plot. The numbers hold the newest `ROWS_MAX` points, newest first.
    """
    scale = scale_of([point.value for point in points], height)
    since = points[0].at if points else until
    span = (until - since).total_seconds()

    def x(at: datetime) -> float:
        return round(min(max(100 * (at - since).total_seconds() / span, 0), 100), 2) if span > 0 else 0

    newest = reversed(points[-ROWS_MAX:])
    line = _step_path(_thinned([(x(point.at), point.value) for point in points]), scale)
    return Steps(
        title=title,
        description=_course(points, write),
        ticks=scale.ticks(axis),
        line=line,
        area=f"{line} V{scale.base} H0 Z" if line else "",
        end=_end(points, scale, write),
        marks=tuple(Mark(x(at), label, _anchor(x(at))) for at, label in marks),
        numbers=Numbers(("When", title), tuple((point.label, write(point.value)) for point in newest)),
        gutter=scale.gutter(axis),
        height=height,
    )


def _anchor(x: float) -> Literal["start", "middle", "end"]:
    if x < EDGE:
        return "start"
    return "end" if x > 100 - EDGE else "middle"


def _thinned(spots: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Keep the first, lowest, highest and last value of each sliver of the width, so that no peak is lost."""
    if len(spots) <= SLIVERS:
        return spots
    slivers: dict[int, list[int]] = {}
    for x, value in spots:
        slivers.setdefault(int(x * SLIVERS / 100), []).append(value)
    return [
        (round(sliver * 100 / SLIVERS, 2), value)
        for sliver, values in slivers.items()
        for value in (values[0], min(values), max(values), values[-1])
    ]


def _step_path(spots: Sequence[tuple[float, int]], scale: Scale) -> str:
    if not spots:
        return ""
    turns = [f"H{x} V{scale.y(value)}" for x, value in spots[1:]]
    return " ".join([f"M0 {scale.y(spots[0][1])}", *turns, "H100"])


def _end(points: Sequence[Point], scale: Scale, write: Write) -> End | None:
    if not points:
        return None
    label = write(points[-1].value)
    return End(scale.y(points[-1].value), label, 14 + letters(label))


def _course(points: Sequence[Point], write: Write) -> str:
    """Say where a line begins and ends, and how high and low it went."""
    if not points:
        return "Nothing to show yet."
    first, last = points[0], points[-1]
    high = max(points, key=lambda point: point.value)
    low = min(points, key=lambda point: point.value)
    if high.value == low.value:
        return f"{write(last.value)} throughout, from {first.label}."
    return (
        f"From {write(first.value)} on {first.label} to {write(last.value)} since {last.label}; "
        f"highest {write(high.value)} on {high.label}, lowest {write(low.value)} on {low.label}."
    )
