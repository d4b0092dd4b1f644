"""How Alembic runs the migrations: on the application's own engine, all or nothing."""

from __future__ import annotations

import re
from typing import Any

from alembic import context
from flask import current_app

_NOT_OURS = re.compile(r"(huey|customer_search|note_search)|.*_\d+$")

target = current_app.extensions["migrate"].db


def _is_ours(thing: Any, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:  # noqa: ANN401, FBT001
    """Leave the job queue's tables, the search index's own tables and the partitions of ours alone."""
    if kind == "foreign_key_constraint":
        return not _NOT_OURS.match(thing.referred_table.name)
    if kind == "index":
        return name is None or not name.endswith("_search_key")
    return not (kind == "table" and name is not None and _NOT_OURS.match(name))


def run() -> None:
    """Upgrade or downgrade, with SQLite's foreign keys off while tables are rebuilt and checked afterwards."""
    with target.engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")
        context.configure(
            connection=connection.execution_options(sqlite_begin="IMMEDIATE"),
            target_metadata=target.metadata,
            render_as_batch=sqlite,
            include_object=_is_ours,
            transactional_ddl=True,
            transaction_per_migration=False,
            partitions=current_app.config.get("PARTITIONS", 0),
        )
        with context.begin_transaction():
            context.run_migrations()
        if sqlite:
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            connection.rollback()
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=ON")
            if broken:
                raise RuntimeError(f"Foreign keys are broken: {broken[:5]}")


run()
