"""What is swept up every minute: rows whose time is over. None of it is money or history."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from creditapp.db import now
from creditapp.models import (
    CreditDay,
    FormDraft,
    LogInSession,
    OneTimeLink,
    RateWindow,
    RequestKey,
    Setting,
    StaffInvitation,
)
from creditapp.services.ledger import zone

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

DRAFT_LIFE = timedelta(minutes=30)
REQUEST_KEY_LIFE = timedelta(days=90)
"""Nobody sends a form of last season once more."""


@dataclass(frozen=True, slots=True)
class Swept:
    """How many rows went."""

    sessions: int
    drafts: int
    rate_windows: int
    request_keys: int
    day_shards: int
    links: int = 0


def run(session: Session) -> Swept:
    """Sweep up what is over, and return how much it was. Safe to repeat, and to run twice at once."""
    moment = now(session)
    return Swept(
        sessions=_drop(session, LogInSession, LogInSession.ends_at <= moment),
        drafts=_drop(session, FormDraft, FormDraft.created_at <= moment - DRAFT_LIFE),
        rate_windows=_drop(session, RateWindow, RateWindow.ends_at <= moment),
        request_keys=_drop(session, RequestKey, RequestKey.created_at <= moment - REQUEST_KEY_LIFE),
        day_shards=fold_days(session, _today(session, moment)),
        links=_drop(session, OneTimeLink, OneTimeLink.ends_at <= moment)
        + _drop(session, StaffInvitation, StaffInvitation.ends_at <= moment),
    )


def fold_days(session: Session, today: date) -> int:
    """Add the shards of days before `today` up in shard 0, and return how many rows that saved.

    A day's sums are spread over shards so that writers of the same minute rarely meet. Once the day is over nobody
    writes them any more, and reports need not read sixteen rows for one. What a day comes to stays the same: in one
    transaction the shards are taken out and their sum is added to shard 0. An entry that was begun before midnight and
    comes late makes a shard again, which the next run folds. SQLite, with one writer, has shard 0 only.
    """
    c = CreditDay.__table__.c
    names = ("day", "kind", "reason_id", "class")
    gone = session.execute(
        delete(CreditDay)
        .where(c.shard != 0, c.day < today)
        .returning(*[c[name] for name in names], c.amount_minor, c.lines)
    ).all()
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for *key, amount_minor, lines in gone:
        sums[tuple(key)][0] += amount_minor
        sums[tuple(key)][1] += lines
    if not sums:
        return 0
    rows = [
        {**dict(zip(names, key, strict=True)), "shard": 0, "amount_minor": amount_minor, "lines": lines}
        for key, (amount_minor, lines) in sorted(sums.items())
    ]
    connection = session.connection()
    engine = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = engine.insert(CreditDay)
    added = row.on_conflict_do_update(
        index_elements=[c[name] for name in (*names, "shard")],
        set_={
            "amount_minor": c.amount_minor + row.excluded.amount_minor,
            "lines": c.lines + row.excluded.lines,
        },
    )
    connection.execute(added, rows)
    return len(gone) - len(rows)


def _drop(session: Session, model: type[Any], is_over: ColumnElement[bool]) -> int:
    return int(session.connection().execute(delete(model).where(is_over)).rowcount)


def _today(session: Session, moment: datetime) -> date:
    name = session.execute(select(Setting.time_zone).where(Setting.id == 1)).scalar_one()
    return moment.astimezone(zone(name)).date()
