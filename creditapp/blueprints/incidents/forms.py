"""The form of an incident: when, what was hit, and by which policy it is credited."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from werkzeug.datastructures import FileStorage
from wtforms import BooleanField, Field, FileField, SelectField, SelectMultipleField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types
from wtforms.validators import ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from creditapp.blueprints.incidents import naming
from creditapp.db import db
from creditapp.queries import incidents as queries
from creditapp.queries import policies
from creditapp.services.downtime import durations
from creditapp.services.downtime.durations import DurationError
from creditapp.services.incidents import (
    CUSTOMER_NOTE_CHARS_MAX,
    CUSTOMERS_MAX,
    REFERENCE_CHARS_MAX,
    TITLE_CHARS_MAX,
    WINDOWS_MAX,
    IncidentFields,
)
from creditapp.services.settings import time_zones
from creditapp.services.subscriptions import LOCATION_CHARS_MAX
from creditapp.web import local_times
from creditapp.web.fields import LineField, NoteField, PassedField, SubmissionField, VersionField, tell_saved
from creditapp.web.forms import Form
from creditapp.web.local_times import LocalTimeField, TimeError
from creditapp.web.panel import current_panel

PREVIEW, SAVE = "preview", "save"
SHOWN_MAX = 1000
"""So many users are listed in their box; more are kept unseen."""
PLACES_MAX = 100
MINUTES_OF_MONTH = 30 * 24 * 60


class TicksField(SelectMultipleField):
    """Several of a list, with a tick for each; `numbers` are their ids."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(sorted({int(value) for value in self.data or []}))


