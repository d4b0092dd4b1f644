"""Fields that give clean values under a typed name: `amount.minor`, `note.text`, `joined.day`."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Sequence
from datetime import date
from typing import Any

from wtforms import DateField, Field, HiddenField, StringField
from wtforms.form import BaseForm
from wtforms.validators import StopValidation
from wtforms.widgets import TextArea

from creditapp.errors import DomainError
from creditapp.money import AMOUNT_CHARS_MAX, AmountError
from creditapp.text import NOTE_CHARS_MAX, TextError, clean
from creditapp.web.panel import current_panel

ECHO_CHARS_MAX = 100_000
"""How much of a text that is far too long is shown again."""
_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)
"""No colon: those are in the keys that the system makes for itself, and nobody else may have used one up."""
COUNT_DIGITS_MAX = 12
PERCENT_CHARS_MAX = 12
PERCENT_DECIMALS = 2
PERCENT_MAX_BP = 10_000
_PERCENT = re.compile(r"(?P<whole>[0-9]{1,6})(?:\.(?P<fraction>[0-9]{1,6}))?", re.ASCII)


def echo(typed: str | None) -> str:
    """Return what was typed as a page can show it again: not endless, and in characters that HTML can hold."""
    return showable((typed or "")[:ECHO_CHARS_MAX])


def showable(typed: str) -> str:
    """Return the text in characters that HTML can hold: a NUL as a mark, no other control but tab and line break."""
    if typed.isprintable():
        return typed
    marked = typed.replace("\x00", "\N{REPLACEMENT CHARACTER}").replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in marked if c in "\t\n" or unicodedata.category(c) != "Cc")


class AmountField(StringField):
    """An amount of money; `minor` is its minor units once the form is valid. Empty is 0 when not `required`."""

    def __init__(
        self,
        label: str,
        *,
        signed: bool = False,
        zero: bool = False,
        required: bool = True,
        **kw: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(label, **kw)
        self.signed, self.zero, self.required = signed, zero, required
        self.minor = 0

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401, ARG002  (WTForms' signature)
        typed = self.data or ""
        if not self.required and not typed.strip():
            return
        try:
            self.minor = current_panel().currency.parse(typed)
        except AmountError as error:
            raise StopValidation(str(error)) from None
        if self.minor == 0 and not self.zero:
            raise StopValidation("Enter an amount other than zero.")
        if self.minor < 0 and not self.signed:
            raise StopValidation("Enter an amount without a minus.")

    def _value(self) -> str:
        return echo(self.data)

    @property
    def limit_chars(self) -> int:
        return AMOUNT_CHARS_MAX


class LineField(StringField):
    """One line of text; `text` is what is kept."""

    lines = False

    def __init__(self, label: str, *, chars_max: int = 200, required: str = "", **kw: Any) -> None:  # noqa: ANN401
        super().__init__(label, **kw)
        self.chars_max, self.required = chars_max, required
        self.text = ""

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401, ARG002  (WTForms' signature)
        try:
            self.text = clean(self.data, chars_max=self.chars_max, lines=self.lines)
        except TextError as error:
            raise StopValidation(str(error)) from None
        if self.required and not self.text:
            raise StopValidation(self.required)

    def _value(self) -> str:
        return echo(self.data)


class NoteField(LineField):
    """Several lines of text; `text` is what is kept."""

    widget = TextArea()
    lines = True

    def __init__(self, label: str, *, chars_max: int = NOTE_CHARS_MAX, **kw: Any) -> None:  # noqa: ANN401
        super().__init__(label, chars_max=chars_max, **kw)


class DayField(DateField):
    """A calendar date; `day` is it, once the form is valid."""

    def __init__(
        self,
        label: str,
        *,
        earliest: date = date(1970, 1, 1),
        latest: date = date(9999, 12, 31),
        **kw: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(label, **kw)
        self.earliest, self.latest = earliest, latest

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        try:
            super().process_formdata(list(valuelist))
        except ValueError:
            raise ValueError("Enter a date like 2026-03-14.") from None

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401, ARG002  (WTForms' signature)
        if self.process_errors:
            return
        if self.data is None:
            raise StopValidation("Enter a date like 2026-03-14.")
        if self.data < self.earliest:
            raise StopValidation(f"Enter a date after {self.earliest:%Y-%m-%d}.")
        if self.data > self.latest:
            raise StopValidation(f"Enter a date no later than {self.latest:%Y-%m-%d}.")

    @property
    def day(self) -> date:
        if self.data is None:
            raise ValueError("The form has not been validated.")
        return self.data

    def _value(self) -> str:
        return echo(str(super()._value()))  # type: ignore[misc]  # WTForms has it, its stubs do not


class CountField(StringField):
    """A whole number, `number` once the form is valid; None where nothing was typed and nothing is `required`."""

    def __init__(self, label: str, *, least: int = 0, most: int, required: bool = True, **kw: Any) -> None:  # noqa: ANN401
        super().__init__(label, **kw)
        self.least, self.most, self.required = least, most, required
        self.number: int | None = None

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401, ARG002  (WTForms' signature)
        typed = "" if self.data is None else str(self.data).strip(" ")
        if not typed and not self.required:
            return
        is_number = len(typed) <= COUNT_DIGITS_MAX and typed.isascii() and typed.isdigit()
        if not is_number or not self.least <= int(typed) <= self.most:
            raise StopValidation(f"Enter a whole number from {self.least:,} to {self.most:,}.")
        self.number = int(typed)

    def _value(self) -> str:
        return echo(None if self.data is None else str(self.data))


class PercentField(StringField):
    """A rate from 0 to 100 %, typed with at most two decimals; `basis_points` is it, once the form is valid."""

    def __init__(self, label: str, **kw: Any) -> None:  # noqa: ANN401
        super().__init__(label, **kw)
        self.basis_points = 0

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401, ARG002  (WTForms' signature)
        typed = (self.data or "").strip(" ")
        match = _PERCENT.fullmatch(typed) if len(typed) <= PERCENT_CHARS_MAX else None
        if match is None:
            problem = "Write the rate with a point" if "," in typed else "Enter a rate in digits"
            raise StopValidation(f"{problem}, like 19 or 7.7; 0 for none.")
        if len(match["fraction"] or "") > PERCENT_DECIMALS:
            raise StopValidation("A rate has at most two decimals, like 7.25.")
        basis_points = int(match["whole"] + (match["fraction"] or "").ljust(PERCENT_DECIMALS, "0"))
        if basis_points > PERCENT_MAX_BP:
            raise StopValidation("Enter a rate of at most 100.")
        self.basis_points = basis_points

    def _value(self) -> str:
        return echo(self.data)


class PassedField(HiddenField):
    """What a form passes on unseen, as it came."""

    def _value(self) -> str:
        return echo(None if self.data is None else str(self.data))


class VersionField(PassedField):
    """Which version of a record the form shows; `number` is it, or 0, which none ever is, for nonsense."""

    @property
    def number(self) -> int:
        typed = self.raw_data[0] if self.raw_data else ""  # what was sent, never what is saved
        return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else 0  # noqa: PLR2004


class SubmissionField(PassedField):
    """A random key made when the page is drawn: sending the same form twice does its work once."""

    def __init__(self, label: str = "", **kw: Any) -> None:  # noqa: ANN401
        super().__init__(label, default=lambda: secrets.token_urlsafe(18), **kw)

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401, ARG002  (WTForms' signature)
        if not _KEY.fullmatch(self.data or ""):
            self.data = secrets.token_urlsafe(18)
            raise StopValidation("This form has lost its key. Nothing was saved; send it again.")

    @property
    def key(self) -> str:
        return str(self.data)


def refuse(field: Field, error: DomainError) -> None:
    """Show beside `field` what the business refused."""
    field.errors = [*field.errors, error.sentence(current_panel().currency.format)]


def refuse_form(form: BaseForm, error: DomainError) -> None:
    """Show at the top what the business refused, where no single field is to blame."""
    form.form_errors = [*form.form_errors, error.sentence(current_panel().currency.format)]


def tell_saved(field: Field, words: str, value: Any = None) -> None:  # noqa: ANN401  (what the box would hold)
    """Say beside the field what is saved now, where that is not what it holds."""
    if field.data != (words if value is None else value):
        field.errors = [*field.errors, f"Saved meanwhile: {words}."]
