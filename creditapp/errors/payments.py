"""Payments that are not what was shown."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class PaymentMovedError(DomainError):
    """What a payment comes to is no longer what was shown."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "What is due has changed meanwhile. Nothing was recorded: look at what would happen now."
