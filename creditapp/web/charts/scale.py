"""What charts with axes share: values to pixels, ticks, marks, and the numbers as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Write = Callable[[int], str]

HEIGHT = 230
"""Pixels of a figure, axis labels included."""

TOP = 10
FOOT = 26
STEPS_MAX = 4


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
class Numbers:
    """The same figures as a table; the first column heads the rows."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Scale:
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
        return 10 + max(letters(tick.label) for tick in self.ticks(axis))


def scale_of(values: Sequence[int], height: int) -> Scale:
    """Return the scale that holds these values and zero."""
    highest = max([*values, 0])
    step = round_step(max(highest, 1))
    return Scale(top=-(-highest // step) * step, step=step, base=height - FOOT)


def round_step(highest: int) -> int:
    """Return the smallest of 1, 2, 2.5, 5 × 10ⁿ that reaches `highest` (1 or more) in `STEPS_MAX` steps."""
    power = 1
    while True:
        for tenths in (10, 20, 25, 50):
            step, rest = divmod(tenths * power, 10)
            if not rest and step * STEPS_MAX >= highest:
                return step
        power *= 10


def letters(text: str) -> int:
    """Return the pixels that `text` takes on an axis, at about 7 a letter."""
    return 7 * len(text)
