"""The database: `db`, `Base`, `transact()` and how the two engines lock. The only place that commits."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from flask import current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session

from creditapp.errors import BusyError, CommitUnknownError
from creditapp.failures import driver_of, is_lost, worth_another_try
from creditapp.turns import queue_of

if TYPE_CHECKING:
    from flask import Flask
    from sqlalchemy import Connection, Engine

P = ParamSpec("P")
R = TypeVar("R")

TRIES_MAX = 12
"""Enough for the hottest customer at SERIALIZABLE, where each wait for a lock ends in another try (6 to 8 seen)."""
SECONDS_MAX = 25.0
"""No further try starts after this: the web server would have given up."""
SOON_S = 0.2
SQLITE_BUSY_MS = 15_000
POSTGRES_OPTIONS = (
    "-c timezone=UTC -c lock_timeout=5s -c statement_timeout=15s -c idle_in_transaction_session_timeout=30s"
)
SERIALIZABLE_OPTIONS = "-c enable_seqscan=off"
"""At SERIALIZABLE whoever scans a table conflicts with each of its writers, and small tables are scanned by default."""


class Base(DeclarativeBase):
    """What every model is; constraints get the same names on both engines."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)
_inside: ContextVar[bool] = ContextVar("inside_a_transaction", default=False)


def init_database(app: Flask) -> None:
    """Bind `db` to the application and teach its engine to lock."""
    db.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            _teach_sqlite(db.engine)
        else:
            _teach_postgresql(db.engine)


