"""What forms about downtime share: how long something was down, and the fee that examples are made with."""

from __future__ import annotations

from typing import Any

from wtforms import StringField
from wtforms.validators import StopValidation

from creditapp.services.downtime.durations import Duration, DurationError, parse
from creditapp.web.fields import echo
from creditapp.web.panel import current_panel

EXAMPLE_DOWN = "3 h 20 min"
_EXAMPLE_FEE = {0: 2_400, 2: 2_400, 3: 24_000}


class DurationField(StringField):
    """How long something was down: `3 h 20 min`; `duration` is it, once the form is valid."""

    def __init__(self, label: str, **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        super().__init__(label, **kw)
        self._duration: Duration | None = None

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401, ARG002  (WTForms' signature)
        try:
            self._duration = parse(self.data)
        except DurationError as error:
            raise StopValidation(str(error)) from None

    def _value(self) -> str:
        return echo(self.data)

    @property
    def duration(self) -> Duration:
        if self._duration is None:
            raise ValueError("The form has not been validated.")
        return self._duration


def example_fee() -> int:
    """Return a monthly fee that examples are made with, in the panel's minor units: 24.00, or 2,400 yen."""
    return _EXAMPLE_FEE[current_panel().currency.exponent]
