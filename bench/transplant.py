"""The seeded rows of SQLite, carried over to PostgreSQL as they are."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import psycopg
from flask import Flask
from sqlalchemy import Column, LargeBinary, Table

from creditapp.columns import UtcDateTime
from creditapp.db import Base
from tests.postgres import DRIVER

COUNTED = ("customers", "log_ins", "staff")
"""Tables whose next number has to follow the ones that were brought along."""

Target = psycopg.Connection[Any]


def transplant(path: str, app: Flask) -> None:
    """Copy everything in the SQLite file to the migrated, otherwise empty PostgreSQL database of `app`.

    What a fresh installation holds already stays, and where it counts (`credit_totals`, `audit_head`) is brought up to
    date.
    """
    url = app.extensions["sqlalchemy"].engine.url
    address = url.render_as_string(hide_password=False).replace(DRIVER, "postgresql://", 1)
    with closing(sqlite3.connect(path)) as source, psycopg.connect(address) as target:
        _run(target, "SET session_replication_role = replica")  # the rows have been checked where they come from
        for table in Base.metadata.sorted_tables:
            if table.name in {"credit_totals", "audit_head"}:
                _update(source, target, table)
            elif not _run(target, f"SELECT 1 FROM {table.name} LIMIT 1").fetchall():
                _copy(source, target, table)
        for name in COUNTED:
            _run(target, f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), max(id)) FROM {name}")
        target.commit()
        target.autocommit = True
        _run(target, "VACUUM ANALYZE")


def _copy(source: sqlite3.Connection, target: Target, table: Table) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    words = ", ".join(_in_words(column) for column in table.columns)
    with target.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in source.execute(f"SELECT {words} FROM {table.name}"):
            copy.write_row(row)


def _update(source: sqlite3.Connection, target: Target, table: Table) -> None:
    (key,) = table.primary_key.columns
    others = [column for column in table.columns if column is not key]
    changes = ", ".join(f"{column.name} = %s" for column in others)
    words = ", ".join(_in_words(column) for column in [*others, key])
    for row in source.execute(f"SELECT {words} FROM {table.name}"):
        _run(target, f"UPDATE {table.name} SET {changes} WHERE {key.name} = %s", row)


def _run(target: Target, sql: str, values: tuple[Any, ...] = ()) -> psycopg.Cursor[Any]:
    return target.execute(sql, values)


def _in_words(column: Column[Any]) -> str:
    """Return SQLite's expression for the column's value as text that PostgreSQL understands."""
    name = f'"{column.name}"'
    if isinstance(column.type, LargeBinary):
        return f"'\\x' || hex({name})"
    if isinstance(column.type, UtcDateTime):
        return f"datetime({name} / 1000000, 'unixepoch') || printf('.%06d+00', {name} % 1000000)"
    return name
