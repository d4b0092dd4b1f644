"""Where somebody is signed in, as the own profile lists it; the same at both doors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from creditapp.db import db
from creditapp.queries import sessions as queries
from creditapp.queries.sessions import OpenSession
from creditapp.services import sessions
from creditapp.web.browsers import browser_words
from creditapp.web.fields import PassedField
from creditapp.web.forms import Form
from creditapp.web.lists import Column

COLUMNS = (Column("Browser"), Column("Address"), Column("Since"), Column("Last seen"), Column(""))


class EndSessionForm(Form):
    """The button that ends one session."""

    handle = PassedField()


@dataclass(frozen=True, slots=True)
class OwnSession:
    """One browser in which somebody is signed in."""

    browser: str
    address: str
    created_at: datetime
    seen_at: datetime
    is_this: bool
    form: EndSessionForm


def own_sessions(log_in_id: int, token: str, *, idle_max: timedelta) -> list[OwnSession]:
    """Return where this log-in is signed in, the newest use first."""
    here = sessions.handle_of_token(token)
    found = queries.open_sessions(db.session(), log_in_id, datetime.now(UTC), idle_max=idle_max)
    return [_shown(one, sessions.handle_of(one.digest), here) for one in found]


def _shown(one: OpenSession, handle: str, here: str) -> OwnSession:
    form = EndSessionForm(sent=False, data={"handle": handle})
    words = browser_words(one.browser)
    return OwnSession(words, one.address or "–", one.created_at, one.seen_at, handle == here, form)
