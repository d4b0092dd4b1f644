"""Every statement of these pages is served by an index, whatever is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from creditapp.db import db, transact, transact_at
from creditapp.models import Kind, Role
from creditapp.services import customers, ledger
from creditapp.services.actor import Actor
from creditapp.services.customers import CustomerFields
from creditapp.services.ledger import Posting
from tests.browser import Browser
from tests.conftest import AppMaker
from tests.factories import give, make_customer, make_staff, moment, reason_named
from tests.queries.plans import reads_all

CREDITS = "/admin/billing/credits"
CUSTOMERS = 22_000
HOLDERS = 2_000
TURNS = 10
NAMES = ("Ada Lovelock", "Björn Sand", "Chloé Usman", "Dmitri Berg")
LARGE = ("credit_entries", "credit_entry_texts", "credit_lots", "customers", "credit_accounts")
QUERIES = (
    "",
    "quiet=1",
    "reason=7",
    "kind=void",
    "reason=1&by=1&kind=removed",
    "from=2026-01-01&to=2026-01-02",
    "q=unmist",
    "q=outage",
    "q=CR-1-1",
    "b_show=all",
    "b_q=quillfeather",
    "b_q=qu",
    "b_q=%23700",
)

USERS = "/admin/users"
LISTS = (
    "",
    "sort=-name",
    "sort=-joined",
    "credit=yes",
    "credit=no&sort=-joined",
    "status=active",
    "from=2025-01-01",
    "until=2024-12-31&sort=-joined",
    "q=quillfeather",
    "q=quillfeather&sort=-joined&credit=yes",
    "q=person",
    "q=person&sort=-name",
    "q=nobodyatall",
    "q=qu",
    "q=qu&sort=-joined",
    "q=%23700",
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group(__name__)]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def crowd(request: pytest.FixtureRequest, new_app: AppMaker) -> Iterator[Flask]:
    """A panel of 22,000 customers and 20,000 entries."""
    with new_app(request.param) as app:
        ids = transact(_join)
        by, reason_id = make_staff().actor, reason_named("Courtesy")
        for turn in range(TURNS):
            for first in range(0, HOLDERS, 1000):
                at = moment() + timedelta(days=7 * turn, seconds=first)
                transact_at(at, _post, ids[first : first + 1000], turn, by, reason_id)
        rare = make_customer(name="Quincy Quillfeather", email="quincy@x.example")
        give(rare, 500, note="Something unmistakable", by=by)
        _settle(request.param)
        yield app


def _settle(engine: str) -> None:
    """Do what the autovacuum would: bring statistics up to date and the search index in order."""
    if engine == "sqlite":
        with db.engine.begin() as connection:
            connection.execute(text("ANALYZE"))
        return
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


@pytest.fixture
def visitor(crowd: Flask) -> Browser:
    browser = Browser(crowd)
    browser.sign_in(make_staff(Role.MANAGER))
    return browser


@pytest.mark.parametrize("query", QUERIES)
def test_no_part_of_the_credits_page_reads_a_whole_table(visitor: Browser, query: str) -> None:
    assert scans(visitor, f"{CREDITS}?{query}") == []


def test_a_later_page_reads_no_more_than_the_first(visitor: Browser) -> None:
    page = visitor.open(CREDITS)
    for _ in range(3):
        page = visitor.open(page.link("Next", among="Pages of adjustments"))

    assert scans(visitor, page.link("Next", among="Pages of adjustments")) == []
    assert scans(visitor, page.link("Next", among="Pages of balances")) == []


def test_sorting_by_balance_reads_the_accounts_and_nothing_else(visitor: Browser) -> None:
    assert set(scans(visitor, f"{CREDITS}?b_sort=-balance")) <= {"credit_accounts"}


@pytest.mark.parametrize("typed", ["quillfeather", "qu", "quincy x.example", "1999", "%23700", "CR-1-1"])
def test_the_search_box_reads_no_whole_table(visitor: Browser, typed: str) -> None:
    assert scans(visitor, f"/admin/search?q={typed}") == []


@pytest.mark.parametrize("query", LISTS)
def test_no_list_of_users_reads_a_whole_table(visitor: Browser, query: str) -> None:
    assert scans(visitor, f"{USERS}?{query}") == []


def test_a_later_page_of_users_reads_no_more_than_the_first(visitor: Browser) -> None:
    for sort in ("name", "-name", "-joined"):
        page = visitor.open(f"{USERS}?sort={sort}")
        for _ in range(3):
            page = visitor.open(page.link("Next"))

        assert scans(visitor, page.link("Next")) == []
        assert scans(visitor, page.link("Previous")) == []


def test_by_id_the_table_itself_is_the_index(visitor: Browser) -> None:
    walked = {"customers"} if db.engine.dialect.name == "sqlite" else set()

    for query in ("sort=id", "sort=-id", "sort=-id&q=person", "sort=id&credit=no"):
        assert set(scans(visitor, f"{USERS}?{query}")) <= walked, query


def test_the_pages_about_one_user_stay_with_that_user(visitor: Browser) -> None:
    for rest in ("", "?on=2026-03-05", "?folded=1", "/edit", "/credit/balance", "/credit/1", "/credit/1/reversal"):
        assert scans(visitor, f"{USERS}/700{rest}") == [], rest


def scans(visitor: Browser, url: str) -> list[str]:
    """Return the large tables that opening the page reads from end to end."""
    with statements() as ran:
        visitor.get(url)
    assert ran
    return [table for sql, parameters in ran for table in LARGE if reads_all(sql, parameters, table)]


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """Collect every SELECT with its parameters."""
    ran: list[tuple[str, Any]] = []

    def note(*call: Any) -> None:  # noqa: ANN401  (SQLAlchemy's: connection, cursor, statement, parameters, …)
        if call[2].lstrip().startswith("SELECT"):
            ran.append((call[2], call[3]))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield ran
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def _join(session: Session) -> list[int]:
    many = [
        CustomerFields(
            name=f"{NAMES[n % 4]} {n}",
            email=f"person{n}@example.com",
            joined_on=date(2024, 1, 1),
            external_id=f"P{n}",
        )
        for n in range(CUSTOMERS)
    ]
    chunks = [customers.create_many(session, many[first : first + 1000]) for first in range(0, CUSTOMERS, 1000)]
    return [customer_id for chunk in chunks for customer_id in chunk]


def _post(session: Session, customer_ids: list[int], turn: int, by: Actor, reason_id: int) -> None:
    ledger.post_many(
        session,
        [
            (
                customer_id,
                Posting(
                    kind=Kind.ADDED,
                    amount_minor=100 + customer_id % 97,
                    description="Credit Added",
                    by=by,
                    key=f"turn {turn}",
                    reason_id=reason_id,
                    note="Outage of the mail cluster" if customer_id % 3 else "",
                ),
            )
            for customer_id in customer_ids
        ],
    )