class IncidentForm(Form):
    """One incident, new or known."""

    places = LineField("Servers or locations", chars_max=PLACES_MAX * LOCATION_CHARS_MAX)
    starts_at = LocalTimeField("Started")
    ends_at = LocalTimeField("Ended")
    lasted = LineField("How long it lasted", chars_max=durations.DURATION_CHARS_MAX)
    title = LineField("Title", chars_max=TITLE_CHARS_MAX)
    reference = LineField("Reference", chars_max=REFERENCE_CHARS_MAX)
    zone = SelectField("Time zone")
    windows = NoteField("Times that do not count", chars_max=WINDOWS_MAX * 60)
    products = TicksField("Products")
    customers = NoteField("Users", chars_max=100_000)
    file = FileField("Or a CSV file of users")
    keeps = BooleanField("Keep the users that are saved")
    policy = SelectField("Policy")
    customer_note = LineField("What customers read", chars_max=CUSTOMER_NOTE_CHARS_MAX)
    note = NoteField("Note")
    opened = PassedField()
    submission = SubmissionField()
    version = VersionField()

    def __init__(self, saved: IncidentFields | None = None, *, version: int = 0, place: str = "", **kw: Any) -> None:  # noqa: ANN401
        session = db.session()
        self.saved, self.wants_preview = saved, False
        listed = policies.listed(session)
        values = _values(saved) if saved else {"zone": str(current_panel().zone), "places": place}
        opened = datetime.now(UTC).replace(second=0, microsecond=0).isoformat()
        super().__init__(data={"opened": opened, "version": str(version), **values}, **kw)
        zones = dict.fromkeys((str(current_panel().zone), "UTC", *((saved.time_zone,) if saved else ()), *time_zones()))
        self.zone.choices = [SelectChoice(name, name.replace("_", " ")) for name in zones]
        self._policy_names = {
            str(one.id): one.name for one in listed if one.is_active or (saved and saved.policy_id == one.id)
        }
        none_yet = {"": "None yet"} if saved and saved.policy_id is None else {}
        self.policy.choices = [SelectChoice(*one) for one in (none_yet | self._policy_names).items()]
        also = saved.product_ids if saved else ()
        self._product_names = {str(number): name for number, name in queries.products(session, also)}
        self.products.choices = [SelectChoice(number, name) for number, name in self._product_names.items()]
        self.customer_ids: set[int] = set()

    @property
    def known_places(self) -> list[str]:
        """What the box of servers offers."""
        return queries.places(db.session())

    @property
    def kept_customers(self) -> int:
        """How many users are saved that the box does not list."""
        many = len(self.saved.customer_ids) if self.saved else 0
        return many if many > SHOWN_MAX else 0

    @property
    def names(self) -> tuple[str, ...]:
        """The servers and locations that were typed."""
        typed = {" ".join(name.split()) for name in self.places.text.split(",")}
        return tuple(sorted(typed - {""}))

    def validate_places(self, _field: LineField) -> None:
        too_long = next((name for name in self.names if len(name) > LOCATION_CHARS_MAX), None)
        if too_long or len(self.names) > PLACES_MAX:
            raise ValidationError(
                f"Write at most {PLACES_MAX} names of at most {LOCATION_CHARS_MAX} characters, with commas between."
            )
        saved = set(self.saved.locations) if self.saved else set()
        missing = set(self.names) - saved - queries.known_places(db.session(), self.names)
        if missing:
            raise ValidationError(_no_place(min(missing), self.known_places))

    def validate_customers(self, _field: NoteField) -> None:
        self._name(naming.words(self.customers.text))

    def validate_file(self, _field: FileField) -> None:
        if not self._has_file:
            return
        if self.customers.text:
            raise ValidationError("Write the users above or choose a file, not both.")
        try:
            self._name(naming.words_of_file(self.file.data.stream.read()))
        except naming.NamingError as error:
            raise ValidationError(str(error)) from None

    def validate(self, extra_validators: Any = None) -> bool:  # noqa: ANN401  (WTForms' signature)
        """Check each field, and then what only shows when they are read together."""
        if not super().validate(extra_validators):
            return False
        try:
            self._read_times()
        except _MisreadError as misread:
            misread.field.errors = [*misread.field.errors, str(misread)]
            return False
        if self.wants_preview:
            self._check_for_preview()
        return not self.errors

    @property
    def fields(self) -> IncidentFields:
        """What is to be saved."""
        customers = self.customer_ids
        if self.kept_customers and self.keeps.data and self.saved and not self._names_customers:
            customers = set(self.saved.customer_ids)
        return IncidentFields(
            title=self.title.text or self._own_title,
            reference=self.reference.text,
            starts_at=self._starts_at,
            ends_at=self._ends_at,
            time_zone=self.zone.data,
            policy_id=int(self.policy.data) if self.policy.data else None,
            reason_id=self.saved.reason_id if self.saved else None,
            customer_note=self.customer_note.text,
            note=self.note.text,
            windows=self._windows,
            product_ids=self.products.numbers,
            locations=self.names,
            customer_ids=tuple(sorted(customers)),
        )

    def compare(self, saved: IncidentFields, version: int) -> None:
        """Say beside each box what somebody else has saved; sending the form once more overwrites it knowingly."""
        values = _values(saved)
        for name in (
            "places",
            "title",
            "reference",
            "starts_at",
            "ends_at",
            "zone",
            "windows",
            "customers",
            "customer_note",
            "note",
        ):
            tell_saved(self[name], values[name] or "nothing", values[name])
        tell_saved(self.policy, self._policy_names.get(values["policy"], "none"), values["policy"])
        names = self._product_names
        said = ", ".join(names.get(one, one) for one in values["products"]) or "none"
        tell_saved(self.products, said, values["products"])
        self.saved, self.version.data = saved, str(version)

    @property
    def _has_file(self) -> bool:
        return isinstance(self.file.data, FileStorage) and bool(self.file.data.filename)

    @property
    def _names_customers(self) -> bool:
        return bool(self.customers.text) or self._has_file

    @property
    def _own_title(self) -> str:
        """What an incident is called that nobody has given a title."""
        what = [*self.names, *(self._product_names[str(number)] for number in self.products.numbers)]
        count = len(self.customer_ids)
        people = [f"{count:,} user{'s' if count > 1 else ''}"] if count and not what else []
        title = f"Outage of {', '.join([*what, *people])}" if what or people else "Outage"
        return title if len(title) <= TITLE_CHARS_MAX else f"{title[: TITLE_CHARS_MAX - 1]}…"

    def _name(self, words: Collection[str]) -> None:
        if len(words) > CUSTOMERS_MAX:
            raise ValidationError(f"Name at most {CUSTOMERS_MAX:,} users.")
        named = queries.customers_named(db.session(), words) if words else queries.Named()
        problem = naming.problem(named)
        if problem:
            raise ValidationError(problem)
        self.customer_ids |= named.customer_ids

    def _read_times(self) -> None:
        """Make moments of the times: any two of start, end and length give the third; an end that is missing is now."""
        start, end = self._moment(self.starts_at), self._moment(self.ends_at)
        lasted = self._lasted()
        if lasted is not None:
            if start is not None and end is not None:
                raise _MisreadError(self.lasted, "Give an end or how long it lasted, not both.")
            end = start + lasted if start is not None else end or self._opened
            start = start or end - lasted
        if start is None:
            raise _MisreadError(self.starts_at, "Enter when it started, or how long it lasted.")
        self._starts_at, self._ends_at = start, end
        try:
            self._windows = local_times.spans(self.windows.text, self.zone.data)
        except TimeError as error:
            raise _MisreadError(self.windows, str(error)) from None

    def _moment(self, field: LocalTimeField) -> datetime | None:
        try:
            return None if field.local is None else local_times.moment(field.local, self.zone.data)
        except TimeError as error:
            raise _MisreadError(field, str(error)) from None

    def _lasted(self) -> timedelta | None:
        if not self.lasted.text:
            return None
        try:
            duration = durations.parse(self.lasted.text)
        except DurationError as error:
            raise _MisreadError(self.lasted, str(error)) from None
        return timedelta(seconds=duration.in_seconds(MINUTES_OF_MONTH * durations.MINUTE))

    @property
    def _opened(self) -> datetime:
        """When the form was opened: the same form sent twice means the same times."""
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        try:
            opened = datetime.fromisoformat(self.opened.data or "")
        except ValueError:
            return now
        return opened if opened.tzinfo is not None and timedelta() <= now - opened <= timedelta(days=1) else now

    def _check_for_preview(self) -> None:
        """See that there is something to preview, before anything is saved."""
        if self._ends_at is None:
            self.ends_at.errors = ["Enter when it ended: what still lasts cannot be credited."]
        elif self._ends_at > datetime.now(UTC):
            self.ends_at.errors = ["It ends in the future: check its times and their zone."]
        if not self.policy.data:
            self.policy.errors = ["Choose the policy by which it is credited."]
        fields = self.fields
        if not (fields.locations or fields.product_ids or fields.customer_ids):
            self.places.errors = ["Say what was hit: servers or locations, products, or users."]


