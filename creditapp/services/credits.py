"""What staff do to credit by hand: adjust, set the balance, reverse, void, delete.

Each verb runs inside `transact`, logs one entry with its note, and may be repeated under the same key: the second time
it returns what the first one posted. Amounts are minor units, plus is the customer's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Select, String, and_, bindparam, case, cast, func, or_, select
from sqlalchemy.orm import aliased

from creditapp.columns import UtcDateTime
from creditapp.db import now
from creditapp.errors import (
    AuthorityLimitError,
    BalanceMovedError,
    BalanceUnchangedError,
    DuplicateAdjustmentError,
    EntryNotFoundError,
    EntryUsedError,
    NoteRequiredError,
    NotReversibleError,
    NotYoursError,
    ReasonError,
    ReversalExceedsError,
    StaffDisabledError,
)
from creditapp.models import (
    CreditClass,
    CreditDraw,
    CreditEntry,
    CreditEntryText,
    CreditLot,
    Kind,
    Reason,
    Role,
    Staff,
)
from creditapp.models import RoleRules as Rules
from creditapp.money import AMOUNT_MINOR_MAX
from creditapp.services import ledger
from creditapp.services.ledger import Entry, Move, Panel, Posting
from creditapp.statements import Call, Prepared, run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

RECENT_ENTRIES = 50
"""How many of the customer's newest entries are searched for a repeat."""


@dataclass(frozen=True, slots=True)
class _Authority:
    """What the role of the staff member who asks may do alone."""

    role: str
    add_max_minor: int | None
    remove_max_minor: int | None
    reverses_own_only: bool
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Why:
    """A reason, as it stands inside this transaction."""

    id: int
    name: str
    direction: str
    is_active: bool
    is_quiet: bool
    note_required: bool
    note_above_minor: int | None
    class_: str
    expires_after_days: int | None
    customer_text: str


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
    lot_class: str | None
    lot_remaining_minor: int | None

    @property
    def left_minor(self) -> int:
        """What no reversal has taken back yet, without sign."""
        return abs(self.amount_minor) - self.reversed_minor


def adjust(  # noqa: PLR0913  (one argument for each field of the form)
    session: Session,
    customer_id: int,
    amount_minor: int,
    *,
    reason_id: int,
    by: Actor,
    key: str,
    note: str = "",
    customer_note: str = "",
    ticket_ref: str = "",
    duplicates_ok: bool = False,
) -> Entry:
    """Add credit (plus) or remove it (minus), with a reason and a note, and return the entry.

    What is added becomes a lot of the reason's class and expiry; what is removed is drawn from usable lots in
    drawdown order.

    Raises:
        InsufficientCreditError, BalanceLimitError, AmountRangeError: the amount does not fit the balance.
        ReasonError, NoteRequiredError: the reason does not fit, or asks for a note.
        AuthorityLimitError, StaffDisabledError: this person may not.
        DuplicateAdjustmentError: it looks like a repeat, and `duplicates_ok` is not set.
        KeyReusedError: the key has posted something else.
    """
    content = ("adjust", amount_minor, reason_id, note, customer_note, ticket_ref, by.kind, by.id)
    also = [_REASON(reason_id=reason_id), *_authority_calls(by)]
    if not duplicates_ok:
        also.append(_alike_call(customer_id, amount_minor, ticket_ref))
    account, panel, rest = ledger.open_account(session, customer_id, key, content, *also, debit=amount_minor < 0)
    if account.posted is not None:
        return account.posted
    why = _why(rest[0].rows, amount_minor, note)
    _check_authority(by, rest[1].rows if by.kind == "staff" else [], amount_minor)
    if not duplicates_ok:
        _check_repeat(session, panel, rest[-1].rows, customer_id, amount_minor, ticket_ref)
    posting = Posting(
        kind=Kind.ADDED if amount_minor > 0 else Kind.REMOVED,
        amount_minor=amount_minor,
        description="Credit Added" if amount_minor > 0 else "Credit Removed",
        by=by,
        key=key,
        content=content,
        reason_id=why.id,
        is_quiet=why.is_quiet,
        class_=CreditClass(why.class_),
        expires_at=_expiry(why, panel, now(session)),
        note=note,
        customer_note=customer_note or why.customer_text,
        ticket_ref=ticket_ref,
    )
    return ledger.post(session, account, panel, posting)


