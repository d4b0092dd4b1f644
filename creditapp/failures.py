"""What a failure of the database means: whether another try is worth it, and whether the connection is gone."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from creditapp.errors import BusyError, CommitUnknownError

if TYPE_CHECKING:
    from sqlalchemy import Connection

RETRYABLE_STATES = {"40001", "40P01", "55P03", "57P01", "57P02", "57P03"}


def worth_another_try(error: Exception) -> bool:
    """Return whether the whole transaction may be run again: it lost a race, or its connection."""
    if isinstance(error, CommitUnknownError | BusyError):
        return False
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.OperationalError):
        return "locked" in str(cause) or "busy" in str(cause)
    state = getattr(cause, "sqlstate", None)
    if state in RETRYABLE_STATES or (isinstance(state, str) and state.startswith("08")):
        return True
    return _broke_the_connection(error)


def _broke_the_connection(error: BaseException) -> bool:
    if isinstance(error, DBAPIError):
        return bool(error.connection_invalidated)
    return type(error).__module__.startswith("psycopg") and type(error).__name__ == "OperationalError"


def is_lost(connection: Connection, error: Exception) -> bool:
    """Return whether this error left a connection that nothing can be asked of any more."""
    if connection.invalidated:
        return True
    if connection.closed:
        return False
    return bool(getattr(driver_of(connection), "closed", False)) or (
        _broke_the_connection(error) and connection.dialect.name != "sqlite"
    )


def driver_of(connection: Connection) -> Any:  # noqa: ANN401  (sqlite3's or psycopg's connection)
    """Return the driver's own connection."""
    return connection.connection.driver_connection