class _MisreadError(Exception):
    """Something only shows when the fields are read together; it stands beside one of them."""

    def __init__(self, field: Field, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def _values(saved: IncidentFields) -> dict[str, Any]:
    """Return the incident as its form's boxes hold it."""
    zone = saved.time_zone
    shown = saved.customer_ids if len(saved.customer_ids) <= SHOWN_MAX else ()
    return {
        "places": ", ".join(saved.locations),
        "starts_at": local_times.written(saved.starts_at, zone),
        "ends_at": local_times.written(saved.ends_at, zone) if saved.ends_at else "",
        "title": saved.title,
        "reference": saved.reference,
        "zone": zone,
        "windows": "\n".join(local_times.span_written(start, end, zone) for start, end in saved.windows),
        "products": [str(number) for number in saved.product_ids],
        "customers": "\n".join(f"#{number}" for number in shown),
        "keeps": True,
        "policy": str(saved.policy_id or ""),
        "customer_note": saved.customer_note,
        "note": saved.note,
    }


def _no_place(name: str, known: Collection[str]) -> str:
    """Say that no subscription depends on this, and which names are like it."""
    folded = name.casefold()
    alike = [one for one in known if one.casefold() == folded] or [one for one in known if folded in one.casefold()]
    hint = f" Did you mean {', '.join(alike[:3])}?" if alike else ""
    return f"No subscription depends on “{name}”.{hint}"
