"""Merges that cannot be, or not as they were shown."""

from __future__ import annotations

from creditapp.errors.customers import CustomerClosedError
from creditapp.errors.domain import DomainError, Money


class MergedError(CustomerClosedError):
    """The customer was merged into another, who has all that is theirs now."""

    def __init__(self, customer_id: int, survivor_id: int) -> None:
        super().__init__(customer_id)
        self.survivor_id = survivor_id

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"User #{self.customer_id} was merged into user #{self.survivor_id}: do it there."


class MergeRefusedError(DomainError):
    """These two cannot be merged; the words say why."""

    def __init__(self, words: str) -> None:
        self.words = words

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.words


class MergeMovedError(DomainError):
    """One of the two is no longer as the page showed it: a profile was edited, or a balance has moved."""

    def __init__(self, customer_id: int, *, shown_minor: int, balance_minor: int) -> None:
        self.customer_id, self.shown_minor, self.balance_minor = customer_id, shown_minor, balance_minor

    def sentence(self, money: Money) -> str:
        if self.shown_minor == self.balance_minor:
            return f"The profile of user #{self.customer_id} was edited meanwhile. Look at it again, then confirm."
        shown, now = money(self.shown_minor), money(self.balance_minor)
        return (
            f"The balance of user #{self.customer_id} was {shown} when this page was opened, and is {now} now. "
            "Look at it again, then confirm."
        )
