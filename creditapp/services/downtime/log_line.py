"""What the ledger says of a downtime credit."""

from __future__ import annotations

from creditapp.services.downtime import durations

CHARS_MAX = 300
"""What a description has room for."""


def log_line(title: str, down_seconds: int, product: str, subscription_id: int) -> str:
    """Return `Downtime Credit: TITLE, 3 h 20 min, SUBSCRIPTION`, cut at the end where it is too long.

    The subscription is called by its product, as that is called now, and its number. Its label is left out: the
    ledger never forgets, and a label may tell who somebody is.
    """
    line = f"Downtime Credit: {title}, {durations.words(down_seconds)}, {product} #{subscription_id}"
    return line if len(line) <= CHARS_MAX else f"{line[: CHARS_MAX - 1]}…"
