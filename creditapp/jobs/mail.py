"""Sending what waits in the outbox, by SMTP: each mail claimed, sent and noted by itself.

A server that cannot be reached or lets nobody in costs no mail a try. What the server refuses in passing is tried again
after a pause, what it refuses for good has failed. Called by the tick, after everything that is about money.
"""

from __future__ import annotations

import hashlib
import smtplib
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import parse_qs, unquote, urlsplit

import structlog
from flask import current_app
from sqlalchemy.orm import Session

from creditapp.db import snapshot, transact_at
from creditapp.services import days, request_keys
from creditapp.services.mails import outbox, reminders, wording
from creditapp.services.mails.outbox import Letter

TIMEOUT_MS = "10000"
"""How long the server may take for each answer."""
MAILS_AT_ONCE = 200
SECONDS_A_RUN = 45.0
"""The next tick goes on; nothing else is to wait for a slow server for long."""
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_PERMANENT = 500
_REMINDED = "mail_reminders"

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Mailed:
    """What one run of the outbox came to."""

    reminded: int = 0
    sent: int = 0
    put_off: int = 0
    failed: int = 0
    trouble: str = ""
    """Why it stopped early."""

    @property
    def words(self) -> str:
        done = f"Sent {self.sent} mails, put {self.put_off} off, gave {self.failed} up."
        return f"{done} It stopped: {self.trouble}" if self.trouble else done


@dataclass(frozen=True, slots=True)
class Server:
    """The server that takes mails, as `CREDITAPP_SMTP_URL` names it."""

    host: str
    port: int
    is_tls: bool
    """TLS from the start."""
    starts_tls: bool
    user: str
    password: str
    timeout_s: float

    @classmethod
    def read(cls, url: str) -> Server:
        """Read `smtp://user:password@host:port?tls=1&timeout_ms=10000`.

        Raises:
            ValueError: its port or time is no number.
        """
        parts, is_tls = urlsplit(url), url.startswith("smtps:")
        asked = parse_qs(parts.query)
        starts_tls = not is_tls and asked.get("tls", ["0"])[0] == "1"
        milliseconds = int(asked.get("timeout_ms", [TIMEOUT_MS])[0])
        return cls(
            host=parts.hostname or "localhost",
            port=parts.port or (465 if is_tls else 587 if starts_tls else 25),
            is_tls=is_tls,
            starts_tls=starts_tls,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            timeout_s=milliseconds / 1000,
        )

    def connect(self, sender: str) -> smtplib.SMTP:
        """Return a connection that is ready for mails.

        Raises:
            OSError, smtplib.SMTPException: it cannot be had, or the password would go in the clear.
        """
        greets_as = sender.rpartition("@")[2]
        if self.user and not self.is_tls and not self.starts_tls and self.host not in _LOOPBACK:
            raise smtplib.SMTPNotSupportedError("The password is not sent without TLS: add ?tls=1 to the URL.")
        if self.is_tls:
            context = ssl.create_default_context()
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, greets_as, timeout=self.timeout_s, context=context
            )
        else:
            client = smtplib.SMTP(self.host, self.port, greets_as, timeout=self.timeout_s)
        try:
            if self.starts_tls:
                client.starttls(context=ssl.create_default_context())
            if self.user:
                client.login(self.user, self.password)
            client.ehlo_or_helo_if_needed()
        except BaseException:
            client.close()
            raise
        return client


def run(moment: datetime | None = None) -> Mailed:
    """Remind, once a day, and send what is due. Safe to repeat, to kill and to run by many at once."""
    moment = moment or datetime.now(UTC)
    done = Mailed(reminded=_remind(moment))
    url = current_app.config["SMTP_URL"]
    if not url:
        return done
    try:
        server = Server.read(url)
    except ValueError:
        done.trouble = "CREDITAPP_SMTP_URL names no server that could be spoken to."
        log.warning("mail_server_trouble", why=done.trouble)
        return done
    _send_due(server, moment, done)
    return done


def _remind(moment: datetime) -> int:
    """Write the reminders of the panel's day, unless that has been done."""
    with snapshot() as session:
        session.info["now"] = moment
        today, sender = days.today(session).isoformat(), outbox.sender(session)
    if not sender or not transact_at(moment, _is_first, today):
        return 0
    told, after = transact_at(moment, reminders.remind)
    while after is not None:
        more, after = transact_at(moment, reminders.remind, after)
        told += more
    return told


