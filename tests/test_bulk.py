"""Many rows at once: each arrives as it was given, each is found, and a missing one is not passed over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import Update, select, update
from sqlalchemy.orm import Session

from creditapp.bulk import ROWS_AT_ONCE, Given, RowUpdate, among, insert_rows, run_many
from creditapp.db import Base, db, transact
from creditapp.models import RateWindow

pytestmark = pytest.mark.money

WINDOWS = Base.metadata.tables[RateWindow.__tablename__]
START = datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)
COUNTS = (1, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 3 * ROWS_AT_ONCE + 2)


def _hit(given: Given) -> Update:
    return update(WINDOWS).where(WINDOWS.c.key == given["its_key"]).values(hits=WINDOWS.c.hits + given["more"])


HIT = RowUpdate(_hit, its_key=WINDOWS.c.key, more=WINDOWS.c.hits)


def _insert_alike(session: Session, count: int) -> None:
    """Insert rows that differ in their keys alone."""
    insert_rows(session, WINDOWS, [{"key": f"row:{n}"} for n in range(count)], {"ends_at": START, "hits": 7})


def _insert(session: Session, count: int) -> None:
    """Insert rows of which three share each moment."""
    rows = [{"key": f"row:{n}", "hits": n, "ends_at": START + timedelta(days=n // 3)} for n in range(count)]
    insert_rows(session, WINDOWS, rows)


def _hits() -> dict[str, int]:
    db.session.rollback()
    rows = db.session.execute(select(RateWindow.key, RateWindow.hits).where(RateWindow.key.startswith("row:")))
    return {row[0]: row[1] for row in rows}


@pytest.mark.parametrize("count", COUNTS)
def test_rows_arrive_as_they_were_given_however_many_share_a_statement(app: Flask, count: int) -> None:
    transact(_insert, count)

    rows = select(RateWindow.key, RateWindow.hits, RateWindow.ends_at).where(RateWindow.key.startswith("row:"))
    ours = [tuple(row) for row in db.session.execute(rows.order_by(RateWindow.hits))]
    assert ours == [(f"row:{n}", n, START + timedelta(days=n // 3)) for n in range(count)]


@pytest.mark.parametrize("count", COUNTS)
def test_what_all_rows_share_is_given_once(app: Flask, count: int) -> None:
    transact(_insert_alike, count)

    rows = db.session.execute(select(RateWindow.hits, RateWindow.ends_at).where(RateWindow.key.startswith("row:")))
    assert [tuple(row) for row in rows] == [(7, START)] * count


def test_columns_are_told_apart_by_name_and_not_by_place(app: Flask) -> None:
    rows = [{"key": "row:a", "hits": 1, "ends_at": START}, {"ends_at": START, "hits": 2, "key": "row:b"}]

    transact(insert_rows, WINDOWS, rows)

    assert _hits() == {"row:a": 1, "row:b": 2}


def test_an_update_of_many_rows_gives_each_its_own_value(app: Flask) -> None:
    transact(_insert, 40)

    transact(run_many, [HIT(its_key=f"row:{n}", more=100 * n) for n in range(40)])

    assert _hits() == {f"row:{n}": 101 * n for n in range(40)}


@pytest.mark.parametrize("keys", [("row:0", "row:9"), ("row:9",)])
def test_an_update_that_misses_a_row_changes_nothing(app: Flask, keys: tuple[str, ...]) -> None:
    transact(_insert, 3)

    with pytest.raises(RuntimeError, match=f"{len(keys) - 1} rows were touched instead of {len(keys)}"):
        transact(run_many, [HIT(its_key=key, more=5) for key in keys])

    assert _hits() == {"row:0": 0, "row:1": 1, "row:2": 2}


def test_among_finds_those_that_are_there_and_no_others(app: Flask) -> None:
    transact(_insert, 9)

    hits = WINDOWS.c.hits
    found = db.session.execute(select(hits).where(among(db.session(), hits, {2, 5, 77})).order_by(hits)).scalars()

    assert list(found) == [2, 5]
    assert db.session.execute(select(hits).where(among(db.session(), hits, set()))).all() == []
