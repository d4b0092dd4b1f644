"""Statements compiled once and run straight on the driver: the hot path of the ledger.

SQLAlchemy Core says what a statement is, so that one plan serves both engines; compiling and executing it anew for
each entry would cost more than the database does. Several statements that need no answer from one another go to
PostgreSQL in one round trip (psycopg's pipeline), in order; on SQLite they simply run one after the other.

Listeners of `before_cursor_execute` see every statement, as they see SQLAlchemy's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.sql import ClauseElement, Select

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table
    from sqlalchemy.engine import Dialect
    from sqlalchemy.orm import Session

Processor = Callable[[Any], Any]
Row = tuple[Any, ...]
Plan = ClauseElement | Callable[[str], ClauseElement]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one statement gave back: its rows (none for a write) and how many rows it touched."""

    rows: list[Row]
    touched: int


@dataclass(frozen=True, slots=True)
class Call:
    """One statement with the values for one run of it."""

    statement: Prepared
    values: Mapping[str, Any]


class _Compiled:
    """A statement in one engine's words."""

    def __init__(self, plan: ClauseElement, dialect: Dialect) -> None:
        compiled = plan.compile(dialect=dialect)
        self.sql = str(compiled)
        self.order: Sequence[str] | None = getattr(compiled, "positiontup", None)
        self.fixed: dict[str, Any] = {}
        self.inward: dict[str, Processor] = {}
        for name, bind in compiled.binds.items():  # type: ignore[attr-defined]
            processor = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if processor is not None:
                self.inward[name] = processor
            if not bind.required:
                self.fixed[name] = processor(bind.effective_value) if processor else bind.effective_value
        self.outward: list[tuple[int, Processor]] = []
        columns = plan.selected_columns if isinstance(plan, Select) else getattr(plan, "exported_columns", ())
        for position, column in enumerate(columns):
            outward = column.type.dialect_impl(dialect).result_processor(dialect, None)
            if outward is not None:
                self.outward.append((position, outward))
        self.returns_rows = isinstance(plan, Select) or bool(getattr(plan, "_returning", ()))

    def parameters(self, values: Mapping[str, Any]) -> Any:  # noqa: ANN401  (a tuple or a dict, as the driver likes)
        merged = {**self.fixed, **values}
        for name, processor in self.inward.items():
            if name in values:
                merged[name] = processor(values[name])
        return merged if self.order is None else tuple([merged[name] for name in self.order])

    def read(self, rows: list[Row]) -> list[Row]:
        if not self.outward:
            return rows
        read = []
        for row in rows:
            cells = list(row)
            for position, processor in self.outward:
                cells[position] = processor(cells[position])
            read.append(tuple(cells))
        return read


class Prepared:
    """A Core statement, or a function from the engine's name to one where the two differ in words."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._compiled: dict[str, _Compiled] = {}

    def __call__(self, **values: Any) -> Call:  # noqa: ANN401  (whatever the columns take)
        """Return this statement with `values` for its named parameters."""
        return Call(self, values)

    def compiled(self, dialect: Dialect) -> _Compiled:
        """Return the statement in this engine's words, made at the first use."""
        known = self._compiled.get(dialect.name)
        if known is None:
            plan = self._plan if isinstance(self._plan, ClauseElement) else self._plan(dialect.name)
            known = self._compiled[dialect.name] = _Compiled(plan, dialect)
        return known


def run(session: Session, *calls: Call) -> list[Outcome]:
    """Run the statements in order inside the session's transaction and return their outcomes in that order.

    Raises:
        The driver's own errors; `transact` knows which of them are worth another try.
    """
    connection = session.connection()
    dialect = connection.dialect
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("The connection is closed.")
    steps = []
    with ExitStack() as stack:
        if dialect.name == "postgresql" and len(calls) > 1:
            stack.enter_context(driver.pipeline())
        for call in calls:
            compiled = call.statement.compiled(dialect)
            parameters = compiled.parameters(call.values)
            cursor = driver.cursor()
            announce(connection, cursor, compiled.sql, parameters)
            cursor.execute(compiled.sql, parameters)
            steps.append((compiled, cursor))
    return [
        Outcome(compiled.read(cursor.fetchall()) if compiled.returns_rows else [], cursor.rowcount)
        for compiled, cursor in steps
    ]


def insert_rows(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert many rows of one shape: COPY on PostgreSQL, one prepared statement over and over on SQLite."""
    if not rows:
        return
    connection = session.connection()
    dialect = connection.dialect
    names = list(rows[0])
    processors = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    values = [tuple([p(row[n]) if p else row[n] for n, p in zip(names, processors, strict=True)]) for row in rows]
    columns = ", ".join(f'"{table.c[name].name}"' for name in names)
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("The connection is closed.")
    cursor = driver.cursor()
    if dialect.name == "postgresql":
        sql = f"COPY {table.name} ({columns}) FROM STDIN"
        announce(connection, cursor, sql, ())
        with cursor.copy(sql) as copy:
            for row in values:
                copy.write_row(row)
    else:
        marks = ", ".join("?" * len(names))
        sql = f"INSERT INTO {table.name} ({columns}) VALUES ({marks})"  # noqa: S608  (names from our own schema)
        announce(connection, cursor, sql, ())
        cursor.executemany(sql, values)


def announce(connection: Connection, cursor: Any, sql: str, parameters: Any) -> None:  # noqa: ANN401  (the driver's)
    """Tell listeners of `before_cursor_execute` what is about to run."""
    for listener in connection.dispatch.before_cursor_execute:
        listener(connection, cursor, sql, parameters, None, False)  # noqa: FBT003  (SQLAlchemy's signature)


def run_many(session: Session, calls: Sequence[Call]) -> None:
    """Run many calls of one statement; each must touch exactly one row.

    Raises:
        RuntimeError: some row was not there.
    """
    if not calls:
        return
    connection = session.connection()
    compiled = calls[0].statement.compiled(connection.dialect)
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("The connection is closed.")
    cursor = driver.cursor()
    announce(connection, cursor, compiled.sql, ())
    cursor.executemany(compiled.sql, [compiled.parameters(call.values) for call in calls])
    if cursor.rowcount != len(calls):
        raise RuntimeError(f"{cursor.rowcount} rows were touched instead of {len(calls)}.")
