"""The forms about one customer: the profile, adjusting credit, setting the balance, taking entries back."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from wtforms import BooleanField, HiddenField, RadioField, SelectField, ValidationError
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types

from creditapp.db import db
from creditapp.models import CustomerStatus, Direction
from creditapp.models.customer import EMAIL_CHARS_MAX, EXTERNAL_ID_CHARS_MAX, NAME_CHARS_MAX
from creditapp.money import MINUS
from creditapp.queries import reasons
from creditapp.services.customers import CustomerFields
from creditapp.web.fields import AmountField, DayField, LineField, NoteField, SubmissionField, VersionField
from creditapp.web.forms import Form
from creditapp.web.notices import UndoForm

EARLIEST_JOINED = date(1900, 1, 1)
TICKET_CHARS_MAX = 200
CUSTOMER_LINE_CHARS_MAX = 200
BY_HAND = (CustomerStatus.ACTIVE, CustomerStatus.INACTIVE)
AUTOMATIC_CHOICES = {"": "As the settings say", "yes": "Always", "no": "Never"}
_AUTOMATIC = {"": None, "yes": True, "no": False}
_DIRECTIONS = {"+": "add", "-": "remove", MINUS: "remove"}
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")


class CustomerForm(Form):
    """A profile. `version` is the one the form was opened on."""

    name = LineField("Name", chars_max=NAME_CHARS_MAX, required="Enter a name.")
    company = LineField("Company", chars_max=NAME_CHARS_MAX)
    email = LineField("Email", chars_max=EMAIL_CHARS_MAX, required="Enter an email address.")
    external_id = LineField("External id", chars_max=EXTERNAL_ID_CHARS_MAX)
    joined_on = DayField("Customer since", earliest=EARLIEST_JOINED)
    status = SelectField("Status", validate_choice=False)
    automatic = RadioField("Use credit automatically", choices=AUTOMATIC_CHOICES, default="")
    submission = SubmissionField()
    version = VersionField(default="0")

    def __init__(self, **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        super().__init__(**kw)
        self.status.choices = [SelectChoice(str(one), one.capitalize()) for one in BY_HAND]

    def validate_email(self, field: LineField) -> None:
        """Whether it is answered cannot be seen; that it is an address can."""
        if field.text and not _EMAIL.fullmatch(field.text):
            raise ValidationError("This is no email address: it takes one @, something on each side, and no spaces.")

    def validate_status(self, field: SelectField) -> None:
        if field.data not in BY_HAND:
            raise ValidationError("Choose a status from the list.")

    @property
    def fields(self) -> CustomerFields:
        """The profile as it was typed."""
        return CustomerFields(
            name=self.name.text,
            company=self.company.text,
            email=self.email.text,
            external_id=self.external_id.text or None,
            joined_on=self.joined_on.day,
            status=CustomerStatus(self.status.data),
            automatic_credit=_AUTOMATIC[self.automatic.data],
        )


def automatic_choice(automatic: bool | None) -> str:  # noqa: FBT001  (a column with three values)
    """Return the choice that stands for a customer's own yes or no to automatic use."""
    return next(choice for choice, value in _AUTOMATIC.items() if value is automatic)


class ReasonField(SelectField):
    """A reason, or the usual one for the direction when none is picked."""

    def __init__(self, label: str, **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        super().__init__(label, validate_choice=False, default="", **kw)
        self.known: list[reasons.ReasonChoice] = []

    def offer(self, known: list[reasons.ReasonChoice]) -> None:
        """Offer these reasons, each with what a script needs to guide the choice."""
        self.known = known
        adding, removing = (reasons.default(known, way) for way in (Direction.ADD, Direction.REMOVE))
        usual = {
            "data-line-add": adding.customer_text if adding else "",
            "data-line-remove": removing.customer_text if removing else "",
        }
        both = f"{adding.name} to add, {removing.name} to remove" if adding and removing else "The usual reason"
        self.choices = [SelectChoice("", both, usual), *(_option(one) for one in known)]

    def reason_id(self, amount_minor: int) -> int:
        """Return the chosen reason, or the usual one for an amount of this sign; 0 for what is on no list."""
        if not self.data:
            usual = reasons.default(self.known, Direction.ADD if amount_minor > 0 else Direction.REMOVE)
            return usual.id if usual else 0
        is_number = self.data.isascii() and self.data.isdigit() and len(self.data) < 10  # noqa: PLR2004
        return int(self.data) if is_number else 0


class CreditForm(Form):
    """What every change of a balance by hand asks for beside its amount."""

    reason = ReasonField("Reason")
    note = NoteField("Note")
    customer_note = LineField("Customer’s line", chars_max=CUSTOMER_LINE_CHARS_MAX)
    submission = SubmissionField()

    def __init__(self, **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        super().__init__(**kw)
        self.reason.offer(reasons.active(db.session()))


class AdjustCreditForm(CreditForm):
    """Add or remove. A sign that was written wins over the button, which then shows what it was taken for."""

    direction = RadioField("Direction", choices={"add": "Add", "remove": "Remove"}, default="add")
    amount = AmountField("Amount", signed=True)
    ticket = LineField("Ticket", chars_max=TICKET_CHARS_MAX)
    repeat_ok = BooleanField("It is not a repeat: apply anyway")

    def __init__(self, **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        super().__init__(**kw)
        self.taken_for = ""
        """The direction that was taken by the sign and not by the button; empty where they agree."""
        sign = (self.amount.data or "").strip()[:1]
        if sign in _DIRECTIONS and self.direction.data != _DIRECTIONS[sign]:
            self.direction.data = self.taken_for = _DIRECTIONS[sign]

    @property
    def amount_minor(self) -> int:
        """The amount with its sign, once the form is valid."""
        return -abs(self.amount.minor) if self.direction.data == "remove" else self.amount.minor

    @property
    def reason_id(self) -> int:
        return self.reason.reason_id(self.amount_minor)


class SetBalanceForm(CreditForm):
    """What the balance shall be, and what it was when the form was opened."""

    target = AmountField("Set balance to", zero=True)
    seen = HiddenField()

    def __init__(self, **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        super().__init__(**kw)
        usual = reasons.for_corrections(self.reason.known)
        if usual is not None and not self.is_submitted() and not self.from_draft:
            self.reason.data = str(usual.id)

    def validate_seen(self, field: HiddenField) -> None:
        typed = field.raw_data[0] if field.raw_data else ""  # what was sent, never what is so now
        if not typed.isascii() or not typed.isdigit() or len(typed) > 13:  # noqa: PLR2004  (the largest balance)
            raise ValidationError("This form has lost the balance it was opened with. Nothing was saved; open it anew.")

    @property
    def seen_minor(self) -> int:
        return int(self.seen.data or 0)

    @property
    def reason_id(self) -> int:
        return self.reason.reason_id(self.target.minor - self.seen_minor)


class TakeBackForm(UndoForm):
    """Take an entry back: all that can be, or the amount."""

    note = NoteField("Note")


class ReverseForm(TakeBackForm):
    """Reverse an entry. Without an amount, all that is left of it."""

    amount = AmountField("Amount", required=False)


def _option(reason: reasons.ReasonChoice) -> SelectChoice:
    note = "required" if reason.note_required else "optional"
    told = {"data-note": note, "data-direction": reason.direction, "data-line": reason.customer_text}
    return SelectChoice(str(reason.id), reason.name, told)
