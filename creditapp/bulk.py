"""Many rows at once: sought, inserted and updated with few statements, however many they are.

What a chunk of a thousand customers does. The values go to the driver column by column, so that a day or a moment that
a thousand rows share is put into its words once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain, repeat
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    FromClause,
    Table,
    Text,
    Update,
    any_,
    bindparam,
    cast,
    column,
    func,
    literal,
    select,
)
from sqlalchemy.orm import Session

from creditapp.statements import Call, Prepared, Processor, announce, driver_of, inward_of, run

Given = Mapping[str, ColumnElement[Any]]

CALLS_AT_ONCE = 500
ROWS_AT_ONCE = 25
"""SQLite begins and ends a statement for each run of it: with so many rows in one, an invoice costs half; with
hundreds, reading the values back costs what was gained."""


class RowUpdate(Prepared):
    """An UPDATE of one row by its key. Run for many rows, it is one statement on PostgreSQL.

    `plan` makes it of what is given by name; `given` says like which columns that is. The rows of one run are touched
    in no order: their keys must be locked already, or be nobody else's.
    """

    def __init__(self, plan: Callable[[Given], Update], **given: ColumnElement[Any]) -> None:
        super().__init__(plan({name: bindparam(name, type_=like.type) for name, like in given.items()}))
        lists = [bindparam(name, type_=ARRAY(like.type)) for name, like in given.items()]
        names = [column(name, like.type) for name, like in given.items()]
        rows = func.unnest(*lists).table_valued(*names).render_derived("given")
        self.of_many = Prepared(plan({name: rows.c[name] for name in given}))


def among(
    session: Session, values: ColumnElement[Any], wanted: Collection[int] | Collection[str]
) -> ColumnElement[bool]:
    """Return that the column holds one of these numbers or words: one parameter, the same statement for any of them."""
    given = sorted(wanted)
    if session.connection().dialect.name == "postgresql":
        type_ = ARRAY(Text) if given and isinstance(given[0], str) else ARRAY(BigInteger)
        return values == any_(literal(given, type_))
    listed = func.json_each(json.dumps(given)).table_valued("value")
    return values.in_(select(listed.c.value))


def pairs(session: Session, wanted: Collection[tuple[int, str]]) -> FromClause:
    """Return a table of these numbers and words, `number` and `word`, to be joined: each row is sought by itself.

    Two lists that a row must be in would have each combination of them sought.
    """
    given = sorted(wanted)
    if session.connection().dialect.name == "postgresql":
        numbers = literal([number for number, _word in given], ARRAY(BigInteger))
        words = literal([word for _number, word in given], ARRAY(Text))
        return (
            func.unnest(numbers, words)
            .table_valued(column("number", BigInteger), column("word", Text))
            .render_derived()
        )
    listed = func.json_each(json.dumps(given, ensure_ascii=False)).table_valued("value")
    number, word = (func.json_extract(listed.c.value, path) for path in ("$[0]", "$[1]"))
    return select(cast(number, BigInteger).label("number"), cast(word, Text).label("word")).subquery("pairs")


def run_many(session: Session, calls: Sequence[Call]) -> None:
    """Run many calls of one statement; each must touch exactly one row, and a row only one of them touches.

    Raises:
        RuntimeError: some row was not there.
    """
    if not calls:
        return
    connection = session.connection()
    statement = calls[0].statement
    if connection.dialect.name != "postgresql":
        compiled = statement.compiled(connection.dialect)
        given = [call.values for call in calls]
        columns = [
            _inward(list(map(itemgetter(name), given)), inward)
            if name in given[0]
            else repeat(compiled.fixed[name] if inward is None else inward(compiled.fixed[name]), len(given))
            for name, inward in compiled.places
        ]
        announce(connection, compiled.sql, ())
        cursor = driver_of(connection).cursor()
        cursor.executemany(compiled.sql, zip(*columns, strict=True))
        touched = cursor.rowcount
    elif isinstance(statement, RowUpdate):
        together = {name: [call.values[name] for call in calls] for name in calls[0].values}
        touched = run(session, statement.of_many(**together))[0].touched
    else:
        parts = [calls[start : start + CALLS_AT_ONCE] for start in range(0, len(calls), CALLS_AT_ONCE)]
        touched = sum(outcome.touched == 1 for part in parts for outcome in run(session, *part))
    if touched != len(calls):
        raise RuntimeError(f"{touched} rows were touched instead of {len(calls)}.")


def insert_rows(
    session: Session, table: Table, rows: Sequence[Mapping[str, Any]], shared: Mapping[str, Any] | None = None
) -> None:
    """Insert many rows of one shape: COPY on PostgreSQL, some rows with each statement on SQLite.

    `shared` holds the columns that are the same in all of them.
    """
    if not rows:
        return
    connection = session.connection()
    dialect = connection.dialect
    columns = [table.c[name] for name in rows[0]]
    cells = [
        _inward(list(map(itemgetter(each.name), rows)), inward_of(each.type, dialect), by_value=each.type.hashable)
        for each in columns
    ]
    for name, value in (shared or {}).items():
        columns.append(table.c[name])
        cells.append([*_inward([value], inward_of(table.c[name].type, dialect), by_value=False)] * len(rows))
    names = ", ".join(f'"{each.name}"' for each in columns)
    values = list(zip(*cells, strict=True))
    cursor = driver_of(connection).cursor()
    if dialect.name == "postgresql":
        sql = f"COPY {table.name} ({names}) FROM STDIN"
        announce(connection, sql, ())
        with cursor.copy(sql) as copy:
            for row in values:
                copy.write_row(row)
        return
    whole = len(values) - len(values) % ROWS_AT_ONCE
    packs = [tuple(chain(*values[start : start + ROWS_AT_ONCE])) for start in range(0, whole, ROWS_AT_ONCE)]
    for at_once, given in ((ROWS_AT_ONCE, packs), (1, values[whole:])):
        if given:
            marks = ", ".join([f"({', '.join('?' * len(columns))})"] * at_once)
            sql = f"INSERT INTO {table.name} ({names}) VALUES {marks}"  # noqa: S608  (names from our own schema)
            announce(connection, sql, ())
            cursor.executemany(sql, given)


def _inward(values: Sequence[Any], processor: Processor | None, *, by_value: bool = True) -> Sequence[Any]:
    """Return the values in the driver's words; each distinct value, or each object, is put into them once."""
    if processor is None:
        return values
    names = values if by_value else [id(value) for value in values]
    words = {name: processor(value) for name, value in dict(zip(names, values, strict=True)).items()}
    return [words[name] for name in names]
