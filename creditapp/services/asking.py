"""Which open payments their gateways are asked about: where a call-back got lost, the answer makes up for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select

from creditapp.services.intents import INTENTS, OPEN

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

NEVER_STARTED = timedelta(hours=1)
"""An intent that no gateway has made a page for by then never will: its customer was sent nowhere."""
POLL_FROM = timedelta(minutes=2)
"""Call-backs come within seconds; asking sooner would only ask twice."""
_PACES = ((POLL_FROM, 2, 20), (timedelta(minutes=10), 10, 20), (timedelta(hours=1), 60, 10))
"""From which age on it is asked every so many minutes, and how many are asked in one of them at most."""
_MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class Open:
    """An open intent, as those see it who ask its gateway how it stands."""

    customer_id: int
    intent_id: int
    gateway: str
    session_ref: str
    created_at: datetime


def to_ask_about(session: Session, moment: datetime) -> list[Open]:
    """Return open intents whose gateways should be asked now, the oldest first: often at first, then hourly.

    Each age has room of its own, so that what many have abandoned keeps nobody who has just paid waiting. Where more
    are open than there is room for, all of them are asked less often. One that no gateway has made a page for comes
    once it never will.
    """
    i = INTENTS.c
    nowhere = _select_open().where(i.session_ref == "", i.created_at <= moment - NEVER_STARTED)
    room = sum(most for _age, _step, most in _PACES)
    found = list(session.execute(_oldest(nowhere).limit(room)))
    ends = [*(moment - age for age, _step, _most in _PACES[1:]), None]
    for (age, step, most), older in zip(_PACES, ends, strict=True):
        waiting = _select_open().where(i.session_ref != "", i.created_at <= moment - age)
        if older is not None:
            waiting = waiting.where(i.created_at > older)
        count = session.execute(select(func.count()).select_from(waiting.subquery())).scalar_one()
        pace = max(step, -(-2 * count // most))
        turn = (i.id + int(moment.timestamp()) // _MINUTE_S) % pace == 0
        found += session.execute(_oldest(waiting.where(turn)).limit(most))
    return sorted((Open(*row) for row in found), key=lambda one: one.created_at)


def _select_open() -> Select[Any]:
    i = INTENTS.c
    return select(i.customer_id, i.id, i.gateway, i.session_ref, i.created_at).where(i.status.in_(OPEN))


def _oldest(statement: Select[Any]) -> Select[Any]:
    i = INTENTS.c
    return statement.order_by(i.created_at, i.customer_id, i.id)
