"""A small line without axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spark:
    """A small line without axes; the number it goes with stands beside it."""

    line: str
    area: str
    height: int


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
