"""What the database could not do."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class BusyError(DomainError):
    """The database had no room for this transaction in time."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "The system is busy. Nothing was saved; try again in a moment."


class CommitUnknownError(DomainError):
    """The connection broke while committing: it may be in. Look before trying again."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "The connection broke while saving. Look whether it was saved before you try again."
