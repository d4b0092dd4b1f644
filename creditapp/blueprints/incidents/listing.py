"""The list of incidents: what the URL asks for, and the page, chips and links that answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import literal

from creditapp.columns import UtcDateTime, from_microseconds, to_microseconds
from creditapp.db import db
from creditapp.models import Incident
from creditapp.queries import incidents
from creditapp.queries.incidents import IncidentFilter, State
from creditapp.web import lists, urls
from creditapp.web.lists import Column, Page, Sort

COLUMNS = (Column("Incident"), Column("State"), Column("When"), Column("Lasted", numeric=True), Column("Reference"))
STATE_CHOICES = [("", "Any"), *((str(one), one.label) for one in State)]


def _key(values: Sequence[Any]) -> Sequence[Any]:
    microseconds, number = values
    return literal(from_microseconds(urls.whole(microseconds)), UtcDateTime()), urls.whole(number)


_NEWEST = Sort((Incident.__table__.c.starts_at, Incident.__table__.c.id), descending=True, read=_key)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the URL asks for, as understood."""

    wanted: IncidentFilter

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Asked:
        """Read the URL's arguments; what makes no sense is as if it were not there."""
        state = next((one for one in State if one == args.get("state", "")), None)
        return cls(IncidentFilter(text=urls.text(args, "q"), state=state))

    @property
    def args(self) -> dict[str, str | None]:
        """The arguments that ask for this again, in their canonical form."""
        return {"q": self.wanted.text, "state": self.wanted.state and str(self.wanted.state)}

    @property
    def is_filtered(self) -> bool:
        return self.wanted != IncidentFilter()

    def chips(self, path: str) -> list[tuple[str, str]]:
        """Return each filter at work with the URL that takes it away."""
        said = [(f"“{self.wanted.text}”", "q", self.wanted.text)]
        if self.wanted.state:
            said.append((self.wanted.state.label, "state", str(self.wanted.state)))
        return [(words, lists.link(path, {**self.args, name: None})) for words, name, is_set in said if is_set]


def read_page(asked: Asked, args: Mapping[str, str], path: str) -> Page:
    """Return the page of incidents the URL asks for."""
    session = db.session()
    cursor = lists.read_cursor(args, _NEWEST)
    found = session.execute(lists.select_page(incidents.select_list(asked.wanted), _NEWEST, cursor)).all()
    return lists.make_page(
        found,
        cursor,
        key_of=lambda row: (to_microseconds(row.starts_at), row.id),
        url=lambda **place: lists.link(path, {**asked.args, **place}),
        noun="incidents",
        total=lists.counted(incidents.count(session, asked.wanted, most=lists.COUNT_MAX)),
    )
