"""The words that tell who a customer was, and texts without them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.models import Customer, LogIn, Mail, OneTimeLink, Subscription
from creditapp.text import fold

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

WORD_CHARS_MIN = 3
"""What is shorter says too little to be looked for."""
GAP = "…"
"""Stands where a word was."""


@dataclass(frozen=True, slots=True)
class PersonalWords:
    """What a customer and those merged into them are known by."""

    names: frozenset[str]
    """Names and companies: others may be called the same."""
    addresses: frozenset[str]
    """E-mails and numbers in other panels: nobody else's."""
    labels: frozenset[str]
    """What their subscriptions are called."""

    @property
    def own(self) -> list[str]:
        """The words that are nobody else's."""
        return sorted(self.addresses)

    @property
    def all(self) -> list[str]:
        """Every word, the longest first: it may hold another one."""
        return sorted(self.names | self.addresses | self.labels, key=lambda word: (-len(word), word))


def words_of(session: Session, customer_ids: Sequence[int]) -> PersonalWords:
    """Return the words that these customers are known by, now and in what was sent to them."""
    c = Customer
    people = session.execute(select(c.name, c.company, c.email, c.external_id).where(c.id.in_(customer_ids))).all()
    addresses = [word for person in people for word in (person.email, person.external_id)]
    for column, owner in (
        (LogIn.email, LogIn.customer_id),
        (OneTimeLink.email, OneTimeLink.customer_id),
        (Mail.recipient, Mail.customer_id),
    ):
        addresses += session.execute(select(column).where(owner.in_(customer_ids)).distinct()).scalars()
    labels = session.execute(select(Subscription.label).where(Subscription.customer_id.in_(customer_ids)).distinct())
    return PersonalWords(
        _fit(word for person in people for word in (person.name, person.company)),
        _fit(addresses),
        _fit(labels.scalars()),
    )


def without(text: str, words: Sequence[str]) -> str:
    """Return the text with each of these words, however it is written, replaced by a gap."""
    if not words or not text:
        return text
    return re.sub("|".join(re.escape(word) for word in words), GAP, text, flags=re.IGNORECASE)


def named_in(text: str, words: PersonalWords) -> str | None:
    """Return which name, address or domain stands in the text, as a word or words of its own; None: none of them."""
    said = f" {_plain(text)} "
    domains = {label for label in words.labels if "." in label}
    told = sorted(words.names | words.addresses | domains)
    return next((word for word in told if _plain(word) and f" {_plain(word)} " in said), None)


def _plain(text: str) -> str:
    """Return the text's words alone, as searches see them."""
    return " ".join(re.findall(r"\w+", fold(text)))


def _fit(words: Iterable[str | None]) -> frozenset[str]:
    stripped = ((word or "").strip() for word in words)
    return frozenset(word for word in stripped if len(word) >= WORD_CHARS_MIN)
