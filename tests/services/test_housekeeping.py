"""Housekeeping: what is over goes, what counts stays."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from creditapp.db import db, transact, transact_at
from creditapp.models import CreditDay, FormDraft, LogInSession, RateWindow, RequestKey, Staff
from creditapp.services import housekeeping
from creditapp.services.housekeeping import Swept
from tests.factories import change_settings, give, make_customer, make_staff, moment

NOW = moment("2026-03-02 12:00")
A_SECOND = timedelta(seconds=1)


def _sweep(at: datetime = NOW) -> Swept:
    return transact_at(at, housekeeping.run)


def _add(*rows: Any) -> None:  # noqa: ANN401  (any model)
    def insert(session: Session) -> None:
        session.add_all(rows)

    transact(insert)


def _count(model: type[Any]) -> int:
    db.session.rollback()
    return db.session.execute(select(func.count()).select_from(model)).scalar_one()


def _log_in_id() -> int:
    staff_id = make_staff().id
    return db.session.execute(select(Staff.log_in_id).where(Staff.id == staff_id)).scalar_one()


def _sums() -> list[tuple[Any, ...]]:
    """What each day comes to, over all shards."""
    db.session.rollback()
    c = CreditDay
    statement = select(c.day, c.kind, c.reason_id, c.class_, func.sum(c.amount_minor), func.sum(c.lines))
    keys = (c.day, c.kind, c.reason_id, c.class_)
    return [tuple(row) for row in db.session.execute(statement.group_by(*keys).order_by(*keys))]


def _shards(day: date) -> set[int]:
    db.session.rollback()
    return set(db.session.execute(select(CreditDay.shard).where(CreditDay.day == day)).scalars())


def test_sessions_end_at_their_time(app: Flask) -> None:
    log_in_id = _log_in_id()
    times = {"created_at": NOW, "seen_at": NOW, "log_in_id": log_in_id}
    _add(
        LogInSession(token_digest=b"1" * 32, ends_at=NOW, **times),
        LogInSession(token_digest=b"2" * 32, ends_at=NOW + A_SECOND, **times),
    )

    assert _sweep().sessions == 1

    assert _count(LogInSession) == 1


def test_a_draft_waits_half_an_hour(app: Flask) -> None:
    log_in_id = _log_in_id()
    half_an_hour_ago = NOW - timedelta(minutes=30)
    _add(
        FormDraft(id="1", log_in_id=log_in_id, path="/", fields=[], created_at=half_an_hour_ago),
        FormDraft(id="2", log_in_id=log_in_id, path="/", fields=[], created_at=half_an_hour_ago + A_SECOND),
    )

    assert _sweep().drafts == 1

    assert _count(FormDraft) == 1


def test_counters_of_past_windows_are_forgotten(app: Flask) -> None:
    _add(
        RateWindow(key="a", hits=9, ends_at=NOW),
        RateWindow(key="b", hits=9, ends_at=NOW + A_SECOND),
    )

    assert _sweep().rate_windows == 1

    assert _count(RateWindow) == 1


def test_a_request_is_remembered_for_ninety_days(app: Flask) -> None:
    ninety_days_ago = NOW - timedelta(days=90)
    _add(
        RequestKey(scope="s", key="a", body_digest=b"", created_at=ninety_days_ago),
        RequestKey(scope="s", key="b", body_digest=b"", created_at=ninety_days_ago + A_SECOND),
    )

    assert _sweep().request_keys == 1

    assert _count(RequestKey) == 1


@pytest.mark.money
def test_folding_past_days_leaves_their_sums(app: Flask) -> None:
    for number in range(1, 8):
        customer_id = make_customer(number * 100, at=NOW - timedelta(days=1))
        give(customer_id, -50, at=NOW - timedelta(days=1))
    before = _sums()

    _sweep()

    assert _sums() == before
    assert _shards(date(2026, 3, 1)) == {0}


@pytest.mark.money
def test_today_is_left_to_those_who_write_it(app: Flask) -> None:
    for _ in range(5):
        make_customer(100, at=NOW)
    shards = _shards(NOW.date())

    _sweep()

    assert _shards(NOW.date()) == shards


@pytest.mark.money
def test_a_day_that_was_folded_takes_what_comes_late(app: Flask) -> None:
    customers = [make_customer(100, at=NOW - timedelta(days=1)) for _ in range(4)]
    _sweep()
    for customer_id in customers:
        give(customer_id, 25, at=NOW - timedelta(days=1))
    before = _sums()

    _sweep()

    assert _sums() == before
    assert _shards(date(2026, 3, 1)) == {0}


@pytest.mark.money
def test_a_day_ends_at_the_panels_midnight(app: Flask) -> None:
    change_settings(time_zone="America/Los_Angeles")
    for _ in range(5):
        make_customer(100, at=moment("2026-03-01 20:00"))
    shards = _shards(date(2026, 3, 1))

    _sweep(moment("2026-03-02 07:59"))

    assert _shards(date(2026, 3, 1)) == shards

    _sweep(moment("2026-03-02 08:00"))

    assert _shards(date(2026, 3, 1)) == {0}


@pytest.mark.money
def test_sweeping_twice_finds_nothing_the_second_time(app: Flask) -> None:
    for _ in range(5):
        make_customer(100, at=NOW - timedelta(days=1))
    _sweep()

    assert _sweep() == Swept(0, 0, 0, 0, 0)
