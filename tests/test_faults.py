"""Whatever breaks, wherever: an entry is in exactly once, or not at all."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count, cycle
from multiprocessing.connection import wait
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from creditapp.db import db, transact
from creditapp.errors import CommitUnknownError
from creditapp.models import CreditEntry
from creditapp.services import credits
from creditapp.services.ledger import Entry
from tests.crowd import Spender, work_here, workshop
from tests.factories import actor, balance_of, give, make_customer, make_staff, new_key, reason_named

pytestmark = pytest.mark.money

KILLS = int(os.environ.get("SOAK_KILLS", "30"))
WRITERS = 4
STATEMENTS_MIN = 9
POSTGRESQL = pytest.mark.parametrize("engine", ["postgresql"])
SQLITE = pytest.mark.parametrize("engine", ["sqlite"])
VERBS = pytest.mark.parametrize("verb", ["add", "remove", "reverse", "set"])


class Desk:
    """A customer with two lots, an addition and a removal to undo, and somebody who does things to them."""

    def __init__(self) -> None:
        self.customer, self.by = make_customer(1000), actor()
        give(self.customer, 500)
        self.removal = give(self.customer, -1200)
        self.courtesy, self.mistake = reason_named("Courtesy"), reason_named("Entered by mistake")
        self.correction = reason_named("Balance correction")

    def prepare(self, verb: str, key: str) -> Callable[[], Entry]:
        """Return what does it, with everything looked up before."""
        seen_minor = balance_of(self.customer)
        db.session.remove()
        verbs = {
            "add": partial(credits.adjust, amount_minor=7, reason_id=self.courtesy, note="Note", duplicates_ok=True),
            "remove": partial(credits.adjust, amount_minor=-7, reason_id=self.mistake, duplicates_ok=True),
            "reverse": partial(credits.reverse, seq=self.removal.seq, amount_minor=3),
            "set": partial(
                credits.set_balance,
                target_minor=seen_minor + 5,
                seen_minor=seen_minor,
                reason_id=self.correction,
            ),
        }
        return partial(transact, verbs[verb], customer_id=self.customer, by=self.by, key=key)


@pytest.fixture
def desk(app: Flask) -> Desk:
    return Desk()


def posted(key: str) -> list[int]:
    db.session.rollback()
    return list(db.session.execute(select(CreditEntry.seq).where(CreditEntry.key == key)).scalars())


@contextmanager
def failing_at(number: int, fail: Callable[[Any], None]) -> Iterator[list[str]]:
    """Call `fail` with the connection before the statement of this number, once; yield what ran."""
    ran: list[str] = []

    def listen(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:  # noqa: ANN401
        ran.append(statement)
        if len(ran) == number:
            fail(connection)

    event.listen(db.engine, "before_cursor_execute", listen)
    try:
        yield ran
    finally:
        event.remove(db.engine, "before_cursor_execute", listen)


@contextmanager
def failing_at_commit(fail: Callable[[Any], None]) -> Iterator[None]:
    """Call `fail` with the driver's connection in place of the next COMMIT, once."""
    dialect = db.engine.dialect
    as_it_was = dialect.do_commit
    failed: list[bool] = []

    def do_commit(pooled: Any) -> None:  # noqa: ANN401  (the pool's connection)
        if failed:
            as_it_was(pooled)
        else:
            failed.append(True)
            fail(pooled.driver_connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialect, "do_commit", do_commit)
        yield
    assert failed


def raising(error: Exception) -> Callable[[Any], None]:
    def fail(_connection: Any) -> None:  # noqa: ANN401
        raise error

    return fail


def lost_race() -> Exception:
    if db.engine.dialect.name == "sqlite":
        return sqlite3.OperationalError("database is locked")
    return psycopg.errors.SerializationFailure("could not serialize access due to concurrent update")


def cut(connection: Any) -> None:  # noqa: ANN401  (a Connection)
    """Cut the connection to the server from outside."""
    cut_driver(connection.connection.driver_connection)


