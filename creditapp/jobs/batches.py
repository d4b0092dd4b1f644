"""Batches that are being worked out or issued, one chunk of each in turn until all are done."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from flask import Flask

from creditapp.db import snapshot, transact
from creditapp.jobs import daily
from creditapp.jobs.breath import breathe
from creditapp.models import BatchKind, BatchStatus
from creditapp.services import adjustment_files, batches, downtime_lines, numbers

SECONDS_AT_ONCE = 10.0
"""A job goes on no longer than that: a worker that is told to stop does not have to wait for it."""

_LINES = {BatchKind.DOWNTIME: downtime_lines, BatchKind.IMPORT: adjustment_files}
"""Who works out the lines of a batch."""


def run(*, seconds: float = SECONDS_AT_ONCE) -> bool:
    """Go on with every batch that is not done, in turn, and return whether time was up before all were.

    Safe to repeat, to kill and to run by many at once.
    """
    until = time.monotonic() + seconds
    issued, failed = False, set[int]()
    while waiting := [each for each in _waiting() if each[0] not in failed]:
        for batch_id, kind, status in waiting:
            issued |= status == BatchStatus.ISSUING
            if not _go_on(batch_id, kind, status):
                failed.add(batch_id)
            breathe()
        if time.monotonic() > until:
            return True
    if issued:
        daily.use_on_arrival(datetime.now(UTC))
    return False


def run_one(batch_id: int) -> None:
    """Go on with one batch until nothing is left to do with it: what a command does, and a test.

    Raises:
        RuntimeError: something went wrong; the log says what.
    """
    while one := [each for each in _waiting() if each[0] == batch_id]:
        if not _go_on(*one[0]):
            raise RuntimeError(f"Batch #{batch_id} does not go on.")
        breathe()


def nudge(app: Flask) -> None:
    """Have the worker go on with batches at once, instead of with its next tick. Call it after the commit."""
    from creditapp.jobs.worker import queue  # noqa: PLC0415  (the worker knows this module)

    queue(app)
    app.extensions["batches_task"]()


def _waiting() -> list[tuple[int, str, str]]:
    with snapshot() as session:
        return list(batches.unfinished(session))


def _go_on(batch_id: int, kind: str, status: str) -> bool:
    """Do one chunk; what goes wrong is logged, and the next tick tries again."""
    try:
        _STEPS[BatchStatus(status)](batch_id, kind)
    except Exception:  # noqa: BLE001  (whatever it is, the other batches go on)
        structlog.get_logger().exception("batch_failed", batch_id=batch_id)
        return False
    return True


def _prepare(batch_id: int, kind: str) -> None:
    transact(_LINES[BatchKind(kind)].prepare_chunk, batch_id)


def _issue(batch_id: int, _kind: str) -> None:
    step = transact(batches.go_on, batch_id)
    if step.to_bill:
        count = min(step.to_bill, batches.INVOICES_AT_ONCE)
        first_id = transact(numbers.reserve, "invoices", count)
        transact(batches.bill_spent, batch_id, range(first_id, first_id + count))


def _forget(batch_id: int, _kind: str) -> None:
    transact(batches.forget_lines, batch_id)


_STEPS: dict[BatchStatus, Callable[[int, str], None]] = {
    BatchStatus.PREPARING: _prepare,
    BatchStatus.ISSUING: _issue,
    BatchStatus.DROPPED: _forget,
}
