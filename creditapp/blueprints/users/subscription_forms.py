"""The forms of subscriptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from wtforms import SelectField, ValidationError
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types

from creditapp.models import Cycle, ProductKind, SubscriptionStatus
from creditapp.queries.products import ProductChoice
from creditapp.queries.subscriptions import SubscriptionFacts
from creditapp.services.periods import ANCHOR_MAX, start_from
from creditapp.services.subscriptions import (
    LABEL_CHARS_MAX,
    LOCATION_CHARS_MAX,
    NewSubscription,
    SubscriptionFields,
)
from creditapp.web.fields import (
    AmountField,
    CountField,
    DayField,
    LineField,
    SubmissionField,
    VersionField,
    tell_saved,
)
from creditapp.web.filters import money, plain, visible
from creditapp.web.forms import Form
from creditapp.web.panel import current_panel

EARLIEST = date(1970, 1, 1)
LATEST = date(2199, 12, 31)
OVERDUE_DAYS_MAX = 366
"""Each period since the day it is next due gets an invoice: a slip in the year would make hundreds."""
BY_HAND = (SubscriptionStatus.ACTIVE, SubscriptionStatus.SUSPENDED)


class SubscriptionForm(Form):
    """What may be changed of a subscription. `version` is the one the form was opened on.

    One that was suspended over the day it was next due is offered the next day on which a period may begin: what it was
    suspended for is not invoiced unless somebody types the old day. While it stays suspended the offer changes nothing.
    """

    label = LineField("Label", chars_max=LABEL_CHARS_MAX)
    location = LineField("Location", chars_max=LOCATION_CHARS_MAX)
    price = AmountField("Price", zero=True)
    status = SelectField("Status", validate_choice=False)
    next_due_on = DayField("Next due", latest=LATEST)
    anchor_day = CountField("Day of the month", least=1, most=ANCHOR_MAX, required=False)
    submission = SubmissionField()
    version = VersionField()

    def __init__(self, saved: SubscriptionFacts | None = None, *, fresh: dict[str, Any] | None = None) -> None:
        self.resumes_on = _resumes_on(saved) if saved else None
        offered = {"next_due_on": self.resumes_on} if self.resumes_on else {}
        super().__init__(data=_values(saved) | offered if saved else fresh)
        self.saved = saved
        is_pending = saved is not None and saved.status == SubscriptionStatus.PENDING
        self.statuses = (*BY_HAND, SubscriptionStatus.PENDING) if is_pending else BY_HAND
        self.status.choices = [SelectChoice(str(one), one.capitalize()) for one in self.statuses]

    def validate_status(self, field: SelectField) -> None:
        if field.data not in self.statuses:
            raise ValidationError("Choose a status from the list.")

    def validate_next_due_on(self, field: DayField) -> None:
        oldest = current_panel().today() - timedelta(days=OVERDUE_DAYS_MAX)
        is_known = self.saved is not None and field.data == self.saved.next_due_on
        if field.data is not None and field.data < oldest and not is_known:
            raise ValidationError(f"Enter a date after {oldest:%Y-%m-%d}: each period since would get its invoice.")

    @property
    def fields(self) -> SubscriptionFields:
        """What is to be saved."""
        typed = SubscriptionFields(**self._typed)
        if self.saved and typed.status == SubscriptionStatus.SUSPENDED and typed.next_due_on == self.resumes_on:
            return replace(typed, next_due_on=self.saved.next_due_on)
        return typed

    def compare(self, saved: SubscriptionFacts) -> None:
        """Say beside each box what somebody else has saved; sending the form once more overwrites it knowingly."""
        typed, shown = self.fields, _values(saved)
        words = {
            "label": saved.label or "nothing",
            "location": saved.location or "nothing",
            "price_minor": money(saved.price_minor),
            "status": saved.status.capitalize(),
            "next_due_on": saved.next_due_on.isoformat(),
            "anchor_day": str(saved.anchor_day),
        }
        for name, text in words.items():
            if getattr(typed, name) != getattr(saved, name):
                box = name.removesuffix("_minor")
                tell_saved(self[box], text, shown[box])
        self.version.data = str(saved.version)

    @property
    def _typed(self) -> dict[str, Any]:
        return {
            "label": self.label.text,
            "location": self.location.text,
            "price_minor": self.price.minor if (self.price.data or "").strip() else None,
            "status": SubscriptionStatus(self.status.data),
            "next_due_on": self.next_due_on.day,
            "anchor_day": self.anchor_day.number,
        }


class NewSubscriptionForm(SubscriptionForm):
    """A subscription to one of these products; without a price of its own it costs what the product does."""

    product = SelectField("Product", validate_choice=False)
    price = AmountField("Price", zero=True, required=False)
    started_on = DayField("Started", earliest=EARLIEST, latest=LATEST)

    def __init__(self, products: Sequence[ProductChoice]) -> None:
        today = current_panel().today()
        super().__init__(fresh={"started_on": today, "next_due_on": today, "status": str(SubscriptionStatus.ACTIVE)})
        self.product.choices = [SelectChoice("", "Choose a product"), *map(_choice, products)]

    @property
    def new(self) -> NewSubscription:
        """What is to be made."""
        typed = self.product.data or ""
        is_number = typed.isascii() and typed.isdigit() and len(typed) < 10  # noqa: PLR2004  (no catalogue has more)
        product_id = int(typed) if is_number else 0
        return NewSubscription(**self._typed, product_id=product_id, started_on=self.started_on.day)


class CancelForm(Form):
    """A button that ends a subscription, as it was when the page was opened."""

    version = VersionField()


def _resumes_on(saved: SubscriptionFacts) -> date | None:
    """Return when its periods would begin again; None where no time was lost."""
    today = current_panel().today()
    if saved.status != SubscriptionStatus.SUSPENDED or saved.next_due_on >= today:
        return None
    return start_from(today, saved.anchor_day)


def _choice(product: ProductChoice) -> SelectChoice:
    words = f"{visible(product.name)} – {money(product.price_minor)} {Cycle(product.cycle).label.lower()}"
    return SelectChoice(str(product.id), words, optgroup=ProductKind(product.kind).label)


def _values(saved: SubscriptionFacts) -> dict[str, Any]:
    """Return the subscription as its form's boxes hold it."""
    return {
        "label": saved.label,
        "location": saved.location,
        "price": plain(saved.price_minor),
        "status": saved.status,
        "next_due_on": saved.next_due_on,
        "anchor_day": str(saved.anchor_day),
        "version": str(saved.version),
    }
