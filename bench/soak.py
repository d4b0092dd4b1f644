"""`python -m bench.soak`: many spends, many kills, many rows. A line for each trial; exit code 1 if one is not clean.

*lost* was acknowledged and is not there; *dup* is there twice, or without having been acknowledged; *half* is a rule of
the books that does not hold; *wrong* is anything else that should not have happened.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path

from flask import Flask
from sqlalchemy import text

from bench import invariants
from bench.seed import REMOVAL_REASON_ID, STAFF_ID
from bench.stage import ENGINES, POSTGRESQL, Stage
from creditapp.config import ROOT
from creditapp.db import db, transact
from creditapp.errors import InsufficientCreditError
from creditapp.services import actor, credits, imports

CUSTOMERS = 100
HOT = CUSTOMERS
SPENDERS = 8
ORDERS = 720
"""In so many orders can six events come."""
HEADINGS = f"{'name':<24} {'ops':>9} {'faults':>7} {'lost':>6} {'dup':>6} {'half':>6} {'wrong':>6}"


@dataclass(slots=True)
class Trial:
    """What one trial came to."""

    name: str
    operations: int
    faults: int = 0
    lost: int = 0
    dup: int = 0
    half: int = 0
    wrong: int = 0
    words: tuple[str, ...] = ()
    """What went wrong, for who has to find out why."""

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.dup or self.half or self.wrong)

    def line(self) -> str:
        """Return the line that is printed."""
        counts = f"{self.lost:>6,} {self.dup:>6,} {self.half:>6,} {self.wrong:>6,}"
        line = f"{self.name:<24} {self.operations:>9,} {self.faults:>7,} {counts}"
        return "\n".join([line, *[f"  {words}" for words in self.words[:5]]])


def spends(stage: Stage, engine: str, count: int) -> Trial:
    """Eight threads spend 1 again and again from one customer who has half of it: every second one is refused."""
    database = stage.copy(engine, CUSTOMERS)
    app = database.app()
    with app.app_context():
        _set_balance(HOT, count // 2)
    acknowledged: list[str] = []
    refused: Counter[str] = Counter()

    def spend(number: int) -> None:
        with app.app_context():
            for turn in range(count // SPENDERS):
                key = f"soak:{number}:{turn}"
                try:
                    _spend(HOT, key)
                except Exception as error:  # noqa: BLE001  (each is counted)
                    refused[type(error).__name__] += 1
                else:
                    acknowledged.append(key)

    _all_at_once([partial(spend, number) for number in range(SPENDERS)])
    operations = count // SPENDERS * SPENDERS
    with app.app_context():
        trial = _compare(f"spends.{engine}", operations, {HOT: acknowledged}, "soak:")
    expected = operations - count // 2
    strangers = {name: n for name, n in refused.items() if name != InsufficientCreditError.__name__}
    trial.wrong += abs(refused[InsufficientCreditError.__name__] - expected) + sum(strangers.values())
    trial.words += tuple(f"{name} x {n}" for name, n in strangers.items())
    _done(app)
    return trial


def kills(stage: Stage, engine: str, count: int) -> Trial:
    """Two writers spend and are killed whenever it happens; the next one repeats what was not acknowledged."""
    database = stage.copy(engine, CUSTOMERS)
    app = database.app()
    customers = (HOT - 1, HOT)
    with app.app_context():
        for customer_id in customers:
            _set_balance(customer_id, 10**9)
    _done(app)
    context = multiprocessing.get_context("fork")  # from here, where nothing is connected: it takes no time
    acknowledged: dict[int, list[str]] = {customer_id: [] for customer_id in customers}
    dice = random.Random(count)
    for _ in range(count // len(customers)):
        writers = []
        for customer_id in customers:
            wire, its_wire = context.Pipe(duplex=False)
            arguments = (app, customer_id, len(acknowledged[customer_id]), its_wire)
            process = context.Process(target=_write, args=arguments, daemon=True)
            process.start()
            its_wire.close()
            writers.append((customer_id, process, wire))
        wait([wire for _customer_id, _process, wire in writers], timeout=30)
        threading.Event().wait(dice.uniform(0, 0.03))
        for customer_id, process, wire in writers:
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join()
            acknowledged[customer_id] += _heard(wire)
    for customer_id in customers:
        with app.app_context():
            _spend(customer_id, _key(len(acknowledged[customer_id])))  # what may be under way has its answer now
        acknowledged[customer_id].append(_key(len(acknowledged[customer_id])))
    with app.app_context():
        operations = sum(len(keys) for keys in acknowledged.values())
        trial = _compare(f"kills.{engine}", operations, acknowledged, "soak:")
    trial.faults = count // len(customers) * len(customers)
    _done(app)
    return trial


def rows(stage: Stage, engine: str, count: int) -> Trial:
    """A file of many customers with opening balances is imported whole, and a second time adds nothing."""
    database = stage.copy(engine, CUSTOMERS)
    app = database.app()
    lines = "".join(
        f"P-{n},Person {n},,person{n}@example.org,{n % 900}.{n % 100:02},2020-01-31\n" for n in range(count)
    )
    file = f"external_id,name,company,email,opening_balance,joined_on\n{lines}".encode()
    by = actor.staff(STAFF_ID)
    with app.app_context():
        for key in ("soak:first", "soak:second"):
            transact(imports.post, io.BytesIO(file), by=by, key=key)
        there = db.session.execute(text("SELECT count(*) FROM customers WHERE external_id LIKE 'P-%'")).scalar_one()
        minor = db.session.execute(text("SELECT sum(amount_minor) FROM credit_entries WHERE kind = 'opening'"))
        expected = sum(n % 900 * 100 + n % 100 for n in range(count))
        trial = Trial(f"rows.{engine}", count, lost=max(0, count - there), dup=max(0, there - count))
        trial.wrong = int(minor.scalar_one() != expected)
        _add_rules(trial)
    _done(app)
    return trial


def machine(stage: Stage, _engine: str, count: int) -> Trial:
    """The tests in which Hypothesis makes up what happens, with many more examples than in everyday runs."""
    tests = [str(path) for path in Path(ROOT / "tests").rglob("test_*.py") if "hypothesis" in path.read_text()]
    return _suite(stage, "hypothesis", count, tests, SOAK_EXAMPLES=count)


def renewals(stage: Stage, _engine: str, count: int) -> Trial:
    """Renewers at once of whom some are killed, and credits switched off during a sweep: the suite's tests, in full."""
    trial = _suite(stage, "renewals", count, ["tests/test_renewals_crowd.py"], SOAK_RENEWALS=count, SOAK_TOGGLES=100)
    trial.faults = 2
    return trial


