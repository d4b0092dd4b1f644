"""What a mail would look like: its words with made-up facts."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from creditapp.models import MailEvent
from creditapp.money import Currency
from creditapp.services.mails import wording
from creditapp.services.mails.catalogue import delivered

NAME = "Ngozi Okafor"
SITE = "https://billing.example"


@dataclass(frozen=True, slots=True)
class Example:
    """A mail as nobody gets it."""

    subject: str
    paragraphs: list[list[str]]


def example(event: MailEvent, subject: str, body: str, *, company: str, currency: Currency) -> Example:
    """Return the mail that these words come to with made-up facts; a placeholder that nobody can fill is left out."""
    facts = {**delivered(event).example, "name": NAME, "company": company}
    values = wording.words(facts, currency)
    values["page"] = wording.fill(f"{SITE}{delivered(event).page}", values)
    text = wording.body(body.replace("\r\n", "\n"), values).replace(wording.URL, values.get("url", ""))
    return Example(wording.subject(subject, values), wording.paragraphs(text))


def server_name(url: str) -> str:
    """Return `mail.example:587` of the server's URL: all of it that may be shown."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.hostname and parts.port else parts.hostname or ""
