"""From where somebody has signed in before: strangers who guess must not be able to keep them out from there.

A mark is a row of `rate_windows`, which housekeeping sweeps away once its time is over.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from creditapp.db import now
from creditapp.models import LogIn, LogInKind, RateWindow
from creditapp.services.staff import email_key

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

KNOWN_FOR = timedelta(days=30)
"""How long after a sign-in its address stays known."""


def remember(session: Session, log_in_id: int, address: str) -> None:
    """Note that this log-in has been opened from the address. Safe to repeat: each time counts anew."""
    ends_at = now(session) + KNOWN_FOR
    engine = postgresql if session.connection().dialect.name == "postgresql" else sqlite
    mark = engine.insert(RateWindow).values(key=_key(log_in_id, address), hits=1, ends_at=ends_at)
    session.execute(mark.on_conflict_do_update(index_elements=[RateWindow.key], set_={"ends_at": ends_at}))


def is_known(
    session: Session, email: str, address: str, moment: datetime, *, kind: LogInKind = LogInKind.STAFF
) -> bool:
    """Return whether who signs in at this door with this e-mail has done so from the address lately."""
    whose = select(LogIn.id).where(LogIn.kind == kind, LogIn.email_key == email_key(email))
    log_in_id = session.scalar(whose)
    if log_in_id is None:
        return False
    mark = select(RateWindow.key).where(RateWindow.key == _key(log_in_id, address), RateWindow.ends_at > moment)
    return session.scalar(mark) is not None


def _key(log_in_id: int, address: str) -> str:
    return f"known:{log_in_id}:{address}"
