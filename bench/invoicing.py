"""Credit on invoices: `credits.apply` beside plain SQL, and renewals in chunks beside set-based SQL; same rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import TypeVar

from flask import Flask, current_app
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from bench import invariants
from bench.clients import Clients, Side, clients
from bench.figures import Figure, Goal, in_turns
from bench.renewing import renew_in_sets
from bench.rows import Row, Scale
from bench.seed import STAFF_ID
from bench.stage import ENGINES, POSTGRESQL, Database, Stage
from creditapp.bulk import insert_rows
from creditapp.db import Base, db, snapshot, transact
from creditapp.models import Cycle, ProductKind
from creditapp.services import actor, invoices, numbers, products, renewals
from creditapp.services.invoices import Line
from creditapp.services.periods import next_start
from creditapp.services.products import ProductFields

T = TypeVar("T")
APPLY_GOALS = {"postgresql": Goal(at_least=0.5), "sqlite": Goal(at_least=0.2)}
RENEW_GOAL = Goal(at_least=0.5)
GROWTH_GOAL = Goal(at_most=1.15)
RENEWED_MAX = 100_000
PRICE_MINOR = 100
FIRST = 1_000
FIRST_DUE_ON = date(2030, 1, 1)
DEAR_MINOR = 10_000_000_000


def applied(stage: Stage, scale: Scale, engine: str) -> Iterator[Figure]:
    """One process, then four; each customer with credit has an invoice, and 1 is put on it again and again."""
    for processes in (1, 4):
        database = stage.copy(engine, scale.small)
        customers = in_app(database, lambda _app: _bill_holders())
        problems: list[str] = []
        with clients(database, processes, 1, customers) as those:
            for side in ("plain", "ours"):
                those.per_second(side, scale.seconds / 4, problems, "apply")  # to warm up
            plain, ours = (partial(_rate, those, side, scale, problems) for side in ("plain", "ours"))
            pairs = list(in_turns(scale.pairs, plain, ours))
        problems += invariants.broken_in(database)
        name = f"apply.{engine}.{processes}"
        yield _figure(name, "/s", pairs, APPLY_GOALS[engine], problems)


def renewed(stage: Stage, scale: Scale, engine: str) -> Iterator[Figure]:
    """Renew as many subscriptions as there are customers, few and many, month after month, each side in its turn.

    `growth` is what an invoice takes in the midst of a long run beside one of its first thousand; `size`, what it takes
    among many customers beside few, whatever the run.
    """
    took: list[list[float]] = []
    runs: list[Run] = []
    for customers, pairs in ((scale.small, scale.pairs), (scale.big, 3)):
        count = min(customers, RENEWED_MAX)
        database = stage.copy(engine, customers)
        measured, runs = in_app(database, lambda app, count=count, pairs=pairs: _renew_in_turns(app, count, pairs))  # type: ignore[misc]
        problems = invariants.broken_in(database)
        yield _figure(f"renew.{engine}.{count}", "/s", measured, RENEW_GOAL, problems)
        took.append([1e6 / ours for _plain, ours in measured])
    first, rest = [run.first_us for run in runs], [run.rest_us for run in runs]
    yield Figure(f"renew.{engine}.growth", "us each", rest, first, GROWTH_GOAL)
    few, many = (sorted(each)[len(each) // 2] for each in took)
    yield Figure(f"renew.{engine}.size", "us each", [many], [few])


def _rate(those: Clients, side: Side, scale: Scale, problems: list[str]) -> float:
    return those.per_second(side, scale.seconds, problems, "apply")


def _figure(name: str, unit: str, pairs: list[tuple[float, float]], goal: Goal, problems: list[str]) -> Figure:
    values, baselines = [ours for _plain, ours in pairs], [plain for plain, _ours in pairs]
    return Figure(name, unit, values, baselines, goal, problems=problems[:3])


def in_app(database: Database, work: Callable[[Flask], T]) -> T:
    """Do the work inside an application on this database, and let go of it."""
    app = database.app()
    with app.app_context():
        try:
            return work(app)
        finally:
            db.session.remove()
            db.engine.dispose()


def _bill_holders() -> list[int]:
    """Give each customer with credit an invoice that has the customer's number; return their ids."""
    holders = text("SELECT customer_id FROM credit_accounts WHERE balance_minor > 2000 ORDER BY customer_id")
    customers = list(db.session.execute(holders).scalars())
    db.session.rollback()
    transact(_bill, customers)
    return customers


