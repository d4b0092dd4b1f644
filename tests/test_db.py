"""The one door to the database: what it commits, what it takes back, when it tries again."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from creditapp.columns import UtcDateTime
from creditapp.db import SQLITE_BUSY_MS, TRIES_MAX, db, now, transact, transact_at, transact_soon
from creditapp.errors import BusyError, CustomerNotFoundError
from creditapp.models import Setting
from creditapp.turns import Queue
from tests.factories import make_customer

pytestmark = pytest.mark.money

LOST_RACES = [
    sqlite3.OperationalError("database is locked"),
    psycopg.errors.SerializationFailure("could not serialize access"),
    psycopg.errors.DeadlockDetected("deadlock detected"),
    psycopg.errors.LockNotAvailable("canceling statement due to lock timeout"),
]


def rename(session: Session, name: str) -> None:
    session.execute(update(Setting).values(company_name=name))


def company() -> str:
    db.session.rollback()
    return db.session.execute(select(Setting.company_name)).scalar_one()


class Stumbling:
    """A service that writes, and then fails so many times before it succeeds."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error, self.times, self.calls = error, times, 0

    def __call__(self, session: Session) -> str:
        self.calls += 1
        rename(session, f"call {self.calls}")
        if self.calls <= self.times:
            raise self.error
        return "done"


def test_what_a_service_wrote_is_committed_and_its_result_returned(app: Flask) -> None:
    stumbling = Stumbling(ValueError(), 0)

    result = transact(stumbling)

    assert (result, company()) == ("done", "call 1")


def test_a_refusal_takes_everything_back_and_is_not_tried_again(app: Flask) -> None:
    before, stumbling = company(), Stumbling(CustomerNotFoundError(5), 1)

    with pytest.raises(CustomerNotFoundError):
        transact(stumbling)

    assert (stumbling.calls, company()) == (1, before)


@pytest.mark.parametrize("error", [ValueError(), RuntimeError("locked"), BusyError(), sqlite3.IntegrityError("locked")])
def test_a_mistake_is_not_tried_again(app: Flask, error: Exception) -> None:
    before, stumbling = company(), Stumbling(error, 1)

    with pytest.raises(type(error)):
        transact(stumbling)

    assert (stumbling.calls, company()) == (1, before)


@pytest.mark.parametrize("error", LOST_RACES, ids=lambda error: type(error).__name__)
def test_a_lost_race_is_run_anew_from_the_start(app: Flask, error: Exception) -> None:
    stumbling = Stumbling(error, 3)

    result = transact(stumbling)

    assert (result, stumbling.calls, company()) == ("done", 4, "call 4")


def test_trying_again_has_an_end(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda _low, _high: 0)
    before, stumbling = company(), Stumbling(LOST_RACES[0], 10**6)

    with pytest.raises(BusyError) as busy:
        transact(stumbling)

    assert (stumbling.calls, company()) == (TRIES_MAX, before)
    assert str(busy.value) == "The system is busy. Nothing was saved; try again in a moment."


def test_after_a_failure_the_next_one_is_served(app: Flask) -> None:
    for error in (ValueError(), LOST_RACES[1]):
        with pytest.raises(ValueError, match=r"^$"):
            transact(Stumbling(ValueError(), 1))
        assert transact(Stumbling(error, 0)) == "done"

    assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_broken_rule_of_the_database_is_not_tried_again(app: Flask) -> None:
    calls = []

    def twice(session: Session) -> None:
        calls.append(1)
        session.execute(text("UPDATE credit_totals SET shard = 0"))

    with pytest.raises(IntegrityError):
        transact(twice)

    assert len(calls) == 1


def test_transactions_are_not_nested(app: Flask) -> None:
    def outer(session: Session) -> None:
        rename(session, "outer")
        transact(rename, "inner")

    before = company()

    with pytest.raises(RuntimeError, match="outermost"):
        transact(outer)

    assert company() == before


def test_what_the_page_has_changed_is_not_lost_in_silence(app: Flask) -> None:
    db.session.get_one(Setting, 1).company_name = "Changed outside"

    with pytest.raises(RuntimeError, match="would be lost"):
        transact(rename, "inside")

    db.session.rollback()


