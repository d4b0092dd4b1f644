"""What the business refuses: each error carries its facts and makes its own sentence, safe to show.

Facts about money are integers in minor units; whoever shows the sentence hands in how the currency is written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import date

Money = Callable[[int], str]


class DomainError(ABC, Exception):
    """A rule of the business says no. Nothing was written."""

    @abstractmethod
    def sentence(self, money: Money) -> str:
        """Return what is so and what to do about it, in plain words; `money` writes minor units as text."""

    def __str__(self) -> str:
        return self.sentence(lambda minor: f"{minor} minor units")


class BusyError(DomainError):
    """The database had no room for this transaction in time."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "The system is busy. Nothing was saved; try again in a moment."


class CommitUnknownError(DomainError):
    """The connection broke while committing: it may be in. Look before trying again."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "The connection broke while saving. Look whether it was saved before you try again."


class CustomerNotFoundError(DomainError):
    """No customer has this id."""

    def __init__(self, customer_id: int) -> None:
        self.customer_id = customer_id

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"There is no user #{self.customer_id}."


class CustomerClosedError(DomainError):
    """The customer takes no more entries."""

    def __init__(self, customer_id: int) -> None:
        self.customer_id = customer_id

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"User #{self.customer_id} is closed and takes no more entries."


class ProductError(DomainError):
    """The product does not fit: unknown, switched off, or paid for once only."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem


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


class AuthorityLimitError(DomainError):
    """The amount is above what this role may post alone."""

    def __init__(self, *, limit_minor: int, amount_minor: int, role: str) -> None:
        self.limit_minor = limit_minor
        self.amount_minor = amount_minor
        self.role = role

    def sentence(self, money: Money) -> str:
        verb = "add" if self.amount_minor > 0 else "remove"
        return f"Your limit is {money(self.limit_minor)} per entry: {self.role}s may not {verb} more than that at once."


class StaffDisabledError(DomainError):
    """The staff member who asks has been disabled meanwhile."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "Your account has been disabled."


class ReasonError(DomainError):
    """The reason does not fit: unknown, switched off, or meant for the other direction."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem


class NoteRequiredError(DomainError):
    """The reason asks for a note, always or above an amount."""

    def __init__(self, *, reason: str, above_minor: int | None) -> None:
        self.reason = reason
        self.above_minor = above_minor

    def sentence(self, money: Money) -> str:
        if self.above_minor is None:
            return f"Write a note: “{self.reason}” asks for one."
        return f"Write a note: “{self.reason}” asks for one above {money(self.above_minor)}."


class DuplicateAdjustmentError(DomainError):
    """The same customer got the same amount, or something for the same ticket, a short while ago."""

    def __init__(self, *, reference: str, amount_minor: int, by: str, days: int, same_ticket: bool) -> None:
        self.reference = reference
        self.amount_minor = amount_minor
        self.by = by
        self.days = days
        self.same_ticket = same_ticket

    def sentence(self, money: Money) -> str:
        what = "for the same ticket" if self.same_ticket else "of the same amount"
        return (
            f"This looks like a repeat: {self.reference} {what} ({money(self.amount_minor)}, by {self.by}) "
            f"was posted in the last {self.days} days."
        )


class KeyReusedError(DomainError):
    """The form's key has been used for other content."""

    def __init__(self, reference: str) -> None:
        self.reference = reference

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return (
            f"This form was already sent once with other content ({self.reference}). "
            "Nothing was saved now; open the form anew to post another entry."
        )


class EntryNotFoundError(DomainError):
    """The customer has no such entry."""

    def __init__(self, reference: str) -> None:
        self.reference = reference

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"There is no entry {self.reference}."


class NotReversibleError(DomainError):
    """Entries of this kind are undone elsewhere, or are reversals themselves."""

    def __init__(self, *, reference: str, problem: str) -> None:
        self.reference = reference
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"{self.reference} cannot be reversed: {self.problem}"


class ReversalExceedsError(DomainError):
    """More would be reversed than the entry still has."""

    def __init__(self, *, reference: str, reversed_minor: int, left_minor: int, unused_minor: int | None) -> None:
        self.reference = reference
        self.reversed_minor = reversed_minor
        self.left_minor = left_minor
        self.unused_minor = unused_minor

    def sentence(self, money: Money) -> str:
        if self.left_minor == 0:
            return f"{self.reference} has been reversed in full already."
        if self.unused_minor is not None and self.unused_minor < self.left_minor:
            if self.unused_minor == 0:
                what = "The rest" if self.reversed_minor else "All"
                return f"{what} of {self.reference} has been used: there is nothing left to take back."
            return f"Only {money(self.unused_minor)} of {self.reference} is unused: at most that can be taken back."
        return f"At most {money(self.left_minor)} of {self.reference} can still be reversed."


class EntryUsedError(DomainError):
    """A deletion was asked for an entry of which some has been used or reversed."""

    def __init__(self, *, reference: str, used_minor: int, reversed_minor: int, rest_minor: int, adds: bool) -> None:
        self.reference = reference
        self.used_minor = used_minor
        self.reversed_minor = reversed_minor
        self.rest_minor = rest_minor
        self.adds = adds

    def sentence(self, money: Money) -> str:
        done = []
        if self.used_minor:
            done.append("used in part" if self.reversed_minor or self.rest_minor else "used up")
        if self.reversed_minor:
            done.append("reversed in part" if self.used_minor or self.rest_minor else "reversed in full")
        refusal = f"{self.reference} has been {' and '.join(done)} and cannot be deleted."
        if self.rest_minor == 0:
            return refusal
        rest = money(self.rest_minor)
        return f"{refusal} {f'Void the unused {rest}' if self.adds else f'Reverse the remaining {rest}'} instead."


class NotYoursError(DomainError):
    """This role may undo only its own entries of the same day."""

    def __init__(self, reference: str) -> None:
        self.reference = reference

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"You may reverse only what you posted yourself today; {self.reference} is not. Ask a manager."


class StaleFormError(DomainError):
    """Somebody else saved the same record after the form was opened."""

    def __init__(self, what: str) -> None:
        self.what = what

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return (
            f"Somebody else changed {self.what} after you opened this form. Nothing was saved. "
            "What you typed is below; compare it with what is saved now and send it again."
        )


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


class LastReasonError(DomainError):
    """No active reason would be left for one direction."""

    def __init__(self, *, adds: bool) -> None:
        self.adds = adds

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        verb = "adding" if self.adds else "removing"
        return f"This is the last active reason for {verb} credit. Add or switch on another one first."


class TakenError(DomainError):
    """A value that must be unique is somebody else's."""

    def __init__(self, label: str, value: str) -> None:
        self.label = label
        self.value = value

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return f"The {self.label} “{self.value}” is taken."


class FormReusedError(KeyReusedError):
    """The key of a request that posts no entry has been used for other content."""

    def __init__(self) -> None:
        super().__init__("")

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "This form was already sent once with other content. Nothing was saved now; open the form anew."


class PasswordError(DomainError):
    """A password is too short, too long or too easy to guess."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem


class ImportFileError(DomainError):
    """A file as a whole cannot be read."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return self.problem


class ImportCrossedError(DomainError):
    """Another import made one of the customers at the same time."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "Somebody else is importing the same customers. Nothing was imported now; check the file again."


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


class PaymentMovedError(DomainError):
    """What a payment comes to is no longer what was shown."""

    def sentence(self, money: Money) -> str:  # noqa: ARG002
        return "What is due has changed meanwhile. Nothing was recorded: look at what would happen now."


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
