"""Entries that look like a repeat, are not there, or cannot be undone."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class DuplicateAdjustmentError(DomainError):
    """The same customer got the same amount, or something for the same ticket, a short while ago."""

    def __init__(self, *, reference: str, amount_minor: int, by: str, days: int, same_ticket: bool) -> None:
        self.reference = reference
        self.amount_minor = amount_minor
        self.by = by
        self.days = days
        self.same_ticket = same_ticket

    def sentence(self, money: Money) -> str:
        what = "for the same ticket" if self.same_ticket else "of the same amount"
        return (
            f"This looks like a repeat: {self.reference} {what} ({money(self.amount_minor)}, by {self.by}) "
            f"was posted in the last {self.days} days."
        )


class EntryNotFoundError(DomainError):
    """The customer has no such entry."""

    def __init__(self, reference: str) -> None:
        self.reference = reference

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"There is no entry {self.reference}."


class NotReversibleError(DomainError):
    """Entries of this kind are undone elsewhere, or are reversals themselves."""

    def __init__(self, *, reference: str, problem: str) -> None:
        self.reference = reference
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"{self.reference} cannot be reversed: {self.problem}"


class ReversalExceedsError(DomainError):
    """More would be reversed than the entry still has."""

    def __init__(
        self, *, reference: str, reversed_minor: int, left_minor: int, unused_minor: int | None, expired_minor: int = 0
    ) -> None:
        self.reference = reference
        self.reversed_minor = reversed_minor
        self.left_minor = left_minor
        self.unused_minor = unused_minor
        self.expired_minor = expired_minor

    def sentence(self, money: Money) -> str:
        if self.left_minor == 0:
            return f"{self.reference} has been reversed in full already."
        if self.unused_minor is not None and self.unused_minor < self.left_minor:
            if self.unused_minor == 0:
                what = "The rest" if self.reversed_minor else "All"
                return f"{what} of {self.reference} {self._gone()}: there is nothing left to take back."
            rest = "is left" if self.expired_minor else "is unused"
            return f"Only {money(self.unused_minor)} of {self.reference} {rest}: at most that can be taken back."
        return f"At most {money(self.left_minor)} of {self.reference} can still be reversed."

    def _gone(self) -> str:
        if not self.expired_minor:
            return "has been used"
        return "has expired" if self.expired_minor == self.left_minor else "has been used or has expired"


class EntryUsedError(DomainError):
    """A deletion was asked for an entry of which some has been used or reversed, or has expired."""

    def __init__(
        self,
        *,
        reference: str,
        used_minor: int,
        expired_minor: int,
        reversed_minor: int,
        rest_minor: int,
        adds: bool,
    ) -> None:
        self.reference = reference
        self.used_minor = used_minor
        self.expired_minor = expired_minor
        self.reversed_minor = reversed_minor
        self.rest_minor = rest_minor
        self.adds = adds

    def sentence(self, money: Money) -> str:
        ways = (self.used_minor, self.expired_minor, self.reversed_minor, self.rest_minor)
        is_whole = sum(minor > 0 for minor in ways) == 1
        done = []
        if self.used_minor:
            done.append("used up" if is_whole else "used in part")
        if self.reversed_minor:
            done.append("reversed in full" if is_whole else "reversed in part")
        said = [f"has been {' and '.join(done)}"] if done else []
        if self.expired_minor:
            said.append("has expired" if is_whole else "has expired in part")
        refusal = f"{self.reference} {', '.join(said)} and cannot be deleted."
        if self.rest_minor == 0:
            return refusal
        rest = money(self.rest_minor)
        return f"{refusal} {f'Void the unused {rest}' if self.adds else f'Reverse the remaining {rest}'} instead."
