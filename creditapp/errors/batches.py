"""Batches that are not there, are not where they should be, or may not be issued as they stand."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class BatchNotFoundError(DomainError):
    """There is no batch of this number."""

    def __init__(self, batch_id: int) -> None:
        self.batch_id = batch_id

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"There is no batch #{self.batch_id}."


class BatchStateError(DomainError):
    """The batch is not where it should be for this; `problem` goes on after its number."""

    def __init__(self, batch_id: int, problem: str) -> None:
        self.batch_id = batch_id
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"Batch #{self.batch_id} {self.problem}"


class BatchCountError(DomainError):
    """The number typed to confirm is not the number of lines."""

    def __init__(self, *, typed: int, lines: int) -> None:
        self.typed = typed
        self.lines = lines

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"To confirm, type how many lines are issued: {self.lines}, not {self.typed}."


class BatchTooLargeError(DomainError):
    """Some lines are above what this person may post alone."""

    def __init__(self, *, limit_minor: int, largest_minor: int, lines: int) -> None:
        self.limit_minor = limit_minor
        self.largest_minor = largest_minor
        self.lines = lines

    def sentence(self, money: Money) -> str:
        verb = "add" if self.largest_minor > 0 else "remove"
        lines = "1 line is" if self.lines == 1 else f"{self.lines:,} lines are"
        return (
            f"You may {verb} at most {money(self.limit_minor)} with one entry, and {lines} above that; the largest is "
            f"{money(abs(self.largest_minor))}. Untick them, or ask somebody who may."
        )
