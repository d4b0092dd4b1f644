"""The forms of reasons."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, RadioField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import Regexp, ValidationError

from creditapp.models import CreditClass, Direction, Reason
from creditapp.services.reasons import EXPIRY_DAYS_MAX, NAME_CHARS_MAX, ReasonFields
from creditapp.text import LINE_CHARS_MAX, fold
from creditapp.web.fields import AmountField, CountField, LineField, SubmissionField, VersionField, tell_saved
from creditapp.web.filters import plain
from creditapp.web.forms import Form

_DIRECTIONS = [SelectChoice(str(one), one.capitalize()) for one in Direction]
_CLASSES = [
    SelectChoice("paid", "Paid: the customer's own money, spent last"),
    SelectChoice("goodwill", "Goodwill: given by us"),
    SelectChoice("promotional", "Promotional: spent first"),
]
_TICKS = ("note_required", "is_quiet", "is_active")


class ReasonForm(Form):
    """One reason, new or known."""

    name = LineField("Name", chars_max=NAME_CHARS_MAX, required="Enter a name.")
    direction = RadioField("For", choices=_DIRECTIONS, default="add")
    class_ = RadioField("Class of the credit it adds", choices=_CLASSES, default="goodwill")
    expires_after_days = CountField("Expires after days", least=1, most=EXPIRY_DAYS_MAX, required=False)
    note_required = BooleanField("A note is always required")
    note_above = AmountField("A note is required above", zero=True, required=False)
    is_quiet = BooleanField("Quiet")
    is_active = BooleanField("Active", default=True)
    customer_text = LineField("Line the customer sees", chars_max=LINE_CHARS_MAX)
    submission = SubmissionField()
    version = VersionField()

    def __init__(self, saved: Reason | None = None, **kw: Any) -> None:  # noqa: ANN401  (WTForms' own)
        data = _values(saved) if saved is not None else None
        super().__init__(data=data, **kw)

    def validate_name(self, field: LineField) -> None:
        """A name of marks that nobody can see is none."""
        if not fold(field.text):
            raise ValidationError("Enter a name that can be read.")

    @property
    def fields(self) -> ReasonFields:
        """What is to be saved."""
        return ReasonFields(
            name=self.name.text,
            direction=Direction(self.direction.data),
            class_=CreditClass(self.class_.data),
            is_active=self.is_active.data,
            is_quiet=self.is_quiet.data,
            note_required=self.note_required.data,
            note_above_minor=self.note_above.minor if (self.note_above.data or "").strip() else None,
            expires_after_days=self.expires_after_days.number,
            customer_text=self.customer_text.text,
        )

    def compare(self, saved: Reason) -> None:
        """Say beside each field what somebody else has saved; sending the form once more overwrites it knowingly."""
        values = _values(saved)
        for name in ("name", "direction", "class_", "expires_after_days", "note_above", "customer_text"):
            tell_saved(self[name], values[name] or "nothing", values[name])
        for name in _TICKS:
            tell_saved(self[name], "ticked" if values[name] else "not ticked", values[name])
        self.version.data = values["version"]


class MoveForm(Form):
    """A button beside a reason: `up 3` takes reason 3 one place up."""

    move = StringField("Move", [Regexp(r"(up|down) [1-9][0-9]{0,15}\Z")])

    @property
    def up(self) -> bool:
        return str(self.move.data).startswith("up")

    @property
    def reason_id(self) -> int:
        return int(str(self.move.data).partition(" ")[2])


def _values(reason: Reason) -> dict[str, Any]:
    """Return the reason as its form's boxes hold it."""
    return {
        "name": reason.name,
        "direction": reason.direction,
        "class_": reason.class_,
        "is_active": reason.is_active,
        "is_quiet": reason.is_quiet,
        "note_required": reason.note_required,
        "note_above": "" if reason.note_above_minor is None else plain(reason.note_above_minor),
        "expires_after_days": "" if reason.expires_after_days is None else str(reason.expires_after_days),
        "customer_text": reason.customer_text,
        "version": str(reason.version),
    }
