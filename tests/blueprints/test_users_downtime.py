from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import select

from creditapp.blueprints.account import words
from creditapp.db import db, transact
from creditapp.models import CreditEntry, Role
from creditapp.services import merging
from tests.browser import Browser
from tests.factories import (
    actor,
    change_settings,
    limit_role,
    make_client,
    make_customer,
    make_product,
    make_staff,
    make_subscription,
    new_key,
)
from tests.services.downtime.test_crediting import make_incident

TEN_TIMES = "2"


@pytest.fixture
def agent(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.AGENT))
    return browser


def customer_with_server(price_minor: int = 2_400) -> tuple[int, str]:
    """Make a customer with one server, which is subscription #1, and return the address of the page."""
    customer_id = make_customer(500, name="Priya Castillo")
    make_subscription(customer_id, make_product("VPS M", price_minor=price_minor), label="web07.example")
    return customer_id, f"/admin/users/{customer_id}/credit/downtime"


def entries() -> list[tuple[str, int]]:
    db.session.rollback()
    rows = db.session.scalars(select(CreditEntry).where(CreditEntry.kind == "downtime"))
    return [(row.description, row.amount_minor) for row in rows]


def test_the_amount_is_shown_with_its_arithmetic_before_it_is_applied(agent: Browser) -> None:
    customer_id, _ = customer_with_server()
    page = agent.open(agent.open(f"/admin/users/{customer_id}").link("Downtime credit"))
    assert "VPS M: web07.example, $24.00 monthly" in str(page.options("subscription"))

    shown = agent.submit(page, form="Show amount", down="3 h 20 min", policy=TEN_TIMES)

    assert shown.status == 200
    assert "$24.00 × 200 min ÷ 43,200 min × 10 = $1.11" in shown.words("worth")
    assert "After this $6.11" in shown.words("worth")
    assert entries() == []
    done = agent.submit(shown, form="Apply")
    assert done.path == f"/admin/users/{customer_id}"
    assert done.flashes[0].startswith("+$1.11 added. Priya Castillo now has $6.11.")
    assert entries() == [("Downtime Credit: Outage, 3 h 20 min, VPS M #1", 111)]


def test_applied_unseen_it_is_shown_first(agent: Browser) -> None:
    _, url = customer_with_server()

    page = agent.submit(url, form="Apply", down="3 h 20 min", policy=TEN_TIMES)

    assert page.status == 422
    assert page.summary == ["It comes to $1.11. Check it, and apply it."]
    assert entries() == []
    agent.submit(page, form="Apply")
    assert len(entries()) == 1


def test_an_amount_that_has_changed_since_is_shown_again(agent: Browser) -> None:
    _, url = customer_with_server()
    page = agent.submit(url, form="Show amount", down="3 h 20 min", policy=TEN_TIMES)

    page = agent.submit(page, form="Apply", down="6 h 40 min")

    assert page.summary == ["It comes to $2.22 now, not $1.11. Check it, and apply it."]
    assert "= $2.22" in page.words("worth")


MISTAKES = (
    ("down", "", "Enter how long it was down, like 3 h 20 min."),
    ("down", "90", "Say what 90 counts: 90 min or 90 h."),
    ("down", "32 days", "Enter at most one month (30 days). Record an incident for what lasted longer."),
    ("on", "2026-13-01", "Enter a date like 2026-03-14."),
    ("title", "x" * 121, "Use at most 120 characters; this has 121."),
    ("note", "x" * 2001, "Use at most 2,000 characters; this has 2,001."),
    ("ticket", "\x00", "This text holds a NUL character; remove it."),
)


def test_a_mistake_is_said_beside_its_box(agent: Browser) -> None:
    _, url = customer_with_server()
    opened = agent.open(url)
    for name, typed, error in MISTAKES:
        page = agent.submit(opened, form="Show amount", **{"down": "1 h", "policy": TEN_TIMES, name: typed})

        assert (page.status, page.errors(name)) == (422, [error])
        assert page.words("worth").startswith("The amount shows here")


def test_what_is_on_no_list_is_refused(agent: Browser) -> None:
    _, url = customer_with_server()
    fields = {"subscription": "1", "policy": TEN_TIMES, "incident": "", "down": "1 h", "on": "2026-03-01"}
    for name, odd in product(("subscription", "policy", "incident"), ("99", "x", "1" * 30)):
        page = agent.post(url, {**fields, name: odd})

        words = f"Choose {'an' if name == 'incident' else 'a'} {name} from the list."
        assert (page.status, page.errors(name)) == (422, [words])


