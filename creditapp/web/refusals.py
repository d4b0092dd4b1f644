"""Where the sentence of a refusal stands: beside the box it is about, or above the form."""

from __future__ import annotations

from creditapp.errors import (
    AlreadyCreditedError,
    AmountRangeError,
    ApplyExceedsError,
    AuthorityLimitError,
    BalanceLimitError,
    BalanceMovedError,
    BalanceUnchangedError,
    BusyError,
    CodeError,
    CustomerNotFoundError,
    DomainError,
    DowntimeRepeatedError,
    DowntimeTooLongError,
    DuplicateAdjustmentError,
    EntryNotFoundError,
    InsufficientCreditError,
    InvoiceNotFoundError,
    KeyReusedError,
    NamedInTitleError,
    NotApplicableError,
    NoteRequiredError,
    OwnAccountError,
    OwnUserError,
    PeriodStartError,
    PolicyError,
    ProductError,
    ReasonError,
    RefundExceedsError,
    ReversalExceedsError,
    TakenError,
    TopUpRangeError,
    WrongCodeError,
)
from creditapp.web import refused
from creditapp.web.fields import refuse
from creditapp.web.forms import Form
from creditapp.web.panel import current_panel

INVALID, CONFLICT, BUSY = 422, 409, 503
_AMOUNT = ("amount", "target")
_BESIDE: dict[type[DomainError], tuple[str, ...]] = {
    InsufficientCreditError: _AMOUNT,
    BalanceLimitError: _AMOUNT,
    AmountRangeError: _AMOUNT,
    AuthorityLimitError: _AMOUNT,
    BalanceMovedError: _AMOUNT,
    BalanceUnchangedError: _AMOUNT,
    ReversalExceedsError: _AMOUNT,
    RefundExceedsError: _AMOUNT,
    ApplyExceedsError: _AMOUNT,
    NotApplicableError: _AMOUNT,
    TopUpRangeError: _AMOUNT,
    CodeError: ("code",),
    ReasonError: ("reason",),
    NoteRequiredError: ("note",),
    DuplicateAdjustmentError: ("repeat_ok",),
    DowntimeRepeatedError: ("repeat_ok",),
    DowntimeTooLongError: ("down",),
    NamedInTitleError: ("title",),
    AlreadyCreditedError: ("incident",),
    PolicyError: ("policy",),
    TakenError: ("external_id", "email", "name", "code"),
    ProductError: ("product",),
    PeriodStartError: ("anchor_day",),
    OwnUserError: ("own_customer",),
    WrongCodeError: ("code",),
}


def place(form: Form, error: DomainError) -> int:
    """Put the sentence where it belongs, and return the status to answer with.

    A form whose key was used up gets a new one: who reads the sentence and sends it again means it.
    """
    if isinstance(error, CustomerNotFoundError | EntryNotFoundError | InvoiceNotFoundError):
        raise error
    if isinstance(error, OwnAccountError):
        refused.note_own_account(error)
    name = next((one for one in _BESIDE.get(type(error), ()) if one in form), None)
    if name is not None:
        refuse(form[name], error)
    else:
        form.form_errors = [*form.form_errors, error.sentence(current_panel().currency.format)]
    if isinstance(error, KeyReusedError):
        form["submission"].data = form["submission"].default()
        return CONFLICT
    return BUSY if isinstance(error, BusyError) else INVALID
