"""Horizontal bars, each with its words: a list that reads without its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from creditapp.web.charts.scale import Write


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


def ranks(title: str, rows: Sequence[tuple[str, int, str | None]], *, write: Write) -> Ranks:
    """Return a horizontal bar for each (label, value, link or None), in the order given."""
    widest = max([value for _, value, _ in rows], default=0)

    def width(value: int) -> float:
        return max(round(100 * value / widest, 1), 0.5) if value > 0 else 0

    return Ranks(title, tuple(Rank(label, write(value), width(value), url) for label, value, url in rows))