def set_balance(  # noqa: PLR0913  (one argument for each field of the form)
    session: Session,
    customer_id: int,
    target_minor: int,
    *,
    seen_minor: int,
    reason_id: int,
    by: Actor,
    key: str,
    note: str = "",
    customer_note: str = "",
) -> Entry:
    """Post the difference between the balance and `target_minor` as a *Balance Correction*, and return the entry.

    `seen_minor` is the balance the form showed. A downward correction may also take credit that has expired.

    Raises:
        BalanceMovedError: the balance is not what the form showed.
        BalanceUnchangedError: there is no difference.
        What `adjust` raises, but for repeats.
    """
    content = ("set_balance", target_minor, seen_minor, reason_id, note, customer_note, by.kind, by.id)
    also = [_REASON(reason_id=reason_id), *_authority_calls(by)]
    account, panel, rest = ledger.open_account(session, customer_id, key, content, *also)
    if account.posted is not None:
        return account.posted
    if account.balance_minor != seen_minor:
        raise BalanceMovedError(seen_minor=seen_minor, balance_minor=account.balance_minor)
    amount_minor = target_minor - account.balance_minor
    if amount_minor == 0:
        raise BalanceUnchangedError(balance_minor=account.balance_minor)
    why = _why(rest[0].rows, amount_minor, note)
    _check_authority(by, rest[1].rows if by.kind == "staff" else [], amount_minor)
    posting = Posting(
        kind=Kind.CORRECTION,
        amount_minor=amount_minor,
        description="Balance Correction",
        by=by,
        key=key,
        content=content,
        reason_id=why.id,
        is_quiet=why.is_quiet,
        class_=CreditClass(why.class_),
        expires_at=_expiry(why, panel, now(session)),
        draws_expired=True,
        note=note,
        customer_note=customer_note or why.customer_text,
    )
    return ledger.post(session, account, panel, posting)


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
        NotYoursError, AuthorityLimitError: this person may not.
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
        EntryUsedError: some of it has been used or reversed; its rest can be voided.
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
    also = [_ORIGINAL(**of_entry), _NET_DRAWS(**of_entry), *_authority_calls(by)]
    account, panel, rest = ledger.open_account(session, customer_id, key, content, *also, debit=False)
    if account.posted is not None:
        return account.posted
    if not rest[0].rows:
        raise EntryNotFoundError(reference)
    original = _Original(*rest[0].rows[0])
    _check_undoable(original, reference, kind)
    if only_unused and (original.reversed_minor or original.lot_remaining_minor not in {None, original.amount_minor}):
        raise EntryUsedError(reference=reference, unused_minor=original.lot_remaining_minor or 0)
    undone_minor = _undone(original, reference, amount_minor, kind)
    signed_minor = -undone_minor if original.amount_minor > 0 else undone_minor
    authority = _check_authority(by, rest[2].rows if by.kind == "staff" else [], signed_minor)
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


def _check_undoable(original: _Original, reference: str, kind: Kind) -> None:
    if original.kind in {Kind.REVERSAL, Kind.VOID}:
        raise NotReversibleError(reference=reference, problem="it is a reversal itself; post a new adjustment.")
    if not ledger.KINDS[Kind(original.kind)].reversible:
        raise NotReversibleError(reference=reference, problem="it is undone where it came from.")
    if kind is Kind.VOID and original.lot_class is None:
        raise NotReversibleError(reference=reference, problem="it added no credit, so there is no rest to void.")


def _undone(original: _Original, reference: str, amount_minor: int | None, kind: Kind) -> int:
    """Return how much is taken back: what was asked, or all that is left; for a void, the unused rest."""
    unused_minor = original.lot_remaining_minor
    most_minor = original.left_minor if unused_minor is None else min(original.left_minor, unused_minor)
    wanted_minor = amount_minor
    if wanted_minor is None:
        wanted_minor = most_minor if kind is Kind.VOID else original.left_minor
    if most_minor == 0 or not 0 < wanted_minor <= most_minor:
        raise ReversalExceedsError(reference=reference, left_minor=original.left_minor, unused_minor=unused_minor)
    return wanted_minor


def _undoing_moves(original: _Original, net_draws: list[tuple[Any, ...]], undone_minor: int) -> tuple[Move, ...]:
    """Take from the entry's own lot, or give back to the lots it drew on, the last drawn first."""
    if original.lot_class is not None:
        return (Move(original.seq, original.lot_class, undone_minor),)
    moves, left_minor = [], undone_minor
    for lot_seq, class_, drawn_minor in net_draws:
        given_minor = min(drawn_minor, left_minor)
        if given_minor > 0:
            moves.append(Move(lot_seq, class_, -given_minor))
            left_minor -= given_minor
    return tuple(moves)


def _why(rows: list[tuple[Any, ...]], amount_minor: int, note: str) -> _Why:
    if not rows:
        raise ReasonError("Choose a reason from the list.")
    why = _Why(*rows[0])
    if not why.is_active:
        raise ReasonError(f"The reason “{why.name}” has been switched off; choose another.")
    if why.direction not in {"both", "add" if amount_minor > 0 else "remove"}:
        verb = "adding" if why.direction == "add" else "removing"
        raise ReasonError(f"The reason “{why.name}” is only for {verb} credit; choose another.")
    if not note and why.note_required:
        raise NoteRequiredError(reason=why.name, above_minor=None)
    if not note and why.note_above_minor is not None and abs(amount_minor) > why.note_above_minor:
        raise NoteRequiredError(reason=why.name, above_minor=why.note_above_minor)
    return why


def _expiry(why: _Why, panel: Panel, moment: datetime) -> datetime | None:
    """Return the moment a lot of this reason lapses: the end of its last day in the panel's zone."""
    if why.expires_after_days is None:
        return None
    last_day = panel.day_of(moment) + timedelta(days=why.expires_after_days)
    return datetime.combine(last_day + timedelta(days=1), time(), ledger.zone(panel.time_zone))


def _authority_calls(by: Actor) -> list[Call]:
    return [_AUTHORITY(staff_id=by.id)] if by.kind == "staff" else []


def _check_authority(by: Actor, rows: list[tuple[Any, ...]], amount_minor: int) -> _Authority | None:
    if by.kind != "staff":
        return None
    if not rows:
        raise StaffDisabledError
    authority = _Authority(*rows[0])
    if authority.disabled_at is not None:
        raise StaffDisabledError
    limit_minor = authority.add_max_minor if amount_minor > 0 else authority.remove_max_minor
    if limit_minor is not None and abs(amount_minor) > limit_minor:
        role = Role(authority.role).label.lower()
        raise AuthorityLimitError(limit_minor=limit_minor, amount_minor=amount_minor, role=role)
    return authority


def _alike_call(customer_id: int, amount_minor: int, ticket_ref: str) -> Call:
    is_possible = type(amount_minor) is int and abs(amount_minor) <= AMOUNT_MINOR_MAX
    alike_minor = amount_minor if is_possible else 0  # like none there is; it is refused further on
    return _ALIKE(customer_id=customer_id, most=RECENT_ENTRIES, amount_minor=alike_minor, ticket=ticket_ref or None)


def _check_repeat(
    session: Session,
    panel: Panel,
    rows: list[tuple[Any, ...]],
    customer_id: int,
    amount_minor: int,
    ticket_ref: str,
) -> None:
    if panel.duplicate_window_days == 0:
        return
    since = now(session) - timedelta(days=panel.duplicate_window_days)
    for seq, earlier_minor, posted_at, earlier_ticket, maker, is_reversed in rows:
        same_ticket = bool(ticket_ref) and ticket_ref == earlier_ticket
        if is_reversed or posted_at < since or not (same_ticket or earlier_minor == amount_minor):
            continue
        raise DuplicateAdjustmentError(
            reference=ledger.reference(customer_id, seq),
            amount_minor=earlier_minor,
            by=maker or "the system",
            days=panel.duplicate_window_days,
            same_ticket=same_ticket,
        )


