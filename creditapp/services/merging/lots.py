"""The balance of one customer, moved to another in paired entries: each lot keeps its class and its expiry."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import and_, select

from creditapp.models import CreditClass, CreditDraw, CreditEntry, Kind
from creditapp.money import AMOUNT_MINOR_MAX
from creditapp.services.ledger import Chunk, Lot, Move, Posting

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

Terms = tuple[str, datetime | None]
"""What makes two lots alike: their class, and when they lapse."""


@dataclass(slots=True)
class Arrived:
    """What has been moved, as the survivor has it now: from which lots something can be used again; minor units."""

    lots: dict[Terms, list[list[int]]] = field(default_factory=dict)
    """By class and expiry: the number of each lot, and what is still to be used of it."""

    def take(self, terms: Terms, amount_minor: int) -> Iterator[Move]:
        """Yield the moves that use so much of what arrived with these terms."""
        for lot in self.lots.get(terms, []):
            taken_minor = min(lot[1], amount_minor)
            if taken_minor:
                lot[1] -= taken_minor
                amount_minor -= taken_minor
                yield Move(lot[0], terms[0], taken_minor)
        if amount_minor:
            raise ValueError("More is used again than has come back.")


def move(chunk: Chunk, giver_id: int, taker_id: int, *, by: Actor) -> Arrived:
    """Post what moves all that is left of the giver's lots, expired ones as they are; both accounts are the chunk's.

    One pair of entries for each class and expiry there is; what lapses first, and is used first, goes first.

    Raises:
        BalanceLimitError: together they would hold more than an account may.
    """
    giver, taker = chunk.account(giver_id), chunk.account(taker_id)
    arrived = Arrived()
    for terms, lots in _alike(sorted(giver.lots, key=lambda lot: lot.drawdown_order)):
        amount_minor = sum(lot.remaining_minor for lot in lots)
        key = f"merged:{giver_id}:{giver.entry_seq + 1}"
        out = Posting(
            kind=Kind.MERGED_OUT,
            amount_minor=-amount_minor,
            description=f"Merged into User #{taker_id}",
            by=by,
            key=key,
            moves=tuple([Move(lot.seq, lot.class_, lot.remaining_minor) for lot in lots]),
            other_customer_id=taker_id,
            other_seq=taker.entry_seq + 1,
        )
        into = Posting(
            kind=Kind.MERGED_IN,
            amount_minor=amount_minor,
            description=f"Merged from User #{giver_id}",
            by=by,
            key=key,
            class_=CreditClass(terms[0]),
            expires_at=terms[1],
            other_customer_id=giver_id,
            other_seq=giver.entry_seq + 1,
        )
        chunk.post(giver_id, out)
        arrived.lots.setdefault(terms, []).append([chunk.post(taker_id, into).seq, amount_minor])
    return arrived


def followed(session: Session, customer_id: int, lot_seqs: Collection[int], owner_id: int) -> set[int]:
    """Return which of the survivor's lots hold what was left of these lots, through however many merges."""
    e, d = CreditEntry, CreditDraw
    found, here = set(), {customer_id: set(lot_seqs)}
    while here:
        giver_id, seqs = here.popitem()
        if giver_id == owner_id:
            found |= seqs
            continue
        rows = session.execute(
            select(e.other_customer_id, e.other_seq)
            .join(d, and_(d.customer_id == e.customer_id, d.entry_seq == e.seq))
            .where(e.customer_id == giver_id, e.kind == str(Kind.MERGED_OUT), d.lot_seq.in_(seqs))
        )
        for taker_id, seq in rows:
            if taker_id is not None and seq is not None:
                here.setdefault(taker_id, set()).add(seq)
    return found


def _alike(lots: Iterable[Lot]) -> Iterator[tuple[Terms, list[Lot]]]:
    """Yield the open lots that go in one entry: alike in class and expiry, and no more than an entry may hold."""
    groups: dict[Terms, list[list[Lot]]] = {}
    for lot in lots:
        if lot.remaining_minor == 0:
            continue
        of_terms = groups.setdefault((str(lot.class_), lot.expires_at), [[]])
        if sum(one.remaining_minor for one in of_terms[-1]) + lot.remaining_minor > AMOUNT_MINOR_MAX:
            of_terms.append([])
        of_terms[-1].append(lot)
    for terms, parts in groups.items():
        for part in parts:
            yield terms, part
