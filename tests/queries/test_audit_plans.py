"""The audit log of 200,000 acts: whatever is asked for, a page costs what it shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Select, text

from creditapp.db import db, transact
from creditapp.queries import audit
from creditapp.queries.audit import AuditFilter, Person, Place
from creditapp.services import verification
from tests.conftest import AppMaker
from tests.factories import actor, give, make_customer, moment
from tests.queries.audit_rows import RARE_ACTION, RARE_OBJECT, RARE_STAFF, fill

ROWS, SHOWN = 200_000, 51
READ_MAX = 60 * SHOWN
"""Rows that an engine touches for one page: of thirty people from an index each, and once more to order them."""
STEPS_A_ROW = 60
"""SQLite counts steps of its machine, not rows."""
DAY, NEXT_DAY = moment("2026-03-02 00:00"), moment("2026-03-03 00:00")
TEAM = tuple(Person("staff", number) for number in range(2, 31))
QUESTIONS = {
    "everything": AuditFilter(),
    "a day": AuditFilter(since=DAY, until=NEXT_DAY),
    "somebody": AuditFilter(people=(Person("staff", 7),)),
    "somebody on a day": AuditFilter(people=(Person("staff", 7),), since=DAY, until=NEXT_DAY),
    "somebody who seldom does anything": AuditFilter(people=(Person("staff", RARE_STAFF),)),
    "nobody": AuditFilter(people=(Person("staff", 777),)),
    "the system": AuditFilter(people=(Person("system"),)),
    "a team": AuditFilter(people=TEAM),
    "a team on a day": AuditFilter(people=TEAM, since=DAY, until=NEXT_DAY),
    "a rare act": AuditFilter(actions=(RARE_ACTION,)),
    "rare acts before a day": AuditFilter(actions=(RARE_ACTION, "refused", "exported"), until=DAY),
    "what has no number": AuditFilter(object_kind="page"),
    "an object": AuditFilter(object_kind="customer", object_id=RARE_OBJECT),
    "an object and a team": AuditFilter(people=TEAM, object_kind="customer", object_id=100),
    "no such object": AuditFilter(object_kind="invoice", object_id=5),
}
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group(__name__)]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def log(request: pytest.FixtureRequest, new_app: AppMaker) -> Iterator[Flask]:
    with new_app(request.param) as app:
        give(make_customer(), 500, by=actor())
        assert verification.report() == []
        transact(fill, ROWS)
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
        yield app


@pytest.mark.parametrize("entries", [False, True], ids=["acts", "acts and entries"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_page_reads_no_more_than_it_shows(log: Flask, question: str, *, entries: bool) -> None:
    wanted = replace(QUESTIONS[question], with_entries=entries)
    middle = (DAY + timedelta(hours=12), audit.ACT, 10**6, 0)

    for place in (None, Place(middle, backwards=False), Place(middle, backwards=True)):
        assert rows_read(audit.select_keys(wanted, place, SHOWN)) <= READ_MAX, place


def test_an_act_that_somebody_never_did_reads_that_persons_alone(log: Flask) -> None:
    wanted = AuditFilter(people=(Person("staff", 7),), actions=(RARE_ACTION,))

    assert rows_read(audit.select_keys(wanted, None, SHOWN)) < ROWS / 30


def test_counting_stops(log: Flask) -> None:
    assert audit.count(db.session(), AuditFilter(), most=1000) == 1001
    assert audit.count(db.session(), QUESTIONS["a team"], most=1000) == 1001
    assert audit.count(db.session(), QUESTIONS["somebody who seldom does anything"], most=1000) == 20


def test_reading_everything_would_be_seen(log: Flask) -> None:
    assert rows_read(audit.select_keys(AuditFilter())) > READ_MAX


def rows_read(statement: Select[Any]) -> int:
    """Return how many rows the engine touches to answer, as it counts them itself."""
    compiled = statement.compile(db.engine, compile_kwargs={"literal_binds": True, "render_postcompile": True})
    with db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            told = connection.exec_driver_sql(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled}".replace("%", "%%")
            ).scalar_one()
            return _touched((json.loads(told) if isinstance(told, str) else told)[0]["Plan"])
        steps = [0]

        def count() -> None:
            steps[0] += STEPS_A_ROW

        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(count, STEPS_A_ROW)
        try:
            connection.exec_driver_sql(str(compiled)).all()
        finally:
            driver.set_progress_handler(None, 0)
        return steps[0] // STEPS_A_ROW


def _touched(plan: dict[str, Any]) -> int:
    own = plan.get("Actual Rows", 0) + plan.get("Rows Removed by Filter", 0) if "Relation Name" in plan else 0
    return int(own * plan.get("Actual Loops", 1)) + sum(_touched(inner) for inner in plan.get("Plans", []))