def usable_minor(session: Session, customer_id: int) -> int:
    """Return how much credit the customer can use now: the balance without lots past their date."""
    minor: int = run(session, _USABLE(customer_id=customer_id, moment=now(session)))[0].rows[0][0]
    return minor


def _select_original() -> Select[*tuple[Any, ...]]:
    later = CreditEntry.__table__.alias("later")
    e = CreditEntry
    reversed_minor = (
        select(cast(func.coalesce(func.sum(func.abs(later.c.amount_minor)), 0), BigInteger))
        .where(later.c.customer_id == e.customer_id, later.c.reversed_seq == e.seq)
        .scalar_subquery()
    )
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
            reversed_minor,
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


def _select_alike() -> Select[*tuple[Any, ...]]:
    """Select, of the newest entries, those of the same amount or ticket, the newest first."""
    e, texts, noted = CreditEntry.__table__, CreditEntryText, aliased(CreditEntryText)
    recent = (
        select(e.c.customer_id, e.c.seq, e.c.amount_minor, e.c.posted_at, e.c.actor_id, e.c.actor, e.c.kind)
        .where(e.c.customer_id == bindparam("customer_id"))
        .order_by(e.c.seq.desc())
        .limit(bindparam("most"))
        .subquery()
    )
    later = e.alias("later")
    is_reversed = (
        select(later.c.seq)
        .where(later.c.customer_id == recent.c.customer_id, later.c.reversed_seq == recent.c.seq)
        .exists()
    )
    ticket = bindparam("ticket", type_=String())
    has_ticket = (
        select(noted.seq)
        .where(noted.customer_id == recent.c.customer_id, noted.seq == recent.c.seq, noted.ticket_ref == ticket)
        .exists()
    )
    return (
        select(recent.c.seq, recent.c.amount_minor, recent.c.posted_at, texts.ticket_ref, Staff.name, is_reversed)
        .outerjoin(texts, (texts.customer_id == recent.c.customer_id) & (texts.seq == recent.c.seq))
        .outerjoin(Staff, (recent.c.actor == "staff") & (Staff.id == recent.c.actor_id))
        .where(
            or_(recent.c.kind == "added", recent.c.kind == "removed"),
            or_(recent.c.amount_minor == bindparam("amount_minor"), and_(ticket.is_not(None), has_ticket)),
        )
        .order_by(recent.c.seq.desc())
    )


_REASON = Prepared(
    select(
        Reason.id,
        Reason.name,
        Reason.direction,
        Reason.is_active,
        Reason.is_quiet,
        Reason.note_required,
        Reason.note_above_minor,
        Reason.class_,
        Reason.expires_after_days,
        Reason.customer_text,
    ).where(Reason.id == bindparam("reason_id"))
)
_AUTHORITY = Prepared(
    select(Staff.role, Rules.add_max_minor, Rules.remove_max_minor, Rules.reverses_own_only, Staff.disabled_at)
    .join(Rules, Rules.role == Staff.role)
    .where(Staff.id == bindparam("staff_id"))
)
_ORIGINAL = Prepared(_select_original())
_NET_DRAWS = Prepared(_select_net_draws())
_ALIKE = Prepared(_select_alike())
_USABLE = Prepared(
    select(cast(func.coalesce(func.sum(CreditLot.remaining_minor), 0), BigInteger)).where(
        CreditLot.customer_id == bindparam("customer_id"),
        CreditLot.remaining_minor > 0,
        or_(CreditLot.expires_at.is_(None), CreditLot.expires_at > bindparam("moment", type_=UtcDateTime())),
    )
)
