"""The forms of the tab *Mail*."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wtforms import BooleanField, Field, ValidationError

from creditapp.models import MailEvent
from creditapp.models.customer import EMAIL_CHARS_MAX
from creditapp.services.mails.catalogue import DELIVERED, Delivered
from creditapp.services.mails.texts import EXPIRY_NOTICE_DAYS_MAX, MailFields
from creditapp.services.mails.wording import BODY_CHARS_MAX, SUBJECT_CHARS_MAX
from creditapp.web.fields import (
    AmountField,
    CountField,
    LineField,
    NoteField,
    SubmissionField,
    VersionField,
    tell_saved,
)
from creditapp.web.filters import plain
from creditapp.web.forms import Form

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+", re.ASCII)


@dataclass(frozen=True, slots=True)
class EventRow:
    """One line of the list of events."""

    event: MailEvent
    mail: Delivered
    tick: Field | None
    """None where it is sent always."""


class MailForm(Form):
    """Where mails come from, when reminders are sent, and a tick for each event: `on_credit_received`."""

    mail_from = LineField("From address", chars_max=EMAIL_CHARS_MAX)
    low_balance = AmountField("Low balance", zero=True)
    expiry_notice_days = CountField("Days of notice", most=EXPIRY_NOTICE_DAYS_MAX)
    version = VersionField()

    def __init__(self, saved: Any, is_on: Mapping[MailEvent, bool], **kw: Any) -> None:  # noqa: ANN401  (a row of the settings)
        data: dict[str, Any] = {f"on_{event}": on for event, on in is_on.items()}
        super().__init__(obj=saved, data={**data, "low_balance": plain(saved.low_balance_minor)}, **kw)

    def validate_mail_from(self, field: LineField) -> None:
        if field.text and not _ADDRESS.fullmatch(field.text):
            raise ValidationError("Enter an address like billing@example.com, or leave the box empty.")

    @property
    def rows(self) -> list[EventRow]:
        return [EventRow(event, mail, self[_name(event)] if mail.is_switchable else None) for event, mail in _EVENTS]

    @property
    def fields(self) -> MailFields:
        """What is to be saved."""
        return MailFields(
            mail_from=self.mail_from.text,
            low_balance_minor=self.low_balance.minor,
            expiry_notice_days=self.expiry_notice_days.number or 0,
        )

    @property
    def is_on(self) -> dict[MailEvent, bool]:
        """Which mails are to be sent, of those that need not be."""
        return {row.event: bool(row.tick.data) for row in self.rows if row.tick is not None}

    def compare(self, saved: Any, is_on: Mapping[MailEvent, bool]) -> None:  # noqa: ANN401  (a row of the settings)
        """Say beside each field what somebody else has saved; sending the form once more overwrites it knowingly."""
        tell_saved(self.mail_from, saved.mail_from or "no address", saved.mail_from)
        tell_saved(self.low_balance, plain(saved.low_balance_minor))
        tell_saved(self.expiry_notice_days, str(saved.expiry_notice_days))
        for row in self.rows:
            if row.tick is not None:
                tell_saved(row.tick, "on" if is_on[row.event] else "off", is_on[row.event])
        self.version.data = str(saved.version)


class MailTextForm(Form):
    """The words of one event's mail."""

    subject = LineField("Subject", chars_max=SUBJECT_CHARS_MAX, required="Enter a subject.")
    body = NoteField("Text", chars_max=BODY_CHARS_MAX, required="Enter a text.")
    version = VersionField()


class RestoreForm(Form):
    """The button that brings the delivered text back."""

    version = VersionField()


class TestMailForm(Form):
    """The button that sends a test."""

    submission = SubmissionField()


def _name(event: MailEvent) -> str:
    return f"on_{event}"


_EVENTS = list(DELIVERED.items())
for _event, _mail in _EVENTS:
    if _mail.is_switchable:
        setattr(MailForm, _name(_event), BooleanField(f"Send: {_mail.label}"))
