"""Grouped bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from creditapp.web.charts.scale import FOOT, HEIGHT, TOP, Mark, Numbers, Scale, Tick, Write, scale_of

MARKS_MAX = 12


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a bar chart: its name and a value for each label."""

    name: str
    values: Sequence[int]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `x` and `width` in percent, `y` and `height` in pixels."""

    css: str
    x: float
    width: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Slot:
    """The bars that stand together, the strip they stand in and the words that a pointer brings up."""

    x: float
    width: float
    words: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """Grouped bars."""

    title: str
    description: str
    names: tuple[str, ...]
    ticks: tuple[Tick, ...]
    slots: tuple[Slot, ...]
    marks: tuple[Mark, ...]
    numbers: Numbers
    gutter: int
    height: int
    kind: Literal["bars"] = "bars"

    @property
    def top(self) -> int:
        """Where the plot begins, in pixels."""
        return TOP

    @property
    def base(self) -> int:
        """Where zero is, in pixels."""
        return self.height - FOOT


def bars(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    write: Write,
    axis: Write,
    head: str = "Month",
    height: int = HEIGHT,
) -> Bars:
    """Return one group of bars for each label; `series` (two have a colour) hold a value for each.

    Raises:
        ValueError: a series has more or fewer values than there are labels.
    """
    for one in series:
        if len(one.values) != len(labels):
            raise ValueError(f"{one.name} has {len(one.values)} values for {len(labels)} labels.")
    scale = scale_of([value for one in series for value in one.values], height)
    step = 100 / max(len(labels), 1)
    thin = step * 0.64 / max(len(series), 1)

    def slot(index: int) -> Slot:
        left = index * step
        edge = left + step * 0.18
        words = ", ".join(f"{one.name} {write(one.values[index])}" for one in series)
        drawn = tuple(
            _bar(f"s{number + 1}", edge + number * thin, thin * 0.92, scale, one.values[index])
            for number, one in enumerate(series)
        )
        return Slot(round(left, 2), round(step, 2), f"{labels[index]}: {words}", drawn)

    return Bars(
        title=title,
        description=_peaks(labels, series, write),
        names=tuple(one.name for one in series),
        ticks=scale.ticks(axis),
        slots=tuple(slot(index) for index in range(len(labels))),
        marks=_marks_under(labels),
        numbers=Numbers(
            heads=(head, *(one.name for one in series)),
            rows=tuple((label, *(write(one.values[index]) for one in series)) for index, label in enumerate(labels)),
        ),
        gutter=scale.gutter(axis),
        height=height,
    )


def _bar(css: str, x: float, width: float, scale: Scale, value: int) -> Bar:
    y = scale.y(value)
    return Bar(css, round(x, 2), round(width, 2), y, round(scale.base - y, 1))


def _marks_under(labels: Sequence[str]) -> tuple[Mark, ...]:
    """Label the newest group and every n-th before it; every second label may be left out on a phone."""
    every = -(-len(labels) // MARKS_MAX)
    step = 100 / max(len(labels), 1)
    crowded = len(labels) > MARKS_MAX // 2
    return tuple(
        Mark(round((index + 0.5) * step, 2), label, spare=crowded and age // every % 2 == 1)
        for age, (index, label) in enumerate(reversed(list(enumerate(labels))))
        if age % every == 0
    )


def _peaks(labels: Sequence[str], series: Sequence[Series], write: Write) -> str:
    """Say the highest and the lowest of each series in words."""
    said = []
    for one in series:
        if not any(one.values):
            said.append(f"{one.name}: nothing.")
            continue
        high, low = max(one.values), min(one.values)
        most, least = labels[list(one.values).index(high)], labels[list(one.values).index(low)]
        said.append(f"{one.name}: most in {most}, {write(high)}; least in {least}, {write(low)}.")
    return " ".join([*said, "The numbers are in the table below."])
