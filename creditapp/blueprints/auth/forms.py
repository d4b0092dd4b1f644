"""The sign-in form."""

from __future__ import annotations

import re

from wtforms import PasswordField
from wtforms.validators import ValidationError

from creditapp.services.staff import EMAIL_CHARS_MAX
from creditapp.web.fields import LineField, PassedField
from creditapp.web.forms import Form

PASSWORD_CHARS_MAX = 1024
_OUR_OWN_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9_\-./?=&%+~]*", re.ASCII)
HOME = "/admin/users"


class SignInForm(Form):
    """E-mail and password, and where to go afterwards."""

    email = LineField("Email", chars_max=EMAIL_CHARS_MAX, required="Enter your email address.")
    password = PasswordField("Password")
    next = PassedField()

    def validate_password(self, field: PasswordField) -> None:
        """Hashing something huge would be a way to keep us busy."""
        if not field.data:
            raise ValidationError("Enter your password.")
        if len(field.data) > PASSWORD_CHARS_MAX:
            raise ValidationError(f"A password has at most {PASSWORD_CHARS_MAX:,} characters.")

    @property
    def destination(self) -> str:
        """A page of ours; anything else is taken for home."""
        wanted = self.next.data or ""
        return wanted if _OUR_OWN_PATH.fullmatch(wanted) else HOME
