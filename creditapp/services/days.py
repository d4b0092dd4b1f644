"""Days: which one it is in the panel, and on which of them the work of the day has been done."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.db import now
from creditapp.models import RequestKey, Setting
from creditapp.services import request_keys
from creditapp.services.ledger import zone

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SCOPE = "daily"


def today(session: Session) -> date:
    """Return the panel's calendar day at the moment of this transaction."""
    name = session.execute(select(Setting.time_zone).where(Setting.id == 1)).scalar_one()
    return now(session).astimezone(zone(name)).date()


def is_done(session: Session, day: date) -> bool:
    """Return whether the work of this day has been done."""
    return session.get(RequestKey, (SCOPE, day.isoformat())) is not None


def note_done(session: Session, day: date, came_to: str) -> None:
    """Remember that the work of this day has been done, and what it came to. The first to say so is believed."""
    key = day.isoformat()
    if request_keys.claim(session, SCOPE, key, (key,)) is None:
        request_keys.keep(session, SCOPE, key, came_to)
