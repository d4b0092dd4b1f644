"""The form that credits one subscription for downtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wtforms import BooleanField, HiddenField, SelectField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import StopValidation

from creditapp.blueprints.users.forms import CUSTOMER_LINE_CHARS_MAX, TICKET_CHARS_MAX
from creditapp.db import db
from creditapp.models import Cycle, SubscriptionStatus
from creditapp.queries import policies, recent_incidents
from creditapp.queries.subscriptions import SubscriptionFacts
from creditapp.services.downtime.crediting import Ask
from creditapp.web.downtime import DurationField
from creditapp.web.fields import DayField, LineField, NoteField, SubmissionField
from creditapp.web.filters import local_day, money, visible
from creditapp.web.forms import Form
from creditapp.web.panel import current_panel

QUICK = ("30 min", "1 h", "3 h", "1 day", "half a month")
TITLE_CHARS_MAX = 120
_AMOUNT_DIGITS_MAX = 12


class ListedField(SelectField):
    """One of what the page offers."""

    def __init__(self, label: str, problem: str, **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        super().__init__(label, validate_choice=False, **kw)
        self.problem = problem
        self.listed: Mapping[str, str] = {}

    def offer(self, listed: Mapping[str, str]) -> None:
        """Offer these: what is sent, and what is read."""
        self.listed = listed
        self.choices = [SelectChoice(value, said) for value, said in listed.items()]

    def pre_validate(self, form: Any) -> None:  # noqa: ANN401, ARG002  (WTForms' signature)
        if (self.data or "") not in self.listed:
            raise StopValidation(self.problem)


class DowntimeCreditForm(Form):
    """Which subscription was down, for how long, and by which policy it is credited."""

    subscription = ListedField("Subscription", "Choose a subscription from the list.")
    down = DurationField("Down for")
    policy = ListedField("Policy", "Choose a policy from the list.")
    incident = ListedField("Incident", "Choose an incident from the list.", default="")
    title = LineField("What happened", chars_max=TITLE_CHARS_MAX)
    on = DayField("On")
    note = NoteField("Note")
    customer_note = LineField("Customer’s line", chars_max=CUSTOMER_LINE_CHARS_MAX)
    ticket = LineField("Ticket", chars_max=TICKET_CHARS_MAX)
    repeat_ok = BooleanField("It is not a repeat: apply anyway")
    seen = HiddenField()
    submission = SubmissionField()

    def __init__(self, owned: Sequence[SubscriptionFacts], **kw: Any) -> None:  # noqa: ANN401  (WTForms' signature)
        super().__init__(**kw)
        self.on.latest = current_panel().today()
        session = db.session()
        offered = [one for one in owned if one.status != SubscriptionStatus.PENDING]
        incidents = recent_incidents.recent(session)
        self.subscription.offer({str(one.id): _called(one) for one in offered})
        self.policy.offer({str(one.id): visible(one.name) for one in policies.active(session)})
        self.incident.offer(
            {"": "None", **{str(number): f"{visible(title)}, {local_day(at)}" for number, title, at in incidents}},
        )

    @property
    def ask(self) -> Ask:
        """What is to be credited, once the form is valid."""
        return Ask(
            subscription_id=int(self.subscription.data),
            policy_id=int(self.policy.data),
            duration=self.down.duration,
            on=self.on.day,
            incident_id=int(self.incident.data) if self.incident.data else None,
            title=self.title.text,
        )

    @property
    def seen_minor(self) -> int | None:
        """The amount that the page showed; None where it showed none."""
        typed = str(self.seen.data or "")
        return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= _AMOUNT_DIGITS_MAX else None


def _called(one: SubscriptionFacts) -> str:
    name = f"{one.product_name}: {one.label}" if one.label else one.product_name
    status = "" if one.renews else f" ({one.status})"
    return f"{visible(name)}, {money(one.price_minor)} {Cycle(one.cycle).label.lower()}{status}"