def cut_driver(driver: Any) -> None:  # noqa: ANN401  (psycopg's connection)
    address = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    pid = [driver.info.backend_pid]
    with psycopg.connect(address, autocommit=True) as elsewhere:
        elsewhere.execute("SELECT pg_terminate_backend(%s)", pid)
        give_up_at = time.monotonic() + 5
        while elsewhere.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", pid).fetchone():
            assert time.monotonic() < give_up_at  # the server itself would look again only after a tenth of a second


def cut_before_commit(driver: Any) -> None:  # noqa: ANN401  (psycopg's connection)
    cut_driver(driver)
    driver.commit()


def cut_after_commit(driver: Any) -> None:  # noqa: ANN401  (psycopg's connection)
    """Let the server commit, and lose its answer."""
    driver.commit()
    cut_driver(driver)
    driver.execute("SELECT 1")


@VERBS
def test_a_race_lost_at_any_statement_ends_in_one_entry(desk: Desk, verb: str) -> None:
    for number in count(1):
        key = new_key()
        work = desk.prepare(verb, key)
        with failing_at(number, raising(lost_race())) as ran:
            entry = work()
        assert posted(key) == [entry.seq]
        if len(ran) < number:
            break

    assert number > STATEMENTS_MIN


@VERBS
def test_a_mistake_at_any_statement_leaves_nothing(desk: Desk, verb: str) -> None:
    for number in count(1):
        key, before_minor = new_key(), balance_of(desk.customer)
        work = desk.prepare(verb, key)
        with failing_at(number, raising(ZeroDivisionError())) as ran, suppress(ZeroDivisionError):
            work()
        if len(ran) < number:
            break
        assert (posted(key), balance_of(desk.customer)) == ([], before_minor)

    assert number > STATEMENTS_MIN


@VERBS
@POSTGRESQL
def test_a_connection_cut_at_any_statement_ends_in_one_entry(desk: Desk, verb: str) -> None:
    for number in count(1):
        key = new_key()
        work = desk.prepare(verb, key)
        with failing_at(number, cut) as ran:
            entry = work()
        assert posted(key) == [entry.seq]
        if len(ran) < number:
            break

    assert number > STATEMENTS_MIN


SERVER_FAULTS = {
    "serialization failure": "RAISE EXCEPTION 'lost' USING ERRCODE = '40001'",
    "deadlock": "RAISE EXCEPTION 'lost' USING ERRCODE = '40P01'",
    "shutdown": "PERFORM pg_terminate_backend(pg_backend_pid())",
}
WRITTEN = ("credit_accounts", "credit_entries", "credit_entry_texts", "credit_lots", "credit_draws", "credit_days")


@VERBS
@POSTGRESQL
@pytest.mark.parametrize("fault", SERVER_FAULTS)
def test_a_row_the_server_fails_at_ends_in_one_entry(desk: Desk, verb: str, fault: str) -> None:
    _arm_server(SERVER_FAULTS[fault])

    for number in count(1):
        key = new_key()
        work = desk.prepare(verb, key)
        _count_rows_from(-number)
        entry = work()
        assert posted(key) == [entry.seq]
        if _count_rows() < 0:
            break

    assert number > 3


def _arm_server(fault: str) -> None:
    """Let the server fail at the row with which the count, kept past every rollback, comes to zero."""
    with db.engine.begin() as connection:
        connection.exec_driver_sql("CREATE SEQUENCE rows_written MINVALUE -1000 START -1000")
        connection.exec_driver_sql(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ "
            f"BEGIN IF nextval('rows_written') = 0 THEN {fault}; END IF; RETURN NEW; END $$"
        )
        for table in WRITTEN:
            connection.exec_driver_sql(
                f"CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION fail()"
            )


def _count_rows_from(number: int) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("SELECT setval('rows_written', :number)"), {"number": number})


def _count_rows() -> int:
    with db.engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT last_value FROM rows_written").scalar_one())


@VERBS
def test_a_race_lost_at_the_commit_ends_in_one_entry(desk: Desk, verb: str) -> None:
    key = new_key()
    work = desk.prepare(verb, key)

    with failing_at_commit(raising(lost_race())):
        entry = work()

    assert posted(key) == [entry.seq]


