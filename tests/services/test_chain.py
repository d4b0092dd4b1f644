"""What the chain is made of is written fast, and as JSON would write it."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from creditapp.columns import to_microseconds
from creditapp.services.ledger.chain import LINKS, canonical, content_digest, entry_hash

FACTS = st.one_of(st.none(), st.booleans(), st.integers(), st.text())
WORDS = st.text(max_size=40)
NUMBERS = st.integers(-(10**12), 10**12)


@given(st.lists(FACTS, max_size=8))
def test_what_was_asked_for_is_digested_as_json_writes_it(facts: list[object]) -> None:
    assert content_digest(tuple(facts)) == hashlib.sha256(canonical(facts)).digest()


@given(
    words=st.tuples(WORDS, WORDS, WORDS, WORDS),
    numbers=st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    links=st.lists(st.one_of(st.none(), NUMBERS), min_size=len(LINKS), max_size=len(LINKS)),
    is_quiet=st.booleans(),
    actor_id=st.one_of(st.none(), NUMBERS),
    texts=st.one_of(st.none(), st.binary(min_size=32, max_size=32)),
)
def test_an_entry_is_sealed_over_its_columns_as_json_writes_them(
    words: tuple[str, str, str, str],
    numbers: tuple[int, int, int, int],
    links: list[int | None],
    is_quiet: bool,
    actor_id: int | None,
    texts: bytes | None,
) -> None:
    key, previous, digest = b"key", bytes(32), bytes(range(32))
    day, moment = date(2026, 3, 2), datetime(2026, 3, 2, 12, 0, 0, 7, UTC)
    row = {
        **dict(zip(("kind", "description", "actor", "key"), words, strict=True)),
        **dict(zip(("customer_id", "seq", "amount_minor", "balance_after_minor"), numbers, strict=True)),
        **dict(zip(LINKS, links, strict=True)),
        "is_quiet": is_quiet,
        "actor_id": actor_id,
        "key_digest": digest,
        "effective_on": day,
        "day": day,
        "posted_at": moment,
        "text_digest": texts,
    }

    kind, description, actor, entry_key = words
    facts = [*numbers[:2], kind, *numbers[2:], description, is_quiet, *links, actor, actor_id, entry_key, digest.hex()]
    facts += [day.isoformat(), day.isoformat(), to_microseconds(moment), texts.hex() if texts else None]
    assert entry_hash(key, previous, row) == hmac.digest(key, previous + canonical(facts), "sha256")
