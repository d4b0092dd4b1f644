"""The users whom a text or a file names, one on a line."""

from __future__ import annotations

import csv
import io
import re

from creditapp.queries.incidents import Named

WORDS_MAX = 100_000
SAID_MAX = 5
"""So many of the words that name nobody are said."""
HEADS = {
    *("customer", "customer id", "user", "user id", "client", "client id", "id", "external id"),
    *("email", "e mail", "email address"),
}
_BETWEEN = re.compile(r"[\s,;]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""What no text holds: PostgreSQL takes no NUL, and no page can show one."""
_NO_CSV = "This is no CSV file in UTF-8; save it as “CSV UTF-8” and try again."


class NamingError(ValueError):
    """The users cannot be made out; its message says why."""


def words(text: str) -> list[str]:
    """Return the numbers, external ids and e-mails that were typed, with commas or white space between them."""
    return [word for word in _BETWEEN.split(text) if word]


def words_of_file(content: bytes) -> list[str]:
    """Return what a CSV file says of users: its column that is named like one, or else its first.

    Raises:
        NamingError: it is no CSV file in UTF-8.
    """
    try:
        text = content.decode("utf-8-sig")
        first = text.partition("\n")[0]
        rows = list(csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count)))
    except (UnicodeDecodeError, csv.Error):
        raise NamingError(_NO_CSV) from None
    if _CONTROLS.search(text):
        raise NamingError(_NO_CSV)
    heads = [re.sub(r"[\s_-]+", " ", head).strip().casefold() for head in (rows[0] if rows else [])]
    place = next((place for place, head in enumerate(heads) if head in HEADS), None)
    if place is not None:
        rows = rows[1:]
    cells = [row[place or 0].strip() for row in rows if len(row) > (place or 0)]
    found = [cell for cell in cells if cell]
    if not found:
        raise NamingError("The file names nobody.")
    return found


def problem(named: Named) -> str:
    """Return what is wrong with the words, in a sentence or two; empty where nothing is."""
    said = []
    if named.unknown:
        some = ", ".join(f"“{word[:60]}”" for word in named.unknown[:SAID_MAX])
        more = len(named.unknown) - SAID_MAX
        said.append(f"Nobody is known as {some}{f' and {more:,} more' if more > 0 else ''}.")
    for word, ids in named.ambiguous[:SAID_MAX]:
        which = ", ".join(f"#{one}" for one in ids[:SAID_MAX])
        said.append(f"“{word[:60]}” is the email of several users: write {which}, whichever you mean.")
    return " ".join(said)