def _send_due(server: Server, moment: datetime, done: Mailed) -> None:
    """Send mails one after the other over one connection, until none is due or the server makes trouble."""
    ends_at = time.monotonic() + SECONDS_A_RUN
    client: smtplib.SMTP | None = None
    try:
        while waiting := _due(moment):
            for one in waiting:
                if time.monotonic() > ends_at:
                    return
                if client is None:
                    try:
                        client = server.connect(_sender())
                    except (OSError, smtplib.SMTPException) as error:
                        done.trouble = _words(error)
                        log.warning("mail_server_trouble", why=done.trouble)
                        transact_at(moment, outbox.note_trouble, one.id, done.trouble)
                        return
                letter = transact_at(moment, outbox.claim, one)
                if letter is not None and not _send(client, letter, moment, done):
                    return
    finally:
        if client is not None:
            _leave(client)


def _send(client: smtplib.SMTP, letter: Letter, moment: datetime, done: Mailed) -> bool:
    """Send one mail and note what came of it; return whether the connection is good for another."""
    try:
        client.send_message(compose(letter, moment), letter.sender, [letter.recipient])
    except (OSError, ValueError, IndexError, MessageError) as error:
        verdict = _judge(error)
        if verdict.is_trouble:
            done.trouble = verdict.why
        if verdict.is_final:
            transact_at(moment, outbox.fail, letter.id, letter.tries, verdict.why)
            done.failed += 1
        elif transact_at(moment, outbox.put_off, letter.id, letter.tries, verdict.why):
            done.put_off += 1
        else:
            done.failed += 1
        return not verdict.is_trouble and client.sock is not None
    transact_at(moment, outbox.note_sent, letter.id)
    done.sent += 1
    return client.sock is not None


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a refusal means: for good or in passing, and whether other mails would meet it too."""

    why: str
    is_final: bool = False
    is_trouble: bool = False


def _judge(error: Exception) -> _Verdict:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()))
        return _Verdict(_said(code, said), is_final=code >= _PERMANENT)
    if isinstance(error, smtplib.SMTPSenderRefused):  # that is about us, and would be said of every mail
        return _Verdict(_words(error), is_trouble=True)
    if isinstance(error, smtplib.SMTPResponseException):
        return _Verdict(_words(error), is_final=error.smtp_code >= _PERMANENT)
    if isinstance(error, smtplib.SMTPNotSupportedError) or not isinstance(error, OSError):
        return _Verdict(_words(error), is_final=True)  # an address that no header or this server can take
    return _Verdict(_words(error), is_trouble=True)


def compose(letter: Letter, moment: datetime) -> EmailMessage:
    """Return the message: plain text, and the same in HTML that holds no markup but the template's.

    Its id follows from the mail, so that one that is sent twice can be told by it.

    Raises:
        ValueError, IndexError, MessageError: an address cannot stand in a header.
    """
    sender = _address(letter.sender)
    domain = sender.rpartition("@")[2]
    digest = hashlib.sha256(letter.key.encode()).hexdigest()[:16]
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(display_name=letter.company, addr_spec=sender)
    message["To"] = Address(addr_spec=_address(letter.recipient))
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(moment)
    message["Message-ID"] = f"<{letter.id}.{digest}@{domain}>"
    message["List-ID"] = f"<{letter.event.replace('_', '-')}.{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text + "\n")
    template = current_app.jinja_env.get_template("mail/message.html")
    html = template.render(
        company=letter.company,
        subject=letter.subject,
        paragraphs=wording.paragraphs(letter.text),
        url=letter.url,
        site=current_app.config["PUBLIC_URL"],
    )
    message.add_alternative(html, subtype="html")
    return message


def _address(address: str) -> str:
    """Return the address with its domain as mail servers know it."""
    local, _at, domain = address.rpartition("@")
    return f"{local}@{domain if domain.isascii() else domain.encode('idna').decode()}"


def _due(moment: datetime) -> list[outbox.Waiting]:
    with snapshot() as session:
        session.info["now"] = moment
        return outbox.due(session, most=MAILS_AT_ONCE)


def _sender() -> str:
    with snapshot() as session:
        return _address(outbox.sender(session))


def _is_first(session: Session, day: str) -> bool:
    return request_keys.claim(session, _REMINDED, day, (day,)) is None


def _leave(client: smtplib.SMTP) -> None:
    try:
        client.quit()
    except (OSError, smtplib.SMTPException):
        client.close()


def _said(code: int, said: bytes | str) -> str:
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    return f"The server said {code} {words}"


def _words(error: BaseException) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _said(error.smtp_code, error.smtp_error)
    return f"{type(error).__name__}: {error}"
