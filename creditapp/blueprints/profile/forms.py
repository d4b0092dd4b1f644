"""The forms of one's own profile."""

from __future__ import annotations

from wtforms import PasswordField
from wtforms.validators import ValidationError

from creditapp.blueprints.auth.forms import CODE_CHARS_MAX
from creditapp.blueprints.auth.password_forms import check_length
from creditapp.services.staff import EMAIL_CHARS_MAX
from creditapp.text import LINE_CHARS_MAX
from creditapp.web.fields import LineField, VersionField
from creditapp.web.forms import Form


class NameForm(Form):
    """What one is called."""

    name = LineField("Name", chars_max=LINE_CHARS_MAX, required="Enter your name.")
    version = VersionField()


class EmailForm(Form):
    """The address one signs in with."""

    email = LineField("Email", chars_max=EMAIL_CHARS_MAX, required="Enter an email address.")

    def validate_email(self, field: LineField) -> None:
        before, sign, after = field.text.rpartition("@")
        if field.text and (not before or not sign or not after or " " in field.text):
            raise ValidationError("Enter an email address like name@company.com.")


class FirstCodeForm(Form):
    """The first code of a phone that is being set up."""

    code = LineField("Code", chars_max=CODE_CHARS_MAX, required="Enter the code that your phone shows.")


class OwnPasswordForm(Form):
    """One's password, for what must not be done by whoever finds the screen open."""

    old_password = PasswordField("Password")

    def validate_old_password(self, field: PasswordField) -> None:
        check_length(field)
