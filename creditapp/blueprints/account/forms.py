"""The forms of the client area."""

from __future__ import annotations

from flask import request
from wtforms import BooleanField, PasswordField, RadioField
from wtforms.validators import ValidationError

from creditapp.blueprints.auth.forms import SignInForm
from creditapp.blueprints.auth.password_forms import check_length
from creditapp.models.customer import EMAIL_CHARS_MAX, NAME_CHARS_MAX
from creditapp.permissions import CLIENT_AREA
from creditapp.services.checkout import LABEL_CHARS_MAX
from creditapp.services.invoices.lines import QUANTITY_MAX
from creditapp.services.offers import CODE_CHARS_MAX
from creditapp.web.fields import AmountField, CountField, LineField, PassedField, SubmissionField, VersionField
from creditapp.web.forms import Form

AMOUNT_DIGITS_MAX = 13


class ClientSignInForm(SignInForm):
    """E-mail and password; afterwards a page of the client area."""

    @property
    def destination(self) -> str:
        wanted = super().destination
        return wanted if wanted.startswith(f"{CLIENT_AREA}/") else CLIENT_AREA


class ProfileForm(Form):
    """What customers may change about themselves. Another e-mail address asks for the password."""

    name = LineField("Name", chars_max=NAME_CHARS_MAX, required="Enter your name.")
    company = LineField("Company", chars_max=NAME_CHARS_MAX)
    email = LineField("Email", chars_max=EMAIL_CHARS_MAX, required="Enter your email address.")
    old_password = PasswordField("Current password")
    version = VersionField()

    def validate_email(self, field: LineField) -> None:
        before, sign, after = field.text.rpartition("@")
        if field.text and (not before or not sign or not after or " " in field.text):
            raise ValidationError("Enter an email address like name@company.com.")

    def validate_old_password(self, field: PasswordField) -> None:
        if field.data:
            check_length(field)


class PayForm(Form):
    """How an invoice is paid: with credit as far as it goes, and the rest through a gateway."""

    use_credit = BooleanField("Use credit")
    credit = PassedField()
    """How much credit the page had offered, in minor units: no more than that is taken."""
    gateway = RadioField("Pay the rest by", choices=[], validate_choice=False)
    submission = SubmissionField()

    def offer(self, most_minor: int, choices: list[tuple[str, str]], *, is_rest: bool) -> None:
        """Offer what there is now; on a page that was not sent yet, credit is ticked and the first way chosen.

        `is_rest`: credit pays a part, or has paid one.
        """
        self.gateway.label.text = "Pay the rest by" if is_rest else "Pay by"
        self.gateway.choices = choices
        self.offered = {value for value, _label in choices}
        if not self.is_submitted() and not self.from_draft:
            self.use_credit.data = most_minor > 0 and request.args.get("credit") != "no"
            self.gateway.data = choices[0][0] if choices else None
        if not self.is_submitted():
            self.credit.data = str(most_minor)

    @property
    def credit_minor(self) -> int:
        """How much credit was offered and taken up; 0 where it was not ticked, or nonsense was sent."""
        typed = str(self.credit.data or "")
        is_number = typed.isascii() and typed.isdigit() and len(typed) <= AMOUNT_DIGITS_MAX
        return int(typed) if self.use_credit.data and is_number else 0

    @property
    def chosen(self) -> str:
        """The gateway, if it is one of those offered."""
        return str(self.gateway.data) if self.gateway.data in self.offered else ""


class FundsForm(Form):
    """How much is paid in ahead."""

    amount = AmountField("Amount")
    submission = SubmissionField()


class CancelFundsForm(Form):
    """The button that cancels what was asked for and not paid."""

    submission = SubmissionField()


class OrderForm(Form):
    """So many of a product, how much credit is used on it, and a code."""

    label = LineField("Domain or host name", chars_max=LABEL_CHARS_MAX)
    quantity = CountField("Quantity", least=1, most=QUANTITY_MAX, required=False, default="1")
    use_credit = BooleanField("Use credit")
    credit = AmountField("Amount of credit", required=False)
    code = LineField("Promo or referral code", chars_max=CODE_CHARS_MAX)
    submission = SubmissionField()

    def validate_credit(self, field: AmountField) -> None:
        """A sign of its own makes no credit."""
        if (field.data or "").strip()[:1] == "+":
            raise ValidationError("Enter the amount without a sign.")

    def tick_credit(self, *, is_usable: bool) -> None:
        """Tick *Use credit* where there is some, as long as nobody has said otherwise."""
        if request.method == "GET" and not self.from_draft:
            self.use_credit.data = is_usable

    @property
    def credit_minor(self) -> int | None:
        """How much credit was chosen; None: as much as there is."""
        return self.credit.minor or None
