"""How an engine means to answer a statement that has been seen on its way."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from creditapp.db import db


def reads_all(sql: str, parameters: Mapping[str, Any] | Sequence[Any], table: str) -> bool:
    """Return whether the engine would read the whole of this table."""
    with db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            if "$1" in sql:  # a prepared statement counts its parameters; psycopg wants them named
                sql = re.sub(r"\$(\d+)", r"%(p\1)s", sql.replace("%", "%%"))
                parameters = {f"p{place}": value for place, value in enumerate(parameters, start=1)}
            plan = connection.exec_driver_sql(f"EXPLAIN {sql}", parameters).scalars().all()
            return any(f"Seq Scan on {table} " in line for line in plan)
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)]
        return any(line == f"SCAN {table}" for line in plan)