def killed_batches(stage: Stage, _engine: str, count: int) -> Trial:
    """A batch whose workers are killed twenty times: the suite's test, in full, on both engines."""
    kills = 20
    trial = _suite(
        stage, "batches", count, ["tests/test_batches_crowd.py"], SOAK_BATCH_LINES=count, SOAK_BATCH_KILLS=kills
    )
    trial.faults = 2 * kills
    return trial


def merges(stage: Stage, _engine: str, count: int) -> Trial:
    """Merges in both directions at once, with all else in flight on both sides: the suite's test, in full, on both."""
    return _suite(stage, "merges", count, ["tests/test_merge_races.py"], SOAK_MERGES=count)


def random_invoices(stage: Stage, _engine: str, count: int) -> Trial:
    """Made-up invoices in currencies with 0, 2 and 3 decimals: who pays what is shown owes nothing."""
    return _suite(stage, "invoices", count, ["tests/services/invoices/test_random.py"], SOAK_INVOICES=count)


def callbacks(stage: Stage, _engine: str, count: int) -> Trial:
    """Forged, stale and unsigned call-backs, and every order in which six related events can come."""
    tests = ["tests/blueprints/test_webhooks.py", "tests/services/gateways/test_callbacks.py"]
    return _suite(stage, "callbacks", count, tests, CALLBACKS_FORGED=count, ORDERS_TOLD=ORDERS)


def bad_inputs(stage: Stage, _engine: str, count: int) -> Trial:
    """Nonsense for every route, on both engines: the suite's test, in full."""
    return _suite(stage, "bad inputs", 2 * count, ["tests/test_bad_inputs.py"], BAD_INPUTS=count)


