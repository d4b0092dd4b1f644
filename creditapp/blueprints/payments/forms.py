"""The form that records a payment: filled in, shown again to be confirmed, and sent once more."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from wtforms import SelectField, StringField, ValidationError
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import StopValidation

from creditapp.queries.search import ID_MAX
from creditapp.services.payments import INVOICES_MAX, METHODS, NOTE_CHARS_MAX, REF_CHARS_MAX
from creditapp.web.fields import AmountField, DayField, LineField, NoteField, PassedField, SubmissionField, echo
from creditapp.web.forms import Form
from creditapp.web.panel import current_panel

INVOICES_CHARS_MAX = 1_000
EARLIEST_RECEIVED = date(2000, 1, 1)
SHOWN_CHARS_MAX = 4_000
_NUMBER = re.compile(r"#?([1-9][0-9]{0,15})", re.ASCII)


class InvoicesField(StringField):
    """Numbers of invoices, `#1234, #1240`; `ids` in the order typed, each once, once the form is valid."""

    def __init__(self, label: str, **kw: Any) -> None:  # noqa: ANN401
        super().__init__(label, **kw)
        self.ids: list[int] = []

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401, ARG002  (WTForms' signature)
        typed = self.data or ""
        if len(typed) > INVOICES_CHARS_MAX:
            raise StopValidation(f"Name at most {INVOICES_MAX} invoices.")
        words = re.split(r"[\s,;]+", typed.strip(" \t\r\n,;"), flags=re.ASCII)
        matches = [_NUMBER.fullmatch(word) for word in words if word]
        ids = [int(match[1]) if match else 0 for match in matches]
        if not all(0 < one <= ID_MAX for one in ids):
            raise StopValidation("Write the invoices’ numbers like #1234, #1240.")
        self.ids = list(dict.fromkeys(ids))
        if len(self.ids) > INVOICES_MAX:
            raise StopValidation(f"Name at most {INVOICES_MAX} invoices.")

    def _value(self) -> str:
        return echo(self.data)


class PaymentForm(Form):
    """Money that came in."""

    amount = AmountField("Amount")
    invoices = InvoicesField("Invoices")
    method = SelectField("Method", validate_choice=False, default="bank")
    received_on = DayField("Received on", earliest=EARLIEST_RECEIVED)
    transaction_ref = LineField("Transaction reference", chars_max=REF_CHARS_MAX)
    note = NoteField("Note", chars_max=NOTE_CHARS_MAX)
    shown = PassedField()
    """The fingerprint of what the page that asks has promised."""
    submission = SubmissionField()

    def __init__(self, **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        super().__init__(**kw)
        self.method.choices = [SelectChoice(value, label) for value, label in METHODS.items()]
        self.received_on.latest = current_panel().today()

    def validate_amount(self, field: AmountField) -> None:
        """A sign of its own makes no payment."""
        if (field.data or "").strip()[:1] == "+":
            raise ValidationError("Enter the amount without a sign.")

    def validate_method(self, field: SelectField) -> None:
        if field.data not in METHODS:
            raise ValidationError("Choose a method from the list.")

    @property
    def carried(self) -> list[tuple[str, str]]:
        """What the page that asks passes on unseen."""
        names = ("amount", "invoices", "method", "received_on", "transaction_ref", "note")
        return [(name, str(self[name].data if self[name].data is not None else "")) for name in names]
