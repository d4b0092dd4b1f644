"""What a member of the staff may not do."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class AuthorityLimitError(DomainError):
    """The amount is above what this role may post alone."""

    def __init__(self, *, limit_minor: int, amount_minor: int, role: str) -> None:
        self.limit_minor = limit_minor
        self.amount_minor = amount_minor
        self.role = role

    def sentence(self, money: Money) -> str:
        verb = "add" if self.amount_minor > 0 else "remove"
        return f"Your limit is {money(self.limit_minor)} per entry: {self.role}s may not {verb} more than that at once."


class StaffDisabledError(DomainError):
    """The staff member who asks has been disabled meanwhile."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "Your account has been disabled."


class NotYoursError(DomainError):
    """This role may undo only its own entries of the same day."""

    def __init__(self, reference: str) -> None:
        self.reference = reference

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"You may reverse only what you posted yourself today; {self.reference} is not. Ask a manager."


class PasswordError(DomainError):
    """A password is too short, too long or too easy to guess."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem
