"""Amounts that do not fit a balance."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class InsufficientCreditError(DomainError):
    """A debit is larger than the credit it may draw on."""

    def __init__(self, *, available_minor: int, balance_minor: int, debit_minor: int) -> None:
        self.available_minor = available_minor
        self.balance_minor = balance_minor
        self.debit_minor = debit_minor

    def sentence(self, money: Money) -> str:
        available, debit = money(self.available_minor), money(self.debit_minor)
        if self.balance_minor == 0:
            return f"The balance is {money(0)}: there is nothing to remove."
        if self.available_minor == self.balance_minor:
            return f"The balance is {available}: at most that can be removed, not {debit}."
        return (
            f"The balance is {money(self.balance_minor)}, but only {available} of it is usable (the rest has expired): "
            f"at most that can be removed, not {debit}."
        )


class BalanceLimitError(DomainError):
    """An entry would take a balance above the largest one."""

    def __init__(self, *, limit_minor: int, balance_minor: int) -> None:
        self.limit_minor = limit_minor
        self.balance_minor = balance_minor

    def sentence(self, money: Money) -> str:
        room = money(self.limit_minor - self.balance_minor)
        return f"A balance can be at most {money(self.limit_minor)}: add at most {room}."


class AmountRangeError(DomainError):
    """An amount is zero, or larger than one entry may be."""

    def __init__(self, *, amount_minor: int, limit_minor: int) -> None:
        self.amount_minor = amount_minor
        self.limit_minor = limit_minor

    def sentence(self, money: Money) -> str:
        if self.amount_minor == 0:
            return "Enter an amount other than zero."
        return f"One entry can be at most {money(self.limit_minor)}."


class BalanceUnchangedError(DomainError):
    """The balance is already what it was to be set to."""

    def __init__(self, *, balance_minor: int) -> None:
        self.balance_minor = balance_minor

    def sentence(self, money: Money) -> str:
        return f"The balance is already {money(self.balance_minor)}: there is nothing to correct."


class BalanceMovedError(DomainError):
    """The balance is not the one the page showed when the form was opened."""

    def __init__(self, *, seen_minor: int, balance_minor: int) -> None:
        self.seen_minor = seen_minor
        self.balance_minor = balance_minor

    def sentence(self, money: Money) -> str:
        return (
            f"The balance was {money(self.seen_minor)} when this form was opened and is now "
            f"{money(self.balance_minor)}. Nothing was saved; check the amount and send it again."
        )