def test_the_service_sees_the_row_in_the_database_not_the_pages(app: Flask) -> None:
    loaded = db.session.get_one(Setting, 1)
    assert loaded.company_name == "Credit desk"
    with db.engine.begin() as elsewhere:
        elsewhere.execute(update(Setting).values(company_name="Elsewhere"))
    db.session.rollback()

    seen = transact(lambda session: session.get_one(Setting, 1).company_name)

    assert seen == "Elsewhere"


def test_a_transaction_has_one_moment_and_it_can_be_set(app: Flask) -> None:
    moment = datetime(2026, 3, 2, 12, tzinfo=UTC)
    before = datetime.now(UTC)

    set_, (first, second) = transact_at(moment, now), transact(lambda session: (now(session), now(session)))

    assert set_ == moment
    assert before <= first == second <= datetime.now(UTC)


def test_a_moment_without_a_zone_is_refused(app: Flask) -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 3, 2), db.engine.dialect)  # noqa: DTZ001  (the point)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2026, 3, 2, 12, 0, 0, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_a_moment_is_kept_to_the_microsecond(app: Flask, moment: datetime) -> None:
    def keep(session: Session) -> None:
        session.execute(update(Setting).values(updated_at=moment))

    transact(keep)

    assert db.session.execute(select(Setting.updated_at)).scalar_one() == moment


def test_each_connection_is_set_up_to_lose_nothing(app: Flask) -> None:
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            questions = ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
            answers: list[Any] = [connection.exec_driver_sql(f"PRAGMA {q}").scalar_one() for q in questions]
            expected: list[Any] = ["wal", 2, 1, 1]
        else:
            questions = ("timezone", "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
            answers = [connection.exec_driver_sql(f"SHOW {q}").scalar_one() for q in questions]
            expected = ["UTC", "5s", "15s", "30s"]

    assert answers == expected


def test_writers_are_served_in_the_order_in_which_they_came() -> None:
    queue, served = Queue(), []

    def wait(number: int) -> None:
        with queue.turn(60):
            served.append(number)

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(8)]
    with queue.turn(60):
        for number, thread in enumerate(threads, start=1):
            thread.start()
            _until(lambda: len(queue._waiting) == number)  # noqa: B023  (called at once)
    for thread in threads:
        thread.join()

    assert served == list(range(8))
    assert not queue.is_in_use


def test_whoever_waits_too_long_leaves_the_queue_and_holds_up_nobody() -> None:
    queue = Queue()

    with queue.turn(60), pytest.raises(BusyError), queue.turn(0.01):
        pytest.fail("two have the turn")
    with queue.turn(60):
        assert queue.is_in_use

    assert not queue.is_in_use


def test_what_a_page_can_do_without_waits_for_no_other_writer(app: Flask) -> None:
    if db.engine.dialect.name != "sqlite":
        assert transact_soon(Stumbling(ValueError(), 0)) == "done"
        return
    stumbling = Stumbling(ValueError(), 0)
    with db.engine.connect().execution_options(sqlite_begin="IMMEDIATE") as other, other.begin():
        began = time.monotonic()
        with pytest.raises(BusyError):
            transact_soon(stumbling)
        waited_s = time.monotonic() - began

    assert (stumbling.calls, waited_s < SQLITE_BUSY_MS / 1000) == (0, True)
    assert transact_soon(stumbling) == "done"
    with db.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == SQLITE_BUSY_MS


def _until(is_so: Any) -> None:  # noqa: ANN401  (a function without arguments)
    give_up = threading.Event()
    timer = threading.Timer(60, give_up.set)
    timer.start()
    while not is_so():
        assert not give_up.is_set()
    timer.cancel()
    timer.join()


@pytest.mark.parametrize("engine", ["postgresql"])
def test_on_postgresql_nobody_waits_for_another_customers_writer(app: Flask) -> None:
    first, second = make_customer(100), make_customer(100)

    def lock(session: Session, customer: int, *then: int) -> int:
        statement = text("SELECT balance_minor FROM credit_accounts WHERE customer_id = :c FOR UPDATE")
        balance_minor: int = session.execute(statement, {"c": customer}).scalar_one()
        if then:
            outcome: list[int] = []
            context = app.app_context()
            thread = threading.Thread(target=lambda: _inside(context, lambda: outcome.append(transact(lock, *then))))
            thread.start()
            thread.join(10)
            assert outcome == [100]
        return balance_minor

    assert transact(lock, first, second) == 100


def _inside(context: Any, work: Any) -> None:  # noqa: ANN401  (an application context and a function)
    with context:
        work()
