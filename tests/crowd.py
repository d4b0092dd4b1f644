"""Many people at once: threads that start together, and processes that post on their own."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TypeVar

from flask import Flask, current_app

from creditapp.config import Config
from creditapp.db import db, init_database, transact
from creditapp.errors import BusyError, InsufficientCreditError
from creditapp.services import credits
from creditapp.services.actor import staff
from creditapp.services.ledger import Entry

R = TypeVar("R")
SECONDS_MAX = 120.0
BUSY = b"busy"


def together(works: Sequence[Callable[[], R]]) -> list[R | Exception]:
    """Run each work in a thread and a context of its own, all at once; return results and errors in order."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    outcomes: list[R | Exception] = [TimeoutError()] * len(works)
    start = threading.Barrier(len(works))

    def run(number: int) -> None:
        with app.app_context():
            start.wait(SECONDS_MAX)
            try:
                outcomes[number] = works[number]()
            except Exception as error:  # noqa: BLE001  (each is looked at by the test)
                outcomes[number] = error
            db.session.remove()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS_MAX)
    return outcomes


def spend(customer_id: int, amount_minor: int, reason_id: int, staff_id: int, key: str) -> Entry:
    """Remove this much, as a person in front of the page does."""
    return transact(
        credits.adjust,
        customer_id,
        -amount_minor,
        reason_id=reason_id,
        by=staff(staff_id),
        key=key,
        duplicates_ok=True,
    )


@dataclass
class Spender:
    """A process that removes 1 again and again, and says each key once it is told that this was posted."""

    process: BaseProcess
    line: Connection
    acknowledged: list[str] = field(default_factory=list)
    turned_away: int = 0
    """How often it was told that the system is busy; it tries again then, under the same key."""

    def hear(self) -> bool:
        """Take in what it says next; False when it has gone."""
        with suppress(EOFError, OSError):
            said = self.line.recv_bytes()
            if said == BUSY:
                self.turned_away += 1
            else:
                self.acknowledged.append(said.decode())
            return True
        return False

    def kill(self) -> None:
        """Kill it in the middle of whatever it does, and take in what it had said before."""
        self.process.kill()
        self.finish()

    def finish(self) -> None:
        """Wait until it has gone."""
        while self.hear():
            pass
        self.process.join(SECONDS_MAX)
        self.line.close()


@dataclass(frozen=True)
class Work:
    """What a spender is to do, and where."""

    config: Config
    customer_id: int
    reason_id: int
    staff_id: int
    spends: int


@contextmanager
def workshop() -> Iterator[Callable[[str, Work], Spender]]:
    """Yield what starts a spender of this name at this work; whoever is still at it at the end is killed."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["tests.crowd"])
    started: list[Spender] = []

    def start(name: str, work: Work) -> Spender:
        ours, theirs = forks.Pipe(duplex=False)
        process = forks.Process(target=be_a_spender, args=(work, name, theirs), daemon=True)
        process.start()
        theirs.close()
        started.append(Spender(process, ours))
        return started[-1]

    try:
        yield start
    finally:
        for spender in started:
            if not spender.line.closed:
                spender.kill()
            spender.process.close()


def be_a_spender(work: Work, name: str, line: Connection) -> None:
    """Do the work: this is the other process's side."""
    app = Flask("creditapp", instance_path=str(work.config.instance_path))  # without its pages: they take a second
    app.config.from_mapping(work.config.flask())
    init_database(app)
    with app.app_context():
        for number in range(work.spends):
            key = f"{name} {number}"
            with suppress(InsufficientCreditError):
                while not _is_in(work, key):
                    line.send_bytes(BUSY)
                line.send_bytes(key.encode())
        db.engine.dispose()


def _is_in(work: Work, key: str) -> bool:
    try:
        spend(work.customer_id, 1, work.reason_id, work.staff_id, key)
    except BusyError:
        return False
    return True


def work_here(customer_id: int, reason_id: int, staff_id: int, spends: int) -> Work:
    """Return this work to be done in the database of the test's own application."""
    config = current_app.config
    return Work(
        Config(
            database_url=config["SQLALCHEMY_DATABASE_URI"],
            secret_key=config["SECRET_KEY"],
            ledger_key=config["LEDGER_KEY"],
            instance_path=Path(current_app.instance_path),
            isolation=config["SQLALCHEMY_ENGINE_OPTIONS"].get("isolation_level"),
            testing=True,
        ),
        customer_id,
        reason_id,
        staff_id,
        spends,
    )
