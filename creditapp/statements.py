"""Statements compiled once and run straight on the driver: the hot path of the ledger.

SQLAlchemy Core says what a statement is, so that one plan serves both engines; compiling and executing it anew for
each entry would cost more than the database does. Several statements that need no answer from one another go to
PostgreSQL in one round trip (`round_trip.py`), in order; on SQLite they simply run one after the other.

Listeners of `before_cursor_execute` see every statement, as they see SQLAlchemy's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import LargeBinary
from sqlalchemy.sql import ClauseElement, Select
from sqlalchemy.types import TypeEngine

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.engine import Dialect
    from sqlalchemy.orm import Session

Processor = Callable[[Any], Any]
Row = tuple[Any, ...]
Answer = tuple[list[Row], int]
Plan = ClauseElement | Callable[[str], ClauseElement]

_numbers = count(1)


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


def inward_of(type_: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    """Return what puts a value of this type into the driver's words; None: it stays. Both drivers take bytes."""
    if isinstance(type_, LargeBinary):
        return None
    return type_.dialect_impl(dialect).bind_processor(dialect)


class _Compiled:
    """A statement in one engine's words, and what goes in and comes out in the driver's."""

    def __init__(self, plan: ClauseElement, dialect: Dialect) -> None:
        compiled = plan.compile(dialect=dialect)
        self.sql = str(compiled)
        self.name = f"creditapp_{next(_numbers)}".encode()
        self.fixed: dict[str, Any] = {}
        inward: dict[str, Processor | None] = {}
        for name, bind in compiled.binds.items():  # type: ignore[attr-defined]
            inward[name] = inward_of(bind.type, dialect)
            if not bind.required:
                self.fixed[name] = bind.effective_value
        self.places = [(name, inward[name]) for name in compiled.positiontup]  # type: ignore[attr-defined]
        self.outward: list[tuple[int, Processor]] = []
        columns = plan.selected_columns if isinstance(plan, Select) else getattr(plan, "exported_columns", ())
        for position, column in enumerate(columns):
            outward = column.type.dialect_impl(dialect).result_processor(dialect, None)
            if outward is not None:
                self.outward.append((position, outward))

    def parameters(self, values: Mapping[str, Any]) -> Row:
        given = {**self.fixed, **values} if self.fixed else values
        return tuple([given[name] if inward is None else inward(given[name]) for name, inward in self.places])

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
            known = self._compiled[dialect.name] = _Compiled(plan, _numbering(dialect))
        return known


def run(session: Session, *calls: Call) -> list[Outcome]:
    """Run the statements in order inside the session's transaction and return their outcomes in that order.

    Raises:
        The driver's own errors; `transact` knows which of them are worth another try.
    """
    connection = session.connection()
    compiled = [call.statement.compiled(connection.dialect) for call in calls]
    values = [each.parameters(call.values) for each, call in zip(compiled, calls, strict=True)]
    ask = _ask_postgresql if connection.dialect.name == "postgresql" else _ask_sqlite
    answers = ask(connection, compiled, values)
    return [Outcome(each.read(rows), touched) for each, (rows, touched) in zip(compiled, answers, strict=True)]


def _ask_sqlite(connection: Connection, statements: Sequence[_Compiled], values: Sequence[Row]) -> Iterator[Answer]:
    cursor = driver_of(connection).cursor()
    for statement, its_values in zip(statements, values, strict=True):
        announce(connection, statement.sql, its_values)
        cursor.execute(statement.sql, its_values)
        yield cursor.fetchall(), cursor.rowcount


def _ask_postgresql(connection: Connection, statements: Sequence[_Compiled], values: Sequence[Row]) -> Iterator[Answer]:
    from creditapp.round_trip import Request, RoundTrips  # noqa: PLC0415  (psycopg may be missing beside SQLite)

    for statement, its_values in zip(statements, values, strict=True):
        announce(connection, statement.sql, its_values)
    trips = connection.info.get("round_trips")
    if trips is None:
        trips = connection.info["round_trips"] = RoundTrips(driver_of(connection))
    return trips.ask([Request(s.name, s.sql.encode(), v) for s, v in zip(statements, values, strict=True)])


def announce(connection: Connection, sql: str, values: Row) -> None:
    """Tell listeners of `before_cursor_execute` what is about to run."""
    for listener in connection.dispatch.before_cursor_execute:
        cursor = driver_of(connection).cursor()
        listener(connection, cursor, sql, values, None, False)  # noqa: FBT003  (SQLAlchemy's signature)


def driver_of(connection: Connection) -> Any:  # noqa: ANN401  (the connection of sqlite3 or psycopg)
    """Return the driver's own connection."""
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("The connection is closed.")
    return driver


def _numbering(dialect: Dialect) -> Dialect:
    """Return the dialect that numbers its parameters: `$1` on PostgreSQL, a row of `?` on SQLite."""
    if dialect.name != "postgresql":
        return dialect
    return type(dialect)(paramstyle="numeric_dollar")  # type: ignore[call-arg] # a DefaultDialect
