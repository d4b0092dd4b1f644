"""The form of an order: rows of products, and how much credit is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request
from wtforms import BooleanField, SelectField, ValidationError
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types

from creditapp.db import db
from creditapp.models import Cycle
from creditapp.queries import orders
from creditapp.queries.orders import Sold
from creditapp.services.checkout import LABEL_CHARS_MAX, LINES_MAX, OrderLine
from creditapp.services.invoices.lines import QUANTITY_MAX
from creditapp.services.offers import CODE_CHARS_MAX
from creditapp.services.subscriptions import LOCATION_CHARS_MAX
from creditapp.web import urls
from creditapp.web.fields import AmountField, CountField, LineField, SubmissionField
from creditapp.web.filters import money
from creditapp.web.forms import Form

BLANK_ROWS = 2


@dataclass(frozen=True, slots=True)
class OrderRow:
    """The boxes of one row."""

    number: int
    product: SelectField
    quantity: CountField
    label: LineField
    location: LineField

    @property
    def is_blank(self) -> bool:
        """Whether nothing has been put into it; how many of nothing does not matter."""
        return not any((box.data or "").strip() for box in (self.product, self.label, self.location))

    @property
    def has_errors(self) -> bool:
        return any(box.errors for box in (self.product, self.quantity, self.label, self.location))


class OrderForm(Form):
    """What is ordered, by rows `product_1`, `quantity_1`, …; and *Use credit*."""

    use_credit = BooleanField("Use credit")
    credit = AmountField("Amount of credit", required=False)
    code = LineField("Promo or referral code", chars_max=CODE_CHARS_MAX)
    submission = SubmissionField()

    def __init__(self, **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        super().__init__(**kw)
        self.known = orders.sold(db.session())
        for row in self.all_rows:
            row.product.choices = [SelectChoice("", "–"), *map(_option, self.known)]
            if row.product.data and row.product.data not in {str(one.id) for one in self.known}:
                row.product.choices.append(SelectChoice(row.product.data, "No longer offered"))

    @property
    def all_rows(self) -> list[OrderRow]:
        return [
            OrderRow(n, self[f"product_{n}"], self[f"quantity_{n}"], self[f"label_{n}"], self[f"location_{n}"])
            for n in range(1, LINES_MAX + 1)
        ]

    @property
    def rows(self) -> list[OrderRow]:
        """The rows that are shown: all that hold something, and some more."""
        shown = (row.number for row in self.all_rows if not row.is_blank or row.has_errors)
        filled = max(shown, default=0)
        return self.all_rows[: min(filled + BLANK_ROWS, LINES_MAX)]

    def validate(self, extra_validators: Any = None) -> bool:  # noqa: ANN401  (WTForms' signature)
        """Return whether every row that is not blank is a line, and there is one."""
        valid = super().validate(extra_validators)
        for row in self.all_rows:
            if not row.is_blank and not row.product.errors and urls.number(row.product.data or "") is None:
                row.product.errors = ["Choose a product from the list."]
                valid = False
        if all(row.is_blank for row in self.all_rows):
            first = self.all_rows[0].product
            first.errors = ["Choose a product."]
            valid = False
        return valid

    def validate_credit(self, field: AmountField) -> None:
        """A sign of its own makes no credit."""
        if (field.data or "").strip()[:1] == "+":
            raise ValidationError("Enter the amount without a sign.")

    @property
    def lines(self) -> list[OrderLine]:
        """What is ordered, once the form is valid."""
        return [
            OrderLine(
                product_id=urls.number(row.product.data or "") or 0,
                quantity=row.quantity.number or 1,
                label=row.label.text,
                location=row.location.text,
            )
            for row in self.all_rows
            if not row.is_blank
        ]

    @property
    def credit_minor(self) -> int | None:
        """How much credit was chosen; None: as much as there is."""
        return self.credit.minor or None

    def tick_credit(self, *, is_usable: bool) -> None:
        """Tick *Use credit* where there is some, as long as nobody has said otherwise."""
        if request.method == "GET" and not self.from_draft:
            self.use_credit.data = is_usable


for _n in range(1, LINES_MAX + 1):
    setattr(OrderForm, f"product_{_n}", SelectField("Product", validate_choice=False, default=""))
    setattr(
        OrderForm, f"quantity_{_n}", CountField("Quantity", least=1, most=QUANTITY_MAX, required=False, default="1")
    )
    setattr(OrderForm, f"label_{_n}", LineField("Label", chars_max=LABEL_CHARS_MAX))
    setattr(OrderForm, f"location_{_n}", LineField("Location", chars_max=LOCATION_CHARS_MAX))


def _option(one: Sold) -> SelectChoice:
    cycle = Cycle(one.cycle).label.lower()
    return SelectChoice(str(one.id), f"{one.name} – {money(one.price_minor)} {cycle}")
