"""Payments through gateways that are under way, not there, or not what was asked for."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class PaymentUnderwayError(DomainError):
    """Another payment for the invoice has been begun and has not ended."""

    def __init__(self, *, invoice_id: int, amount_minor: int) -> None:
        self.invoice_id = invoice_id
        self.amount_minor = amount_minor

    def sentence(self, money: Money) -> str:
        return (
            f"A payment of {money(self.amount_minor)} for invoice #{self.invoice_id} is under way. "
            "Continue it, or give it up first."
        )


class IntentNotFoundError(DomainError):
    """The customer has begun no payment of this number."""

    def __init__(self, intent_id: int) -> None:
        self.intent_id = intent_id

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "There is no such payment under way."


class SuspenseError(DomainError):
    """What a gateway told us cannot be settled in this way, or has been settled."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem
