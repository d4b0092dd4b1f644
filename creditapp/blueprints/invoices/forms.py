"""The forms about invoices: a draft with its lines, credit on and off, and the ways to end one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import wtforms
from flask import request
from wtforms import BooleanField, FieldList, FormField, SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types

from creditapp.db import db
from creditapp.queries import invoice as queries
from creditapp.services.invoices import Line
from creditapp.services.invoices.lines import DESCRIPTION_CHARS_MAX, LINES_MAX, QUANTITY_MAX
from creditapp.services.invoices.making import NOTE_CHARS_MAX
from creditapp.web.fields import (
    AmountField,
    CountField,
    DayField,
    LineField,
    NoteField,
    PercentField,
    SubmissionField,
    VersionField,
)
from creditapp.web.filters import money, percent, plain
from creditapp.web.forms import Form
from creditapp.web.notices import UndoForm

BLANK_LINES = 3
_INDEX_CHARS_MAX = 4


class _OptionalPercentField(PercentField):
    """A rate; `basis_points` is None where nothing was typed."""

    basis_points: int | None  # type: ignore[assignment]  # an empty box is no rate of zero

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        if not (self.data or "").strip():
            self.basis_points = None
            return
        super().pre_validate(form)


class _OptionalDayField(DayField):
    """A date, or none."""

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        if any(typed.strip() for typed in valuelist):
            super().process_formdata(valuelist)
        else:
            self.data = None

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        if any(typed.strip() for typed in self.raw_data or []):
            super().pre_validate(form)


class _Lines(FieldList):  # type: ignore[type-arg]  # generic in the stubs alone
    """The rows of lines, by the numbers in the names of their boxes."""

    def _extract_indices(self, prefix: str, formdata: Any) -> Iterator[int]:  # noqa: ANN401  (WTForms' signature)
        for name in formdata:
            index = name.removeprefix(f"{prefix}-").partition("-")[0] if name.startswith(f"{prefix}-") else ""
            if index.isascii() and index.isdigit() and len(index) <= _INDEX_CHARS_MAX:
                yield int(index)


class LineForm(wtforms.Form):
    """One row: a product fills whatever is left empty; a row without anything is no line."""

    product = SelectField("Product", validate_choice=False, default="")
    description = LineField("Description", chars_max=DESCRIPTION_CHARS_MAX)
    quantity = CountField("Quantity", least=1, most=QUANTITY_MAX, required=False)
    unit = AmountField("Price", signed=True, zero=True, required=False)
    tax = _OptionalPercentField("Tax %")

    @property
    def is_blank(self) -> bool:
        """Whether nothing has been put into it; how many of nothing does not matter."""
        return not any((self[name].data or "").strip() for name in ("product", "description", "unit", "tax"))


class DraftForm(Form):
    """An invoice as it is edited by hand. Boxes that a product can fill may stay empty."""

    lines = _Lines(FormField(LineForm), max_entries=LINES_MAX + 1)
    due_on = _OptionalDayField("Due on")
    note = NoteField("Note for the customer", chars_max=NOTE_CHARS_MAX)
    submission = SubmissionField()
    version = VersionField(default="0")

    def __init__(self, **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        super().__init__(**kw)
        self.known = {str(one.id): one for one in queries.products(db.session())}
        self.offer_rows(0 if self.is_submitted() else max(1, BLANK_LINES - len(self.lines)))

    def offer_rows(self, blank: int) -> None:
        """Let there be so many rows at least that are blank, and offer the products in each."""
        have = sum(row.form.is_blank for row in self.lines)
        for _more in range(max(0, min(blank - have, LINES_MAX - len(self.lines)))):
            self.lines.append_entry()
        choices = [SelectChoice("", "No product"), *(_option(one) for one in self.known.values())]
        for row in self.lines:
            row.form.product.choices = list(choices)
            if row.form.product.data and row.form.product.data not in self.known:
                row.form.product.choices.append(SelectChoice(row.form.product.data, "No longer offered"))

    def fill(self) -> None:
        """Put what a product says into the boxes that are empty, to be seen and changed."""
        for row in self.lines:
            product = self.known.get(row.form.product.data or "")
            if product is None:
                continue
            told = {"description": product.name, "unit": plain(product.price_minor), "tax": percent(product.tax_bp)}
            for name, value in told.items():
                if not (row.form[name].data or "").strip():
                    row.form[name].data = value

    def validate(self, extra_validators: Any = None) -> bool:  # noqa: ANN401  (WTForms' signature)
        """Return whether every box is well-formed, and every row that is not blank is a whole line."""
        if self.is_submitted():
            self.fill()
        valid = super().validate(extra_validators)
        rows = [row.form for row in self.lines if not row.form.is_blank]
        for row in rows:
            valid = self._is_whole(row) and valid
        if not rows:
            self.form_errors = [*self.form_errors, "Write at least one line."]
        return valid and bool(rows)

    def _is_whole(self, row: LineForm) -> bool:
        boxes = {"description": "Say what is charged for.", "unit": "Enter a price."}
        missing = [(row[name], problem) for name, problem in boxes.items() if not (row[name].data or "").strip()]
        if row.product.data and row.product.data not in self.known:
            missing.append((row.product, "This product is no longer offered. Choose another, or “No product”."))
        missing += [
            (field, "This field was sent more than once. Send the form again.")
            for field in row
            if len(request.form.getlist(field.name)) > 1
        ]
        for field, problem in missing:
            field.errors = [*field.errors, problem]
        return not missing

    @property
    def problems(self) -> list[tuple[str, str | None]]:
        """Every message with the id of its box, those of the rows included."""
        own = [(text, box) for text, box in super().problems if box != self.lines.id]
        rows: list[tuple[str, str | None]] = [
            (f"Line {number}: {error}", field.id)
            for number, row in enumerate(self.lines, start=1)
            for field in row.form
            for error in field.errors
        ]
        return [*rows, *own]

    @property
    def charges(self) -> list[Line]:
        """The lines as they were typed, once the form is valid."""
        return [self._line(row.form) for row in self.lines if not row.form.is_blank]

    def _line(self, row: LineForm) -> Line:
        product = self.known.get(row.product.data or "")
        return Line(
            description=row.description.text,
            unit_minor=row.unit.minor,
            quantity=row.quantity.number or 1,
            tax_bp=row.tax.basis_points or 0,
            product_id=product.id if product else None,
            is_credit_automatic=product.is_credit_automatic if product else True,
        )


class ApplyForm(UndoForm):
    """Use so much credit on the invoice."""

    amount = AmountField("Amount")


class RemoveForm(ApplyForm):
    """Take so much credit off the invoice."""

    undo_renewals = BooleanField("Take the renewal back, too")


class CloseForm(UndoForm):
    """End the invoice; everything comes back."""

    undo_renewals = BooleanField("Take the renewal back, too")


class IssueForm(UndoForm):
    """The button that issues a draft."""

    version = VersionField(default="0")


def rows_of(lines: Sequence[Any]) -> list[dict[str, str]]:
    """Return the rows of a draft as its form shows them."""
    return [
        {
            "product": str(line.product_id or ""),
            "description": line.description,
            "quantity": str(line.quantity),
            "unit": plain(line.unit_minor),
            "tax": percent(line.tax_bp),
        }
        for line in lines
    ]


def _option(product: Any) -> SelectChoice:  # noqa: ANN401  (a row)
    return SelectChoice(str(product.id), f"{product.name}, {money(product.price_minor)}")
