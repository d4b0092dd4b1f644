"""Reasons that do not fit."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class ReasonError(DomainError):
    """The reason does not fit: unknown, switched off, or meant for the other direction."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem


class NoteRequiredError(DomainError):
    """The reason asks for a note, always or above an amount."""

    def __init__(self, *, reason: str, above_minor: int | None) -> None:
        self.reason = reason
        self.above_minor = above_minor

    def sentence(self, money: Money) -> str:
        if self.above_minor is None:
            return f"Write a note: “{self.reason}” asks for one."
        return f"Write a note: “{self.reason}” asks for one above {money(self.above_minor)}."


class LastReasonError(DomainError):
    """No active reason would be left for one direction."""

    def __init__(self, *, adds: bool) -> None:
        self.adds = adds

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        verb = "adding" if self.adds else "removing"
        return f"This is the last active reason for {verb} credit. Add or switch on another one first."
