"""Taking a transfer back: both halves of a pair at once, as long as nothing of it has been used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from creditapp.db import now
from creditapp.errors import EntryNotFoundError, EntryUsedError, NotReversibleError, NotYoursError
from creditapp.models import CreditEntry, Kind
from creditapp.services import ledger, self_dealing
from creditapp.services.credits import rules
from creditapp.services.credits.transferring import Transferred
from creditapp.services.credits.undoing import moves_back_of
from creditapp.services.ledger import Chunk, Lot, Move, Posting
from creditapp.statements import run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

HALVES = (Kind.TRANSFER_OUT, Kind.TRANSFER_IN)


def take_back(session: Session, customer_id: int, seq: int, *, by: Actor, key: str, note: str = "") -> Transferred:
    """Take a pair of entries back, given by either half, and return what that came to: all of it, or nothing.

    Raises:
        EntryNotFoundError: no such entry.
        NotReversibleError: it is no half of a transfer.
        EntryUsedError: some of it has been used, or taken back before.
        CustomerClosedError: one of both gives or takes nothing any more.
        NotYoursError, AuthorityLimitError, StaffDisabledError, OwnAccountError: this person may not.
        KeyReusedError: the key has posted something else.
    """
    pair = _read_pair(session, customer_id, seq)
    content = ("untransfer", seq, note, by.kind, by.id)
    chunk = Chunk(session, (pair.giver_id, pair.taker_id), [(pair.taker_id, key)], [pair.taker_id])
    earlier = chunk.earlier(pair.taker_id, key, content)
    if earlier is not None:
        return Transferred(pair.amount_minor, earlier, None, replayed=True)
    self_dealing.refuse(session, by, pair.giver_id, pair.taker_id)
    taker = chunk.account(pair.taker_id)
    chunk.account(pair.giver_id)
    lot = next((one for one in taker.lots if one.seq == pair.in_seq), None)
    if lot is None or lot.remaining_minor != pair.amount_minor:
        raise _used(pair, lot)
    _check_may(session, chunk, pair, by)
    common: dict[str, Any] = {
        "kind": Kind.REVERSAL,
        "by": by,
        "key": key,
        "content": content,
        "reason_id": pair.reason_id,
        "is_quiet": pair.is_quiet,
        "note": note,
    }
    from_taker = Posting(
        amount_minor=-pair.amount_minor,
        description=f"Reversal of {ledger.reference(pair.taker_id, pair.in_seq)}",
        moves=(Move(lot.seq, lot.class_, pair.amount_minor),),
        reversed_seq=pair.in_seq,
        **common,
    )
    to_giver = Posting(
        amount_minor=pair.amount_minor,
        description=f"Reversal of {ledger.reference(pair.giver_id, pair.out_seq)}",
        moves=moves_back_of(session, pair.giver_id, pair.out_seq, pair.amount_minor),
        reversed_seq=pair.out_seq,
        **common,
    )
    given, taken = chunk.post(pair.taker_id, from_taker), chunk.post(pair.giver_id, to_giver)
    chunk.write()
    return Transferred(pair.amount_minor, given, taken)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both halves of one transfer, of which nothing ever changes."""

    giver_id: int
    out_seq: int
    taker_id: int
    in_seq: int
    amount_minor: int
    reason_id: int | None
    is_quiet: bool
    actor: tuple[str, int | None]
    day: Any


def _read_pair(session: Session, customer_id: int, seq: int) -> _Pair:
    e = CreditEntry
    row = session.execute(
        select(e.kind, e.amount_minor, e.other_customer_id, e.other_seq, e.reason_id, e.is_quiet)
        .add_columns(e.actor, e.actor_id, e.day)
        .where(e.customer_id == customer_id, e.seq == seq)
    ).one_or_none()
    reference = ledger.reference(customer_id, seq)
    if row is None:
        raise EntryNotFoundError(reference)
    if row.kind not in HALVES or row.other_customer_id is None or row.other_seq is None:
        raise NotReversibleError(reference=reference, problem="it is no transfer.")
    here, there = (customer_id, seq), (row.other_customer_id, row.other_seq)
    out, into = (here, there) if row.kind == Kind.TRANSFER_OUT else (there, here)
    actor = (row.actor, row.actor_id)
    amount_minor = abs(row.amount_minor)
    return _Pair(out[0], out[1], into[0], into[1], amount_minor, row.reason_id, row.is_quiet, actor, row.day)


def _used(pair: _Pair, lot: Lot | None) -> EntryUsedError:
    rest_minor = lot.remaining_minor if lot else 0
    return EntryUsedError(
        reference=ledger.reference(pair.taker_id, pair.in_seq),
        used_minor=pair.amount_minor - rest_minor,
        expired_minor=0,
        reversed_minor=0,
        rest_minor=0,  # there is no way to take a part of it back but another transfer
        adds=True,
    )


def _check_may(session: Session, chunk: Chunk, pair: _Pair, by: Actor) -> None:
    asked = run(session, *rules.authority_calls(by)) if by.kind == "staff" else []
    for signed_minor in (-pair.amount_minor, pair.amount_minor):
        authority = rules.check_authority(asked, signed_minor)
    is_own = pair.actor == (by.kind, by.id) and pair.day == chunk.panel.day_of(now(session))
    if authority and authority.reverses_own_only and not is_own:
        raise NotYoursError(ledger.reference(pair.taker_id, pair.in_seq))
