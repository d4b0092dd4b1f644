"""Reading what somebody may have spoiled: SQLite keeps any value in any column, and not all of them can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, type_coerce
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine, UserDefinedType

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect
    from sqlalchemy.orm import Session

    Reader = Callable[[Any], Any] | None

_KEPT_AS = {int: int, bool: int, datetime: int, str: str, date: str, object: str, bytes: bytes}
"""What SQLite must hold, for what Python is to see; `object` is what SQLAlchemy says of JSON."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that is none of its column's."""

    value: object

    def __str__(self) -> str:
        return str(self.value)[:40]


@contextmanager
def any_text(session: Session) -> Iterator[None]:
    """Let SQLite's text be read that is not UTF-8: what is wrong with it becomes U+FFFD, which no hash agrees with."""
    driver: Any = session.connection().connection.driver_connection
    if session.get_bind().dialect.name != "sqlite":
        yield
        return
    usual = driver.text_factory
    driver.text_factory = partial(bytes.decode, errors="replace")
    try:
        yield
    finally:
        driver.text_factory = usual


class Readable(UserDefinedType[Any]):
    """Reads a column as its own type does; what that cannot read comes as `Unreadable`."""

    cache_ok = True

    def __init__(self, of: TypeEngine[Any]) -> None:
        self.of = of

    def get_col_spec(self, **_: Any) -> str:  # noqa: ANN401  (SQLAlchemy's signature)
        """No column is ever made of it."""
        return str(NullType())

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Return what reads one value; PostgreSQL keeps nothing unreadable."""
        read: Reader = self.of.dialect_impl(dialect).result_processor(dialect, coltype)
        if dialect.name != "sqlite":
            return read
        of = self.of.impl_instance if isinstance(self.of, TypeDecorator) else self.of
        kept_as = _KEPT_AS[of.python_type]

        def carefully(value: object) -> object:
            if value is None:
                return None
            if type(value) is not kept_as:
                return Unreadable(value)
            try:
                return read(value) if read else value
            except (ValueError, TypeError, OverflowError):
                return Unreadable(value)

        return carefully


def readable(columns: Iterable[ColumnElement[Any]], prefix: str = "") -> list[ColumnElement[Any]]:
    """Return the columns under their own names, to be read with care."""
    return [type_coerce(column, Readable(column.type)).label(f"{prefix}{column.key}") for column in columns]


def unreadable(row: Any) -> list[tuple[str, Unreadable]]:  # noqa: ANN401  (a row of a walk)
    """Return the names and values of what cannot be read in the row."""
    return [(name, value) for name, value in row._mapping.items() if isinstance(value, Unreadable)]  # noqa: SLF001  (the row's public mapping)
