"""Settings that are fixed."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class SettingLockedError(DomainError):
    """Currency and time zone are fixed once there are entries or invoices."""

    def __init__(self, label: str) -> None:
        self.label = label

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"The {self.label} is fixed: there are credit entries or invoices already."


class AmountsKeptError(DomainError):
    """The currency cannot change under limits, reasons, products and settings that hold amounts in it."""

    def __init__(self, *, currency: str) -> None:
        self.currency = currency

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return (
            f"Role limits, reasons, prices of products or the minimum remainder hold amounts in {self.currency}, "
            "which would mean something else then. Empty them first."
        )
