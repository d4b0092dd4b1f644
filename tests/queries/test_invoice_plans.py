"""No list of invoices reads the whole table, whatever is asked for, and on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert, text
from sqlalchemy.orm import Session

from creditapp.db import db, now, transact
from creditapp.models import Role
from creditapp.services import customers
from creditapp.services.bills import INVOICES
from creditapp.services.customers import CustomerFields
from tests.browser import Browser
from tests.conftest import AppMaker
from tests.factories import make_staff
from tests.queries.plans import reads_all

PATH = "/admin/billing/invoices"
CUSTOMERS, MANY = 2_000, 40_000
LARGE = ("invoices",)
LISTS = (
    "",
    "sort=number",
    "status=unpaid",
    "status=paid",
    "status=refunded",
    "kind=clawback",
    "status=paid&kind=manual",
    "status=paid&kind=clawback",
    "from=2021-01-01&until=2021-01-31",
    "status=paid&from=2021-01-01",
    "kind=clawback&until=2020-06-01",
    "min=50&max=60",
    "status=paid&min=999999",
    "sort=due",
    "sort=due&status=unpaid",
    "sort=-due&status=unpaid&kind=clawback",
    "q=%23500",
    "q=500",
    "q=quillfeather",
    "q=nobodyatall",
    "customer=77",
    "customer=77&status=unpaid",
    "customer=77&status=paid&sort=-due",
)
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group(__name__)]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def crowd(request: pytest.FixtureRequest, new_app: AppMaker) -> Iterator[Flask]:
    """A panel of 2,000 customers and 40,000 invoices."""
    with new_app(request.param) as app:
        transact(_fill)
        if request.param == "postgresql":
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))
        yield app


@pytest.mark.parametrize("query", LISTS)
def test_no_list_of_invoices_reads_the_whole_table(crowd: Flask, query: str) -> None:
    assert scans(crowd, f"{PATH}?{query}") == []


def test_a_later_page_reads_no_more_than_the_first(crowd: Flask) -> None:
    browser = _reader(crowd)
    for query in ("", "sort=due&status=unpaid", "status=paid&from=2021-01-01"):
        page = browser.open(f"{PATH}?{query}")
        for _ in range(2):
            page = browser.open(page.link("Next"))

        assert scans(crowd, page.link("Next")) == [], query
        assert scans(crowd, page.link("Previous")) == [], query


def test_one_invoice_is_found_by_its_number(crowd: Flask) -> None:
    assert scans(crowd, f"{PATH}/777") == []


def test_a_scan_would_be_seen(crowd: Flask) -> None:
    assert reads_all("SELECT count(note) FROM invoices", (), "invoices")


def scans(crowd: Flask, url: str) -> list[str]:
    """Return the large tables that opening the page reads from end to end."""
    browser = _reader(crowd)
    ran: list[tuple[str, Any]] = []

    def note(*call: Any) -> None:  # noqa: ANN401  (SQLAlchemy's: connection, cursor, statement, parameters, …)
        if call[2].lstrip().startswith("SELECT"):
            ran.append((call[2], call[3]))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert browser.get(url).status_code == 200
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert ran
    return [table for sql, parameters in ran for table in LARGE if reads_all(sql, parameters, table)]


def _reader(crowd: Flask) -> Browser:
    browser = Browser(crowd)
    browser.sign_in(make_staff(Role.AUDITOR))
    return browser


def _fill(session: Session) -> None:
    fields = [
        CustomerFields(name=f"Person {n}", email=f"p{n}@x.example", joined_on=date(2020, 1, 1), external_id=f"P{n}")
        for n in range(CUSTOMERS - 1)
    ]
    quincy = CustomerFields(
        name="Quincy Quillfeather", email="q@x.example", joined_on=date(2020, 1, 1), external_id="Q"
    )
    everybody = [*fields, quincy]
    ids = [
        one
        for first in range(0, CUSTOMERS, 1000)
        for one in customers.create_many(session, everybody[first : first + 1000])
    ]
    for first in range(1, MANY, 1000):
        session.execute(insert(INVOICES), [_invoice(session, ids, n) for n in range(first, first + 1000)])


def _invoice(session: Session, ids: list[int], n: int) -> dict[str, Any]:
    total_minor = 100 + n % 9_973
    status = "unpaid" if n % 20 == 0 else "refunded" if n % 9000 == 7 else "cancelled" if n % 50 == 1 else "paid"
    issued_on = date(2020, 1, 1) + timedelta(days=n * 2000 // MANY)
    return {
        "customer_id": ids[n * 7919 % CUSTOMERS],
        "id": n,
        "kind": "manual" if n % 5 == 0 else "clawback" if n % 1000 == 1 else "renewal",
        "status": status,
        "currency": "USD",
        "is_gross": False,
        "net_minor": total_minor,
        "tax_minor": 0,
        "total_minor": total_minor,
        "eligible_minor": total_minor,
        "credit_minor": 0,
        "paid_minor": total_minor if status == "paid" else 0,
        "refunded_minor": 0,
        "issued_on": issued_on,
        "due_on": issued_on + timedelta(days=14),
        "note": "",
        "events": 0,
        "actor": "system",
        "key": f"k{n}",
        "key_digest": bytes(32),
        "version": 1,
        "created_at": now(session),
        "updated_at": now(session),
    }
