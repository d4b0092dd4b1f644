"""From an outage to its credit in a browser, with the keyboard alone; and the pages of batches on each screen."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from creditapp.db import db
from creditapp.jobs import batches as job
from creditapp.models import Role
from tests.e2e.conftest import DESK, PHONE, Scheme, VisitorMaker
from tests.factories import balance_of, make_customer, make_product, make_staff, make_subscription
from tests.services.batches.desk import issue, make_batch, take_back

pytestmark = pytest.mark.browser
KEYS_MAX = 25
"""From the first page after signing in to issued credit for one server; no clicks."""


@pytest.fixture
def worker(app: Flask) -> Iterator[None]:
    """Somebody who goes on with batches, as the worker does."""
    stop = threading.Event()

    def work() -> None:
        with app.app_context():
            while not stop.wait(0.05):
                job.run(seconds=0)
                db.session.remove()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


class Keys:
    """A keyboard that counts."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)
        self.count += len(text)

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.count += 1


@pytest.mark.usefixtures("worker")
def test_an_agent_credits_a_servers_outage_by_keyboard_alone(new_visitor: VisitorMaker) -> None:
    product_id = make_product("VPS M", price_minor=24_000)
    customers = [make_customer() for _ in range(3)]
    for customer_id in customers:
        make_subscription(customer_id, product_id, location="web07")
    visitor = new_visitor()
    page = visitor.sign_in(make_staff(Role.AGENT))
    keys = Keys(page)

    keys.press("/")
    keys.type("web07")
    keys.press("Enter")
    expect(page.get_by_label("How long it lasted")).to_be_focused()
    keys.type("3h20m")
    keys.press("Enter")
    expect(page.get_by_label("Type the number of lines to confirm")).to_be_focused()
    keys.type("3")
    keys.press("Enter")

    expect(page.get_by_text("3 of 3 lines")).to_be_visible()
    expect(page.get_by_role("heading", name="Outage of web07")).to_be_visible()
    assert len({balance_of(customer_id) for customer_id in customers}) == 1
    assert balance_of(customers[0]) > 100
    assert keys.count <= KEYS_MAX


@pytest.mark.usefixtures("worker")
def test_the_progress_of_a_batch_turns_into_its_report_by_itself(new_visitor: VisitorMaker) -> None:
    batch_id = make_batch([(make_customer(), 100)])
    visitor = new_visitor()
    visitor.sign_in(make_staff(Role.AGENT))
    page = visitor.open(f"/admin/billing/batches/{batch_id}")

    page.get_by_label("Type the number of lines to confirm").fill("1")
    page.get_by_role("button", name="Issue").click()

    page.wait_for_url(re.compile(f"/admin/billing/batches/{batch_id}$"))
    expect(page.get_by_text("1 of 1 lines")).to_be_visible()
    expect(page.get_by_role("table", name="Lines")).to_contain_text("+$1.00")


def test_pages_of_batches_fit_and_are_accessible(new_visitor: VisitorMaker) -> None:
    done = make_batch([(make_customer(name="W" * 100), 111), (make_customer(), 222)])
    ready = make_batch([(make_customer(name="W" * 100), 111)])
    going = make_batch([(make_customer(), 111)])
    issue(done, 2)
    issue(going, 1, run=False)
    reversal = take_back(done, 2)
    paths = ("", f"/{ready}", f"/{going}", f"/{reversal}", f"/{done}/reversal/new")
    screens: tuple[tuple[int, Scheme, tuple[str, ...]], ...] = ((DESK, "light", paths[:3]), (PHONE, "dark", paths[3:]))

    for width, scheme, looked_at in screens:
        visitor = new_visitor(width, scheme)
        visitor.sign_in(make_staff(Role.MANAGER))
        for path in paths:
            visitor.open(f"/admin/billing/batches{path}")
            visitor.fits()
            if path in looked_at:
                visitor.is_accessible()
