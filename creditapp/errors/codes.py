"""Promo and referral codes that are not taken."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class CodeError(DomainError):
    """A promo or referral code is not taken in this order, or a code cannot be saved like this."""

    def __init__(self, problem: str, *, box: str = "code") -> None:
        self.problem = problem
        self.box = box
        """The field that is to blame."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem
