"""What every refusal is: it carries its facts and makes its own sentence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

Money = Callable[[int], str]


class DomainError(ABC, Exception):
    """A rule of the business says no. Nothing was written."""

    @abstractmethod
    def sentence(self, money: Money) -> str:
        """Return what is so and what to do about it, in plain words; `money` writes minor units as text."""

    def __str__(self) -> str:
        return self.sentence(lambda minor: f"{minor} minor units")
