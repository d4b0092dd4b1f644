"""*Total credits outstanding* from the kept sums, beside the sum over all accounts."""

from __future__ import annotations

import time
from collections.abc import Iterator

from sqlalchemy import Connection, text

from bench.figures import Figure, Goal, in_turns
from bench.rows import Row, Scale
from bench.stage import ENGINES, Stage

KEPT = text("SELECT sum(balance_minor), sum(holders) FROM credit_totals")
SUMMED = text("SELECT sum(balance_minor) FROM credit_accounts")
GOAL = Goal(at_least=50)


def outstanding(stage: Stage, scale: Scale, engine: str) -> Iterator[Figure]:
    """How many times faster the kept sums answer."""
    database = stage.seeded(engine, scale.big)
    app = database.app()
    with app.app_context(), app.extensions["sqlalchemy"].engine.connect() as connection:
        kept, summed = connection.execute(KEPT).scalar_one, connection.execute(SUMMED).scalar_one
        problems = [] if kept() == summed() else ["the kept total differs from the sum of the balances"]
        pairs = list(
            in_turns(
                scale.pairs * 2,
                lambda: _milliseconds(connection, SUMMED, 3),
                lambda: _milliseconds(connection, KEPT, 50),
            )
        )
    yield Figure(
        name=f"total.outstanding.{engine}",
        unit="ms",
        values=[ours for _plain, ours in pairs],
        baselines=[plain for plain, _ours in pairs],
        goal=GOAL,
        ratios=[plain / ours for plain, ours in pairs],
        problems=problems,
    )


def _milliseconds(connection: Connection, question: object, times: int) -> float:
    begun = time.perf_counter()
    for _ in range(times):
        connection.execute(question).all()  # type: ignore[call-overload]  # a text()
    return (time.perf_counter() - begun) / times * 1000


ROWS = [Row("total.outstanding", engine, outstanding) for engine in ENGINES]
