"""Pages with many customers beside the same pages with few: nothing may cost more because there is more of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any
from unittest import mock

from bench import seed
from bench.figures import NO_GOAL, Figure, Goal, in_turns
from bench.rows import Row, Scale
from bench.stage import ENGINES, Stage
from bench.visitor import Visitor, served, visit
from creditapp.blueprints.users import listing
from creditapp.blueprints.users import routes as users
from creditapp.db import db
from creditapp.text import fold
from creditapp.web.lists import encode_cursor

ASKED_AT_ONCE = 9
WARM_UP = 4
FLAT = Goal(at_most=1.3)
FROM_MEMORY = Goal(at_least=0.5)


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and its URL where there are so many customers, or invoices."""

    name: str
    url: Callable[[int], str]
    goal: Goal = FLAT


def _middle(customers: int) -> str:
    """Return the cursor of the customer in the middle of all names."""
    keys = sorted((fold(seed.name(customer_id)), customer_id) for customer_id in range(1, customers + 1))
    return encode_cursor(keys[customers // 2])


def _letters_of_one(customers: int) -> str:
    """Return eleven letters that only the customer in the middle has: the end of the e-mail's first part."""
    return seed.email(customers // 2).partition("@")[0][-11:]


PAGES = (
    Page("users.first", lambda _customers: "/admin/users"),
    Page("users.middle", lambda customers: f"/admin/users?after={_middle(customers)}"),
    Page("users.by_balance", lambda _customers: "/admin/users?sort=-balance", NO_GOAL),
    Page("user", lambda customers: f"/admin/users/{customers // 2}"),
    Page("credits", lambda _customers: "/admin/billing/credits"),
    Page("search.11", lambda customers: f"/admin/users?q={_letters_of_one(customers)}", Goal(at_most=2)),
    Page("search.5", lambda _customers: "/admin/users?q=bjorn", Goal(at_most=2)),
    Page("search.3", lambda _customers: "/admin/users?q=lun", Goal(at_most=6)),
    Page("search.2", lambda _customers: "/admin/users?q=bj", Goal(at_most=2)),
    Page("search.none", lambda _customers: "/admin/users?q=zzqxqzz", Goal(at_most=2)),
)


def in_process(stage: Stage, scale: Scale, engine: str) -> Iterator[Figure]:
    """Ask the application itself."""
    apps = [stage.visited(engine, customers).app() for customers in (scale.small, scale.big)]
    small, big = (visit(app) for app in apps)
    for page in PAGES:
        yield grown(f"page.{page.name}.{engine}", page, (small, big), (scale.small, scale.big), scale.pairs)
    yield _beside_memory(f"page.users.memory.{engine}", big, scale)
    for app in apps:
        with app.app_context():
            db.engine.dispose()


def through_gunicorn(stage: Stage, scale: Scale, engine: str) -> Iterator[Figure]:
    """Ask a web server with one worker, as a browser does."""
    with ExitStack() as stack:
        databases = [stage.visited(engine, customers) for customers in (scale.small, scale.big)]
        small, big = (stack.enter_context(served(database)) for database in databases)
        for page in PAGES:
            yield grown(f"http.{page.name}.{engine}", page, (small, big), (scale.small, scale.big), scale.pairs)


def grown(name: str, page: Page, visitors: tuple[Visitor, Visitor], counts: tuple[int, int], pairs_max: int) -> Figure:
    """Measure a page where there is much of something beside the same page where there is little."""
    small, big = visitors
    small_url, big_url = page.url(counts[0]), page.url(counts[1])
    for _ in range(WARM_UP):
        small.get(small_url)
        big.get(big_url)
    pairs = list(
        in_turns(pairs_max, lambda: milliseconds(small, small_url), lambda: milliseconds(big, big_url)),
    )
    return Figure(
        name=name,
        unit="ms",
        values=[ours for _plain, ours in pairs],
        baselines=[plain for plain, _ours in pairs],
        goal=page.goal,
    )


def _beside_memory(name: str, visitor: Visitor, scale: Scale) -> Figure:
    """Measure the list of customers beside the same page when its rows are already there."""
    url = "/admin/users"
    kept: list[object] = []

    def read_and_keep(*args: Any) -> object:  # noqa: ANN401  (what `read_page` takes)
        kept.append(listing.read_page(*args))
        return kept[0]

    with mock.patch.object(users, "read_page", read_and_keep):
        visitor.get(url)

    def from_memory() -> float:
        with mock.patch.object(users, "read_page", return_value=kept[0]):
            return milliseconds(visitor, url)

    pairs = list(in_turns(scale.pairs, from_memory, lambda: milliseconds(visitor, url)))
    return Figure(
        name=name,
        unit="ms",
        values=[ours for _plain, ours in pairs],
        baselines=[plain for plain, _ours in pairs],
        goal=FROM_MEMORY,
        ratios=[plain / ours for plain, ours in pairs],
    )


def milliseconds(visitor: Visitor, url: str) -> float:
    """Return how long the page takes: the median of a few times."""
    took = []
    for _ in range(ASKED_AT_ONCE):
        begun = time.perf_counter()
        visitor.get(url)
        took.append(time.perf_counter() - begun)
    return median(took) * 1000


ROWS = [
    Row(kind, engine, measure)
    for kind, measure in (("page", in_process), ("http", through_gunicorn))
    for engine in ENGINES
]
