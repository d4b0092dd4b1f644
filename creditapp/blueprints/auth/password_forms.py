"""Forms of a password of one's own choice; both doors have them."""

from __future__ import annotations

from typing import Any

from wtforms import PasswordField
from wtforms.validators import ValidationError

from creditapp.blueprints.auth.forms import PASSWORD_CHARS_MAX
from creditapp.errors import PasswordError
from creditapp.services import passwords
from creditapp.services.client_access import LinkFacts
from creditapp.web.forms import Form


class PasswordForm(Form):
    """A password of one's own choice, twice."""

    password = PasswordField("New password")
    password_again = PasswordField("New password, once more")

    def validate_password_again(self, field: PasswordField) -> None:
        if (field.data or "") != (self.password.data or ""):
            raise ValidationError("The two passwords differ; type the same one twice.")

    def check(self, person: LinkFacts, panel_name: str, *, has_factor: bool = False) -> bool:
        """Return whether the password is a good one for this person; the form says what is wrong with it.

        Beside a second factor a shorter one will do.
        """
        try:
            passwords.check(
                self.password.data or "",
                email=person.email,
                name=f"{person.name} {person.company}",
                company=panel_name,
                chars_min=passwords.CHARS_MIN_BESIDE_A_FACTOR if has_factor else passwords.CHARS_MIN,
            )
        except PasswordError as error:
            self.password.errors = [*self.password.errors, error.problem]
            return False
        return True


class ChangePasswordForm(PasswordForm):
    """A new password, from who knows the old one."""

    old_password = PasswordField("Current password")

    def validate_old_password(self, field: PasswordField) -> None:
        check_length(field)


def check_length(field: Any) -> None:  # noqa: ANN401  (WTForms' field)
    """Hashing something huge would be a way to keep us busy."""
    if not field.data:
        raise ValidationError("Enter your current password.")
    if len(field.data) > PASSWORD_CHARS_MAX:
        raise ValidationError(f"A password has at most {PASSWORD_CHARS_MAX:,} characters.")
