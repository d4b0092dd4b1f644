"""Customers who are not there, or no longer."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class CustomerNotFoundError(DomainError):
    """No customer has this id."""

    def __init__(self, customer_id: int) -> None:
        self.customer_id = customer_id

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"There is no user #{self.customer_id}."


class CustomerClosedError(DomainError):
    """The customer has been closed, or merged into another: nothing more is posted, charged or changed there."""

    def __init__(self, customer_id: int) -> None:
        self.customer_id = customer_id

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"User #{self.customer_id} is closed: nothing is added or changed there any more."


class AccountFrozenError(DomainError):
    """The customer's balance is frozen."""

    def __init__(self, customer_id: int) -> None:
        self.customer_id = customer_id

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"The balance of user #{self.customer_id} is frozen."
