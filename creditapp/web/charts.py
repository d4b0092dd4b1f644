"""Figures for server-side SVG: data in, geometry out.

Values are whole numbers (minor units for money), zero or more; a negative one is drawn as zero. Nothing here
knows what a value means: the caller brings `write`, which says it in full (`$2,148.75`), and `axis`, which
says it short (`$2.5k`). Horizontal geometry is in percent of the plot's width, vertical in pixels from its
top, so that a figure fits any card without a script. `templates/components/chart.html` draws it.
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
STEPS_MAX = 4
MARKS_MAX = 12
EDGE = 8
"""Percent at either end where a label is kept inside the plot."""
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


@dataclass(frozen=True, slots=True)
class Spark:
    """A small line without axes; the number it goes with stands beside it."""

    line: str
    area: str
    height: int


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
    scale = _scale([value for one in series for value in one.values], height)
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
    height: int = HEIGHT,
) -> Steps:
    """Return the line of a value that changes at moments and holds in between.

    `points` rise in time; the first one is the left edge and the last one holds to `until`, the right edge.
    `marks` are the labels under the plot. The numbers hold the newest `ROWS_MAX` points, newest first.
    """
    scale = _scale([point.value for point in points], height)
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


def sparkline(values: Sequence[int], height: int = 32) -> Spark:
    """Return the course of `values`, evenly spaced, from the lowest at the foot to the highest at the top."""
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
    base: int

    def y(self, value: int) -> float:
        """Return the pixels from the top at which `value` lies."""
        return round(self.base - (self.base - TOP) * max(value, 0) / max(self.top, 1), 1)

    def ticks(self, axis: Write) -> tuple[Tick, ...]:
        return tuple(Tick(self.y(value), axis(value)) for value in range(0, self.top + 1, self.step))

    def gutter(self, axis: Write) -> int:
        """Return the pixels that the longest label needs."""
        return 10 + max(_letters(tick.label) for tick in self.ticks(axis))


def _scale(values: Sequence[int], height: int) -> _Scale:
    highest = max([*values, 0])
    step = round_step(max(highest, 1))
    return _Scale(top=-(-highest // step) * step, step=step, base=height - FOOT)


def round_step(highest: int) -> int:
    """Return the smallest of 1, 2, 2.5, 5 × 10ⁿ that reaches `highest` (1 or more) in `STEPS_MAX` steps."""
    power = 1
    while True:
        for tenths in (10, 20, 25, 50):
            step, rest = divmod(tenths * power, 10)
            if not rest and step * STEPS_MAX >= highest:
                return step
        power *= 10


def _bar(css: str, x: float, width: float, scale: _Scale, value: int) -> Bar:
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


def _step_path(spots: Sequence[tuple[float, int]], scale: _Scale) -> str:
    if not spots:
        return ""
    turns = [f"H{x} V{scale.y(value)}" for x, value in spots[1:]]
    return " ".join([f"M0 {scale.y(spots[0][1])}", *turns, "H100"])


def _end(points: Sequence[Point], scale: _Scale, write: Write) -> End | None:
    if not points:
        return None
    label = write(points[-1].value)
    return End(scale.y(points[-1].value), label, 14 + _letters(label))


def _letters(text: str) -> int:
    """Return the pixels that `text` takes on an axis, at about 7 a letter."""
    return 7 * len(text)


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
