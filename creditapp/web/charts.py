"""Figures for server-side SVG: data in, geometry out.

Values are whole numbers (minor units for money), zero or more; a negative one is drawn as zero and written as it is.
Nothing here knows what a value means: the caller brings `write`, which says a value in full (`$2,148.75`), and `axis`,
which says it short (`$2.5k`). Horizontal geometry is in percent of the plot's width, vertical in pixels from its top, so
that a figure fits any card without a script. `templates/components/chart.html` draws what is made here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Write = Callable[[int], str]

HEIGHT = 230
"""Pixels of a figure, axis labels included."""

TOP = 10
FOOT = 26
TICKS_MAX = 5
MARKS_MAX = 12
SLIVERS = 400
"""A line with more points than this is thinned to so many slivers of its width."""

ROWS_MAX = 120


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across the plot at `y` pixels, with its label in the gutter."""

    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A label under the plot at `x` percent; a spare one may be left out where room is scarce."""

    x: float
    label: str
    anchor: Literal["start", "middle", "end"] = "middle"
    spare: bool = False


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
class Numbers:
    """The same figures as a table; the first column heads the rows."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a bar chart: its name and a value for each label."""

    name: str
    values: Sequence[int]


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
    height: int = HEIGHT
    kind: Literal["bars"] = "bars"

    @property
    def top(self) -> int:
        """Where the plot begins, in pixels."""
        return TOP

    @property
    def base(self) -> int:
        """Where zero is, in pixels."""
        return self.height - FOOT


@dataclass(frozen=True, slots=True)
class Rank:
    """One horizontal bar, `width` in percent of the widest."""

    label: str
    text: str
    width: float
    url: str | None


@dataclass(frozen=True, slots=True)
class Ranks:
    """Horizontal bars."""

    title: str
    ranks: tuple[Rank, ...]
    kind: Literal["ranks"] = "ranks"


@dataclass(frozen=True, slots=True)
class Point:
    """A value that holds from `at` until the next point; `label` is the time in words."""

    at: datetime
    label: str
    value: int


@dataclass(frozen=True, slots=True)
class End:
    """The dot at the end of a line and its label."""

    y: float
    label_y: float
    label: str


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
    height: int = HEIGHT
    kind: Literal["steps"] = "steps"


@dataclass(frozen=True, slots=True)
class Spark:
    """A small line without axes; the number it goes with stands beside it."""

    line: str
    area: str
    height: int


def bars(title: str, labels: Sequence[str], series: Sequence[Series], *, write: Write, axis: Write, head: str = "Month") -> Bars:
    """Return one group of bars for each label; `series` (two at most have a colour) each hold a value for each.

    Raises:
        ValueError: a series has more or fewer values than there are labels.
    """
    for one in series:
        if len(one.values) != len(labels):
            raise ValueError(f"{one.name} has {len(one.values)} values for {len(labels)} labels.")
    scale = _scale([value for one in series for value in one.values])
    step = 100 / max(len(labels), 1)
    thin = step * 0.64 / max(len(series), 1)

    def slot(index: int) -> Slot:
        left = index * step
        words = ", ".join(f"{one.name} {write(one.values[index])}" for one in series)
        drawn = tuple(
            _bar(f"s{number + 1}", left + step * 0.18 + number * thin, thin * 0.92, scale.y(one.values[index]))
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
            rows=tuple(
                (label, *(write(one.values[index]) for one in series)) for index, label in enumerate(labels)
            ),
        ),
        gutter=scale.gutter(axis),
    )


def ranks(title: str, rows: Sequence[tuple[str, int, str | None]], *, write: Write) -> Ranks:
    """Return a horizontal bar for each (label, value, link or None), in the order given."""
    widest = max([value for _, value, _ in rows], default=0)

    def width(value: int) -> float:
        return max(round(100 * value / widest, 1), 0.5) if value > 0 else 0

    return Ranks(title, tuple(Rank(label, write(value), width(value), url) for label, value, url in rows))


