"""Funds that cannot be added."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class TopUpClosedError(DomainError):
    """No funds can be added now, however many."""

    def __init__(self, obstacle: str) -> None:
        self.obstacle = obstacle

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.obstacle


class TopUpRangeError(DomainError):
    """Fewer or more funds than may be added."""

    def __init__(self, *, min_minor: int, most_minor: int) -> None:
        self.min_minor = min_minor
        self.most_minor = most_minor

    def sentence(self, money: Money) -> str:
        return f"Enter an amount from {money(self.min_minor)} to {money(self.most_minor)}."
