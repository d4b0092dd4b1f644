"""Statements run straight on the driver: their answers, their order, and what is left when one of them fails."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest
from flask import Flask
from sqlalchemy import bindparam, event, select, text, update
from sqlalchemy.orm import Session

from creditapp.bulk import run_many
from creditapp.db import db, snapshot, transact
from creditapp.models import Role, RoleRules, Setting
from creditapp.statements import Outcome, Prepared, run
from tests.factories import balance_of, give, make_customer

pytestmark = pytest.mark.money

WINDOW = Prepared(select(Setting.duplicate_window_days, Setting.updated_at).where(Setting.id == bindparam("number")))
SET_WINDOW = Prepared(update(Setting).values(duplicate_window_days=bindparam("days")))
LIMIT = Prepared(update(RoleRules).where(RoleRules.role == bindparam("who")).values(add_max_minor=bindparam("minor")))
TOO_LONG = 1000
"""More days than the database lets the window have."""


def test_answers_come_in_the_order_of_the_questions(app: Flask) -> None:
    calls = [WINDOW(number=1), SET_WINDOW(days=3), WINDOW(number=1), WINDOW(number=2)]

    before, write, after, nothing = transact(lambda session: run(session, *calls))

    assert [before.rows[0][0], after.rows[0][0]] == [7, 3]
    assert before.rows[0][1].tzinfo is not None
    assert write == Outcome([], 1)
    assert nothing.rows == []


def test_the_first_refusal_is_what_is_said_and_nothing_is_kept(app: Flask) -> None:
    def overdo(session: Session) -> None:
        run(session, LIMIT(who="agent", minor=500), SET_WINDOW(days=TOO_LONG), SET_WINDOW(days=-1))

    with pytest.raises((sqlite3.IntegrityError, psycopg.errors.CheckViolation), match="window_is_short"):
        transact(overdo)

    assert transact(lambda session: run(session, WINDOW(number=1)))[0].rows[0][0] == 7
    assert db.session.get_one(RoleRules, "agent").add_max_minor is None


def test_after_a_refusal_the_same_statements_serve_the_next_one(app: Flask) -> None:
    days = Prepared(update(Setting).values(duplicate_window_days=bindparam("days")))

    for _ in range(3):
        with pytest.raises((sqlite3.IntegrityError, psycopg.errors.CheckViolation)):
            transact(lambda session: run(session, WINDOW(number=1), days(days=TOO_LONG)))
        assert transact(lambda session: run(session, days(days=5), WINDOW(number=1)))[1].rows[0][0] == 5


def test_many_calls_of_one_statement_must_each_find_their_row(app: Flask) -> None:
    transact(lambda session: run_many(session, [LIMIT(who=str(role), minor=700) for role in Role]))

    with pytest.raises(RuntimeError, match="1 rows were touched instead of 2"):
        transact(lambda session: run_many(session, [LIMIT(who=who, minor=900) for who in ("agent", "nobody")]))

    assert {rules.add_max_minor for rules in db.session.scalars(select(RoleRules))} == {700}


def test_pages_and_their_rollbacks_leave_prepared_statements_alone(app: Flask) -> None:
    customer = make_customer()

    for turn in range(1, 4):
        give(customer, turn)
        for _ in range(10):
            db.session.execute(text("SELECT count(*) FROM reasons WHERE id = :number"), {"number": turn}).all()
        db.session.rollback()

    assert balance_of(customer) == 6


def test_a_connection_cut_while_nobody_used_it_is_not_noticed(app: Flask) -> None:
    customer = make_customer(100)
    cut_all_connections()

    give(customer, 20)
    cut_all_connections()

    assert balance_of(customer) == 120


def test_a_connection_cut_in_the_middle_is_tried_again(app: Flask) -> None:
    tries = []

    def stumble(session: Session) -> int:
        run(session, SET_WINDOW(days=9), WINDOW(number=1))
        tries.append(1)
        if len(tries) == 1:
            cut_all_connections()
        return int(run(session, WINDOW(number=1), WINDOW(number=1))[1].rows[0][0])

    assert transact(stumble) == 9
    assert len(tries) == (2 if db.engine.dialect.name == "postgresql" else 1)


def test_reading_a_snapshot_they_write_nothing(app: Flask) -> None:
    errors = (sqlite3.OperationalError, psycopg.errors.ReadOnlySqlTransaction)

    with pytest.raises(errors), snapshot() as session:
        run(session, SET_WINDOW(days=1))


def test_listeners_see_each_statement_before_any_has_run(app: Flask) -> None:
    seen = []

    def listen(_connection: object, _cursor: object, statement: str, values: object, *_rest: object) -> None:
        if "duplicate_window_days" in statement:
            seen.append((statement.partition(" ")[0], values))

    event.listen(db.engine, "before_cursor_execute", listen)
    transact(lambda session: run(session, SET_WINDOW(days=4), WINDOW(number=1)))

    assert seen == [("UPDATE", (4,)), ("SELECT", (1,))]


def cut_all_connections() -> None:
    """Do what a restart of the server does. SQLite has no connection that could be cut."""
    db.session.remove()
    if db.engine.dialect.name == "postgresql":
        address = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
