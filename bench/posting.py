"""The adjust form sent through a web server, beside the service call that it leads to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from statistics import median

from bench import invariants
from bench.clients import NOTE, OurDesk
from bench.figures import Figure, Goal, in_turns
from bench.rows import Row, Scale
from bench.seed import REASON_ID
from bench.stage import ENGINES, Stage
from bench.visitor import Visitor, served

SENT_AT_ONCE = 15
GOAL = Goal(at_least=0.35)


def through_the_form(stage: Stage, scale: Scale, engine: str) -> Iterator[Figure]:
    """How much of the service's speed is left when a browser asks: session, CSRF, form, redirect, one worker."""
    database = stage.copy(engine, scale.small)
    app = database.app()
    turns = count(1)
    with served(database) as visitor, app.app_context():

        def send() -> float:
            return _milliseconds(lambda: _send(visitor, next(turns), scale.small))

        def call() -> float:
            return _milliseconds(lambda: _call(next(turns), scale.small))

        send(), call()  # to warm up
        pairs = list(in_turns(scale.pairs, call, send))
        app.extensions["sqlalchemy"].engine.dispose()
    yield Figure(
        name=f"http.adjust.{engine}",
        unit="ms",
        values=[ours for _plain, ours in pairs],
        baselines=[plain for plain, _ours in pairs],
        goal=GOAL,
        ratios=[plain / ours for plain, ours in pairs],
        problems=invariants.broken_in(database),
    )


def _send(visitor: Visitor, turn: int, customers: int) -> Callable[[], None]:
    """Open the page of a customer and fill in the form; return what sends it."""
    customer_id = 1 + turn % customers
    fields = visitor.form(
        f"/admin/users/{customer_id}",
        f"/admin/users/{customer_id}/credit",
        direction="add",
        amount=f"{turn / 100:.2f}",
        note=NOTE,
    )
    return lambda: visitor.post(f"/admin/users/{customer_id}/credit", fields)


def _call(turn: int, customers: int) -> Callable[[], None]:
    return lambda: OurDesk().adjust(1 + turn % customers, turn, reason_id=REASON_ID, note=NOTE, key=f"bench:{turn}")


def _milliseconds(prepare: Callable[[], Callable[[], None]]) -> float:
    """Return the median time of what `prepare` returns; preparing it is not counted."""
    took = []
    for _ in range(SENT_AT_ONCE):
        act = prepare()
        begun = time.perf_counter()
        act()
        took.append(time.perf_counter() - begun)
    return median(took) * 1000


ROWS = [Row("http.adjust", engine, through_the_form) for engine in ENGINES]
