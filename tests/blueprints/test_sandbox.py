"""The sandbox's page, and the call-backs it sends over HTTP until they are heard."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from flask import Flask
from sqlalchemy import select

from creditapp.db import db, transact
from creditapp.gateways import Asked, GatewayError, ToldKind
from creditapp.gateways import sandbox as far
from creditapp.gateways.sandbox import HEADER, Sandbox
from creditapp.models import SandboxCallback, SandboxSession
from tests.browser import Browser
from tests.conftest import SANDBOX_KEY


class Ear:
    """A merchant that listens on loopback, and answers as it is told to."""

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, str]] = []
        self.answers = [200]
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                ear.heard.append((sent, self.headers[HEADER]))
                self.send_response(ear.answers[min(len(ear.heard), len(ear.answers)) - 1])
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                """Say nothing on the terminal."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/sandbox"


@pytest.fixture
def ear() -> Iterator[Ear]:
    listening = Ear()
    thread = threading.Thread(target=listening.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield listening
    listening.server.shutdown()
    thread.join()
    listening.server.server_close()


@pytest.fixture
def gateway(app: Flask) -> Sandbox:
    return Sandbox(SANDBOX_KEY, "http://localhost")


def asked(callback_url: str = "http://127.0.0.1:9/webhooks/sandbox", reference: str = "7-1") -> Asked:
    return Asked(
        reference=reference,
        amount_minor=1000,
        currency="USD",
        exponent=2,
        description="Invoice #12",
        return_url="/sign-in",
        cancel_url="/sign-in",
        callback_url=callback_url,
    )


def waiting() -> list[tuple[str, int, str]]:
    db.session.rollback()
    b = SandboxCallback
    rows = db.session.execute(select(b.event_id, b.tries, b.answer).where(b.next_try_at.is_not(None)))
    return [(row.event_id, row.tries, row.answer) for row in rows]


def test_the_same_reference_gives_the_same_page(gateway: Sandbox) -> None:
    assert gateway.start(asked()) == gateway.start(asked())
    assert gateway.start(asked(reference="7-2")) != gateway.start(asked())


def test_a_payment_is_told_over_http_and_signed(gateway: Sandbox, ear: Ear, browser: Browser) -> None:
    started = gateway.start(asked(ear.url))

    page = browser.submit(browser.open(started.page_url), form="Pay")

    assert page.path == "/sign-in"
    [(sent, signature)] = ear.heard
    [told] = gateway.read_event(sent, {HEADER: signature}, datetime.now(UTC))
    assert (told.kind, told.reference, told.amount_minor) == (ToldKind.CAPTURED, "7-1", 1000)
    assert waiting() == []
    assert list(gateway.fetch(started.session_ref)) == [told]


def test_a_call_back_is_sent_again_until_it_is_heard(gateway: Sandbox, ear: Ear, browser: Browser) -> None:
    ear.answers = [500, 302, 200]
    started = gateway.start(asked(ear.url))
    browser.submit(browser.open(started.page_url), form="Pay")
    moment = datetime.now(UTC)

    rounds = [far.deliver(SANDBOX_KEY, moment + timedelta(hours=hour)) for hour in (0, 1, 3, 9)]

    assert [(one.heard, one.unheard) for one in rounds] == [(0, 0), (0, 1), (1, 0), (0, 0)]
    assert len({sent for sent, _signature in ear.heard}) == 1
    assert waiting() == []


def test_who_never_listens_is_left_alone_after_a_dozen_tries(gateway: Sandbox, browser: Browser) -> None:
    started = gateway.start(asked())
    browser.submit(browser.open(started.page_url), form="Pay")
    moment = datetime.now(UTC)

    for day in range(1, 20):
        far.deliver(SANDBOX_KEY, moment + timedelta(days=day))

    assert waiting() == []
    assert [one.kind for one in gateway.fetch(started.session_ref)] == [ToldKind.CAPTURED]


@pytest.mark.parametrize(
    ("button", "amounts"), [("Pay twice", [1000, 1000]), ("Pay too much", [1500]), ("Decline", [0])]
)
def test_each_button_does_what_it_says_once(
    gateway: Sandbox, ear: Ear, browser: Browser, button: str, amounts: list[int]
) -> None:
    started = gateway.start(asked(ear.url))
    page = browser.open(started.page_url)

    browser.submit(page, form=button)
    browser.submit(page, form=button)

    told = gateway.fetch(started.session_ref)
    assert [one.amount_minor for one in told] == amounts
    assert len(ear.heard) == len(amounts)
    assert len({one.event_id for one in told}) == len(told)


def test_money_that_is_paid_later_is_pending_first(gateway: Sandbox, ear: Ear, browser: Browser) -> None:
    started = gateway.start(asked(ear.url))

    browser.submit(browser.open(started.page_url), form="Pay later")
    assert [one.kind for one in gateway.fetch(started.session_ref)] == [ToldKind.PENDING]
    far.deliver(SANDBOX_KEY, datetime.now(UTC) + timedelta(minutes=2))

    assert [b'"captured"' in sent for sent, _signature in ear.heard] == [False, True]


def test_a_dispute_is_told_and_how_it_ended(gateway: Sandbox, ear: Ear, browser: Browser) -> None:
    started = gateway.start(asked(ear.url))
    browser.submit(browser.open(started.page_url), form="Pay")

    page = browser.submit(browser.open(started.page_url), form="Dispute it")
    page = browser.submit(page, form="Win the dispute")

    told = gateway.fetch(started.session_ref)
    assert [(one.kind, one.disputed_minor) for one in told[1:]] == [
        (ToldKind.DISPUTED, 1000),
        (ToldKind.DISPUTE_CLOSED, 0),
    ]
    assert "the dispute about it was won" in page.text


def test_a_refund_is_made_once_under_its_key_and_never_more_than_was_charged(
    gateway: Sandbox, ear: Ear, browser: Browser
) -> None:
    started = gateway.start(asked(ear.url))
    browser.submit(browser.open(started.page_url), form="Pay")
    ref = gateway.fetch(started.session_ref)[0].capture_ref

    first = gateway.refund(ref, 700, "USD", key="refund-1")

    assert gateway.refund(ref, 700, "USD", key="refund-1") == first
    with pytest.raises(GatewayError):
        gateway.refund(ref, 301, "USD", key="refund-2")
    assert gateway.fetch(started.session_ref)[-1].refunded_minor == 700


def test_a_page_that_was_given_up_takes_no_money(gateway: Sandbox, browser: Browser) -> None:
    started = gateway.start(asked())
    page = browser.open(started.page_url)

    assert gateway.give_up(started.session_ref)
    browser.submit(page, form="Pay")

    assert list(gateway.fetch(started.session_ref)) == []
    assert "This page is closed" in browser.open(started.page_url).text


def test_a_page_says_that_it_is_a_test_and_others_are_not_there(app: Flask, gateway: Sandbox, browser: Browser) -> None:
    started = gateway.start(asked())

    assert "This is a test page. No card is charged and no money moves." in browser.open(started.page_url).text
    assert browser.get("/sandbox/pay/ss_none").status_code == 404
    app.config["SANDBOX_ALLOWED"] = False
    assert browser.get(started.page_url).status_code == 404


def test_a_page_on_which_nobody_paid_in_a_day_has_failed(gateway: Sandbox) -> None:
    started = gateway.start(asked())

    def age(session: object) -> None:
        page = session.get_one(SandboxSession, started.session_ref)  # type: ignore[attr-defined]
        page.created_at -= timedelta(hours=25)

    transact(age)

    assert [one.kind for one in gateway.fetch(started.session_ref)] == [ToldKind.FAILED]


@pytest.mark.money
@pytest.mark.parametrize("ref", ["nothing", "a%00b", "%ff", "%ED%A0%80", "s" * 61, "a%20b"])
def test_a_page_that_was_never_made_is_not_there(browser: Browser, ref: str) -> None:
    answers = browser.client.get(f"/sandbox/pay/{ref}"), browser.client.post(f"/sandbox/pay/{ref}")

    assert [one.status_code for one in answers] == [404, 404]
