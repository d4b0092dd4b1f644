"""What every row is made of: how long to measure, on what, and the figures it yields."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.figures import Figure
from bench.stage import Stage


@dataclass(frozen=True, slots=True)
class Scale:
    """How long and how large."""

    pairs: int
    seconds: float
    small: int
    big: int


QUICK = Scale(pairs=3, seconds=0.5, small=1_000, big=20_000)
USUAL = Scale(pairs=5, seconds=2.0, small=1_000, big=200_000)
FULL = Scale(pairs=7, seconds=3.0, small=1_000, big=1_000_000)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table, or several that share their set-up; `name` is what `--only` matches the beginning of."""

    name: str
    engine: str
    measure: Callable[[Stage, Scale, str], Iterable[Figure]]