def steps(
    title: str,
    points: Sequence[Point],
    *,
    until: datetime,
    marks: Sequence[tuple[datetime, str]],
    write: Write,
    axis: Write,
    heads: tuple[str, str] = ("When", "Balance"),
) -> Steps:
    """Return the line of a value that changes at moments and holds in between.

    `points` rise in time; the first one is the left edge and the last one holds to `until`, the right edge. `marks` are
    the labels under the plot. The numbers hold the newest `ROWS_MAX` points, newest first.
    """
    scale = _scale([point.value for point in points])
    since = points[0].at if points else until
    span = (until - since).total_seconds()

    def x(at: datetime) -> float:
        return round(min(max(100 * (at - since).total_seconds() / span, 0), 100), 2) if span > 0 else 0

    line = _step_path(_thinned([(x(point.at), point.value) for point in points]), scale)
    return Steps(
        title=title,
        description=_course(points, write),
        ticks=scale.ticks(axis),
        line=line,
        area=f"{line} V{scale.base} H0 Z" if line else "",
        end=_end(points, scale, write),
        marks=tuple(Mark(x(at), label, _anchor(x(at))) for at, label in marks),
        numbers=Numbers(heads, tuple((point.label, write(point.value)) for point in reversed(points[-ROWS_MAX:]))),
        gutter=scale.gutter(axis),
    )


def sparkline(values: Sequence[int], height: int = 32) -> Spark:
    """Return the course of `values`, evenly spaced, lowest at the bottom and highest at the top; one value is level."""
    level = [*values, *values] if len(values) == 1 else values
    if not level:
        return Spark("", "", height)
    low, high = min(level), max(level)
    room = height - 4

    def y(value: int) -> float:
        return round(2 + room * (high - value) / (high - low), 1) if high > low else height / 2

    spots = [f"{round(100 * index / (len(level) - 1), 1)},{y(value)}" for index, value in enumerate(level)]
    line = "M" + " L".join(spots)
    return Spark(line, f"{line} L100,{height} L0,{height} Z", height)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Values from zero to `top`, in round steps, on a plot from `TOP` to `base` pixels."""

    top: int
    step: int
    base: int = HEIGHT - FOOT

    def y(self, value: int) -> float:
        """Return the pixels from the top at which `value` lies."""
        return round(self.base - (self.base - TOP) * max(value, 0) / self.top, 1)

    def ticks(self, axis: Write) -> tuple[Tick, ...]:
        return tuple(Tick(self.y(value), axis(value)) for value in range(0, self.top + 1, self.step))

    def gutter(self, axis: Write) -> int:
        """Return the pixels that the longest label needs, at about 6.5 a letter."""
        return 12 + max(int(6.5 * len(tick.label)) for tick in self.ticks(axis))


def _scale(values: Sequence[int]) -> _Scale:
    highest = max([*values, 1])
    step = round_step(highest)
    return _Scale(top=-(-highest // step) * step, step=step)


def round_step(highest: int) -> int:
    """Return the smallest of 1, 2, 2.5, 5 × 10ⁿ that reaches `highest` (1 or more) in `TICKS_MAX` − 1 steps."""
    power = 1
    while True:
        for tenths in (10, 20, 25, 50):
            step, rest = divmod(tenths * power, 10)
            if not rest and step * (TICKS_MAX - 1) >= highest:
                return step
        power *= 10


def _bar(css: str, x: float, width: float, y: float) -> Bar:
    return Bar(css, round(x, 2), round(width, 2), y, round(HEIGHT - FOOT - y, 1))


def _marks_under(labels: Sequence[str]) -> tuple[Mark, ...]:
    """Label the newest group and every n-th before it; every second label may be left out on a phone."""
    every = -(-len(labels) // MARKS_MAX)
    step = 100 / max(len(labels), 1)
    last = len(labels) - 1
    return tuple(
        Mark(round((index + 0.5) * step, 2), label, spare=(last - index) // every % 2 == 1 and len(labels) > MARKS_MAX // 2)
        for index, label in enumerate(labels)
        if (last - index) % every == 0
    )


def _anchor(x: float) -> Literal["start", "middle", "end"]:
    if x < 8:
        return "start"
    return "end" if x > 92 else "middle"


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


def _step_path(spots: Sequence[tuple[float, int]], scale: _Scale) -> str:
    if not spots:
        return ""
    turns = [f"H{x} V{scale.y(value)}" for x, value in spots[1:]]
    return " ".join([f"M0 {scale.y(spots[0][1])}", *turns, "H100"])


def _end(points: Sequence[Point], scale: _Scale, write: Write) -> End | None:
    """Put the label above the dot, or below where the line comes down to it or the plot's top is near."""
    if not points:
        return None
    last = points[-1].value
    y = scale.y(last)
    falls = len(points) > 1 and points[-2].value > last
    below = (falls or y < TOP + 14) and y < scale.base - 20
    return End(y, y + 19 if below else y - 9, write(last))


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
