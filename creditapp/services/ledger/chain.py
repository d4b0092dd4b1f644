"""The hash chain: each entry is sealed to the one before it, under a key that lies outside the database."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from creditapp.columns import to_microseconds

ZERO_HASH = bytes(32)
"""The hash before a customer's first entry."""

LINKS = (
    "reason_id",
    "invoice_id",
    "payment_id",
    "subscription_id",
    "batch_id",
    "incident_id",
    "promo_code_id",
    "reversed_seq",
    "other_customer_id",
    "other_seq",
)
"""The columns that link an entry to what it is about."""


def entry_hash(key: bytes, previous: bytes, row: Mapping[str, Any]) -> bytes:
    """Return the link of the chain: HMAC-SHA256 over the hash before it and every column of the entry."""
    facts = [
        row["customer_id"],
        row["seq"],
        row["kind"],
        row["amount_minor"],
        row["balance_after_minor"],
        row["description"],
        bool(row["is_quiet"]),
        *[row[name] for name in LINKS],
        row["actor"],
        row["actor_id"],
        row["key"],
        row["key_digest"].hex(),
        row["effective_on"].isoformat(),
        row["day"].isoformat(),
        to_microseconds(row["posted_at"]),
        row["text_digest"].hex() if row["text_digest"] else None,
    ]
    return hmac.digest(key, previous + canonical(facts), "sha256")


def text_digest(salt: bytes, note: str | None, customer_note: str | None, ticket_ref: str | None) -> bytes:
    """Return the salted digest under which an entry remembers its texts."""
    return hashlib.sha256(salt + canonical([note, customer_note, ticket_ref])).digest()


def content_digest(content: tuple[Any, ...]) -> bytes:
    """Return the digest of what a request asked for; the same key with another digest is refused."""
    return hashlib.sha256(canonical(list(content))).digest() if content else _OF_NOTHING


def canonical(facts: list[Any]) -> bytes:
    """Return the one way in which these facts are written as bytes."""
    return _write(facts).encode()


_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_OF_NOTHING = hashlib.sha256(canonical([])).digest()