def _bill(session: Session, customers: list[int]) -> None:
    for customer_id in customers:
        line = Line(description="Hosting", unit_minor=DEAR_MINOR)
        invoices.create(session, customer_id, customer_id, [line], by=actor.staff(STAFF_ID), key="bench")


@dataclass(frozen=True, slots=True)
class Run:
    """What an invoice took among the first of a run, and among the rest of it; microseconds."""

    first_us: float
    rest_us: float


def _renew_in_turns(_app: Flask, count: int, pairs: int) -> tuple[list[tuple[float, float]], list[Run]]:
    """Return how many invoices a second each side makes; every turn renews all of them by one month."""
    transact(subscribe, count, transact(numbers.reserve, "subscriptions", count))
    months, runs = _months(), list[Run]()

    def plain() -> float:
        first = transact(numbers.reserve, "invoices", count)
        with db.engine.connect() as connection:
            return per_second(count, lambda: _in_a_transaction(connection, first, next(months)))

    def ours() -> float:
        due_on, begun = next(months), time.perf_counter()
        _renew_in_chunks(due_on, FIRST)
        there = time.perf_counter()
        _renew_in_chunks(due_on, count)
        ended = time.perf_counter()
        if count > FIRST:
            runs.append(Run((there - begun) / FIRST * 1e6, (ended - there) / (count - FIRST) * 1e6))
        return count / (ended - begun)

    ours(), plain()  # to warm up
    runs.clear()
    return list(in_turns(pairs, plain, ours)), runs


def _months() -> Iterator[date]:
    day = FIRST_DUE_ON
    while True:
        yield day
        day = next_start(day, Cycle.MONTHLY, 1)


def per_second(count: int, work: Callable[[], None]) -> float:
    """Return how many a second that was, when the work did so many."""
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)


def _renew_in_chunks(due_on: date, most: int) -> None:
    """Do as `invoices renew` does, without the breath that it takes between chunks on SQLite."""
    after, made = None, 0
    while made < most:
        with snapshot() as session:
            due = renewals.due_after(session, due_on, after)
        if not due:
            return
        first = transact(numbers.reserve, "invoices", len(due))
        transact(renewals.renew, due, first, on=due_on)
        after, made = due[-1], made + len(due)


def _in_a_transaction(connection: Connection, first: int, due_on: date) -> None:
    with connection.execution_options(sqlite_begin="IMMEDIATE").begin():
        if connection.dialect.name == POSTGRESQL:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        renew_in_sets(connection, current_app.config["LEDGER_KEY"], first, due_on, next_start(due_on, Cycle.MONTHLY, 1))


def subscribe(session: Session, count: int, first: int) -> None:
    """Give each of the first customers a subscription, numbered from `first`."""
    fields = ProductFields(name="Hosting", kind=ProductKind.HOSTING, price_minor=PRICE_MINOR, cycle=Cycle.MONTHLY)
    product_id = products.create(session, fields, by=actor.SYSTEM, key="bench")
    moment = datetime.now(UTC)
    shared = {
        "product_id": product_id,
        "location": "fra-web-03",
        "price_minor": PRICE_MINOR,
        "cycle": "monthly",
        "anchor_day": 1,
        "started_on": date(2029, 1, 1),
        "next_due_on": FIRST_DUE_ON,
        "status": "active",
        "version": 1,
        "created_at": moment,
        "updated_at": moment,
    }
    rows = [
        {"customer_id": customer_id, "id": first - 1 + customer_id, "label": f"web{customer_id}.example", **shared}
        for customer_id in range(1, count + 1)
    ]
    insert_rows(session, Base.metadata.tables["subscriptions"], rows)


ROWS = [
    Row(f"{kind}.{engine}", engine, measure)
    for kind, measure in (("apply", applied), ("renew", renewed))
    for engine in ENGINES
]
