"""Where somebody is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.models import LogInSession

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SHOWN_MAX = 50


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One browser that is signed in."""

    digest: bytes
    browser: str
    address: str
    created_at: datetime
    seen_at: datetime


def open_sessions(session: Session, log_in_id: int, moment: datetime, *, idle_max: timedelta) -> list[OpenSession]:
    """Return the sessions of the log-in that still open something, the newest use first."""
    s = LogInSession
    statement = (
        select(s.token_digest, s.browser, s.address, s.created_at, s.seen_at)
        .where(
            s.log_in_id == log_in_id,
            s.ends_at > moment,
            s.seen_at > moment - idle_max,
            s.awaits_code.is_(False),
            s.views_customer_id.is_(None),
        )
        .order_by(s.seen_at.desc(), s.created_at.desc(), s.token_digest)
        .limit(SHOWN_MAX)
    )
    return [OpenSession(*row) for row in session.execute(statement)]
