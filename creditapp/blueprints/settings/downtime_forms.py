"""The form of one downtime policy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wtforms import BooleanField, Field, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import StopValidation, ValidationError
from wtforms.widgets import TextArea

from creditapp.blueprints.settings.reason_forms import MoveForm
from creditapp.models import FeeBasis, MinuteRule, MonthBasis, PolicyMethod
from creditapp.money import Rounding
from creditapp.queries.policies import PolicyFacts
from creditapp.services.downtime import Terms
from creditapp.services.downtime.policies import (
    DESCRIPTION_CHARS_MAX,
    FACTOR_MAX_HUNDREDTHS,
    MINUTES_MAX,
    NAME_CHARS_MAX,
    RATE_MAX_BP,
    TIERS_MAX,
    PolicyFields,
)
from creditapp.services.downtime.presets import Preset
from creditapp.services.downtime.reckoning import UPTIME_WHOLE
from creditapp.services.downtime.terms import WORDS
from creditapp.text import fold
from creditapp.web.downtime import EXAMPLE_DOWN, DurationField, example_fee
from creditapp.web.fields import AmountField, CountField, LineField, SubmissionField, VersionField, echo, tell_saved
from creditapp.web.filters import percent, plain
from creditapp.web.forms import Form

METHODS = {
    PolicyMethod.PRO_RATA: "Pro rata: the share of the month that was lost",
    PolicyMethod.MULTIPLIER: "Multiplier: pro rata, times a factor",
    PolicyMethod.BLOCK: "Blocks: so much for each started block of minutes",
    PolicyMethod.TIERS: "Table: below an uptime, that part of the fee",
    PolicyMethod.FIXED: "Fixed: the same amount for each subscription",
}
MONTHS = {
    MonthBasis.ACTUAL: "As in the calendar",
    MonthBasis.DAYS_30: "30 days (43,200 min)",
    MonthBasis.HOURS_730: "730 hours (43,800 min)",
}
MINUTES = {
    MinuteRule.EXACT: "To the second",
    MinuteRule.WHOLE: "Whole minutes only",
    MinuteRule.STARTED: "Started minutes in full",
}
FEES = {FeeBasis.AS_PRICED: "As priced", FeeBasis.NET: "Without tax", FeeBasis.GROSS: "With tax"}
ROUNDINGS = {Rounding.HALF_UP: "Half up", Rounding.DOWN: "Down", Rounding.UP: "Up"}
OF_METHOD = {
    "factor": PolicyMethod.MULTIPLIER,
    "block_minutes": PolicyMethod.BLOCK,
    "block_rate": PolicyMethod.BLOCK,
    "tiers": PolicyMethod.TIERS,
    "fixed": PolicyMethod.FIXED,
}
"""The boxes that only one method asks for: with another one, nobody looks at them."""
TABLE_CHARS_MAX = 1_000
_HUNDREDTHS = re.compile(r"(?P<whole>[0-9]{1,6})(?:\.(?P<decimals>[0-9]{1,2}))?", re.ASCII)
_TIER = re.compile(
    r"(?:below )?(?P<below>[0-9]{1,3}(?:\.[0-9]{1,4})?) ?%?(?:[ ,;:]| → | - )+"
    r"(?P<credit>[0-9]{1,4}(?:\.[0-9]{1,2})?) ?%?",
    re.ASCII,
)


class HundredthsField(StringField):
    """A number above zero with at most two decimals; `hundredths` is it, once the form is valid."""

    def __init__(self, label: str, *, most: int, **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        super().__init__(label, **kw)
        self.most, self.hundredths = most, 0

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401, ARG002  (WTForms' signature)
        typed = (self.data or "").strip(" ").removesuffix("%").rstrip(" ")
        match = _HUNDREDTHS.fullmatch(typed)
        hundredths = int(match["whole"] + (match["decimals"] or "").ljust(2, "0")) if match else 0
        if not 0 < hundredths <= self.most:
            raise StopValidation(f"Enter a number from 0.01 to {self.most // 100:,}, like 10 or 7.5.")
        self.hundredths = hundredths

    def _value(self) -> str:
        return echo(self.data)


class TableField(StringField):
    """A table of uptimes and parts of the fee, a line for each; `tiers` is it, once the form is valid."""

    widget = TextArea()

    def __init__(self, label: str, **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        super().__init__(label, **kw)
        self.tiers: tuple[tuple[int, int], ...] = ()

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401, ARG002  (WTForms' signature)
        typed = self.data or ""
        if len(typed) > TABLE_CHARS_MAX:
            raise StopValidation(f"Write at most {TIERS_MAX} short lines.")
        lines = [" ".join(line.split()) for line in typed.splitlines()]
        self.tiers = tuple(sorted(self._tier(line) for line in lines if line))

    def _tier(self, line: str) -> tuple[int, int]:
        match = _TIER.fullmatch(line.casefold())
        below_ppm = _scaled(match["below"], 4) if match else 0
        credit_bp = _scaled(match["credit"], 2) if match else 0
        if not (0 < below_ppm <= UPTIME_WHOLE and 0 < credit_bp <= RATE_MAX_BP):
            said = line if len(line) <= NAME_CHARS_MAX else f"{line[:NAME_CHARS_MAX]}…"
            raise StopValidation(f"“{echo(said)}” is no line like 99.9 10: an uptime up to 100, and a part of the fee.")
        return below_ppm, credit_bp

    def _value(self) -> str:
        return echo(self.data)


class PolicyForm(Form):
    """One policy, new or known, and the example it is shown with."""

    name = LineField("Name", chars_max=NAME_CHARS_MAX, required="Enter a name.")
    description = LineField("What it is", chars_max=DESCRIPTION_CHARS_MAX)
    is_active = BooleanField("Active", default=True)
    method = RadioField("Method", choices=[SelectChoice(str(one), said) for one, said in METHODS.items()])
    factor = HundredthsField("Factor", most=FACTOR_MAX_HUNDREDTHS)
    block_minutes = CountField("Minutes of a block", least=1, most=MINUTES_MAX)
    block_rate = HundredthsField("Percent for each block", most=RATE_MAX_BP)
    tiers = TableField("Table")
    fixed = AmountField("Amount")
    month_basis = SelectField("A month has", choices=[SelectChoice(str(one), said) for one, said in MONTHS.items()])
    minute_rule = SelectField("Minutes count", choices=[SelectChoice(str(one), said) for one, said in MINUTES.items()])
    fee_basis = SelectField("Fee", choices=[SelectChoice(str(one), said) for one, said in FEES.items()])
    rounding = SelectField("Rounding", choices=[SelectChoice(str(one), said) for one, said in ROUNDINGS.items()])
    cap = HundredthsField("At most, percent of a month’s fee", most=RATE_MAX_BP)
    minimum = AmountField("Minimum", zero=True, required=False)
    excluded_minutes = CountField("Excluded minutes", most=MINUTES_MAX)
    example_fee = AmountField("Monthly fee", zero=True)
    example_down = DurationField("Down for")
    submission = SubmissionField()
    version = VersionField()

    def __init__(self, saved: PolicyFacts | Preset | None = None, **kw: Any) -> None:  # noqa: ANN401  (WTForms' own)
        self.saved = saved.terms if saved else Terms(method=PolicyMethod.PRO_RATA)
        data = {**_boxes(self.saved), "example_fee": plain(example_fee()), "example_down": EXAMPLE_DOWN}
        super().__init__(data={**data, **_named(saved)}, **kw)

    def validate(self, extra_validators: Any = None) -> bool:  # noqa: ANN401  (WTForms' signature)
        """Return whether every box is well-formed that the chosen method asks for."""
        is_valid = super().validate(extra_validators)
        for name, method in OF_METHOD.items():
            if self.method.data != method:
                self[name].errors = []
        return is_valid or not self.problems

    def validate_name(self, field: LineField) -> None:
        """A name of marks that nobody can see is none."""
        if not fold(field.text):
            raise ValidationError("Enter a name that can be read.")

    @property
    def terms(self) -> Terms:
        """What the policy says, once the form is valid. What another method asks for stays as it is saved."""
        typed: dict[str, Any] = {name: word(self[name].data) for name, word in WORDS.items()}
        typed |= {
            "cap_bp": self.cap.hundredths,
            "minimum_minor": self.minimum.minor,
            "excluded_minutes": self.excluded_minutes.number,
        }
        of_method: dict[PolicyMethod, dict[str, Any]] = {
            PolicyMethod.PRO_RATA: {},
            PolicyMethod.MULTIPLIER: {"factor_hundredths": self.factor.hundredths},
            PolicyMethod.BLOCK: {"block_minutes": self.block_minutes.number, "block_bp": self.block_rate.hundredths},
            PolicyMethod.TIERS: {"tiers": self.tiers.tiers},
            PolicyMethod.FIXED: {"fixed_minor": self.fixed.minor},
        }
        return replace(self.saved, **typed, **of_method[typed["method"]])

    @property
    def fields(self) -> PolicyFields:
        """What is to be saved."""
        return PolicyFields(
            name=self.name.text,
            description=self.description.text,
            is_active=self.is_active.data,
            terms=self.terms,
        )

    @property
    def first_problem(self) -> str:
        """What stands in the way of an example; empty if nothing does."""
        return next((said for said, _box in self.problems), "")

    def compare(self, saved: PolicyFacts) -> None:
        """Say beside each box what somebody else has saved; sending the form once more overwrites it knowingly."""
        for name, value in {**_named(saved), **_boxes(saved.terms)}.items():
            if isinstance(value, bool):
                tell_saved(self[name], "ticked" if value else "not ticked", value)
            elif name != "version" and OF_METHOD.get(name, saved.terms.method) == saved.terms.method:
                tell_saved(self[name], _said(self[name], value), value)
        self.version.data = str(saved.version)


class MovePolicyForm(MoveForm):
    """A button beside a policy: `up 3` takes policy 3 one place up."""

    @property
    def policy_id(self) -> int:
        return self.reason_id


def _named(saved: PolicyFacts | Preset | None) -> dict[str, Any]:
    """Return what a known policy, or a published one, is called."""
    if isinstance(saved, PolicyFacts):
        named = {"name": saved.name, "description": saved.description, "is_active": saved.is_active}
        return {**named, "version": str(saved.version)}
    return {"name": saved.name, "description": saved.says} if saved else {}


def _boxes(terms: Terms) -> Mapping[str, str]:
    """Return the terms as the boxes hold them."""
    table = [f"{_unscaled(below, 4)} {_unscaled(credit, 2)}" for below, credit in reversed(terms.tiers)]
    return {
        **{name: str(getattr(terms, name)) for name in WORDS},
        "factor": percent(terms.factor_hundredths),
        "block_minutes": str(terms.block_minutes),
        "block_rate": percent(terms.block_bp),
        "tiers": "\n".join(table),
        "fixed": plain(terms.fixed_minor) if terms.fixed_minor else "",
        "cap": percent(terms.cap_bp),
        "minimum": plain(terms.minimum_minor) if terms.minimum_minor else "",
        "excluded_minutes": str(terms.excluded_minutes),
    }


def _said(field: Field, value: str) -> str:
    """Return how a value is called that somebody else has saved."""
    known = {str(one): said for words in (METHODS, MONTHS, MINUTES, FEES, ROUNDINGS) for one, said in words.items()}
    return known.get(value, value.replace("\n", ", ")) or f"nothing as {field.label.text.lower()}"


def _scaled(text: str, decimals: int) -> int:
    whole, _, rest = text.partition(".")
    return int(whole + rest.ljust(decimals, "0"))


def _unscaled(number: int, decimals: int) -> str:
    digits = str(number).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}".rstrip("0").rstrip(".")
