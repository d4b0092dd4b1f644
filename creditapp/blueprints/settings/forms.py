"""The forms of the settings: the panel's own, and what each role may post alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import request
from wtforms import BooleanField, Field, SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types

from creditapp.models import Role
from creditapp.money import currency, currency_codes
from creditapp.permissions import ROLES, Permission
from creditapp.services.settings import (
    COMPANY_CHARS_MAX,
    DUPLICATE_WINDOW_DAYS_MAX,
    RoleLimits,
    SettingFields,
    time_zones,
)
from creditapp.web.fields import AmountField, CountField, LineField, VersionField, tell_saved
from creditapp.web.filters import plain
from creditapp.web.forms import Form

LIMITED = tuple(role for role in reversed(Role) if Permission.CREDIT_ADJUST in ROLES[role])
"""The roles that post at all."""


class SettingsForm(Form):
    """The switch, and what the panel is."""

    credits_enabled = BooleanField("Credits enabled")
    company_name = LineField("Company name", chars_max=COMPANY_CHARS_MAX, required="Enter the company's name.")
    currency = SelectField("Currency")
    time_zone = SelectField("Time zone")
    duplicate_window_days = CountField("Days to warn of a repeat", most=DUPLICATE_WINDOW_DAYS_MAX)
    version = VersionField()

    def __init__(self, saved: Any, *, locked: bool, **kw: Any) -> None:  # noqa: ANN401  (a row of the settings)
        super().__init__(obj=saved, **kw)
        self.saved = saved
        self.currency.choices = [SelectChoice(code, f"{code} – {currency(code).name}") for code in currency_codes()]
        self.time_zone.choices = [_place(name) for name in sorted({saved.time_zone, *time_zones()})]
        for name in ("currency", "time_zone"):
            if locked and name not in request.form:
                delattr(self, name)

    @property
    def fields(self) -> SettingFields:
        """What is to be saved; what is fixed stays as it is."""
        return SettingFields(
            credits_enabled=self.credits_enabled.data,
            company_name=self.company_name.text,
            currency=self.currency.data if self.currency else self.saved.currency,
            time_zone=self.time_zone.data if self.time_zone else self.saved.time_zone,
            duplicate_window_days=self.duplicate_window_days.number or 0,
        )

    def compare(self, saved: Any) -> None:  # noqa: ANN401  (a row of the settings)
        """Say beside each field what somebody else has saved; sending the form once more overwrites it knowingly."""
        tell_saved(self.credits_enabled, "on" if saved.credits_enabled else "off", saved.credits_enabled)
        for name in ("company_name", "currency", "time_zone", "duplicate_window_days"):
            if self[name]:
                tell_saved(self[name], str(getattr(saved, name)))
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
