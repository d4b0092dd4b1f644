"""The hash chain: each entry is sealed to the one before it, under a key that lies outside the database."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from functools import lru_cache
from json.encoder import encode_basestring as _quoted
from operator import itemgetter
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
_links_of = itemgetter(*LINKS)


def entry_hash(key: bytes, previous: bytes, row: Mapping[str, Any]) -> bytes:
    """Return the link of the chain: HMAC-SHA256 over the hash before it and every column of the entry.

    The columns are written as `canonical` would write them, only faster.
    """
    links = ",".join(["null" if link is None else str(link) for link in _links_of(row)])
    actor_id, texts = row["actor_id"], row["text_digest"]
    facts = (
        f"[{row['customer_id']},{row['seq']},{_quoted(row['kind'])},{row['amount_minor']},{row['balance_after_minor']},"
        f"{_quoted(row['description'])},{'true' if row['is_quiet'] else 'false'},{links},{_quoted(row['actor'])},"
        f'{"null" if actor_id is None else actor_id},{_quoted(row["key"])},"{row["key_digest"].hex()}",'
        f'"{row["effective_on"].isoformat()}","{row["day"].isoformat()}",{to_microseconds(row["posted_at"])},'
        f"{_quoted(texts.hex()) if texts else 'null'}]"
    )
    seal = _sealer(key).copy()
    seal.update(previous + facts.encode())
    return seal.digest()


@lru_cache(maxsize=4)
def _sealer(key: bytes) -> hmac.HMAC:
    """Return what seals under this key, before anything has been said: made once, copied for each entry."""
    return hmac.new(key, digestmod="sha256")


def text_digest(salt: bytes, note: str | None, customer_note: str | None, ticket_ref: str | None) -> bytes:
    """Return the salted digest under which an entry remembers its texts."""
    return hashlib.sha256(salt + _texts(note, customer_note, ticket_ref)).digest()


def content_digest(content: tuple[Any, ...]) -> bytes:
    """Return the digest of what a request asked for; the same key with another digest is refused."""
    if not content:
        return _OF_NOTHING
    if set(map(type, content)) <= _PLAIN:
        written = ",".join([_quoted(fact) if type(fact) is str else str(fact) for fact in content])
        return hashlib.sha256(f"[{written}]".encode()).digest()
    return hashlib.sha256(canonical(list(content))).digest()


def canonical(facts: list[Any]) -> bytes:
    """Return the one way in which these facts are written as bytes."""
    return _write(facts).encode()


@lru_cache(maxsize=16)
def _texts(*texts: str | None) -> bytes:
    """Return texts as bytes; what one batch says to everybody is written once."""
    return canonical(list(texts))


_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_PLAIN = {str, int}
"""What is written without asking how: most of what requests ask for is a few words and numbers."""
_OF_NOTHING = hashlib.sha256(canonical([])).digest()
