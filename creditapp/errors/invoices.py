"""Invoices that are not there, or not in a state for it, and credit that does not go on them."""

from __future__ import annotations

from creditapp.errors.domain import DomainError, Money


class InvoiceNotFoundError(DomainError):
    """The customer has no invoice of this number."""

    def __init__(self, invoice_id: int) -> None:
        self.invoice_id = invoice_id

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"There is no invoice #{self.invoice_id} of this user."


class InvoiceStateError(DomainError):
    """The invoice is not in a state for this."""

    def __init__(self, invoice_id: int, problem: str) -> None:
        self.invoice_id = invoice_id
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"Invoice #{self.invoice_id} {self.problem}"


class InvoiceAmountError(DomainError):
    """The lines of an invoice do not come to one."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem


class NotApplicableError(DomainError):
    """No credit can be used on this invoice; `why` is the rule's word for the problem."""

    def __init__(self, invoice_id: int, problem: str, why: str) -> None:
        self.invoice_id = invoice_id
        self.problem = problem
        self.why = why

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"No credit can be applied to invoice #{self.invoice_id}: {self.problem}"


class ApplyExceedsError(DomainError):
    """More credit is to be applied, or removed, than can be."""

    def __init__(self, *, most_minor: int, removes: bool = False, due_minor: int = 0) -> None:
        self.most_minor = most_minor
        self.removes = removes
        self.due_minor = due_minor

    def sentence(self, money: Money) -> str:
        if self.removes:
            return f"At most {money(self.most_minor)} of credit is on this invoice and can be removed."
        if self.most_minor == self.due_minor:
            return f"Only {money(self.due_minor)} is due: at most that can be applied."
        return f"Only {money(self.most_minor)} of credit is usable: at most that can be applied."
