"""A batch under a crowd: workers that are killed while they issue it, and somebody else who adjusts meanwhile."""

from __future__ import annotations

import multiprocessing
import os
import random
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import pytest
from flask import Flask
from sqlalchemy import func, select

from creditapp.config import Config
from creditapp.db import db, init_database, transact
from creditapp.models import BatchKind, BatchStatus, CreditEntry
from creditapp.services import batches
from tests.crowd import work_here
from tests.factories import give, make_customer
from tests.services.batches.desk import issue, look, make_batch

pytestmark = [pytest.mark.money, pytest.mark.slow]

LINES = int(os.environ.get("SOAK_BATCH_LINES", "160"))
KILLS = int(os.environ.get("SOAK_BATCH_KILLS", "4"))
CHUNK = max(1, LINES // (KILLS * 8))


def _be_a_worker(config: Config, batch_id: int, line: Connection) -> None:
    app = Flask("creditapp", instance_path=str(config.instance_path))
    app.config.from_mapping(config.flask())
    init_database(app)
    with app.app_context():
        while transact(batches.go_on, batch_id, chunk=CHUNK).goes_on:
            line.send_bytes(b"chunk")
        db.engine.dispose()


def _worker(batch_id: int) -> tuple[BaseProcess, Connection]:
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["tests.test_batches_crowd"])
    ours, theirs = forks.Pipe(duplex=False)
    process: BaseProcess = forks.Process(
        target=_be_a_worker, args=(work_here(0, 0, 0, 0).config, batch_id, theirs), daemon=True
    )
    process.start()
    theirs.close()
    return process, ours


def _kill_in_the_midst(batch_id: int, chance: random.Random) -> None:
    """Let a worker go through a few chunks, and kill it somewhere in the next."""
    process, line = _worker(batch_id)
    with suppress(EOFError):
        for _chunk in range(chance.randint(1, 3)):
            line.recv_bytes()
        process.join(chance.random() * 0.02)
    process.kill()
    process.join()
    process.close()
    line.close()


def test_killed_again_and_again_a_batch_credits_each_customer_once(app: Flask) -> None:
    chance = random.Random(20261122)
    customers = [make_customer() for _ in range(LINES // 2)]
    batch_id = make_batch([(each, 100 + number) for each in customers for number in (0, 1)])
    issue(batch_id, len(customers) * 2, run=False)

    for _ in range(KILLS):
        _kill_in_the_midst(batch_id, chance)
        give(customers[0], 5)  # nobody has to wait for what a dead worker held
    assert look(batch_id).status == BatchStatus.ISSUING
    reached = look(batch_id).done_line
    while transact(batches.go_on, batch_id, chunk=CHUNK).goes_on:
        pass

    assert 0 < reached < LINES
    db.session.rollback()
    e = CreditEntry
    each = db.session.execute(
        select(e.customer_id, func.count(), func.sum(e.amount_minor))
        .where(e.batch_id == batch_id)
        .group_by(e.customer_id)
    ).all()
    assert sorted(tuple(row) for row in each) == [(customer_id, 2, 201) for customer_id in sorted(customers)]
    batch = look(batch_id)
    assert (batch.kind, batch.status, batch.posted) == (BatchKind.DOWNTIME, BatchStatus.DONE, len(customers) * 2)


def test_two_workers_at_once_share_a_batch(app: Flask) -> None:
    customers = [make_customer() for _ in range(LINES // 4)]
    batch_id = make_batch([(each, 100) for each in customers])
    issue(batch_id, len(customers), run=False)

    workers = [_worker(batch_id) for _ in range(2)]
    for process, line in workers:
        with suppress(EOFError):
            while True:
                line.recv_bytes()
        process.join()
        assert process.exitcode == 0
        process.close()
        line.close()

    db.session.rollback()
    posted = db.session.execute(
        select(func.count(), func.count(CreditEntry.customer_id.distinct())).where(CreditEntry.batch_id == batch_id)
    ).one()
    assert tuple(posted) == (len(customers), len(customers))
    assert look(batch_id).posted == len(customers)
