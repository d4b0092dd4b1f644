"""Many people at once: threads that start together, and processes that post on their own."""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from flask import Flask, current_app

from creditapp import create_app
from creditapp.config import Config
from creditapp.db import db, transact
from creditapp.errors import InsufficientCreditError
from creditapp.services import credits
from creditapp.services.actor import staff
from creditapp.services.ledger import Entry

R = TypeVar("R")
SECONDS_MAX = 120.0


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


@contextmanager
def spenders(
    count: int, customer_id: int, *, spends: int, reason_id: int, staff_id: int, name: str = "process"
) -> Iterator[list[subprocess.Popen[str]]]:
    """Start processes that remove 1 again and again; each prints a key once it is told that this was posted."""
    config = current_app.config
    options = {
        "database": config["SQLALCHEMY_DATABASE_URI"],
        "isolation": config["SQLALCHEMY_ENGINE_OPTIONS"].get("isolation_level") or "",
        "ledger-key": config["LEDGER_KEY"].decode(),
        "instance": current_app.instance_path,
        "customer": customer_id,
        "spends": spends,
        "reason": reason_id,
        "staff": staff_id,
    }
    command = [sys.executable, "-m", "tests.crowd", *[f"--{option}={value}" for option, value in options.items()]]
    root = Path(__file__).parent.parent
    with ExitStack() as stack:
        started = []
        for number in range(count):
            process = subprocess.Popen(
                [*command, f"--name={name} {number}"],
                cwd=root,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            started.append(process)
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        yield started


def main() -> None:
    """Be a spender: say `ready`, wait for a line, then post and say so."""
    parser = argparse.ArgumentParser()
    for option in ("database", "isolation", "ledger-key", "instance", "name"):
        parser.add_argument(f"--{option}", required=True)
    for option in ("customer", "spends", "reason", "staff"):
        parser.add_argument(f"--{option}", type=int, required=True)
    given = parser.parse_args()
    app = create_app(
        Config(
            database_url=given.database,
            secret_key=given.ledger_key,
            ledger_key=given.ledger_key.encode(),
            instance_path=Path(given.instance),
            isolation=given.isolation or None,
            testing=True,
        )
    )
    with app.app_context():
        db.session.connection()
        db.session.remove()
        print("ready", flush=True)  # noqa: T201  (what the parent waits for)
        sys.stdin.readline()
        for number in range(given.spends):
            key = f"{given.name} {number}"
            try:
                spend(given.customer, 1, given.reason, given.staff, key)
            except InsufficientCreditError:
                continue
            print(key, flush=True)  # noqa: T201  (the acknowledgement)


if __name__ == "__main__":
    main()
