"""Payments that are not there, or not what was shown."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class PaymentNotFoundError(DomainError):
    """The customer has no payment of this number."""

    def __init__(self, payment_id: int) -> None:
        self.payment_id = payment_id

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"There is no payment #{self.payment_id} of this user."


class PaymentMovedError(DomainError):
    """What a payment comes to is no longer what was shown."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "What is due has changed meanwhile. Nothing was recorded: look at what would happen now."
