"""Incidents that a single credit can be linked to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.models import Incident

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

RECENT_MAX = 50


def recent(session: Session) -> list[tuple[int, str, datetime]]:
    """Return the newest incidents that have not been dismissed: number, title, and when each began."""
    i = Incident
    statement = select(i.id, i.title, i.starts_at).where(i.dismissed_at.is_(None))
    rows = session.execute(statement.order_by(i.starts_at.desc(), i.id.desc()).limit(RECENT_MAX))
    return [(row[0], row[1], row[2]) for row in rows]
