"""The forms about refunds."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, SelectField, ValidationError
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types

from creditapp.blueprints.payments.words import method_words
from creditapp.queries.refunds import Part
from creditapp.services.payments import REF_CHARS_MAX
from creditapp.web.fields import AmountField, LineField
from creditapp.web.filters import money
from creditapp.web.notices import UndoForm


class RefundCreditForm(UndoForm):
    """Send so much back."""

    amount = AmountField("Amount")

    def validate_amount(self, field: AmountField) -> None:
        """A sign of its own makes no refund."""
        if (field.data or "").strip()[:1] == "+":
            raise ValidationError("Enter the amount without a sign.")


class RefundInvoiceForm(RefundCreditForm):
    """Send so much of what a payment paid of an invoice back."""

    payment = SelectField("Payment", validate_choice=False)
    undo_renewals = BooleanField("Take the renewal back, too, when all of it goes back")

    def offer(self, parts: list[Part]) -> None:
        """Offer the payments of which something can go back."""
        self.payment.choices = [SelectChoice(str(one.payment_id), _option(one)) for one in parts]
        if self.payment.data not in {str(one.payment_id) for one in parts} and not self.is_submitted():
            self.payment.data = str(parts[0].payment_id) if parts else None

    def validate_payment(self, field: SelectField) -> None:
        """Only what is offered can be chosen."""
        if field.data not in {choice[0] for choice in self._offered}:
            raise ValidationError("Choose a payment from the list.")

    @property
    def _offered(self) -> list[tuple[Any, ...]]:
        return [tuple(choice) for choice in self.payment.choices or []]


class SentForm(UndoForm):
    """A person has sent the money."""

    reference = LineField("Reference", chars_max=REF_CHARS_MAX, required="Write the reference of the transfer.")


class CallOffForm(UndoForm):
    """The money is not sent after all."""


def _option(part: Part) -> str:
    return f"#{part.payment_id}, {method_words(part.method)}: up to {money(part.left_minor)}"