def _suite(stage: Stage, name: str, count: int, tests: Sequence[str], **sizes: int) -> Trial:
    """Run tests of the suite at another size, on the stage's own PostgreSQL."""
    words = {"TEST_DATABASE_URL": stage.server.url} | {name: str(size) for name, size in sizes.items()}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "--timeout=0", *tests],
        cwd=ROOT,
        env=os.environ | words,
        capture_output=True,
        text=True,
        check=False,
    )
    failed = tuple(line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR")))
    return Trial(name, count, wrong=max(len(failed), int(done.returncode != 0)), words=failed)


def _write(app: Flask, customer_id: int, first: int, wire: Connection) -> None:
    """Spend until killed, and tell each key once it is told that this was posted."""
    with app.app_context():
        turn = first
        while True:
            _spend(customer_id, _key(turn))
            wire.send(_key(turn))
            turn += 1


def _heard(wire: Connection) -> Iterator[str]:
    try:
        while True:
            yield wire.recv()
    except (EOFError, OSError):
        wire.close()


def _key(turn: int) -> str:
    return f"soak:{turn}"


def _spend(customer_id: int, key: str) -> None:
    by = actor.staff(STAFF_ID)
    transact(credits.adjust, customer_id, -1, reason_id=REMOVAL_REASON_ID, by=by, key=key, duplicates_ok=True)


def _set_balance(customer_id: int, target_minor: int) -> None:
    statement = text("SELECT balance_minor FROM credit_accounts WHERE customer_id = :customer_id")
    seen_minor = db.session.execute(statement, {"customer_id": customer_id}).scalar_one()
    db.session.rollback()
    transact(
        credits.set_balance,
        customer_id,
        target_minor,
        seen_minor=seen_minor,
        reason_id=REMOVAL_REASON_ID,
        by=actor.staff(STAFF_ID),
        key="set",
    )


def _compare(name: str, operations: int, acknowledged: dict[int, list[str]], prefix: str) -> Trial:
    """Hold what was acknowledged, by customer, against what is there."""
    trial = Trial(name, operations)
    statement = text("SELECT key FROM credit_entries WHERE customer_id = :customer_id AND key LIKE :keys")
    for customer_id, keys in acknowledged.items():
        values = {"customer_id": customer_id, "keys": f"{prefix}%"}
        there = Counter(db.session.execute(statement, values).scalars())
        said = Counter(keys)
        trial.lost += (said - there).total()
        trial.dup += (there - said).total()
    _add_rules(trial)
    return trial


def _add_rules(trial: Trial) -> None:
    db.session.rollback()
    broken = invariants.broken(db.engine)
    trial.half += len(broken)
    trial.words += tuple(broken)


def _all_at_once(works: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _done(app: Flask) -> None:
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials and print a line for each; return 1 if one is not clean."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=main.__doc__)
    parser.add_argument("--engine", default=",".join(ENGINES), help="sqlite, postgresql or both (default)")
    parser.add_argument("--spends", type=int, default=100_000, help="how many (0: none)")
    parser.add_argument("--kills", type=int, default=1_000, help="how many")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of a file to import")
    parser.add_argument("--renewals", type=int, default=5_000, help="subscriptions, for four processes at once")
    parser.add_argument("--batches", type=int, default=20_000, help="lines of a batch whose workers are killed")
    parser.add_argument("--merges", type=int, default=1_000, help="of two customers each, with all else in flight")
    parser.add_argument("--invoices", type=int, default=100_000, help="made up, for each currency")
    parser.add_argument("--callbacks", type=int, default=10_000, help="forged, stale or unsigned")
    parser.add_argument("--bad-inputs", type=int, default=10_000, help="for each engine, over every route")
    parser.add_argument("--examples", type=int, default=2_000, help="for each of Hypothesis's tests")
    options = parser.parse_args(arguments)
    engines: list[str] = options.engine.split(",")
    trials = [(spends, options.spends), (kills, options.kills), (rows, options.rows)]
    clean = True
    print(HEADINGS, flush=True)
    with Stage() as stage:
        planned = [(trial, engine, count) for trial, count in trials for engine in engines]
        for trial, engine, count in [
            *planned,
            (renewals, POSTGRESQL, options.renewals),
            (killed_batches, POSTGRESQL, options.batches),
            (merges, POSTGRESQL, options.merges),
            (random_invoices, POSTGRESQL, options.invoices),
            (callbacks, POSTGRESQL, options.callbacks),
            (bad_inputs, POSTGRESQL, options.bad_inputs),
            (machine, POSTGRESQL, options.examples),
        ]:
            if count:
                result = trial(stage, engine, count)
                print(result.line(), flush=True)
                clean = clean and result.is_clean
    return int(not clean)


if __name__ == "__main__":
    sys.exit(main())
