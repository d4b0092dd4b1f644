"""What somebody with the database's password could do: change history past its guards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from creditapp.db import db


@contextmanager
def tampered(*statements: str, **values: object) -> Iterator[Session]:
    """Yield a session that sees the database with the statements done to it, past every guard; then take them back."""
    with db.engine.connect() as connection, _without_keys(connection), Session(bind=connection) as session:
        session.info["ledger_key"] = current_app.config["LEDGER_KEY"]
        lift_guards(connection)
        for statement in statements:
            names = [name for name in values if f":{name}" in statement]
            connection.execute(text(statement), {name: values[name] for name in names})
        yield session


@contextmanager
def _without_keys(connection: Connection) -> Iterator[None]:
    """Take SQLite's foreign keys and CHECKs out of the way; that cannot be done inside a transaction."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute("PRAGMA foreign_keys=OFF")
    driver.execute("PRAGMA ignore_check_constraints=ON")
    try:
        yield
    finally:
        connection.rollback()
        driver.execute("PRAGMA ignore_check_constraints=OFF")
        driver.execute("PRAGMA foreign_keys=ON")


def lift_guards(connection: Connection) -> None:
    """Let this database be changed as if nothing guarded it."""
    if connection.dialect.name == "sqlite":
        question = "SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger'"
    else:
        question = (
            "SELECT 'ALTER TABLE ' || relname || ' DISABLE TRIGGER ALL' FROM pg_class "
            "WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
    for statement in connection.exec_driver_sql(question).scalars().all():
        connection.exec_driver_sql(statement)
