"""Figures: pairs measured in turns, their ratios, and the line that is printed of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

NOISY = 0.25
"""A range of ratios wider than this part of their median makes a figure noisy."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What the ratio should be; beside it stands what the figure means when there is none."""

    at_least: float | None = None
    at_most: float | None = None

    def is_met(self, ratio: float) -> bool:
        """Return whether the ratio is as good as it should be."""
        return (self.at_least is None or ratio >= self.at_least) and (self.at_most is None or ratio <= self.at_most)

    def __str__(self) -> str:
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return "-" if self.at_most is None else f"<= {self.at_most:g}"


NO_GOAL = Goal()


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing beside its baseline: the medians, and the ratio of each pair."""

    name: str
    unit: str
    values: Sequence[float]
    baselines: Sequence[float]
    goal: Goal = NO_GOAL
    ratios: Sequence[float] = ()
    """Given when they are not simply value / baseline."""
    problems: Sequence[str] = ()
    """What makes the figure worthless: broken invariants, operations that failed."""

    @property
    def each_ratio(self) -> list[float]:
        return list(self.ratios) or [a / b for a, b in zip(self.values, self.baselines, strict=True)]

    @property
    def ratio(self) -> float:
        return median(self.each_ratio)

    @property
    def is_noisy(self) -> bool:
        ratios = self.each_ratio
        return max(ratios) - min(ratios) > NOISY * median(ratios)

    def line(self) -> str:
        """Return `name value unit baseline ratio range goal verdict`; no number when something went wrong."""
        if self.problems:
            return f"{self.name:<34} WORTHLESS  {'; '.join(self.problems)}"
        ratios = self.each_ratio
        words = ["met" if self.goal.is_met(self.ratio) else "missed"] if self.goal != NO_GOAL else []
        words += ["noisy"] if self.is_noisy else []
        return (
            f"{self.name:<34} {number(median(self.values)):>9} {self.unit:<9} {number(median(self.baselines)):>9} "
            f"{number(self.ratio):>7} {number(min(ratios)) + '..' + number(max(ratios)):>15} {self.goal!s:>8}  "
            f"{' '.join(words)}"
        ).rstrip()


HEADINGS = f"{'name':<34} {'value':>9} {'unit':<9} {'baseline':>9} {'ratio':>7} {'range':>15} {'goal':>8}"


def number(value: float) -> str:
    """Return the number with about three digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def in_turns(pairs: int, plain: Callable[[], float], ours: Callable[[], float]) -> Iterator[tuple[float, float]]:
    """Yield `(plain, ours)` measured in turns, so that whatever else the machine does meets both alike."""
    for _ in range(pairs):
        yield plain(), ours()
