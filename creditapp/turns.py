"""Turns of those who write: served in the order of arrival, so that nobody starves."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from creditapp.errors import BusyError

if TYPE_CHECKING:
    from sqlalchemy import Engine


class Queue:
    """A lock that serves in the order of arrival: the engines' own locks let some writers starve."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._taken = False

    @property
    def is_in_use(self) -> bool:
        """Whether somebody has the turn now."""
        return self._taken

    @contextmanager
    def turn(self, seconds_max: float) -> Iterator[None]:
        """Wait for this caller's turn; raise `BusyError` when it does not come in time."""
        ticket = threading.Event()
        with self._guard:
            if not self._taken:
                self._taken = True
                ticket.set()
            else:
                self._waiting.append(ticket)
        if not ticket.wait(seconds_max) and not self._leave(ticket):
            raise BusyError
        try:
            yield
        finally:
            with self._guard:
                if self._waiting:
                    self._waiting.popleft().set()
                else:
                    self._taken = False

    def _leave(self, ticket: threading.Event) -> bool:
        """Give the place up; return True if the turn came in the very last moment."""
        with self._guard:
            if ticket.is_set():
                return True
            self._waiting.remove(ticket)
            return False


_queues: WeakKeyDictionary[Engine, Queue] = WeakKeyDictionary()
_queues_guard = threading.Lock()


def queue_of(engine: Engine) -> Queue:
    """Return the queue of this process's writers.

    On SQLite all stand in it, since there is one writer at a time anyway. On PostgreSQL only those who lost a race do,
    and whoever comes while they try again: at SERIALIZABLE they would lose to the newcomers for ever.
    """
    with _queues_guard:
        return _queues.setdefault(engine, Queue())
