"""Mails reach a real SMTP server, once, and what it refuses is tried again or given up."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from creditapp.db import db, snapshot, transact_at
from creditapp.jobs import mail as job
from creditapp.jobs.mail import Mailed, Server
from creditapp.models import Mail
from creditapp.services import mails
from creditapp.services.mails import outbox
from creditapp.services.mails.outbox import PAUSES, Waiting
from tests.crowd import together
from tests.factories import change_settings, make_client, make_customer, moment

NOON = moment("2026-03-02 12:00")


@dataclass
class PostOffice:
    """A mail server on loopback: keeps what it is given, and answers recipients as it is told."""

    answers: dict[str, str] = field(default_factory=dict)
    """What it says to a recipient instead of taking the mail."""
    at_once: dict[str, Callable[[], Any]] = field(default_factory=dict)
    letters: list[tuple[str, EmailMessage]] = field(default_factory=list)
    """The envelope's recipient, and the message."""
    was_secret: list[bool] = field(default_factory=list)
    hangs: bool = False
    port: int = 0

    async def handle_MAIL(self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: ANN401, N802  (aiosmtpd's names)
        if "sender" in self.answers:
            return self.answers["sender"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]) -> str:  # noqa: ANN401, N802
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: ANN401, N802
        if self.hangs:
            await asyncio.Event().wait()
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.letters.append((envelope.rcpt_tos[0], message))
        self.was_secret.append(session.ssl is not None)
        return "250 OK"

    @property
    def recipients(self) -> list[str]:
        return sorted(recipient for recipient, _message in self.letters)


@contextmanager
def opened(office: PostOffice, **options: Any) -> Iterator[PostOffice]:  # noqa: ANN401  (aiosmtpd's)
    with socket.create_server(("127.0.0.1", 0)) as free:
        office.port = free.getsockname()[1]
    controller = Controller(office, hostname="127.0.0.1", port=office.port, **options)
    controller.start()
    try:
        yield office
    finally:
        controller.stop()


@pytest.fixture
def office(app: Flask) -> Iterator[PostOffice]:
    change_settings(mail_from="billing@kite.example", company_name='Kite "Hosting", <Inc.>')
    with opened(PostOffice()) as office:
        app.config["SMTP_URL"] = f"smtp://127.0.0.1:{office.port}?timeout_ms=5000"
        yield office


def put(customer: int, key: str = "one", event: str = "credit_received", **facts: Any) -> None:  # noqa: ANN401  (facts)
    def queue(session: Session) -> None:
        mails.queue(session, event, customer_id=customer, key=key, facts={"amount": 2500, "balance": 2500} | facts)

    transact_at(NOON, queue)


def run(at: datetime = NOON) -> Mailed:
    return job.run(at)


def outcome(key: str = "one") -> tuple[str, int, str]:
    db.session.rollback()
    m = Mail
    row = db.session.execute(select(m.status, m.tries, m.error).where(m.key == key)).one()
    return row.status, row.tries, row.error


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def test_a_mail_arrives_in_text_and_html_with_the_headers_of_a_machine(office: PostOffice) -> None:
    put(make_customer(name="Ngozi Okafor"), text="For the outage")

    assert run().sent == 1

    [(recipient, message)] = office.letters
    assert recipient == "brigid@customer.example"
    assert message.get_content_type() == "multipart/alternative"
    assert message["From"].addresses[0].addr_spec == "billing@kite.example"
    assert message["From"].addresses[0].display_name == 'Kite "Hosting", <Inc.>'
    assert message["Subject"] == "$25.00 of credit was added to your account"
    assert message["Date"].datetime == NOON
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-ID"] == "<credit-received.kite.example>"
    assert message["Message-ID"].endswith("@kite.example>")
    assert "For the outage" in part(message, "plain")
    assert "<p>For the outage</p>" in part(message, "html")
    assert outcome() == ("sent", 1, "")
    assert run().sent == 0


def test_no_word_of_a_person_becomes_markup_a_header_or_a_link(office: PostOffice) -> None:
    name = "Eve</p><script>alert(1)</script>\r\nBcc: all@b.example {balance} {url}"

    put(make_customer(name=name), text="https://evil.example/ <a href=x>")
    run()

    [(_recipient, message)] = office.letters
    html = part(message, "html")
    assert "<script" not in html
    assert "<a " not in html
    assert "&lt;script&gt;" in html
    assert message["Bcc"] is None
    assert "Bcc: all@b.example {balance} (url)" in part(message, "plain")


def test_a_link_is_sent_and_then_forgotten(office: PostOffice) -> None:
    url = "https://desk.example/account/reset/s3cret?a=1&b=2"
    put(make_customer(), event="password_reset", url=url)

    run()

    [(_recipient, message)] = office.letters
    assert url in part(message, "plain")
    assert f'<a href="{url.replace("&", "&amp;")}">' in part(message, "html")
    db.session.rollback()
    stored = db.session.execute(select(Mail)).scalar_one()
    assert "s3cret" not in stored.text + stored.url + stored.subject


def test_a_page_of_ours_is_a_link_and_what_only_looks_like_one_is_not(app: Flask, office: PostOffice) -> None:
    app.config["PUBLIC_URL"] = "https://desk.example"
    client = make_client()
    put(client.id, text="https://desk.example.evil.example/account/credit")

    run()

    [(_recipient, message)] = office.letters
    html = part(message, "html")
    assert '<a href="https://desk.example/account/credit">https://desk.example/account/credit</a>' in html
    assert html.count("<a ") == 1


def test_a_refusal_for_good_fails_at_once_and_the_others_go(office: PostOffice) -> None:
    office.answers["gone@b.example"] = "550 5.1.1 No such user"
    put(make_customer(email="gone@b.example"), "gone")
    put(make_customer(), "one")

    done = run()

    assert (done.sent, done.failed) == (1, 1)
    assert outcome("gone") == ("failed", 1, "The server said 550 5.1.1 No such user")
    assert outcome("one")[0] == "sent"


def test_a_refusal_for_now_is_tried_again_after_growing_pauses_and_then_given_up(office: PostOffice) -> None:
    office.answers["brigid@customer.example"] = "451 4.3.0 Try later"
    put(make_customer())
    at = NOON

    for tries, pause in enumerate(PAUSES, start=1):
        assert run(at).put_off == 1
        assert outcome() == ("waiting", tries, "The server said 451 4.3.0 Try later")
        assert run(at + pause - timedelta(seconds=1)) == Mailed()
        at += pause
    assert run(at).failed == 1

    assert outcome()[:2] == ("failed", len(PAUSES) + 1)
    assert at - NOON == timedelta(hours=32, minutes=36)


def test_what_was_refused_for_now_arrives_later(office: PostOffice) -> None:
    office.answers["brigid@customer.example"] = "451 Greylisted"
    put(make_customer())
    run()
    office.answers.clear()

    assert run(NOON + PAUSES[0]).sent == 1

    assert outcome() == ("sent", 2, "")


def test_a_server_that_is_away_costs_no_try(app: Flask, office: PostOffice) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    put(make_customer())
    working = app.config["SMTP_URL"]
    app.config["SMTP_URL"] = f"smtp://127.0.0.1:{port}"

    assert run().trouble.startswith("ConnectionRefusedError")

    assert outcome() == ("waiting", 0, "ConnectionRefusedError: [Errno 111] Connection refused")
    app.config["SMTP_URL"] = working
    assert run().sent == 1


def test_a_server_that_says_nothing_is_left_after_the_time_out(app: Flask, office: PostOffice) -> None:
    put(make_customer())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        app.config["SMTP_URL"] = f"smtp://127.0.0.1:{silent.getsockname()[1]}?timeout_ms=200"
        assert "timed out" in run().trouble

    assert outcome()[:2] == ("waiting", 0)


def test_a_server_that_stops_in_the_middle_costs_one_try(app: Flask, office: PostOffice) -> None:
    office.hangs = True
    app.config["SMTP_URL"] = f"smtp://127.0.0.1:{office.port}?timeout_ms=300"
    put(make_customer(), "one")
    put(make_customer(), "two")

    assert run().put_off == 1

    assert outcome("one")[:2] == ("waiting", 1)
    assert outcome("two") == ("waiting", 0, "")


def test_a_sender_nobody_accepts_is_trouble_and_no_fault_of_the_mail(office: PostOffice) -> None:
    office.answers["sender"] = "550 Relay access denied"
    put(make_customer(), "one")
    put(make_customer(), "two")

    assert "Relay access denied" in run().trouble

    assert outcome("one")[:2] == ("waiting", 1)
    assert outcome("two")[:2] == ("waiting", 0)


@pytest.mark.parametrize("address", ["a..b@c.example", "a,b@c.example", "<a@c.example", "ü@c.example", "a@" + "x" * 70])
def test_an_address_that_no_header_can_hold_fails_alone(office: PostOffice, address: str) -> None:
    put(make_customer(email=address), "odd")
    put(make_customer(), "one")

    run()

    assert outcome("one")[0] == "sent"
    assert outcome("odd")[0] in {"failed", "sent"}
    assert office.recipients[-1] == "brigid@customer.example" or len(office.letters) == 2


def test_without_a_server_mails_wait(app: Flask, office: PostOffice) -> None:
    put(make_customer())
    app.config["SMTP_URL"] = ""

    assert run() == Mailed()

    assert outcome() == ("waiting", 0, "")


def test_a_mail_is_claimed_once_and_free_again_when_the_claim_is_over(office: PostOffice) -> None:
    put(make_customer())
    with snapshot() as session:
        session.info["now"] = NOON
        [seen] = outbox.due(session, most=5)

    letter = transact_at(NOON, outbox.claim, seen)

    assert letter is not None
    assert transact_at(NOON, outbox.claim, seen) is None
    assert run().sent == 0
    assert run(NOON + outbox.CLAIM).sent == 1


def test_a_late_word_of_an_old_try_changes_nothing_of_a_newer_one(office: PostOffice) -> None:
    put(make_customer())
    with snapshot() as session:
        session.info["now"] = NOON
        [seen] = outbox.due(session, most=5)
    first = transact_at(NOON, outbox.claim, seen)
    assert first is not None
    later = NOON + outbox.CLAIM
    transact_at(later, outbox.claim, Waiting(seen.id, later))

    transact_at(later, outbox.fail, seen.id, first.tries, "Too late")

    assert outcome() == ("waiting", 2, "")


@pytest.mark.money
def test_two_workers_send_each_mail_once(app: Flask, office: PostOffice) -> None:
    customers = [make_customer(email=f"c{number:02d}@b.example") for number in range(12)]
    for customer in customers:
        put(customer, f"mail {customer}")

    runs = together([run, run, run])

    assert sum(done.sent for done in runs if isinstance(done, Mailed)) == 12
    assert office.recipients == [f"c{number:02d}@b.example" for number in range(12)]


def test_a_password_goes_through_tls_alone(
    app: Flask, office: PostOffice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = _certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    put(make_customer())

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:  # noqa: ANN401  (aiosmtpd's)
        return AuthResult(success=(data.login, data.password) == (b"desk@kite", b"p/w"), handled=False)

    options = {"tls_context": context, "authenticator": check, "auth_required": True}
    with opened(PostOffice(), **options) as guarded:
        app.config["SMTP_URL"] = f"smtp://desk%40kite:wrong@localhost:{guarded.port}?tls=1"
        assert "535" in run().trouble
        assert outcome()[:2] == ("waiting", 0)
        app.config["SMTP_URL"] = f"smtp://desk%40kite:p%2Fw@localhost:{guarded.port}?tls=1"
        assert run().sent == 1

    assert guarded.was_secret == [True]


def test_a_certificate_nobody_vouches_for_is_refused(app: Flask, office: PostOffice, tmp_path: Path) -> None:
    put(make_customer())

    with opened(PostOffice(), tls_context=_certificate(tmp_path)) as other:
        app.config["SMTP_URL"] = f"smtp://localhost:{other.port}?tls=1"
        assert "CERTIFICATE_VERIFY_FAILED" in run().trouble

    assert other.letters == []


@pytest.mark.parametrize("url", ["smtp://mail.example:port", "smtp://mail.example:99999", "smtp://a?timeout_ms=soon"])
def test_a_url_that_makes_no_sense_is_told_and_breaks_nothing(app: Flask, url: str) -> None:
    app.config["SMTP_URL"] = url

    assert "CREDITAPP_SMTP_URL" in run().trouble


def test_a_password_is_not_sent_in_the_clear() -> None:
    with pytest.raises(smtplib.SMTPNotSupportedError, match="without TLS"):
        Server.read("smtp://me:secret@mail.example").connect("a@b.example")


@pytest.mark.parametrize(
    ("url", "port", "is_tls", "starts_tls"),
    [
        ("smtp://mail.example", 25, False, False),
        ("smtp://mail.example?tls=1", 587, False, True),
        ("smtps://mail.example", 465, True, False),
        ("smtp://mail.example:2525?tls=0", 2525, False, False),
    ],
)
def test_the_url_says_how_the_server_is_spoken_to(url: str, port: int, is_tls: bool, starts_tls: bool) -> None:
    server = Server.read(url)

    assert (server.host, server.port, server.is_tls, server.starts_tls) == ("mail.example", port, is_tls, starts_tls)


def _certificate(folder: Path) -> ssl.SSLContext:
    """Make a certificate for localhost that only who is told to trusts."""
    key, certificate = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context
