"""Issuing a batch beside the same chunks in plain SQL, beside the service called line by line; and who waits for it."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from multiprocessing.synchronize import Event
from typing import Any

from flask import Flask
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from bench import invariants
from bench.figures import Figure, Goal, in_turns
from bench.invoicing import in_app, per_second, subscribe
from bench.issuing import issue_in_sets
from bench.rows import Row, Scale
from bench.seed import STAFF_ID
from bench.stage import ENGINES, Database, Stage
from creditapp.bulk import insert_rows
from creditapp.db import Base, db, transact
from creditapp.jobs import batches as job
from creditapp.models import Batch, Incident, Reason
from creditapp.services import actor, batches, credits, numbers
from creditapp.services.batches.going import CHUNK
from creditapp.services.downtime import crediting
from creditapp.services.downtime.crediting import Ask
from creditapp.services.downtime.durations import DAY, Duration

ISSUE_GOAL, ROWS_GOAL, WAIT_GOAL = Goal(at_least=0.7), Goal(at_least=12), Goal(at_most=1)
LINES_MAX = 100_000
SINGLES = 1_000
WAITED_S = 1.0
AMOUNT_MINOR = 111
POLICY_ID = 1


def issued(stage: Stage, scale: Scale, engine: str) -> Iterator[Figure]:
    """Issue batches with a line for each customer, each side in its turn, and the service by itself for comparison."""
    count = min(scale.big, LINES_MAX)
    database = stage.copy(engine, scale.big)
    measured, singles = in_app(database, lambda app: _issue_in_turns(app, count, scale.pairs))
    problems = invariants.broken_in(database)[:3]
    ours, plain = [pair[1] for pair in measured], [pair[0] for pair in measured]
    yield Figure(f"batch.issue.{engine}.{count}", "/s", ours, plain, ISSUE_GOAL, problems=problems)
    yield Figure(f"batch.rows.{engine}", "/s", ours, [singles] * len(ours), ROWS_GOAL, problems=problems)


def waited(stage: Stage, scale: Scale, engine: str) -> Iterator[Figure]:
    """Let somebody adjust credit, again and again, while a batch is issued by the job; how long they waited at most."""
    count = min(scale.big, LINES_MAX)
    database = stage.copy(engine, scale.big)
    seconds = in_app(database, lambda _app: _wait(database, count))
    problems = invariants.broken_in(database)[:3]
    yield Figure(f"batch.wait.{engine}", "s", [max(seconds)], [WAITED_S], WAIT_GOAL, problems=problems)


def _issue_in_turns(app: Flask, count: int, pairs: int) -> tuple[list[tuple[float, float]], float]:
    first = transact(numbers.reserve, "subscriptions", count)
    transact(subscribe, count, first)
    reason_id = db.session.execute(select(Reason.id).where(Reason.name == "Downtime")).scalar_one()

    def plain() -> float:
        batch_id, incident_id = transact(make_batch, count, first)
        with db.engine.connect() as connection:
            args = (app.config["LEDGER_KEY"], batch_id, incident_id, reason_id, STAFF_ID, CHUNK)
            return per_second(count, lambda: issue_in_sets(connection, *args))

    def ours() -> float:
        batch_id, _incident_id = transact(make_batch, count, first)
        transact(batches.issue, batch_id, count=count, by=actor.SYSTEM, key=f"bench:{batch_id}")
        return per_second(count, lambda: _go_through(batch_id))

    ours(), plain()  # to warm up
    measured = list(in_turns(pairs, plain, ours))
    few = min(count, SINGLES)
    return measured, per_second(few, lambda: _one_by_one(few, first))


def _go_through(batch_id: int) -> None:
    """Do as the job does, without the breath that it takes between chunks on SQLite."""
    while transact(batches.go_on, batch_id).goes_on:
        pass


def _one_by_one(count: int, first_subscription: int) -> None:
    """Credit one subscription after the other for downtime, as from the pages of their users."""
    by, now = actor.staff(STAFF_ID), time.monotonic_ns()
    worth = None
    for customer_id in range(1, count + 1):
        ask = Ask(
            subscription_id=first_subscription - 1 + customer_id,
            policy_id=POLICY_ID,
            duration=Duration(Fraction(10 * DAY)),
            on=datetime.now(UTC).date(),
        )
        worth = worth or transact(crediting.work_out, customer_id, ask)  # the price is the same for all
        transact(
            crediting.credit,
            customer_id,
            ask,
            seen_minor=worth.credit.amount_minor,
            by=by,
            key=f"bench:{now}:{customer_id}",
            repeat_ok=True,
        )


def _wait(database: Database, count: int) -> list[float]:
    first = transact(numbers.reserve, "subscriptions", count)
    transact(subscribe, count, first)
    batch_id, _incident_id = transact(make_batch, count, first)
    transact(batches.issue, batch_id, count=count, by=actor.SYSTEM, key="bench:wait")
    processes = multiprocessing.get_context("forkserver")
    is_over, results = processes.Event(), processes.Queue()
    other = processes.Process(target=_adjust_until, args=(database, is_over, results))
    other.start()
    results.get(timeout=60)  # it has begun
    job.run_one(batch_id)
    is_over.set()
    seconds: list[float] = results.get(timeout=60)
    other.join()
    return seconds


def _adjust_until(database: Database, is_over: Event, results: Any) -> None:  # noqa: ANN401  (a queue of processes)
    with database.app().app_context():
        reason_id = db.session.execute(select(Reason.id).where(Reason.name == "Downtime")).scalar_one()
        db.session.rollback()
        by, seconds, number = actor.staff(STAFF_ID), [], 0
        results.put("ready")
        while not is_over.is_set():
            number += 1
            begun = time.perf_counter()
            transact(
                credits.adjust,
                number % 1000 + 1,
                AMOUNT_MINOR,
                reason_id=reason_id,
                by=by,
                key=f"wait:{number}",
                duplicates_ok=True,
            )
            seconds.append(time.perf_counter() - begun)
        results.put(seconds)


def make_batch(session: Session, count: int, first_subscription: int) -> tuple[int, int]:
    """Make an incident and a batch with a line for each of the first customers; return the batch and the incident."""
    moment = datetime.now(UTC)
    shared = {"version": 1, "created_at": moment, "updated_at": moment, "customer_note": "", "note": ""}
    incident = {"title": "Outage", "reference": "", "starts_at": moment, "time_zone": "UTC", "search_key": "outage"}
    incident_id = session.execute(
        insert(Incident).values(**incident, credit_round=1, **shared).returning(Incident.id)
    ).scalar_one()
    nothing = dict.fromkeys(("expected", "prepared_customer", "prepared_item", "to_post", "to_post_minor"), 0)
    counts = dict.fromkeys(("done_line", "posted", "posted_minor", "skipped"), 0)
    texts = dict.fromkeys(("terms", "problem", "source_name", "source_digest", "spent_choice"), "")
    batch = {"kind": "downtime", "status": "ready", "title": "Outage", "incident_id": incident_id, "credit_round": 1}
    batch_id = session.execute(
        insert(Batch).values(**batch, lines=count, **nothing, **counts, **texts, **shared).returning(Batch.id)
    ).scalar_one()
    line = {
        "batch_id": batch_id,
        "price_minor": 2400,
        "months": 1,
        "tax_bp": 0,
        "down_seconds": 12_000,
        "computed_minor": AMOUNT_MINOR,
        "amount_minor": AMOUNT_MINOR,
        "is_included": True,
        **dict.fromkeys(("changed_by", "reason_id", "row_hash", "invoice_id")),
        **dict.fromkeys(("changed_why", "flag", "problem", "outcome", "note", "customer_note", "ticket_ref"), ""),
        "entry_key": "",
    }
    rows = [
        {
            **line,
            "line": customer_id,
            "customer_id": customer_id,
            "subscription_id": first_subscription - 1 + customer_id,
            "label": f"Hosting: web{customer_id}.example",
        }
        for customer_id in range(1, count + 1)
    ]
    insert_rows(session, Base.metadata.tables["batch_lines"], rows)
    return int(batch_id), int(incident_id)


ROWS = [
    Row(f"batch.{kind}.{engine}", engine, measure)
    for kind, measure in (("issue", issued), ("wait", waited))
    for engine in ENGINES
]
