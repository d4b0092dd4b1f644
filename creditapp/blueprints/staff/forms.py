"""The forms of the staff pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_login import current_user
from wtforms import BooleanField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import StopValidation, ValidationError

from creditapp.models import Role
from creditapp.queries.staff import StaffFacts
from creditapp.services.staff import EMAIL_CHARS_MAX
from creditapp.services.staff_access import RANKS, Invitation, StaffFields, may_give
from creditapp.text import LINE_CHARS_MAX, TextError, clean
from creditapp.web import urls
from creditapp.web.fields import LineField, PassedField, SubmissionField, VersionField, echo, tell_saved
from creditapp.web.forms import Form


class UserNumberField(StringField):
    """The number of a user, with or without its `#`; `number` is it, or None where nothing was typed."""

    number: int | None = None

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401, ARG002  (WTForms' signature)
        typed = (self.data or "").strip()
        self.number = urls.number(typed) if typed else None
        if typed and self.number is None:
            raise StopValidation("Enter the number of a user, like 1108.")

    def _value(self) -> str:
        return echo(None if self.data is None else str(self.data))


class StaffForm(Form):
    """What others may change about somebody."""

    role = SelectField("Role")
    own_customer = UserNumberField("Own customer account")
    version = VersionField()

    def __init__(self, person: StaffFacts, **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        saved = {"role": str(person.role), "own_customer": person.own_customer_id, "version": person.version}
        super().__init__(data=saved, **kw)
        self.role.choices = role_choices(beside=person.role)

    @property
    def fields(self) -> StaffFields:
        return StaffFields(Role(self.role.data), self.own_customer.number)

    def compare(self, person: StaffFacts) -> None:
        """Say beside each field what somebody else has saved."""
        tell_saved(self.role, person.role.label, str(person.role))
        own = "" if person.own_customer_id is None else str(person.own_customer_id)
        tell_saved(self.own_customer, own or "none", own)
        self.version.data = str(person.version)


class InviteForm(Form):
    """Whom to invite, and as what."""

    email = LineField("Email", chars_max=EMAIL_CHARS_MAX, required="Enter an email address.")
    name = LineField("Name", chars_max=LINE_CHARS_MAX, required="Enter a name.")
    role = SelectField("Role", default=str(Role.AGENT))
    submission = SubmissionField()

    def __init__(self, **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        super().__init__(**kw)
        self.role.choices = role_choices()

    def validate_email(self, field: LineField) -> None:
        before, sign, after = field.text.rpartition("@")
        if field.text and (not before or not sign or not after or " " in field.text):
            raise ValidationError("Enter an email address like name@company.com.")

    @property
    def invited(self) -> Invitation:
        return Invitation(self.email.text, self.name.text, Role(self.role.data))


class InvitationForm(Form):
    """A button that is about one invitation: it is sent again, or withdrawn."""

    email = PassedField()
    submission = SubmissionField()

    def validate_email(self, field: PassedField) -> None:
        """No database is asked for what it could not hold."""
        try:
            clean(field.data, chars_max=EMAIL_CHARS_MAX)
        except TextError as error:
            raise ValidationError(str(error)) from error


class RolesForm(Form):
    """A tick for each role that asks for a second factor: `admin_factor`."""

    version = VersionField()

    def __init__(self, required: Mapping[Role, bool], version: int, **kw: Any) -> None:  # noqa: ANN401
        ticks = {f"{role}_factor": on for role, on in required.items()}
        super().__init__(data={"version": version, **ticks}, **kw)
        self.required_now = required

    @property
    def rows(self) -> list[tuple[Role, BooleanField]]:
        return [(role, self[f"{role}_factor"]) for role in reversed(RANKS)]

    @property
    def required(self) -> dict[Role, bool]:
        return {role: bool(box.data) for role, box in self.rows}

    def compare(self, saved: RolesForm) -> None:
        """Say beside each box what somebody else has saved."""
        for role, box in self.rows:
            is_on = saved.required_now[role]
            tell_saved(box, "ticked" if is_on else "not ticked", is_on)
        self.version.data = str(saved.version.data)


for _role in RANKS:
    setattr(RolesForm, f"{_role}_factor", BooleanField(f"{_role.label}: needs a second factor"))


def role_choices(*, beside: Role | None = None) -> list[SelectChoice]:
    """Return the roles that who asks may give, and the one that somebody has."""
    own = Role(current_user.role)
    return [SelectChoice(str(role), role.label) for role in reversed(RANKS) if may_give(own, role) or role == beside]
