"""A breath between chunks of heavy work: SQLite has one writer at a time, and people wait for their turn."""

from __future__ import annotations

import threading

from creditapp.db import db

BREATH_S = 0.1
"""As long as SQLite's busy handler sleeps at most before it asks again."""


def breathe() -> None:
    """Let whoever waits to write go first; PostgreSQL, which locks rows, needs no pause."""
    if db.engine.dialect.name == "sqlite":
        threading.Event().wait(BREATH_S)
