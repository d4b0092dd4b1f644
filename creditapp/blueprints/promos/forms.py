"""The form of a promo code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wtforms import BooleanField, RadioField, ValidationError
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import StopValidation

from creditapp.services.offers import CODE_CHARS_MAX
from creditapp.services.promos import PromoFields
from creditapp.services.promos.editing import CODE, DESCRIPTION_CHARS_MAX, EXPIRY_DAYS_MAX, USES_MAX
from creditapp.web.fields import (
    AmountField,
    CountField,
    DayField,
    LineField,
    PercentField,
    SubmissionField,
    VersionField,
    tell_saved,
)
from creditapp.web.filters import percent, plain
from creditapp.web.forms import Form

FIXED, PART = "fixed", "part"
TICKS = ("grants_when_paid", "once_per_customer", "first_order_only", "is_active")


class AnyDayField(DayField):
    """A calendar date, or nothing."""

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        if any(typed.strip() for typed in valuelist):
            super().process_formdata(valuelist)
        else:
            self.data = None

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        if self.data is not None:
            super().pre_validate(form)


class AnyPercentField(PercentField):
    """A rate above zero, or nothing."""

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        if (self.data or "").strip():
            super().pre_validate(form)
            if self.basis_points == 0:
                raise StopValidation("Enter a rate above zero.")


class PromoForm(Form):
    """One code, new or known."""

    code = LineField("Code", chars_max=CODE_CHARS_MAX, required="Enter a code.")
    description = LineField("Description", chars_max=DESCRIPTION_CHARS_MAX)
    brings = RadioField(
        "It brings", choices=[SelectChoice(FIXED, "A fixed amount"), SelectChoice(PART, "A part of the order's total")]
    )
    amount = AmountField("Amount", required=False)
    percent = AnyPercentField("Percent")
    most = AmountField("At most", required=False)
    grants_when_paid = BooleanField("Only when the order is paid")
    days_to_expiry = CountField("Expires after days", least=1, most=EXPIRY_DAYS_MAX, required=False)
    once_per_customer = BooleanField("Once per customer")
    first_order_only = BooleanField("First order only")
    uses_max = CountField("Uses in all", least=1, most=USES_MAX, required=False)
    starts_on = AnyDayField("First day")
    ends_on = AnyDayField("Last day")
    is_active = BooleanField("On")
    submission = SubmissionField()
    version = VersionField()

    def __init__(self, saved: Any = None, **kw: Any) -> None:  # noqa: ANN401  (a row of the codes)
        super().__init__(data=_FRESH if saved is None else _values(saved), **kw)

    def validate_code(self, field: LineField) -> None:
        if not CODE.fullmatch(field.text):
            raise ValidationError(
                "Use 3 to 40 letters, digits, hyphens and underscores, beginning with a letter or digit."
            )

    def validate_amount(self, field: AmountField) -> None:
        if self.brings.data == FIXED and not field.minor:
            raise ValidationError("Enter the amount that it brings.")

    def validate_percent(self, field: AnyPercentField) -> None:
        if self.brings.data == PART and not field.basis_points:
            raise ValidationError("Enter which part of the order it brings, like 10 or 7.5.")

    def validate_ends_on(self, field: AnyDayField) -> None:
        if field.data and self.starts_on.data and field.data < self.starts_on.data:
            raise ValidationError("The last day must not be before the first.")

    @property
    def fields(self) -> PromoFields:
        """What is to be saved; boxes of the other kind are left out."""
        is_part = self.brings.data == PART
        return PromoFields(
            code=self.code.text,
            description=self.description.text,
            amount_minor=None if is_part else self.amount.minor,
            percent_bp=self.percent.basis_points if is_part else None,
            most_minor=(self.most.minor or None) if is_part else None,
            days_to_expiry=self.days_to_expiry.number,
            uses_max=self.uses_max.number,
            starts_on=self.starts_on.data,
            ends_on=self.ends_on.data,
            **{name: self[name].data for name in TICKS},
        )

    def compare(self, saved: Any) -> None:  # noqa: ANN401  (a row of the codes)
        """Say beside each box what somebody else has saved; sending the form once more overwrites it knowingly."""
        values = _values(saved)
        for name in ("code", "description", "amount", "percent", "most", "days_to_expiry", "uses_max"):
            tell_saved(self[name], values[name] or "nothing", values[name])
        for name in ("starts_on", "ends_on"):
            if self[name].data != values[name]:
                tell_saved(self[name], str(values[name] or "nothing"))
        tell_saved(
            self.brings, "a part of the order" if values["brings"] == PART else "a fixed amount", values["brings"]
        )
        for name in TICKS:
            tell_saved(self[name], "ticked" if values[name] else "not ticked", values[name])
        self.version.data = str(saved.version)


_FRESH: dict[str, Any] = {
    "brings": FIXED,
    "grants_when_paid": True,
    "once_per_customer": True,
    "is_active": True,
}


def _values(saved: Any) -> dict[str, Any]:  # noqa: ANN401  (a row of the codes)
    """Return the code as its form's boxes hold it."""
    return {
        "code": saved.code,
        "description": saved.description,
        "brings": FIXED if saved.percent_bp is None else PART,
        "amount": "" if saved.amount_minor is None else plain(saved.amount_minor),
        "percent": "" if saved.percent_bp is None else percent(saved.percent_bp),
        "most": "" if saved.most_minor is None else plain(saved.most_minor),
        "days_to_expiry": "" if saved.days_to_expiry is None else str(saved.days_to_expiry),
        "uses_max": "" if saved.uses_max is None else str(saved.uses_max),
        "starts_on": saved.starts_on,
        "ends_on": saved.ends_on,
        **{name: getattr(saved, name) for name in TICKS},
        "version": str(saved.version),
    }
