"""Taking back what an entry did: the whole of it, a part, or its unused rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ScalarSelect, Select, bindparam, case, cast, func, or_, select

from creditapp.db import now
from creditapp.errors import (
    EntryNotFoundError,
    EntryUsedError,
    NotReversibleError,
    NotYoursError,
    ReversalExceedsError,
)
from creditapp.models import CreditDraw, CreditEntry, CreditLot, Kind
from creditapp.services import ledger
from creditapp.services.credits import rules
from creditapp.services.ledger import Entry, Move, Posting
from creditapp.statements import Prepared, run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor


@dataclass(frozen=True, slots=True)
class _Original:
    """The entry that is to be undone, with what has been undone already."""

    seq: int
    kind: str
    amount_minor: int
    reason_id: int | None
    is_quiet: bool
    actor: str
    actor_id: int | None
    day: Any
    reversed_minor: int
    expired_minor: int
    """What the sweep took because its date had passed."""
    lot_class: str | None
    lot_remaining_minor: int | None

    @property
    def left_minor(self) -> int:
        """What no reversal has taken back yet, without sign."""
        return abs(self.amount_minor) - self.reversed_minor

    @property
    def rest_minor(self) -> int:
        """What can still be taken back, without sign: of credit that was added, only what is unused."""
        unused_minor = self.lot_remaining_minor
        return self.left_minor if unused_minor is None else min(self.left_minor, unused_minor)


def reverse(
    session: Session,
    customer_id: int,
    seq: int,
    amount_minor: int | None = None,
    *,
    by: Actor,
    key: str,
    note: str = "",
) -> Entry:
    """Cancel an entry, or a part of it, by a new linked one, and return that.

    `amount_minor` has no sign; None means all that is left. A reversal of added credit draws on the entry's own lot;
    one of removed credit gives back to the lots it came from. All reversals of one entry never exceed it.

    Raises:
        EntryNotFoundError: no such entry.
        NotReversibleError: a reversal, or a kind that is undone elsewhere.
        ReversalExceedsError: less is left, or unused.
        NotYoursError, AuthorityLimitError, OwnAccountError: this person may not.
    """
    return _undo(session, customer_id, seq, amount_minor, kind=Kind.REVERSAL, by=by, key=key, note=note)


def void(session: Session, customer_id: int, seq: int, *, by: Actor, key: str, note: str = "") -> Entry:
    """Take back the unused rest of the credit an entry added, and return the linked entry that does.

    Raises:
        What `reverse` raises.
    """
    return _undo(session, customer_id, seq, None, kind=Kind.VOID, by=by, key=key, note=note)


def delete(session: Session, customer_id: int, seq: int, *, by: Actor, key: str, note: str = "") -> Entry:
    """Delete an unused entry: reverse the whole of it. Both stay in the ledger, struck through.

    Raises:
        EntryUsedError: some of it has been used or reversed, or has expired; its rest can be voided or reversed.
        What `reverse` raises.
    """
    return _undo(session, customer_id, seq, None, kind=Kind.REVERSAL, by=by, key=key, note=note, only_unused=True)


def _undo(  # noqa: PLR0913  (what the three verbs above differ in)
    session: Session,
    customer_id: int,
    seq: int,
    amount_minor: int | None,
    *,
    kind: Kind,
    by: Actor,
    key: str,
    note: str,
    only_unused: bool = False,
) -> Entry:
    reference = ledger.reference(customer_id, seq)
    content = ("undo", str(kind), seq, amount_minor, note, only_unused, by.kind, by.id)
    of_entry = {"customer_id": customer_id, "its_seq": seq}
    also = [_ORIGINAL(**of_entry), _NET_DRAWS(**of_entry), *rules.authority_calls(by, customer_id)]
    account, panel, rest = ledger.open_account(session, customer_id, key, content, *also, debit=False)
    if account.posted is not None:
        return account.posted
    if not rest[0].rows:
        raise EntryNotFoundError(reference)
    original = _Original(*rest[0].rows[0])
    _check_undoable(original, reference, kind)
    if only_unused and original.rest_minor != abs(original.amount_minor):
        raise EntryUsedError(
            reference=reference,
            used_minor=original.left_minor - original.rest_minor - original.expired_minor,
            expired_minor=original.expired_minor,
            reversed_minor=original.reversed_minor,
            rest_minor=original.rest_minor,
            adds=original.lot_class is not None,
        )
    undone_minor = _undone(original, reference, amount_minor, kind)
    signed_minor = -undone_minor if original.amount_minor > 0 else undone_minor
    authority = rules.check_authority(rest[2:], signed_minor, customer_id)
    is_own = (original.actor, original.actor_id) == (by.kind, by.id)
    if authority and authority.reverses_own_only and not (is_own and original.day == panel.day_of(now(session))):
        raise NotYoursError(reference)
    posting = Posting(
        kind=kind,
        amount_minor=signed_minor,
        description=f"{'Void' if kind is Kind.VOID else 'Reversal'} of {reference}",
        by=by,
        key=key,
        content=content,
        reason_id=original.reason_id,
        is_quiet=original.is_quiet,
        moves=_undoing_moves(original, rest[1].rows, undone_minor),
        reversed_seq=seq,
        note=note,
    )
    return ledger.post(session, account, panel, posting)


def moves_back_of(session: Session, customer_id: int, seq: int, amount_minor: int) -> tuple[Move, ...]:
    """Return how so much of what an entry took goes back to the lots it drew on; its account is locked."""
    rows = run(session, _NET_DRAWS(customer_id=customer_id, its_seq=seq))[0].rows
    return _back_to_lots(rows, amount_minor)


def reversed_minor() -> ScalarSelect[int]:
    """Return how much of each entry of a statement has been reversed or voided, without sign."""
    e, later = CreditEntry, CreditEntry.__table__.alias("later")
    return (
        select(cast(func.coalesce(func.sum(func.abs(later.c.amount_minor)), 0), BigInteger))
        .where(later.c.customer_id == e.customer_id, later.c.reversed_seq == e.seq)
        .correlate(e)
        .scalar_subquery()
    )


def expired_minor() -> ScalarSelect[int]:
    """Return how much of what each entry of a statement added the sweep took because its date had passed."""
    e, d, taking = CreditEntry, CreditDraw, CreditEntry.__table__.alias("taking")
    return (
        select(cast(func.coalesce(func.sum(d.amount_minor), 0), BigInteger))
        .join(taking, (taking.c.customer_id == d.customer_id) & (taking.c.seq == d.entry_seq))
        .where(d.customer_id == e.customer_id, d.lot_seq == e.seq, taking.c.kind == Kind.EXPIRED)
        .correlate(e)
        .scalar_subquery()
    )


def _check_undoable(original: _Original, reference: str, kind: Kind) -> None:
    if original.kind in {Kind.REVERSAL, Kind.VOID}:
        raise NotReversibleError(reference=reference, problem="it is a reversal itself; post a new adjustment.")
    if not ledger.KINDS[Kind(original.kind)].reversible:
        raise NotReversibleError(reference=reference, problem="it is undone where it came from.")
    if kind is Kind.VOID and original.lot_class is None:
        raise NotReversibleError(reference=reference, problem="it added no credit, so there is no rest to void.")


def _undone(original: _Original, reference: str, amount_minor: int | None, kind: Kind) -> int:
    """Return how much is taken back: what was asked, or all that is left; for a void, the unused rest."""
    wanted_minor = amount_minor
    if wanted_minor is None:
        wanted_minor = original.rest_minor if kind is Kind.VOID else original.left_minor
    if not 0 < wanted_minor <= original.rest_minor:
        raise ReversalExceedsError(
            reference=reference,
            reversed_minor=original.reversed_minor,
            left_minor=original.left_minor,
            unused_minor=original.lot_remaining_minor,
            expired_minor=original.expired_minor,
        )
    return wanted_minor


def _undoing_moves(original: _Original, net_draws: list[tuple[Any, ...]], undone_minor: int) -> tuple[Move, ...]:
    """Take from the entry's own lot, or give back to the lots it drew on, the last drawn first."""
    if original.lot_class is not None:
        return (Move(original.seq, original.lot_class, undone_minor),)
    return _back_to_lots(net_draws, undone_minor)


