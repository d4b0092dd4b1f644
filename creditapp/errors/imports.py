"""Files that cannot be imported."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class ImportFileError(DomainError):
    """A file as a whole cannot be read."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem


class ImportCrossedError(DomainError):
    """Another import made one of the customers at the same time."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "Somebody else is importing the same customers. Nothing was imported now; check the file again."
