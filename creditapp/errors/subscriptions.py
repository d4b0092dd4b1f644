"""Subscriptions that do not fit."""

from __future__ import annotations

from datetime import date

from creditapp.errors.domain import DomainError, Money


class SubscriptionNotFoundError(DomainError):
    """The customer has no subscription of this number."""

    def __init__(self, subscription_id: int) -> None:
        self.subscription_id = subscription_id

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"There is no subscription #{self.subscription_id} of this user."


class SubscriptionCancelledError(DomainError):
    """A cancelled subscription does not change any more."""

    def __init__(self, subscription_id: int) -> None:
        self.subscription_id = subscription_id

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"Subscription #{self.subscription_id} is cancelled and does not change any more. Add a new one instead."


class PeriodStartError(DomainError):
    """No period that is anchored so begins on this day."""

    def __init__(self, *, due_on: date, anchor_day: int) -> None:
        self.due_on = due_on
        self.anchor_day = anchor_day

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return (
            f"When periods begin on day {self.anchor_day}, none begins on {self.due_on:%Y-%m-%d}. "
            "Change one of them, or leave the day empty."
        )
