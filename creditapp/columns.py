"""Column types that mean the same on both engines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, DateTime, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

Id = BigInteger().with_variant(Integer(), "sqlite")
"""A whole number that may number rows: SQLite counts by itself only on INTEGER."""

Key = Text().with_variant(Text(collation="C"), "postgresql")
"""A folded text in the order of its code points on both engines, so that an index finds what begins with something."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(moment: datetime) -> int:
    """Return the microseconds between 1970 and `moment`, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """Return the moment so many microseconds after 1970.

    Raises:
        ValueError: no calendar has it.
    """
    try:
        return _EPOCH + _MICROSECOND * microseconds
    except OverflowError:
        raise ValueError("No calendar has this moment.") from None


def _read_microseconds(value: int | None) -> datetime | None:
    return None if value is None else from_microseconds(int(value))


def _read_moment(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC: `timestamptz` on PostgreSQL, whole microseconds since 1970 on SQLite.

    A datetime without a zone is a mistake and is refused.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401  (the driver's)
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A moment needs a time zone.")
        return to_microseconds(value) if dialect.name == "sqlite" else value

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:  # noqa: ARG002
        """Return what reads a value of this engine: one call for each, as lists of rows are full of moments."""
        return _read_microseconds if dialect.name == "sqlite" else _read_moment
