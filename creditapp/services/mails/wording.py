"""How a mail gets its words: placeholders in braces are filled once, and nothing that is filled in is read again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any

from creditapp.errors import MailTextError
from creditapp.models import MailEvent
from creditapp.money import Currency
from creditapp.services.mails.catalogue import AMOUNTS, delivered

SUBJECT_CHARS_MAX = 200
"""What people may write; what is filled in may make it longer."""
BODY_CHARS_MAX = 4000
_SENT_SUBJECT_CHARS_MAX = 250
_VALUE_CHARS_MAX = 500
URL = "{url}"
"""What stands in the text of a mail for its link, until it is sent."""
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,30})\}", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HIDDEN = {"Cc", "Cs", "Zl", "Zp"}
_TURNING = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
"""Controls that turn the direction of what follows them, in our words too."""


def check(event: MailEvent, field: str, text: str) -> None:
    """Refuse a placeholder that the mail of this event cannot fill; `field` is where it stands.

    Raises:
        MailTextError: there is one.
    """
    names = delivered(event).names
    allowed = names if field == "body" else names.keys() - {"url", "page"}
    unknown = [name for name in _PLACEHOLDER.findall(text) if name not in allowed]
    if unknown:
        raise MailTextError(field, unknown[0], sorted(allowed))
    if field == "body" and "url" in names and URL not in text:
        raise MailTextError(field, "", [])


def words(facts: Mapping[str, Any], currency: Currency) -> dict[str, str]:
    """Return the facts as they are written: amounts with their currency, days, numbers and single lines of text.

    An amount is a whole number of minor units under its name, or under that name with `_minor`.
    """
    written = {}
    for key, value in facts.items():
        name = key.removesuffix("_minor")
        if isinstance(value, int) and name in AMOUNTS:
            written[name] = currency.format(value)
        elif isinstance(value, date):
            written[name] = f"{value.day} {_MONTHS[value.month - 1]} {value.year}"
        else:
            written[name] = _one_line(str(value))
    return written


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return the text with its placeholders filled in, with nothing where there is no value; `{url}` stays.

    What is filled in is not looked through again: a customer called `{balance}` stays one.
    """
    return _PLACEHOLDER.sub(lambda found: URL if found[0] == URL else values.get(found[1], ""), text)


def body(text: str, values: Mapping[str, str]) -> str:
    """Return the filled text without the gaps that empty values leave."""
    filled = fill(text, {name: value.replace(URL, "(url)") for name, value in values.items()})
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in filled.split("\n"))).strip()


def subject(text: str, values: Mapping[str, str]) -> str:
    """Return the filled subject, on one line."""
    return _one_line(fill(text, values))[:_SENT_SUBJECT_CHARS_MAX]


def paragraphs(text: str) -> list[list[str]]:
    """Return the text as paragraphs of lines."""
    return [block.split("\n") for block in re.split(r"\n{2,}", text.strip()) if block]


def _one_line(text: str) -> str:
    shown = "".join(
        " " if unicodedata.category(c) in _HIDDEN else c for c in text[:_VALUE_CHARS_MAX] if c not in _TURNING
    )
    return " ".join(shown.split())
