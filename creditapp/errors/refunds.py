"""Refunds that are more than can go back, that are not there, or that have ended."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class RefundExceedsError(DomainError):
    """More is to go back than came and is still there."""

    def __init__(self, *, most_minor: int, of: str) -> None:
        self.most_minor = most_minor
        self.of = of

    def sentence(self, money: Money) -> str:
        if self.most_minor <= 0:
            return f"Nothing {self.of} is left to go back."
        return f"At most {money(self.most_minor)} {self.of} can go back."


class RefundRefusedError(DomainError):
    """Nothing can go back this way; `problem` is the whole sentence."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem


class RefundNotFoundError(DomainError):
    """The customer has no refund, or no payment to refund, of this number."""

    def __init__(self, what: str, number: int) -> None:
        self.what = what
        self.number = number

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"There is no {self.what} #{self.number} of this user."


class RefundEndedError(DomainError):
    """The refund has been sent, or has failed, already."""

    def __init__(self, refund_id: int, problem: str) -> None:
        self.refund_id = refund_id
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"Refund #{self.refund_id} {self.problem}"
