"""What happens in a made-up history, and how it is carried out by the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import select, tuple_

from creditapp.errors import DomainError
from creditapp.models import CreditLot, Kind
from creditapp.services import credits, ledger
from creditapp.services.actor import SYSTEM, Actor
from creditapp.services.ledger import Entry, Move, Posting

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Act:
    """One thing somebody does at a moment: posts an entry, undoes one, or sweeps up what has lapsed.

    `number` names the act; `undoes` is the number of the act whose entry is taken back.
    """

    moment: datetime
    number: int
    customer_id: int = 0
    posting: Posting | None = None
    undoes: int | None = None
    is_void: bool = False
    by: Actor = SYSTEM
    note: str = ""
    lapsed: tuple[tuple[int, int], ...] = ()
    """Lots, as customer id and number, whose last day is over."""


@dataclass(slots=True)
class Done:
    """What acts came to."""

    entries: list[Entry] = field(default_factory=list)
    by_number: dict[int, Entry] = field(default_factory=dict)


def carry_out(session: Session, acts: list[Act], earlier: dict[int, Entry | None], *, key: str) -> Done:
    """Carry out acts that follow each other, each at its own moment, and return what they came to.

    What the ledger refuses (somebody wants to undo what is spent already) does not happen. `earlier` holds entries
    that may be undone now.
    """
    done = Done()
    for moment, together in groupby(acts, key=lambda act: act.moment):
        session.info["now"] = moment
        now = list(together)
        new = [(act, act.posting) for act in now if act.posting is not None]
        if new:
            _keep(done, [act.number for act, _posting in new], _post(session, new))
        for act in now:
            if act.undoes is not None:
                original = done.by_number.get(act.undoes) or earlier.get(act.undoes)
                _keep(done, [act.number], [_undo(session, act, original, key)] if original else [])
            elif act.lapsed:
                _keep(done, [act.number] * len(act.lapsed), _sweep(session, act.lapsed))
    return done


def _post(session: Session, new: list[tuple[Act, Posting]]) -> list[Entry | DomainError]:
    """Post what happens at one moment: alone the quick way, several together."""
    if len(new) > 1:
        return ledger.post_many(session, [(act.customer_id, posting) for act, posting in new])
    act, posting = new[0]
    try:
        account, panel, _rest = ledger.open_account(
            session, act.customer_id, posting.key, posting.content, debit=posting.amount_minor < 0
        )
        return [account.posted or ledger.post(session, account, panel, posting)]
    except DomainError as refusal:
        return [refusal]


def _undo(session: Session, act: Act, original: Entry, key: str) -> Entry | DomainError:
    verb = credits.void if act.is_void else credits.reverse
    try:
        return verb(session, original.customer_id, original.seq, by=act.by, key=f"{key}-{act.number}", note=act.note)
    except DomainError as refusal:
        return refusal


def _sweep(session: Session, lapsed: tuple[tuple[int, int], ...]) -> list[Entry | DomainError]:
    """Take the rest of these lots out of the balances."""
    lots = CreditLot.__table__.c
    statement = (
        select(lots.customer_id, lots.seq, lots["class"], lots.remaining_minor)
        .where(tuple_(lots.customer_id, lots.seq).in_(lapsed), lots.remaining_minor > 0)
        .order_by(lots.customer_id, lots.seq)
    )
    postings = [
        (
            customer_id,
            Posting(
                kind=Kind.EXPIRED,
                amount_minor=-remaining_minor,
                description="Expired Credit",
                by=SYSTEM,
                key=f"expired:{seq}",
                content=("expired", seq),
                moves=(Move(seq, class_, remaining_minor),),
            ),
        )
        for customer_id, seq, class_, remaining_minor in session.connection().execute(statement)
    ]
    return ledger.post_many(session, postings) if postings else []


def _keep(done: Done, numbers: list[int], results: list[Entry | DomainError]) -> None:
    for number, result in zip(numbers, results, strict=False):
        if isinstance(result, Entry) and not result.replayed:
            done.entries.append(result)
            done.by_number[number] = result
