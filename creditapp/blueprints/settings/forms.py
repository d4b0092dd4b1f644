"""The forms of the settings: the panel's own, and what each role may post alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from wtforms import BooleanField, Field, SelectField, SelectMultipleField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.widgets import CheckboxInput, ListWidget

from creditapp.models import InvoiceKind, Role
from creditapp.money import currency, currency_codes
from creditapp.permissions import ROLES, Permission
from creditapp.services.settings import (
    AUTOMATIC_KINDS,
    COMPANY_CHARS_MAX,
    DUPLICATE_WINDOW_DAYS_MAX,
    PAYMENT_TERMS_DAYS_MAX,
    RENEWAL_LEAD_DAYS_MAX,
    RETURN_GRACE_DAYS_MAX,
    RoleLimits,
    SettingFields,
    time_zones,
)
from creditapp.web.fields import AmountField, CountField, LineField, VersionField, tell_saved
from creditapp.web.filters import plain
from creditapp.web.forms import Form

LIMITED = tuple(role for role in reversed(Role) if Permission.CREDIT_ADJUST in ROLES[role])
"""The roles that post at all."""


TICKS = (
    *("credits_enabled", "automatic_on_new", "automatic_on_arrival", "automatic_on_due"),
    *("full_cover_only", "prices_include_tax"),
)
COUNTS = ("duplicate_window_days", "return_grace_days", "renewal_lead_days", "payment_terms_days")


class KindsField(SelectMultipleField):
    """Kinds of invoice, a tick for each; kept as one text with commas between, in the order of the list."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(self, label: str, *, kinds: Sequence[InvoiceKind], **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        super().__init__(label, choices=[SelectChoice(str(one), one.label) for one in kinds], **kw)
        self.kinds = kinds

    def process_data(self, value: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        self.data = value.split(",") if value else []

    @property
    def text(self) -> str:
        return ",".join(kind for kind in self.kinds if kind in (self.data or []))


def listed(kinds: str) -> str:
    """Return `order,add_funds` as people read it."""
    return ", ".join(InvoiceKind(one).label for one in kinds.split(",") if one) or "none"


class SettingsForm(Form):
    """The switches, what the panel is, and how invoices are made."""

    credits_enabled = BooleanField("Credits enabled")
    automatic_on_new = BooleanField("On new invoices")
    automatic_on_arrival = BooleanField("When credit arrives")
    automatic_on_due = BooleanField("On due dates")
    automatic_kinds = KindsField("Eligible invoices", kinds=AUTOMATIC_KINDS)
    full_cover_only = BooleanField("Only if it covers the whole invoice")
    minimum_remainder = AmountField("Minimum remainder", zero=True)
    return_grace_days = CountField("Days of grace", most=RETURN_GRACE_DAYS_MAX)
    company_name = LineField("Company name", chars_max=COMPANY_CHARS_MAX, required="Enter the company's name.")
    currency = SelectField("Currency")
    time_zone = SelectField("Time zone")
    duplicate_window_days = CountField("Days to warn of a repeat", most=DUPLICATE_WINDOW_DAYS_MAX)
    renewal_lead_days = CountField("Renewal lead days", most=RENEWAL_LEAD_DAYS_MAX)
    payment_terms_days = CountField("Payment terms", most=PAYMENT_TERMS_DAYS_MAX)
    prices_include_tax = BooleanField("Prices include tax")
    version = VersionField()

    def __init__(self, saved: Any, *, locked: bool, **kw: Any) -> None:  # noqa: ANN401  (a row of the settings)
        super().__init__(obj=saved, data={"minimum_remainder": plain(saved.minimum_remainder_minor)}, **kw)
        self.saved = saved
        self.currency.choices = [SelectChoice(code, f"{code} – {currency(code).name}") for code in currency_codes()]
        self.time_zone.choices = [_place(name) for name in sorted({saved.time_zone, *time_zones()})]
        for name in ("currency", "time_zone"):
            if locked and name not in request.form:
                delattr(self, name)

    @property
    def fields(self) -> SettingFields:
        """What is to be saved; what is fixed stays as it is."""
        simple: dict[str, Any] = {name: self[name].data for name in TICKS}
        simple |= {name: self[name].number or 0 for name in COUNTS}
        return SettingFields(
            **simple,
            company_name=self.company_name.text,
            currency=self.currency.data if self.currency else self.saved.currency,
            time_zone=self.time_zone.data if self.time_zone else self.saved.time_zone,
            automatic_kinds=self.automatic_kinds.text,
            minimum_remainder_minor=self.minimum_remainder.minor,
        )

    def compare(self, saved: Any) -> None:  # noqa: ANN401  (a row of the settings)
        """Say beside each field what somebody else has saved; sending the form once more overwrites it knowingly."""
        for name in TICKS:
            is_on = getattr(saved, name)
            tell_saved(self[name], "on" if is_on else "off", is_on)
        for name in ("company_name", "currency", "time_zone", *COUNTS):
            if name in self:
                tell_saved(self[name], str(getattr(saved, name)))
        kinds = saved.automatic_kinds
        tell_saved(self.automatic_kinds, listed(kinds), kinds.split(",") if kinds else [])
        tell_saved(self.minimum_remainder, plain(saved.minimum_remainder_minor))
        self.version.data = str(saved.version)


@dataclass(frozen=True, slots=True)
class LimitRow:
    """The boxes of one role."""

    role: Role
    add: AmountField
    remove: AmountField
    own: Field


class LimitsForm(Form):
    """Two limits and a tick for each role: `agent_add`, `agent_remove`, `agent_own`."""

    version = VersionField()

    def __init__(self, saved: Iterable[Any], version: int, **kw: Any) -> None:  # noqa: ANN401  (rows of limits)
        data: dict[str, Any] = {"version": version}
        for role, add_minor, remove_minor, own_only in saved:
            data[f"{role}_add"] = "" if add_minor is None else plain(add_minor)
            data[f"{role}_remove"] = "" if remove_minor is None else plain(remove_minor)
            data[f"{role}_own"] = own_only
        super().__init__(data=data, **kw)
        self.shown = data

    @property
    def rows(self) -> list[LimitRow]:
        return [LimitRow(role, self[f"{role}_add"], self[f"{role}_remove"], self[f"{role}_own"]) for role in LIMITED]

    @property
    def limits(self) -> dict[Role, RoleLimits]:
        """What is to be saved: an empty box is no limit."""
        return {
            row.role: RoleLimits(row.add.minor or None, row.remove.minor or None, row.own.data) for row in self.rows
        }

    def compare(self, saved: LimitsForm) -> None:
        """Say beside each box what somebody else has saved."""
        for row in self.rows:
            for box in (row.add, row.remove):
                tell_saved(box, saved.shown[box.name] or "no limit", saved.shown[box.name])
            tell_saved(row.own, "ticked" if saved.shown[row.own.name] else "not ticked", saved.shown[row.own.name])
        self.version.data = str(saved.shown["version"])


for _role in LIMITED:
    setattr(LimitsForm, f"{_role}_add", AmountField(f"{_role.label}: adds at most", required=False))
    setattr(LimitsForm, f"{_role}_remove", AmountField(f"{_role.label}: removes at most", required=False))
    setattr(LimitsForm, f"{_role}_own", BooleanField(f"{_role.label}: reverses only own entries of the day"))


def _place(name: str) -> SelectChoice:
    """Return a time zone as its list shows it: `Europe/Berlin` is Berlin, under Europe."""
    area, _, place = name.partition("/")
    return SelectChoice(name, place.replace("_", " ").replace("/", ", ") or name, optgroup=area if place else "World")
