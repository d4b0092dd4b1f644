"""The form of a product."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, SelectField, ValidationError
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types

from creditapp.models import Cycle, ProductKind
from creditapp.queries.products import ProductFacts
from creditapp.services.products import NAME_CHARS_MAX, ProductFields
from creditapp.text import fold
from creditapp.web.fields import (
    AmountField,
    LineField,
    PercentField,
    SubmissionField,
    VersionField,
    tell_saved,
)
from creditapp.web.filters import money, percent, plain
from creditapp.web.forms import Form

_TICKS = ("is_credit_automatic", "is_active")


class ProductForm(Form):
    """One product, new or known."""

    name = LineField("Name", chars_max=NAME_CHARS_MAX, required="Enter a name.")
    kind = SelectField(
        "Kind", choices=[SelectChoice(str(one), one.label) for one in ProductKind], validate_choice=False
    )
    price = AmountField("Price", zero=True)
    cycle = SelectField("Billed", choices=[SelectChoice(str(one), one.label) for one in Cycle], validate_choice=False)
    tax = PercentField("Tax rate")
    is_credit_automatic = BooleanField("Automatic credit use")
    is_active = BooleanField("On sale")
    submission = SubmissionField()
    version = VersionField()

    def __init__(self, saved: ProductFacts | None = None) -> None:
        super().__init__(data=_values(saved) if saved is not None else _FRESH)

    def validate_name(self, field: LineField) -> None:
        """A name of marks that nobody can see is none."""
        if not fold(field.text):
            raise ValidationError("Enter a name that can be read.")

    def validate_kind(self, field: SelectField) -> None:
        if field.data not in set(ProductKind):
            raise ValidationError("Choose a kind from the list.")

    def validate_cycle(self, field: SelectField) -> None:
        if field.data not in set(Cycle):
            raise ValidationError("Choose from the list how often it is billed.")

    @property
    def fields(self) -> ProductFields:
        """What is to be saved."""
        return ProductFields(
            name=self.name.text,
            kind=ProductKind(self.kind.data),
            price_minor=self.price.minor,
            cycle=Cycle(self.cycle.data),
            tax_bp=self.tax.basis_points,
            is_credit_automatic=self.is_credit_automatic.data,
            is_active=self.is_active.data,
        )

    def compare(self, saved: ProductFacts) -> None:
        """Say beside each box what somebody else has saved; sending the form once more overwrites it knowingly."""
        typed = self.fields
        words = {
            "name": (saved.name, saved.name == typed.name),
            "kind": (ProductKind(saved.kind).label, saved.kind == typed.kind),
            "price": (money(saved.price_minor), saved.price_minor == typed.price_minor),
            "cycle": (Cycle(saved.cycle).label, saved.cycle == typed.cycle),
            "tax": (f"{percent(saved.tax_bp)} %", saved.tax_bp == typed.tax_bp),
        }
        for name, (text, is_same) in words.items():
            if not is_same:
                tell_saved(self[name], text)
        for name in _TICKS:
            ticked = getattr(saved, name)
            tell_saved(self[name], "ticked" if ticked else "not ticked", ticked)
        self.version.data = str(saved.version)


_FRESH: dict[str, Any] = {
    "kind": str(ProductKind.HOSTING),
    "cycle": str(Cycle.MONTHLY),
    "tax": "0",
    "is_credit_automatic": True,
    "is_active": True,
}


def _values(saved: ProductFacts) -> dict[str, Any]:
    """Return the product as its form's boxes hold it."""
    return {
        "name": saved.name,
        "kind": saved.kind,
        "price": plain(saved.price_minor),
        "cycle": saved.cycle,
        "tax": percent(saved.tax_bp),
        "is_credit_automatic": saved.is_credit_automatic,
        "is_active": saved.is_active,
        "version": str(saved.version),
    }
