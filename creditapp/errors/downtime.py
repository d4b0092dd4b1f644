"""What cannot be credited for downtime, or not in this way."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class PolicyError(DomainError):
    """A policy contradicts itself, is not there, or has been switched off."""

    def __init__(self, problem: str, *, box: str = "") -> None:
        self.problem = problem
        self.box = box
        """The field that is to blame; empty: none by itself."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem


class DowntimeTooLongError(DomainError):
    """A mere duration is measured against one month, and this one is longer."""

    def __init__(self, *, days: int) -> None:
        self.days = days

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"Enter at most one month ({self.days} days). Record an incident for what lasted longer."


class NamedInTitleError(DomainError):
    """What happened is told with words that say who the customer is, and the ledger would never forget them."""

    def __init__(self, word: str) -> None:
        self.word = word

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"Leave “{self.word}” out, and write it into the note: this line stays even when the user is deleted."


class DowntimeAmountError(DomainError):
    """The credit is not what the form showed, or nothing at all."""

    def __init__(self, *, amount_minor: int, seen_minor: int | None) -> None:
        self.amount_minor = amount_minor
        self.seen_minor = seen_minor

    def sentence(self, money: Money) -> str:
        if not self.amount_minor:
            return "By this policy nothing is owed for it."
        if self.seen_minor is None:
            return f"It comes to {money(self.amount_minor)}. Check it, and apply it."
        return f"It comes to {money(self.amount_minor)} now, not {money(self.seen_minor)}. Check it, and apply it."


class DowntimeRepeatedError(DomainError):
    """The subscription was credited for downtime a short while ago."""

    def __init__(self, *, reference: str, amount_minor: int, by: str, days: int) -> None:
        self.reference = reference
        self.amount_minor = amount_minor
        self.by = by
        self.days = days

    def sentence(self, money: Money) -> str:
        return (
            f"This looks like a repeat: {self.reference} credited this subscription for downtime "
            f"({money(self.amount_minor)}, by {self.by}) in the last {self.days} days."
        )


class AlreadyCreditedError(DomainError):
    """The subscription has been credited for this incident: once is all there is."""

    def __init__(self, *, title: str, reference: str) -> None:
        self.title = title
        self.reference = reference

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"{self.reference} has credited this subscription for “{self.title}” already."
