"""The forms that settle what is in suspense."""

from __future__ import annotations

from typing import Any

from wtforms import StringField
from wtforms.validators import StopValidation

from creditapp.queries.search import ID_MAX
from creditapp.services.suspense import NOTE_CHARS_MAX
from creditapp.web.fields import LineField, SubmissionField, echo
from creditapp.web.forms import Form

_DIGITS_MAX = 16


class NumberField(StringField):
    """The number of a user or an invoice, `1234` or `#1234`; `number` is it, None where nothing was typed."""

    def __init__(self, label: str, *, required: str = "", **kw: Any) -> None:  # noqa: ANN401
        super().__init__(label, **kw)
        self.required = required
        self.number: int | None = None

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401, ARG002  (WTForms' signature)
        typed = (self.data or "").strip(" ").removeprefix("#")
        if not typed:
            if self.required:
                raise StopValidation(self.required)
            return
        is_number = typed.isascii() and typed.isdigit() and len(typed) <= _DIGITS_MAX
        if not is_number or not 0 < int(typed) <= ID_MAX:
            raise StopValidation("Enter a number, like 1234.")
        self.number = int(typed)

    def _value(self) -> str:
        return echo(self.data)


class AssignForm(Form):
    """Whose money it is, and for which invoice."""

    customer = NumberField("User number", required="Enter the number of the user whose money it is.")
    invoice = NumberField("Invoice number")
    submission = SubmissionField()


class DismissForm(Form):
    """Why nothing is to be done."""

    note = LineField("Note", chars_max=NOTE_CHARS_MAX, required="Say why nothing is to be done.")
    submission = SubmissionField()