def transact(service: Callable[Concatenate[Session, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `service(session, …)` in a transaction of its own, commit, and return what it returned.

    The service gets a session that holds nothing: a row the page has already loaded cannot be mistaken for the row in
    the database. It may be run several times (serialization failure, deadlock, lock time-out, lost connection), so it
    sends nothing and renders nothing. A refusal it raises rolls everything back.

    Raises:
        BusyError: no try got through in time.
        CommitUnknownError: the connection broke during COMMIT and the work carries no `key` to find out by.
        RuntimeError: called inside another transaction, or the page has changes that would be lost.
    """
    return _transact(None, service, *args, patience_s=SECONDS_MAX, **kwargs)


def transact_at(
    moment: datetime, service: Callable[Concatenate[Session, P], R], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """Do as `transact` does, with `moment` for the time of day (demo data, the tick, tests)."""
    return _transact(moment, service, *args, patience_s=SECONDS_MAX, **kwargs)


def transact_soon(service: Callable[Concatenate[Session, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Do as `transact` does, but wait for others no longer than `SOON_S`: for what a page can do without.

    Raises:
        BusyError: somebody else was writing.
    """
    return _transact(None, service, *args, patience_s=SOON_S, **kwargs)


@contextmanager
def snapshot() -> Iterator[Session]:
    """Yield a session that sees the whole database as it is at one moment, however long it takes, and cannot write.

    Rows can be streamed. Other transactions neither wait for it nor show in it.
    """
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            before, after = ["PRAGMA query_only=ON"], ["PRAGMA query_only=OFF"]
        else:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            before, after = ["SET LOCAL statement_timeout=0", "SET LOCAL idle_in_transaction_session_timeout=0"], []
        with connection.begin(), Session(bind=connection, autoflush=False) as session:
            session.info["now"] = datetime.now(UTC)
            session.info["ledger_key"] = current_app.config["LEDGER_KEY"]
            session.info["public_url"] = current_app.config["PUBLIC_URL"]
            for statement in before:
                connection.exec_driver_sql(statement)
            try:
                yield session
            finally:
                for statement in after:
                    connection.exec_driver_sql(statement)


@contextmanager
def whole_or_nothing(session: Session) -> Iterator[None]:
    """Undo what is done inside if a refusal comes out of it; what was done before in the transaction stays."""
    with session.begin_nested():
        yield


def now(session: Session) -> datetime:
    """Return the moment at which this transaction takes place, in UTC."""
    return cast("datetime", session.info["now"])


def ledger_key(session: Session) -> bytes:
    """Return the key of the hash chain; it lies outside the database."""
    return cast("bytes", session.info["ledger_key"])


def public_url(session: Session) -> str:
    """Return where people reach us, without a slash at the end; empty where nobody has said."""
    return cast("str", session.info.get("public_url", ""))


def _transact(
    moment: datetime | None,
    service: Callable[..., R],
    *args: Any,  # noqa: ANN401  (passed through)
    patience_s: float,
    **kwargs: Any,  # noqa: ANN401  (passed through)
) -> R:
    if _inside.get():
        raise RuntimeError("transact() must be the outermost transaction.")
    _end_the_pages_read()
    give_up_at = time.monotonic() + patience_s
    queue = queue_of(db.engine)
    with ExitStack() as turn:
        in_turn = db.engine.dialect.name == "sqlite" or queue.is_in_use
        if in_turn:
            turn.enter_context(queue.turn(patience_s))
        for attempt in range(TRIES_MAX):
            try:
                return _try(moment, patience_s, service, *args, **kwargs)
            except Exception as error:
                if not worth_another_try(error):
                    raise
                if attempt == TRIES_MAX - 1 or time.monotonic() > give_up_at:
                    raise BusyError from error
            if not in_turn:
                in_turn = True
                turn.enter_context(queue.turn(patience_s))
            pause_s = random.uniform(0, min(1.0, 0.01 * 2**attempt))  # noqa: S311  (jitter, not a secret)
            threading.Event().wait(pause_s)
    raise BusyError


def _try(
    moment: datetime | None,
    patience_s: float,
    service: Callable[..., R],
    *args: Any,  # noqa: ANN401  (passed through)
    **kwargs: Any,  # noqa: ANN401  (passed through)
) -> R:
    engine = db.engine
    token = _inside.set(True)
    committing = False
    try:
        with engine.connect() as plain:
            connection = plain.execution_options(sqlite_begin="IMMEDIATE")
            try:
                with _waiting_at_most(connection, patience_s), connection.begin() as transaction:
                    session = Session(bind=connection, autoflush=False, expire_on_commit=False)
                    session.info["now"] = moment or datetime.now(UTC)
                    session.info["ledger_key"] = current_app.config["LEDGER_KEY"]
                    session.info["public_url"] = current_app.config["PUBLIC_URL"]
                    result = service(session, *args, **kwargs)
                    session.flush()
                    committing = True
                    transaction.commit()
                    return result
            except Exception as error:
                lost = is_lost(connection, error)
                if lost:
                    connection.invalidate()
                elif (
                    committing
                ):  # a COMMIT that failed may have left its transaction open, and SQLAlchemy thinks it over
                    driver_of(connection).rollback()
                if lost and committing and "key" not in kwargs:
                    raise CommitUnknownError from error
                raise
    finally:
        _inside.reset(token)


@contextmanager
def _waiting_at_most(connection: Connection, patience_s: float) -> Iterator[None]:
    """Let SQLite wait for other processes no longer than that."""
    if connection.dialect.name != "sqlite" or patience_s >= SECONDS_MAX:
        yield
        return
    driver_of(connection).execute(f"PRAGMA busy_timeout={int(patience_s * 1000)}")
    try:
        yield
    finally:
        driver_of(connection).execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MS}")


def _end_the_pages_read() -> None:
    if not db.session.registry.has():
        return
    page = db.session()
    if page.new or page.dirty or page.deleted:
        raise RuntimeError("The page has changes outside transact(); they would be lost.")
    page.rollback()


def _teach_postgresql(engine: Engine) -> None:
    """Leave preparing statements to `round_trip.py`, and ask whether a pooled connection still lives only for pages.

    psycopg would forget all prepared statements at each rollback. A transaction finds a lost connection by itself
    and is tried again; to ask before each would cost it a round trip.
    """
    from creditapp.arrays import QuickListDumper  # noqa: PLC0415  (psycopg may be missing beside SQLite)

    @event.listens_for(engine, "connect")
    def _connect(driver: Any, _record: object) -> None:  # noqa: ANN401  (psycopg's connection)
        driver.prepare_threshold = None
        driver.adapters.register_dumper(list, QuickListDumper)

    @event.listens_for(engine, "checkout")
    def _checkout(driver: Any, _record: object, _proxy: object) -> None:  # noqa: ANN401  (psycopg's connection)
        if _inside.get():
            return
        try:
            engine.dialect.do_ping(driver)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error


def _teach_sqlite(engine: Engine) -> None:
    """Let each transaction begin as it says itself, and make the file safe under many writers."""

    @event.listens_for(engine, "connect")
    def _connect(driver: Any, _record: object) -> None:  # noqa: ANN401  (sqlite3's connection)
        driver.isolation_level = None
        cursor = driver.cursor()
        for pragma in (
            f"busy_timeout={SQLITE_BUSY_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "recursive_triggers=ON",
            "cache_size=-65536",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {mode}")
