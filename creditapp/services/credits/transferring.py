"""Moving credit from one customer to another: linked pairs of entries, and nothing in between.

What moves stays what it was: each pair moves credit of one class and one expiry, in drawdown order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from creditapp.db import now
from creditapp.errors import (
    AccountFrozenError,
    AmountRangeError,
    InsufficientCreditError,
    ReasonError,
    TransferError,
)
from creditapp.models import CreditClass, Kind
from creditapp.money import AMOUNT_MINOR_MAX
from creditapp.services import self_dealing
from creditapp.services.credits import rules
from creditapp.services.ledger import Account, Chunk, Entry, Lot, Move, Posting
from creditapp.statements import run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor
    from creditapp.services.credits.rules import Why

Parcel = tuple[Lot, int]
"""A lot, and how much of it moves."""


@dataclass(frozen=True, slots=True)
class Transferred:
    """What a transfer came to: the last entry on each side; the balances after it are theirs."""

    amount_minor: int
    given: Entry
    taken: Entry | None
    """None where it had been posted before."""
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """What every entry of one transfer has in common."""

    by: Actor
    key: str
    content: tuple[Any, ...]
    common: Mapping[str, Any]
    """Reason, note and the like, as `Posting` has them."""


def transfer(  # noqa: PLR0913  (one argument for each field of the form)
    session: Session,
    customer_id: int,
    to_id: int,
    amount_minor: int,
    *,
    reason_id: int,
    by: Actor,
    key: str,
    note: str = "",
    customer_note: str = "",
    ticket_ref: str = "",
) -> Transferred:
    """Move so much usable credit to another customer, and return what that came to. The same key moves it once.

    Raises:
        TransferError: both are the same.
        AmountRangeError, InsufficientCreditError, BalanceLimitError: the amount does not fit the balances.
        AccountFrozenError, CustomerClosedError, CustomerNotFoundError: one of both gives or takes nothing now.
        ReasonError, NoteRequiredError: the reason is not there, or asks for a note.
        AuthorityLimitError, StaffDisabledError, OwnAccountError: this person may not.
        KeyReusedError: the key has posted something else.
    """
    if customer_id == to_id:
        raise TransferError("This is the user whose credit it is already. Choose another one.")
    content = ("transfer", to_id, amount_minor, reason_id, note, customer_note, ticket_ref, by.kind, by.id)
    chunk = Chunk(session, (customer_id, to_id), [(customer_id, key)], [customer_id])
    earlier = chunk.earlier(customer_id, key, content)
    if earlier is not None:
        return Transferred(amount_minor, earlier, None, replayed=True)
    self_dealing.refuse(session, by, customer_id, to_id)
    giver, taker = chunk.account(customer_id), chunk.account(to_id)
    _check_usable(giver, taker)
    if not 0 < amount_minor <= AMOUNT_MINOR_MAX:
        raise AmountRangeError(amount_minor=amount_minor, limit_minor=AMOUNT_MINOR_MAX)
    why = check(session, amount_minor, reason_id, note, by)
    common = {
        "reason_id": why.id,
        "is_quiet": why.is_quiet,
        "note": note,
        "customer_note": customer_note,
        "ticket_ref": ticket_ref,
    }
    parcels = parcels_of(giver, giver.moment(now(session)), amount_minor)
    given, taken = post_pairs(chunk, giver, taker, parcels, Terms(by, key, content, common))
    chunk.write()
    return Transferred(amount_minor, given, taken)


def check(session: Session, amount_minor: int, reason_id: int, note: str, by: Actor) -> Why:
    """Return the reason, if it fits and this person may both remove and add so much alone.

    A reason fits whatever direction it is for: a transfer goes both ways.

    Raises:
        What `rules.check_why` and `rules.check_authority` raise.
    """
    reason, *authority = run(session, rules.reason_call(reason_id), *rules.authority_calls(by))
    if not reason.rows:
        raise ReasonError("Choose a reason from the list.")
    why = rules.Why(*reason.rows[0])
    rules.check_why(why, amount_minor if why.direction == "add" else -amount_minor, note)
    for signed_minor in (-amount_minor, amount_minor):
        rules.check_authority(authority, signed_minor)
    return why


def parcels_of(giver: Account, moment: datetime, amount_minor: int) -> list[Parcel]:
    """Return which lots so much comes from, in drawdown order.

    Raises:
        InsufficientCreditError: there is less that can be used.
    """
    parcels, left_minor = [], amount_minor
    for lot in giver.drawable(moment, expired_too=False):
        if left_minor:
            taken_minor = min(lot.remaining_minor, left_minor)
            parcels.append((lot, taken_minor))
            left_minor -= taken_minor
    if left_minor:
        raise InsufficientCreditError(
            available_minor=amount_minor - left_minor, balance_minor=giver.balance_minor, debit_minor=amount_minor
        )
    return parcels


def post_pairs(
    chunk: Chunk, giver: Account, taker: Account, parcels: Iterable[Parcel], terms: Terms
) -> tuple[Entry, Entry]:
    """Post a pair of entries for each class and expiry among the parcels, and return the last one.

    Both accounts are the chunk's; it is the caller who writes it.

    Raises:
        BalanceLimitError: the one who takes would have more than the largest balance.
        ValueError: there is no parcel.
    """
    alike: dict[tuple[str, datetime | None], list[Parcel]] = {}
    for lot, minor in parcels:
        alike.setdefault((lot.class_, lot.expires_at), []).append((lot, minor))
    pairs = []
    for number, ((class_, expires_at), some) in enumerate(alike.items(), start=1):
        posting = Posting(
            kind=Kind.TRANSFER_OUT,
            amount_minor=-sum(minor for _lot, minor in some),
            description=f"Transfer to User #{taker.customer_id}",
            by=terms.by,
            key=terms.key if number == 1 else f"{terms.key}:{number}",
            content=terms.content,
            class_=CreditClass(class_),
            moves=tuple(Move(lot.seq, class_, minor) for lot, minor in some),
            other_customer_id=taker.customer_id,
            other_seq=taker.entry_seq + 1,
            **terms.common,
        )
        half = replace(
            posting,
            kind=Kind.TRANSFER_IN,
            amount_minor=-posting.amount_minor,
            description=f"Transfer from User #{giver.customer_id}",
            expires_at=expires_at,
            moves=None,
            other_customer_id=giver.customer_id,
            other_seq=giver.entry_seq + 1,
        )
        pairs.append((chunk.post(giver.customer_id, posting), chunk.post(taker.customer_id, half)))
    if not pairs:
        raise ValueError("Nothing would be moved.")
    return pairs[-1]


def _check_usable(giver: Account, taker: Account) -> None:
    for account in (giver, taker):
        if account.frozen_at is not None:
            raise AccountFrozenError(account.customer_id)