def test_an_incident_is_credited_once_whoever_asks(agent: Browser) -> None:
    _, url = customer_with_server()
    number = str(make_incident())
    page = agent.submit(url, form="Show amount", down="3 h 20 min", policy=TEN_TIMES, incident=number)
    agent.submit(page, form="Apply")

    page = agent.submit(url, form="Show amount", down="3 h 20 min", policy=TEN_TIMES, incident=number)
    page = agent.submit(page, form="Apply")

    assert page.status == 422
    assert page.errors("incident")[0].endswith("has credited this subscription for “Power cut in Frankfurt” already.")
    assert entries() == [("Downtime Credit: Power cut in Frankfurt, 3 h 20 min, VPS M #1", 111)]


def test_a_repeat_is_asked_about_and_applied_if_it_is_none(agent: Browser) -> None:
    _, url = customer_with_server()
    for _round in range(2):
        page = agent.submit(url, form="Show amount", down="3 h 20 min", policy=TEN_TIMES)
        page = agent.submit(page, form="Apply")

    assert page.errors("repeat_ok")[0].startswith("This looks like a repeat: CR-")
    agent.submit(page, form="Apply", repeat_ok=True)
    assert len(entries()) == 2


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ("PRIYA  CASTILLO called", "Priya Castillo"),
        ("Nothing of Café Ltd worked", "Cafe Ltd"),
        ("for priya@customer.example", "priya@customer.example"),
        ("web07.example down", "web07.example"),
        ("Formerly Pia Castle", "Pia Castle"),
    ],
)
def test_what_happened_does_not_say_to_whom(agent: Browser, told: str, word: str) -> None:
    customer_id = make_customer(name="Priya Castillo", company="Cafe Ltd", email="priya@customer.example")
    make_subscription(customer_id, make_product("VPS M", price_minor=2_400), label="web07.example")
    transact(merging.merge, make_customer(name="Pia Castle"), into=customer_id, by=actor(), key=new_key())
    url = f"/admin/users/{customer_id}/credit/downtime"
    page = agent.submit(url, form="Show amount", down="3 h 20 min", policy=TEN_TIMES, title=told)

    page = agent.submit(page, form="Apply")

    assert page.status == 422
    [problem] = page.errors("title")
    assert problem.startswith(f"Leave “{word}” out, and write it into the note")
    assert page.value("title") == told
    assert entries() == []
    agent.submit(page, form="Apply", title="Castilloesque disks")
    assert entries() == [("Downtime Credit: Castilloesque disks, 3 h 20 min, VPS M #1", 111)]


def test_a_name_without_letters_stands_nowhere(agent: Browser) -> None:
    customer_id = make_customer(name="Priya Castillo", company="***")
    make_subscription(customer_id, make_product("VPS M", price_minor=2_400))
    url = f"/admin/users/{customer_id}/credit/downtime"
    page = agent.submit(url, form="Show amount", down="3 h 20 min", policy=TEN_TIMES, title="???")

    agent.submit(page, form="Apply")

    assert entries() == [("Downtime Credit: ???, 3 h 20 min, VPS M #1", 111)]


def test_both_sides_read_which_one_it_was(agent: Browser, app: Flask) -> None:
    client, customer = make_client(500), Browser(app)
    make_subscription(client.id, make_product("VPS M", price_minor=2_400), label="web07.example")
    url = f"/admin/users/{client.id}/credit/downtime"
    agent.submit(agent.submit(url, form="Show amount", down="3 h 20 min", policy=TEN_TIMES), form="Apply")
    customer.enter(client)

    said = "Downtime Credit: Outage, 3 h 20 min, VPS M #1, web07.example"
    assert "Subscription #1 web07.example" in agent.open(f"/admin/users/{client.id}/credit/2").words("entry")
    assert said in customer.open("/account/credit").text
    assert said in customer.open("/account/statement").text
    assert said in customer.get("/account/credit.csv").get_data(as_text=True)


def test_an_older_line_does_not_say_it_twice() -> None:
    older = SimpleNamespace(kind="downtime", invoice_id=None, label="web07.example")
    older.description = "Downtime Credit: Outage, 3 h 20 min, VPS M: web07.example"

    assert words.plain(older) == older.description


def test_the_role_s_limit_is_said_and_holds(agent: Browser) -> None:
    limit_role(Role.AGENT, add_max_minor=100)
    _, url = customer_with_server()
    page = agent.submit(url, form="Show amount", down="3 h 20 min", policy=TEN_TIMES)

    page = agent.submit(page, form="Apply")

    assert page.status == 422
    assert "$1.00" in page.summary[0]
    assert entries() == []


def test_without_a_subscription_there_is_nothing_to_credit(agent: Browser) -> None:
    page = agent.open(f"/admin/users/{make_customer()}/credit/downtime")

    assert "Nothing that can be down" in page.text


def test_a_currency_with_three_decimals_is_credited_to_its_own(agent: Browser) -> None:
    change_settings(currency="KWD")
    _, url = customer_with_server(7_500)

    page = agent.submit(url, form="Show amount", down="3 h 20 min", policy=TEN_TIMES)

    assert "= KWD 0.347" in page.words("worth")
