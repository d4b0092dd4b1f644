"""The form that deletes a customer: what becomes of each kind of credit, of open invoices, and the number typed."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, HiddenField, RadioField, ValidationError

from creditapp.blueprints.suspense.forms import NumberField
from creditapp.blueprints.users.transferring import ReasonChoiceField
from creditapp.models import CreditClass
from creditapp.models.customer import NAME_CHARS_MAX
from creditapp.queries.customers import Profile
from creditapp.services.customer_life import Choices, Forecast, Way
from creditapp.text import fold
from creditapp.web.fields import LineField, SubmissionField, VersionField
from creditapp.web.forms import Form

_REFUND = {str(Way.REFUND): "Send it back to where it came from"}
_GIVEN = {str(Way.TRANSFER): "Transfer it to another user", str(Way.EXPIRE): "Let it expire"}


_PARTS = ("paid", "rest", "goodwill", "promotional")


class DeleteForm(Form):
    """What a person says before a customer goes for good. Only what there is of the balance is asked for."""

    paid = RadioField("Paid credit", choices=_GIVEN, validate_choice=False)
    rest = RadioField("Paid credit that came by no payment", choices=_GIVEN, validate_choice=False)
    goodwill = RadioField("Goodwill credit", choices=_GIVEN, validate_choice=False)
    promotional = RadioField("Promotional credit", choices=_GIVEN, validate_choice=False)
    to = NumberField("Transfer to user")
    reason = ReasonChoiceField()
    cancel_invoices = BooleanField("Cancel what is open: nothing of it is owed any more")
    confirm = LineField("Type the user’s number or name", chars_max=NAME_CHARS_MAX + 1)
    version = VersionField()
    seen = HiddenField()
    submission = SubmissionField()

    def __init__(self, customer: Profile, found: Forecast, *, refunds_allowed: bool, **kw: Any) -> None:  # noqa: ANN401
        super().__init__(data={"version": customer.version, "seen": customer.balance_minor}, **kw)
        self.customer = customer
        can_go_back = bool(found.refundable_minor) and refunds_allowed
        self.paid.choices = (_REFUND if can_go_back else {}) | _GIVEN
        self._can_go_back = can_go_back
        self.unsendable_minor = 0 if refunds_allowed else found.refundable_minor
        """What could be sent back if the settings allowed it; minor units."""
        self.asked = self._asked(found, can_go_back=can_go_back)
        """Which parts of the balance there are, with how much of each; minor units."""

    @staticmethod
    def _asked(found: Forecast, *, can_go_back: bool) -> dict[str, int]:
        rest_minor = found.rest_minor if can_go_back else 0
        parts = {
            "paid": found.by_class[CreditClass.PAID] - rest_minor,
            "rest": rest_minor,
            "goodwill": found.by_class[CreditClass.GOODWILL],
            "promotional": found.by_class[CreditClass.PROMOTIONAL],
        }
        return {name: minor for name, minor in parts.items() if minor}

    def validate(self, extra_validators: Any = None) -> bool:  # noqa: ANN401  (WTForms' signature)
        """Return whether everything that is asked for was answered."""
        valid = super().validate(extra_validators)
        for name in self.asked:
            field = self[name]
            allowed = _REFUND | _GIVEN if name == "paid" and self._can_go_back else _GIVEN
            if field.data not in allowed:
                part = field.label.text[0].lower() + field.label.text[1:]
                field.errors = [*field.errors, f"Say what becomes of the {part}."]
                valid = False
        if self.choices.transfers and self.to.number is None and not self.to.errors:
            self.to.errors = ["Enter the number of the user who gets it."]
            valid = False
        return valid

    def validate_confirm(self, field: LineField) -> None:
        """Who types it has looked at whom it is about."""
        typed = field.text.removeprefix("#").strip()
        if typed != str(self.customer.id) and fold(field.text) != fold(self.customer.name):
            raise ValidationError(f"This is not the user’s number, {self.customer.id}, or name.")

    def validate_seen(self, field: HiddenField) -> None:
        """What was sent is what the page had shown, never what is so now."""
        typed = field.raw_data[0] if field.raw_data else ""
        if not typed.isascii() or not typed.isdigit() or len(typed) > 13:  # noqa: PLR2004  (the largest balance)
            raise ValidationError("This form has lost the balance it was opened with. Nothing was done; open it anew.")

    @property
    def seen_minor(self) -> int:
        return int(self.seen.data or 0)

    @property
    def choices(self) -> Choices:
        """What was chosen, the same however often it is sent: what there is may have gone by the second time."""
        ways = {name: Way(self[name].data) for name in _PARTS if self[name].data in set(Way)}
        return Choices(**ways, to_id=self.to.number, reason_id=self.reason.reason_id)
