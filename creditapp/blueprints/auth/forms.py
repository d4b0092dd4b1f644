"""The forms of staff's door: signing in, the second step, the password once more, and who has forgotten it."""

from __future__ import annotations

import re

from wtforms import PasswordField
from wtforms.validators import ValidationError

from creditapp.services.staff import EMAIL_CHARS_MAX
from creditapp.web.fields import LineField, PassedField
from creditapp.web.forms import Form

PASSWORD_CHARS_MAX = 1024
CODE_CHARS_MAX = 40
_OUR_OWN_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9_\-./?=&%+~]*", re.ASCII)
HOME = "/admin/users"


class _GoesOn(Form):
    """A form after which the page is opened that was asked for."""

    next = PassedField()

    @property
    def destination(self) -> str:
        """A page of ours; anything else is taken for home."""
        wanted = self.next.data or ""
        return wanted if _OUR_OWN_PATH.fullmatch(wanted) else HOME


class SignInForm(_GoesOn):
    """E-mail and password, and where to go afterwards."""

    email = LineField("Email", chars_max=EMAIL_CHARS_MAX, required="Enter your email address.")
    password = PasswordField("Password")

    def validate_password(self, field: PasswordField) -> None:
        """Hashing something huge would be a way to keep us busy."""
        if not field.data:
            raise ValidationError("Enter your password.")
        if len(field.data) > PASSWORD_CHARS_MAX:
            raise ValidationError(f"A password has at most {PASSWORD_CHARS_MAX:,} characters.")


class CodeForm(_GoesOn):
    """A code of the phone, or one that stands in for it."""

    code = LineField("Code", chars_max=CODE_CHARS_MAX, required="Enter the code.")


class ConfirmForm(_GoesOn):
    """The password once more."""

    password = PasswordField("Password")

    def validate_password(self, field: PasswordField) -> None:
        if not field.data:
            raise ValidationError("Enter your password.")
        if len(field.data) > PASSWORD_CHARS_MAX:
            raise ValidationError(f"A password has at most {PASSWORD_CHARS_MAX:,} characters.")


class ForgottenForm(Form):
    """Whose password is forgotten."""

    email = LineField("Email", chars_max=EMAIL_CHARS_MAX, required="Enter your email address.")
