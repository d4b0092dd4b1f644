"""Products that do not fit."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class ProductError(DomainError):
    """The product does not fit: unknown, switched off, or paid for once only."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem
