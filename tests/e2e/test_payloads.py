"""Fifty scripts in every text of every table, looked at by everybody: none of them runs, and none is even tried."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import partial
from itertools import count
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Page
from sqlalchemy import Connection, String, Text, bindparam, text

from creditapp.db import Base, db, transact
from creditapp.models import Role
from creditapp.services.downtime import crediting, durations
from creditapp.services.downtime.crediting import Ask
from tests.browser import Browser
from tests.factories import (
    Client,
    actor,
    change_settings,
    give,
    make_client,
    make_customer,
    make_invoice,
    make_product,
    make_staff,
    make_subscription,
    new_key,
)
from tests.services.tampering import lift_guards
from tests.test_permissions import EXPORTS, MATRIX, addresses

pytestmark = [
    pytest.mark.browser,
    pytest.mark.tampers,
    # The server leaves a picture open that the browser has stopped waiting for.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PAYLOADS = (
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script\x0c>alert(1)</script\x0c>",
    "<script/x>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src=x:x onerror\x0b=alert(1)>",
    "<img/src/onerror=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "'><img src=x onerror=alert(1)>",
    "`><img src=x onerror=alert(1)>",
    '" autofocus onfocus=alert(1) x="',
    "' autofocus onfocus=alert(1) x='",
    '" onmouseover="alert(1)',
    '" style="animation-name:x" onanimationstart="alert(1)',
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    '<svg><a xlink:href="javascript:alert(1)"><text y=20>x</text></a></svg>',
    "<svg><use href=\"data:image/svg+xml,<svg id='x' xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>#x\">",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<math href=javascript:alert(1)>x</math>",
    "<iframe src=javascript:alert(1)>",
    '<iframe srcdoc="<script>parent.alert(1)</script>">',
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>@import '//evil.example/x.css';</style>",
    "<style>*{background:url(javascript:alert(1))}</style>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<audio src=x onerror=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<select autofocus onfocus=alert(1)>",
    "<form action=javascript:alert(1)><button>x</button></form>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<marquee onstart=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<!--><script>alert(1)</script>-->",
    "{{constructor.constructor('alert(1)')()}}${alert(1)}<%= 7 %>",
    "\u202e\u2066&lt;script&gt;alert(1)&lt;/script&gt;\ufeff<\u0131frame>",
)
CODES = {
    *("kind", "status", "currency", "effect", "actor", "action", "object_kind", "cycle", "direction", "class", "role"),
    *("gateway", "event", "purpose", "month_basis", "minute_rule", "fee_basis", "rounding", "method", "spent_choice"),
    *("time_zone", "automatic_kinds", "gateways", "password_hash", "source_digest", "scope", "id", "flag", "key"),
    *("entry_key", "event_id", "capture_ref", "session_ref", "ref", "return_url", "callback_url", "terms", "result"),
}
"""Columns that hold a word of ours, which people choose but never type."""
FILES = {"account.statement_pdf", "account.invoice_pdf", "account.export_credit", "credits.import_template"}
NO_PAGES = EXPORTS | FILES | {"static", "auth.healthy"}
_SECRETS = re.compile(r'value="[^"]{20,}"')
"""Tokens of forms, new each time."""
SEARCHES = ("/admin/search?q=nolan", "/admin/users?q=nolan", "/admin/billing/payments?q=TX", "/admin/audit?entries=1")


@pytest.mark.slow
def test_no_script_that_somebody_typed_runs(app: Flask, address: str, chromium: Chromium) -> None:
    client = _fill(app)
    urls = addresses(app, customer_id=client.id)
    visitors = {role: Browser(app) for role in Role}
    for role, browser in visitors.items():
        browser.sign_in(make_staff(role))
    customer = Browser(app)
    customer.enter(client)
    last = _credit_downtime(client.id)
    entries = [f"/admin/users/{client.id}/credit/{seq}" for seq in range(last, last - len(PAYLOADS), -1)]
    typed = _poison()
    assert len(PAYLOADS) == 50
    assert len(typed) > 60, typed
    trouble: list[str] = []

    opened, known = 0, set[tuple[str, str]]()
    for role, browser in visitors.items():
        mine = [url for name, url in urls.items() if _is_page(name) and role in (MATRIX[name, "GET"] or set())]
        opened += _look(chromium, address, browser, "session", [*mine, entries[0], *SEARCHES], trouble, known)
    opened += _look(chromium, address, visitors[Role.ADMIN], "session", entries, trouble, known)
    mine = [url for name, url in urls.items() if name.startswith("account.") and _is_page(name)]
    opened += _look(chromium, address, customer, "account", mine, trouble, known)

    assert trouble == []
    assert opened > 150


def test_a_script_that_runs_would_be_seen(app: Flask, address: str, chromium: Chromium) -> None:
    def careless() -> str:
        return "<!doctype html><title>x</title><script>alert(1)</script><img src=x onerror=alert(1)>"

    careless.__permission__ = "public"  # type: ignore[attr-defined]
    app.add_url_rule("/careless", "careless", careless)
    trouble: list[str] = []

    _look(chromium, address, Browser(app), "session", ["/careless"], trouble, set())

    assert any("Content Security Policy" in words for words in trouble), trouble


def _fill(app: Flask) -> Client:
    """Make a bit of everything, and one customer with many lines to look at."""
    client = make_client(5000)
    for _ in PAYLOADS:
        give(client.id, 100, note="note", ticket_ref="https://ticket.example/1")
        make_customer(100, name="Brigid Nolan", company="Kite")
    addresses(app)
    make_invoice(client.id, note="note", with_credit=True)
    change_settings(referrals_enabled=True, referred_minor=500, credit_refunds=True, bank_details="IBAN")
    return client


def _credit_downtime(customer_id: int) -> int:
    """Make an entry with every word that one can have, and return its number."""
    subscription_id = make_subscription(customer_id, make_product(price_minor=2_400), label="label")
    length = durations.parse("3 h 20 min")
    ask = Ask(subscription_id=subscription_id, policy_id=2, duration=length, on=date(2026, 11, 3), title="title")
    credit = partial(crediting.credit, note="note", customer_note="line", ticket_ref="https://ticket.example/2")
    return transact(credit, customer_id, ask, seen_minor=111, by=actor(), key=new_key()).seq


def _poison() -> set[str]:
    """Write the payloads into every text of every table, past its guards; return the names of the columns."""
    typed = set()
    with db.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys=OFF")
        driver.execute("PRAGMA ignore_check_constraints=ON")
        lift_guards(connection)
        for number, (table, column, keys) in enumerate(_texts()):
            typed.add(f"{table}.{column}")
            _write(connection, table, column, keys, number)
        everywhere = {"before": {"<b>x</b>": _all(3)}, "after": {"<b>x</b>": _all(4), _all(5): 1}, "address": _all(6)}
        details = bindparam("details", everywhere, type_=Base.metadata.tables["audit_details"].c.details.type)
        connection.execute(text("UPDATE audit_details SET details = :details").bindparams(details))
        connection.commit()
        driver.execute("PRAGMA ignore_check_constraints=OFF")
        driver.execute("PRAGMA foreign_keys=ON")
    return typed


def _texts() -> Iterator[tuple[str, str, str]]:
    """Yield table, column, and what tells its rows apart."""
    for table in Base.metadata.sorted_tables:
        keys = " || ' ' || ".join(column.name for column in table.primary_key)
        for column in table.columns:
            is_text = isinstance(column.type, String | Text) and not column.foreign_keys
            if is_text and not column.primary_key and column.name not in CODES and not column.name.endswith("_key"):
                yield table.name, column.name, keys


def _write(connection: Connection, table: str, column: str, keys: str, number: int) -> None:
    """Let each row hold all payloads, in another order than its neighbour; where there are many rows, one each."""
    rows = connection.exec_driver_sql(f"SELECT {keys} FROM {table} WHERE {column} IS NOT NULL").scalars().all()
    for place, key in zip(count(number), rows, strict=False):
        words = PAYLOADS[place % len(PAYLOADS)] if len(rows) >= len(PAYLOADS) else _all(place)
        if "url" in column:
            words = f"javascript:alert(1)//{words}"
        connection.exec_driver_sql(f"UPDATE {table} SET {column} = ? WHERE {keys} = ?", (f"{words} {key}", key))


def _all(first: int) -> str:
    first %= len(PAYLOADS)
    return " ".join((*PAYLOADS[first:], *PAYLOADS[:first]))


def _is_page(name: str) -> bool:
    return (name, "GET") in MATRIX and name not in NO_PAGES


def _look(
    chromium: Chromium,
    address: str,
    browser: Browser,
    cookie: str,
    urls: list[str],
    trouble: list[str],
    known: set[tuple[str, str]],
) -> int:
    """Open each page, note what the browser complains about, and return how many were opened.

    A page of which somebody has looked at each tag, with the words after it, at the same address is not opened again.
    """
    context = chromium.new_context()
    context.route(
        re.compile(r"\.css\?|favicon"), lambda route: route.fulfill(body="", content_type="text/css")
    )  # and no fonts
    kept = browser.client.get_cookie(cookie)
    if kept is not None:
        context.add_cookies([{"name": cookie, "value": kept.value, "url": address}])
    page = _listening(context, trouble)
    opened = 0
    for url in urls:
        pieces = {(url, piece.strip()) for piece in _SECRETS.sub("", _content(browser, url)).split("<")}
        if pieces <= known:
            continue
        known |= pieces
        answer = page.goto(address + url, wait_until="domcontentloaded")
        opened += 1
        assert answer is not None
        if answer.status >= 500:
            trouble.append(f"{answer.status} {url}")
    context.close()
    return opened


def _content(browser: Browser, url: str) -> str:
    """Return what the page says besides its menu."""
    html = browser.client.get(url).get_data(as_text=True)
    return html[max(html.find("<main"), 0) :]


def _listening(context: BrowserContext, trouble: list[str]) -> Page:
    page = context.new_page()

    def tell(words: str) -> None:
        trouble.append(f"{page.url}: {words[:300]}")

    def dismiss(dialog: Dialog) -> None:
        tell(f"a dialog says {dialog.message}")
        dialog.dismiss()

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error" and "status of 4" not in message.text:
            tell(message.text)

    page.on("dialog", dismiss)
    page.on("pageerror", lambda error: tell(str(error)))
    page.on("console", listen)
    return page
