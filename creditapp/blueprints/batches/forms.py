"""The forms of a batch: typing how many lines confirms it."""

from __future__ import annotations

from wtforms import RadioField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types

from creditapp.web.fields import CountField, NoteField, SubmissionField
from creditapp.web.forms import Form

COUNT_MAX = 10_000_000


class GoForm(Form):
    """A button that stops a batch, lets it go on, or drops it."""

    submission = SubmissionField()


class BillForm(GoForm):
    """Raise an invoice for what had been spent: of one line, or of all."""

    line = CountField("Line", least=1, most=COUNT_MAX, required=False)


class IssueForm(GoForm):
    """Type the count to confirm."""

    count = CountField("Type the number of lines to confirm", most=COUNT_MAX)


class ReverseForm(IssueForm):
    """Take back what a batch gave."""

    spent = RadioField(
        "Where it has been spent",
        choices=[
            SelectChoice("leave", "Leave it, and list it here"),
            SelectChoice("invoice", "Raise an invoice for what is gone"),
        ],
        default="leave",
    )
    note = NoteField("Note")
