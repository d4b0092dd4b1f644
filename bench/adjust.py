"""`credits.adjust` through `transact`, beside the same inserts and updates in plain SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench import invariants
from bench.clients import clients
from bench.figures import Figure, Goal, in_turns
from bench.rows import Row, Scale
from bench.stage import ENGINES, POSTGRESQL, Database, Stage

GOALS = {"postgresql": Goal(at_least=0.5), "sqlite": Goal(at_least=0.2)}
HOT_GOAL = Goal(at_least=0.4)


def distinct(stage: Stage, scale: Scale, engine: str) -> Iterator[Figure]:
    """One process, then four, each with customers of its own."""
    everybody = range(1, scale.small + 1)
    for processes in (1, 4):
        name, database = f"adjust.{engine}.{processes}", stage.copy(engine, scale.small)
        yield _figure(name, database, scale, processes, 1, everybody, GOALS[engine])


def hot(stage: Stage, scale: Scale, engine: str) -> Iterator[Figure]:
    """Thirty-two clients, eight in each of four processes, and one customer for them all."""
    database = stage.copy(engine, scale.small)
    yield _figure(f"adjust.{engine}.hot32", database, scale, 4, 8, [scale.small], HOT_GOAL)


def _figure(
    name: str,
    database: Database,
    scale: Scale,
    processes: int,
    threads: int,
    customers: Sequence[int],
    goal: Goal,
) -> Figure:
    problems: list[str] = []
    with clients(database, processes, threads, customers) as those:
        for side in ("plain", "ours"):
            those.per_second(side, scale.seconds / 4, problems)  # to warm up
        pairs = list(
            in_turns(
                scale.pairs,
                lambda: those.per_second("plain", scale.seconds, problems),
                lambda: those.per_second("ours", scale.seconds, problems),
            )
        )
    problems += invariants.broken_in(database)
    return Figure(
        name=name,
        unit="/s",
        values=[ours for _plain, ours in pairs],
        baselines=[plain for plain, _ours in pairs],
        goal=goal,
        problems=problems[:3],
    )


ROWS = [
    Row(f"adjust.{engine}{part}", engine, measure)
    for engine in (POSTGRESQL, *[e for e in ENGINES if e != POSTGRESQL])
    for part, measure in (("", distinct), (".hot32", hot))
]
