"""What stands in the way of moving credit between customers, of voiding a payment, and of deleting a customer."""

from __future__ import annotations

from collections.abc import Sequence

from creditapp.errors.domain import DomainError, Money


class TransferError(DomainError):
    """Credit cannot be moved to this customer; `problem` is the whole sentence."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem


class VoidPaymentError(DomainError):
    """A payment cannot be voided, as it `problem`."""

    def __init__(self, payment_id: int, problem: str) -> None:
        self.payment_id = payment_id
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"Payment #{self.payment_id} {self.problem}"


class DeleteRefusedError(DomainError):
    """A customer cannot be deleted now; `problem` is the whole sentence."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem


class CreditLeftError(DomainError):
    """A part of a balance would be left over, and nobody has said what becomes of it."""

    def __init__(self, *, what: str, left_minor: int) -> None:
        self.what = what
        self.left_minor = left_minor

    def sentence(self, money: Money) -> str:
        return f"Say what becomes of {money(self.left_minor)} of {self.what} credit."


class InvoicesOpenError(DomainError):
    """A customer who owes something is not deleted unless it is said that nothing is owed any more."""

    def __init__(self, invoice_ids: Sequence[int]) -> None:
        self.invoice_ids = tuple(invoice_ids)

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        named = ", ".join(f"#{one}" for one in self.invoice_ids[:5])
        more = f" and {len(self.invoice_ids) - 5} more" if len(self.invoice_ids) > 5 else ""  # noqa: PLR2004
        which = "Invoice" if len(self.invoice_ids) == 1 else "Invoices"
        are = "is" if len(self.invoice_ids) == 1 else "are"
        return f"{which} {named}{more} {are} open: have them cancelled here, or settle them first."


class MoneyUnderwayError(DomainError):
    """Money is on its way to or from a customer: nothing is closed before it has arrived."""

    def __init__(self, *, payments: int, refunds: Sequence[int]) -> None:
        self.payments = payments
        self.refunds = tuple(refunds)

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        said = []
        if self.payments:
            said.append("a payment is under way" if self.payments == 1 else f"{self.payments} payments are under way")
        if self.refunds:
            named = ", ".join(f"#{one}" for one in self.refunds[:5])
            said.append(
                f"refund {named} has not been sent" if len(self.refunds) == 1 else f"refunds {named} have not been sent"
            )
        return f"Wait until nothing is on its way: {' and '.join(said)}."