def _back_to_lots(net_draws: list[tuple[Any, ...]], undone_minor: int) -> tuple[Move, ...]:
    moves, left_minor = [], undone_minor
    for lot_seq, class_, drawn_minor in net_draws:
        given_minor = min(drawn_minor, left_minor)
        if given_minor > 0:
            moves.append(Move(lot_seq, class_, -given_minor))
            left_minor -= given_minor
    return tuple(moves)


def _select_original() -> Select[*tuple[Any, ...]]:
    e = CreditEntry
    return (
        select(
            e.seq,
            e.kind,
            e.amount_minor,
            e.reason_id,
            e.is_quiet,
            e.actor,
            e.actor_id,
            e.day,
            reversed_minor(),
            expired_minor(),
            CreditLot.class_,
            CreditLot.remaining_minor,
        )
        .outerjoin(CreditLot, (CreditLot.customer_id == e.customer_id) & (CreditLot.seq == e.seq))
        .where(e.customer_id == bindparam("customer_id"), e.seq == bindparam("its_seq"))
    )


def _select_net_draws() -> Select[*tuple[Any, ...]]:
    undone_by = (
        select(CreditEntry.seq)
        .where(
            CreditEntry.customer_id == bindparam("customer_id"),
            CreditEntry.reversed_seq == bindparam("its_seq"),
        )
        .scalar_subquery()
    )
    d = CreditDraw
    return (
        select(d.lot_seq, CreditLot.class_, cast(func.sum(d.amount_minor), BigInteger))
        .join(CreditLot, (CreditLot.customer_id == d.customer_id) & (CreditLot.seq == d.lot_seq))
        .where(
            d.customer_id == bindparam("customer_id"),
            or_(d.entry_seq == bindparam("its_seq"), d.entry_seq.in_(undone_by)),
        )
        .group_by(d.lot_seq, CreditLot.class_, CreditLot.expires_at)
        .order_by(
            CreditLot.expires_at.is_not(None),
            CreditLot.expires_at.desc(),
            case({str(class_): rank for class_, rank in ledger.CLASS_ORDER.items()}, value=CreditLot.class_).desc(),
            d.lot_seq.desc(),
        )
    )


_ORIGINAL = Prepared(_select_original())
_NET_DRAWS = Prepared(_select_net_draws())