@VERBS
def test_a_mistake_at_the_commit_leaves_nothing(desk: Desk, verb: str) -> None:
    key, before_minor = new_key(), balance_of(desk.customer)
    work = desk.prepare(verb, key)

    with failing_at_commit(raising(ZeroDivisionError())), pytest.raises(ZeroDivisionError):
        work()

    assert (posted(key), balance_of(desk.customer)) == ([], before_minor)


@VERBS
@POSTGRESQL
def test_a_connection_cut_before_the_commit_ends_in_one_entry(desk: Desk, verb: str) -> None:
    key = new_key()
    work = desk.prepare(verb, key)

    with failing_at_commit(cut_before_commit):
        entry = work()

    assert (posted(key), entry.replayed) == ([entry.seq], False)


@VERBS
@POSTGRESQL
def test_a_commit_whose_answer_is_lost_is_found_again_by_its_key(desk: Desk, verb: str) -> None:
    key = new_key()
    work = desk.prepare(verb, key)

    with failing_at_commit(cut_after_commit):
        entry = work()

    assert (posted(key), entry.replayed) == ([entry.seq], True)


@POSTGRESQL
@pytest.mark.parametrize("fail", [cut_before_commit, cut_after_commit])
def test_a_commit_whose_answer_is_lost_is_not_repeated_without_a_key(app: Flask, fail: Callable[[Any], None]) -> None:
    calls = []

    def work(session: Session) -> None:
        calls.append(session.execute(text("UPDATE settings SET company_name = 'Changed'")))

    with failing_at_commit(fail), pytest.raises(CommitUnknownError) as unknown:
        transact(work)

    assert len(calls) == 1
    assert str(unknown.value) == ("The connection broke while saving. Look whether it was saved before you try again.")


@SQLITE
def test_a_full_disk_leaves_nothing_and_room_lets_it_go_on(desk: Desk) -> None:
    def fill(connection: Any) -> None:  # noqa: ANN401
        connection.connection.driver_connection.execute("PRAGMA max_page_count=1")

    def post(key: str) -> Entry:
        note = "x" * 100_000
        return transact(
            credits.adjust,
            desk.customer,
            5,
            reason_id=desk.courtesy,
            by=desk.by,
            key=key,
            note=note,
            duplicates_ok=True,
        )

    with failing_at(1, fill), pytest.raises((sqlite3.OperationalError, DBAPIError), match="full"):
        post("full")
    left = posted("full")
    db.session.remove()
    db.engine.dispose()
    entry = post("room")

    assert left == []
    assert posted("room") == [entry.seq]


@pytest.mark.slow
def test_what_was_acknowledged_survives_the_killing_of_its_writers(app: Flask) -> None:
    customers, by = [make_customer(10**6) for _ in range(WRITERS)], make_staff()
    reason = reason_named("Entered by mistake")
    works = cycle([work_here(customer, reason, by.id, spends=10**6) for customer in customers])
    dice, names = random.Random(20), map("writer {}".format, count(1))
    gone: list[Spender] = []
    db.session.remove()

    with workshop() as start:
        at_work = [start(next(names), next(works)) for _ in range(WRITERS)]
        while len(gone) < KILLS:
            hear(at_work, dice.randint(1, 40))
            gone.append(at_work.pop(0))
            gone[-1].kill()
            at_work.append(start(next(names), next(works)))

    acknowledged = {key for spender in (*gone, *at_work) for key in spender.acknowledged}
    kept = set(db.session.execute(select(CreditEntry.key).where(CreditEntry.kind == "removed")).scalars())
    assert len(acknowledged) > KILLS
    assert acknowledged <= kept
    assert len(kept - acknowledged) <= KILLS + WRITERS
    assert sum(map(balance_of, customers)) == WRITERS * 10**6 - len(kept)


def hear(spenders: list[Spender], words: int) -> None:
    """Listen to all of them until so many keys were acknowledged, the first one's among them."""
    lines = {spender.line: spender for spender in spenders}
    first = len(spenders[0].acknowledged)
    heard = 0
    while heard < words or len(spenders[0].acknowledged) == first:
        for line in wait(list(lines), timeout=60):
            assert lines[line].hear()  # type: ignore[index]
            heard += 1
