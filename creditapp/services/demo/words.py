"""What made-up people are called, and what made-up staff write."""

from __future__ import annotations

import json
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from creditapp.services.customers import CustomerFields

DATA = Path(__file__).resolve().parents[2] / "demo_data"
CUSTOMERS = DATA / "customers-2000.csv"
PREFIX = "D-"
"""External ids of made-up customers begin with it; those of the file are numbers."""

COMPANIES = 0.4
_DOMAINS = ("example.org", "example.com", "example.net", "mail.example", "studio.example", "host.example")
_FIRST_JOINED = date(2015, 3, 1)


def person(random: Random, number: int, joined_before: date) -> CustomerFields:
    """Return the made-up customer with this number."""
    people = random.choice(_words()["people"])
    given, family = random.choice(people["given"]), random.choice(people["family"])
    names = (family, given) if people.get("family_first") else (given, family)
    local = f"{given}.{family}".lower().replace(" ", "").replace("'", "")
    days = max(1, (joined_before - _FIRST_JOINED).days)
    return CustomerFields(
        external_id=f"{PREFIX}{number:07d}",
        name=people.get("join", " ").join(names),
        company=random.choice(_words()["companies"]) if random.random() < COMPANIES else "",
        email=f"{local if local.isascii() else 'user'}{number}@{random.choice(_DOMAINS)}",
        joined_on=_FIRST_JOINED + timedelta(days=random.randrange(days)),
    )


def note(random: Random, about: str) -> str:
    """Return what somebody writes about an act of this sort; sometimes nothing."""
    notes = _words()["notes"]
    return _filled(random, random.choice(notes.get(about, notes["Courtesy"])))


def written_note(random: Random, about: str) -> str:
    """Return what somebody writes where a note is asked for."""
    notes = _words()["notes"]
    return _filled(random, random.choice([text for text in notes.get(about, notes["Courtesy"]) if text]))


def customer_note(random: Random) -> str:
    """Return a line for the customer."""
    return _filled(random, random.choice(_words()["customer_notes"]))


def ticket(random: Random) -> str:
    """Return a reference to a case in the help desk."""
    text: str = random.choice(_words()["tickets"])
    return text.replace("{n}", str(random.randrange(20_000, 99_999)))


def incident(random: Random) -> str:
    """Return what went down, and for how long."""
    text = _filled(random, random.choice(_words()["incidents"]))
    return text.replace("{duration}", random.choice(_words()["durations"]))


def _filled(random: Random, text: str) -> str:
    for mark, fill in (
        ("{n}", lambda: str(random.randrange(10_000, 60_000))),
        ("{ticket}", lambda: ticket(random)),
        ("{host}", lambda: random.choice(_words()["hosts"])),
        ("{colleague}", lambda: random.choice(("Ines", "Tomasz", "Mark", "Yuki"))),
    ):
        if mark in text:
            text = text.replace(mark, fill())
    return text


@cache
def _words() -> dict[str, Any]:
    words: dict[str, Any] = json.loads((DATA / "words.json").read_text(encoding="utf-8"))
    return words
