"""Settling a balance before its customer goes: it is sent back, given to another, or lapses; nothing is left over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from creditapp.db import now
from creditapp.errors import AccountFrozenError, CreditLeftError, StaleFormError, TransferError
from creditapp.models import CreditClass, Kind
from creditapp.services import refunds
from creditapp.services.credits import transferring
from creditapp.services.credits.transferring import Parcel, Terms
from creditapp.services.customer_life.standing import forecast
from creditapp.services.ledger import Account, Chunk, Move, Posting
from creditapp.services.refunds import Asked

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

REST = "other paid"
"""How a refusal calls paid credit that came by no payment which it could go back to."""


class Way(StrEnum):
    """What becomes of credit whose customer goes."""

    REFUND = "refund"
    TRANSFER = "transfer"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a person has chosen for each kind of credit; None: nothing, as there is none."""

    paid: Way | None = None
    rest: Way | None = None
    """For paid credit that cannot go back, where the other shall."""
    goodwill: Way | None = None
    promotional: Way | None = None
    to_id: int | None = None
    """Who gets what is transferred."""
    reason_id: int = 0
    """Stands at what is transferred and at what lapses."""

    def way(self, class_: str) -> Way | None:
        """Return what becomes of usable credit of this class, once what can go back has gone."""
        if class_ == CreditClass.PAID:
            return self.rest if self.paid == Way.REFUND else self.paid
        return {CreditClass.GOODWILL: self.goodwill, CreditClass.PROMOTIONAL: self.promotional}[CreditClass(class_)]

    @property
    def transfers(self) -> bool:
        return Way.TRANSFER in {self.paid, self.rest, self.goodwill, self.promotional}

    def said(self, by: Actor) -> tuple[str | int | None, ...]:
        """Return all of it as text and numbers, for the digest of a request."""
        ways = (self.paid, self.rest, self.goodwill, self.promotional)
        return (*(str(one or "") for one in ways), self.to_id, self.reason_id, by.kind, by.id)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a balance; minor units."""

    refunds: tuple[Asked, ...] = ()
    transferred_minor: int = 0
    expired_minor: int = 0


def settle(
    session: Session, customer_id: int, choices: Choices, *, refund_ids: Sequence[int], by: Actor, key: str
) -> Settled:
    """Settle the whole balance as was chosen, and return what became of it. The account is locked.

    Raises:
        CreditLeftError: nobody has said what becomes of a part of it.
        StaleFormError: more refunds are needed than numbers were reserved for.
        RefundRefusedError, TransferError, AccountFrozenError, BalanceLimitError, CustomerClosedError: a way is closed.
        ReasonError, NoteRequiredError, AuthorityLimitError, StaffDisabledError: what moves credit by hand raises.
    """
    sent = _refund(session, customer_id, refund_ids, by=by, key=key) if choices.paid == Way.REFUND else ()
    ids = {customer_id, choices.to_id} if choices.to_id is not None else {customer_id}
    chunk = Chunk(session, ids, (), [customer_id])
    account = chunk.account(customer_id)
    moved, lapsed = _parted(session, account, choices)
    moved_minor, lapsed_minor = (sum(minor for _lot, minor in some) for some in (moved, lapsed))
    common: dict[str, Any] = {"reason_id": choices.reason_id or None}
    if moved:
        taker = _taker(chunk, customer_id, choices.to_id)
        transferring.check(session, moved_minor, choices.reason_id, "", by)
        transferring.post_pairs(chunk, account, taker, moved, Terms(by, f"{key}:moved", (), common))
    if any(not lot.has_expired(account.moment(now(session))) for lot, _minor in lapsed):
        transferring.check(session, lapsed_minor, choices.reason_id, "", by)
    for lot, minor in lapsed:
        posting = Posting(
            kind=Kind.EXPIRED,
            amount_minor=-minor,
            description="Expired Credit",
            by=by,
            key=f"{key}:{lot.seq}",
            moves=(Move(lot.seq, lot.class_, minor),),
            **common,
        )
        chunk.post(customer_id, posting)
    chunk.write()
    return Settled(sent, moved_minor, lapsed_minor)


def _refund(session: Session, customer_id: int, refund_ids: Sequence[int], *, by: Actor, key: str) -> tuple[Asked, ...]:
    """Ask for all that can go back of each payment, under the numbers that were reserved."""
    parts = {id_: minor for id_, minor in forecast(session, customer_id, now(session)).refundable.items() if minor}
    if len(parts) > len(refund_ids):
        raise StaleFormError("this user’s balance")
    return tuple(
        refunds.request_of_credit(session, customer_id, number, payment_id, minor, by=by, key=f"{key}:{payment_id}")
        for number, (payment_id, minor) in zip(refund_ids, sorted(parts.items()), strict=False)
    )


def _parted(session: Session, account: Account, choices: Choices) -> tuple[list[Parcel], list[Parcel]]:
    """Return what goes to another customer, and what lapses; what has lapsed already does so whatever was chosen."""
    moved: list[Parcel] = []
    lapsed: list[Parcel] = []
    left: dict[str, int] = defaultdict(int)
    for lot in account.lots:
        if lot.remaining_minor == 0:
            continue
        way = Way.EXPIRE if lot.has_expired(account.moment(now(session))) else choices.way(lot.class_)
        if way is None or way == Way.REFUND:
            is_rest = lot.class_ == CreditClass.PAID and choices.paid == Way.REFUND
            left[REST if is_rest else lot.class_] += lot.remaining_minor
        else:
            (moved if way == Way.TRANSFER else lapsed).append((lot, lot.remaining_minor))
    for what, left_minor in left.items():
        raise CreditLeftError(what=what, left_minor=left_minor)
    return moved, lapsed


def _taker(chunk: Chunk, customer_id: int, to_id: int | None) -> Account:
    if to_id is None:
        raise TransferError("Enter the number of the user who gets the credit.")
    if to_id == customer_id:
        raise TransferError("This is the user who goes. Enter the number of another one.")
    taker = chunk.account(to_id)
    if taker.frozen_at is not None:
        raise AccountFrozenError(to_id)
    return taker
