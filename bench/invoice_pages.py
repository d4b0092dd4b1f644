"""The list of invoices with a million of them beside the same list with a thousand, each a full page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import text

from bench.figures import Figure
from bench.pages import Page, grown
from bench.rows import Row, Scale
from bench.stage import ENGINES, Database, Stage
from bench.visitor import visit
from creditapp.columns import to_microseconds
from creditapp.db import db
from creditapp.web.lists import encode_cursor

FEW = 1_000
DAYS = 1_500
MANY = {1_000_000: 1_000_000, 200_000: 1_000_000, 20_000: 20_000}
"""How many invoices there are where there would be so many customers."""
PATH = "/admin/billing/invoices"
PAGES = (
    Page("first", lambda _count: PATH),
    Page("middle", lambda count: f"{PATH}?after={encode_cursor([count // 2, _customer(count // 2, count)])}"),
    Page("unpaid", lambda _count: f"{PATH}?status=unpaid"),
    Page("unpaid.by_due", lambda _count: f"{PATH}?status=unpaid&sort=due"),
    Page("days", lambda count: f"{PATH}?from=2022-03-01&until={date(2022, 3, 1) + timedelta(days=_days(count))}"),
    Page("number", lambda count: f"{PATH}?q=%23{count // 2}"),
    Page("customer", lambda _count: f"{PATH}?customer=7"),
)
CUSTOMERS = 1_000
ON_A_PAGE = 50

# Every tenth is unpaid; each hundredth was cancelled, and each hundredth is of a kind that is rare.
FILL = """
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
    INSERT INTO invoices (customer_id, id, kind, status, currency, is_gross, net_minor, tax_minor, total_minor,
        eligible_minor, credit_minor, paid_minor, refunded_minor, issued_on, due_on, note, events, actor, key,
        key_digest, version, created_at, updated_at)
    SELECT 1 + n % {customers}, n, CASE WHEN n % 100 = 1 THEN 'order' ELSE 'manual' END,
        CASE WHEN n % 10 = 0 THEN 'unpaid' WHEN n % 100 = 7 THEN 'cancelled' ELSE 'paid' END,
        'USD', FALSE, 1000 + n % 9000, 0, 1000 + n % 9000, 0, 0,
        CASE WHEN n % 10 = 0 OR n % 100 = 7 THEN 0 ELSE 1000 + n % 9000 END, 0, {issued}, {due}, '', 0, 'system',
        'bench:' || n, {digest}, 1, {now}, {now}
    FROM numbers"""


def listed(stage: Stage, scale: Scale, engine: str) -> Iterator[Figure]:
    """Ask for each list with few invoices and with many in turns."""
    counts = (FEW, MANY[scale.big])
    databases = [stage.copy(engine, CUSTOMERS) for _ in counts]
    apps = [database.app() for database in databases]
    for database, app, count in zip(databases, apps, counts, strict=True):
        with app.app_context():
            _fill(database, count)
    visitors = (visit(apps[0]), visit(apps[1]))
    for page in PAGES:
        yield grown(f"page.invoices.{page.name}.{engine}", page, visitors, counts, scale.pairs)
    for app in apps:
        with app.app_context():
            db.engine.dispose()


def _customer(number: int, count: int) -> int:
    return 1 + number % _customers(count)


def _customers(count: int) -> int:
    """Return how many customers so many invoices are spread over: each has a page of them at least."""
    return min(CUSTOMERS, count // ON_A_PAGE)


def _days(count: int) -> int:
    """Return how many days have a page of them, a month at least."""
    return max(30, 2 * ON_A_PAGE * DAYS // count)


def _fill(database: Database, count: int) -> None:
    moment = datetime.now(UTC)
    day = f"n * {DAYS} / {count}"
    words = (
        {
            "issued": f"date('2021-01-01', '+' || ({day}) || ' days')",
            "due": f"date('2021-01-15', '+' || ({day}) || ' days')",
            "digest": "zeroblob(32)",
            "now": str(to_microseconds(moment)),
        }
        if database.engine == "sqlite"
        else {
            "issued": f"DATE '2021-01-01' + ({day})::int",
            "due": f"DATE '2021-01-15' + ({day})::int",
            "digest": "sha256('')",
            "now": f"'{moment.isoformat()}'::timestamptz",
        }
    )
    with db.engine.connect() as connection:
        if database.engine == "postgresql":
            connection.exec_driver_sql("SET statement_timeout = 0")
        connection.execute(text(FILL.format(count=count, customers=_customers(count), **words)))
        connection.commit()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if database.engine == "sqlite" else "VACUUM ANALYZE invoices"))


ROWS = [Row(f"page.invoices.{engine}", engine, listed) for engine in ENGINES]
