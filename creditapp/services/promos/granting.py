"""A code in an order: used once, its credit granted once, and taken back where the order is undone.

Whoever calls holds the lock of the customer's account. A use is *pending* until its credit has come, *granted* then,
and *dropped* where the order was undone and none of the credit had been spent: only then is it given back to the code.
Were it given back although the credit had been spent, the same code could be spent again and again.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, cast, func, insert, or_, select, update

from creditapp.db import Base, now
from creditapp.errors import BalanceLimitError, CodeError
from creditapp.models import CreditClass, CreditEntry, CreditLot, GrantStatus, Kind, PromoCode, PromoUse
from creditapp.services import ledger
from creditapp.services.actor import SYSTEM
from creditapp.services.ledger import Account, Entry, Move, Panel, Posting

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor
    from creditapp.services.offers import Offer

PROMO_CODES = Base.metadata.tables[PromoCode.__tablename__]
USES = Base.metadata.tables[PromoUse.__tablename__]


def use(session: Session, account: Account, panel: Panel, invoice_id: int, offer: Offer, *, by: Actor) -> Entry | None:
    """Use the code in this new order, and return the entry where its credit comes at once.

    Raises:
        CodeError: meanwhile somebody else has used it up, or staff have changed it.
    """
    p = PROMO_CODES.c
    counted = session.execute(
        update(PROMO_CODES)
        .where(p.id == offer.promo_id, p.version == offer.promo_version, p.is_active)
        .where(or_(p.uses_max.is_(None), p.uses < p.uses_max))
        .values(uses=p.uses + 1)
    )
    if counted.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE has one
        raise CodeError(f"The code {offer.code} has just been used up or changed. Try again.")
    session.execute(
        insert(USES).values(
            customer_id=account.customer_id,
            invoice_id=invoice_id,
            promo_code_id=offer.promo_id,
            amount_minor=offer.amount_minor,
            status=str(GrantStatus.PENDING),
            entry_seq=None,
            created_at=now(session),
        )
    )
    return None if offer.when_paid else grant(session, account, panel, invoice_id, by=by)


def grant(session: Session, account: Account, panel: Panel, invoice_id: int, *, by: Actor = SYSTEM) -> Entry | None:
    """Post the credit that the order's code has promised, and return the entry; None where nothing is to come.

    Safe to repeat. Where it does not fit under the largest balance nothing comes, and the use stays pending: once its
    order is paid, `drop` ends it.
    """
    u, p = USES.c, PROMO_CODES.c
    found = session.execute(
        select(u.amount_minor, u.promo_code_id, p.code, p.days_to_expiry)
        .join(PROMO_CODES, p.id == u.promo_code_id)
        .where(u.customer_id == account.customer_id, u.invoice_id == invoice_id, u.status == str(GrantStatus.PENDING))
    ).one_or_none()
    if found is None:
        return None
    posting = Posting(
        kind=Kind.PROMO,
        amount_minor=found.amount_minor,
        description=f"Promo Code {found.code}",
        by=by,
        key=f"promo:{invoice_id}",
        class_=CreditClass.PROMOTIONAL,
        expires_at=_ends(panel, now(session), found.days_to_expiry),
        invoice_id=invoice_id,
        promo_code_id=found.promo_code_id,
    )
    try:
        entry = ledger.post(session, account, panel, posting)
    except BalanceLimitError:
        return None
    _note(session, account.customer_id, invoice_id, GrantStatus.GRANTED, entry.seq)
    return entry


def drop(session: Session, account: Account, invoice_id: int) -> int:
    """End what the code of a paid order has promised and could not bring, and return how much that was; 0 for nothing.

    The use is given back to the code. Safe to repeat.
    """
    u = USES.c
    found = session.execute(
        select(u.amount_minor, u.promo_code_id).where(
            u.customer_id == account.customer_id, u.invoice_id == invoice_id, u.status == str(GrantStatus.PENDING)
        )
    ).one_or_none()
    if found is None:
        return 0
    _give_use_back(session, account.customer_id, invoice_id, found.promo_code_id)
    return int(found.amount_minor)


def take_back(session: Session, account: Account, panel: Panel, invoice_id: int, *, by: Actor) -> Entry | None:
    """Take back what is unspent of the credit that the code of an undone order has brought, and return the entry.

    The use is given back to the code where none of the credit was spent.
    """
    u = USES.c
    found = session.execute(
        select(u.status, u.promo_code_id, u.entry_seq).where(
            u.customer_id == account.customer_id, u.invoice_id == invoice_id
        )
    ).one_or_none()
    if found is None or found.status == GrantStatus.DROPPED:
        return None
    if found.entry_seq is None:
        _give_use_back(session, account.customer_id, invoice_id, found.promo_code_id)
        return None
    left_minor, spent_minor = _left_and_spent(session, account.customer_id, found.entry_seq)
    entry = None
    if left_minor:
        posting = Posting(
            kind=Kind.VOID,
            amount_minor=-left_minor,
            description=f"Void of {ledger.reference(account.customer_id, found.entry_seq)}",
            by=by,
            key=f"promo-void:{invoice_id}",
            moves=(Move(found.entry_seq, CreditClass.PROMOTIONAL, left_minor),),
            promo_code_id=found.promo_code_id,
            reversed_seq=found.entry_seq,
        )
        entry = ledger.post(session, account, panel, posting)
    if spent_minor == 0:
        _give_use_back(session, account.customer_id, invoice_id, found.promo_code_id)
    return entry


def _left_and_spent(session: Session, customer_id: int, seq: int) -> tuple[int, int]:
    """Return what is left of the lot, and what was spent of it; what staff have reversed was not."""
    lot, later = CreditLot, CreditEntry
    opening_minor, left_minor = session.execute(
        select(lot.opening_minor, lot.remaining_minor).where(lot.customer_id == customer_id, lot.seq == seq)
    ).one()
    reversed_minor = session.execute(
        select(cast(func.coalesce(func.sum(func.abs(later.amount_minor)), 0), BigInteger)).where(
            later.customer_id == customer_id, later.reversed_seq == seq
        )
    ).scalar_one()
    return left_minor, opening_minor - left_minor - reversed_minor


def _give_use_back(session: Session, customer_id: int, invoice_id: int, promo_id: int) -> None:
    _note(session, customer_id, invoice_id, GrantStatus.DROPPED, None)
    p = PROMO_CODES.c
    session.execute(update(PROMO_CODES).where(p.id == promo_id).values(uses=p.uses - 1))


def _note(session: Session, customer_id: int, invoice_id: int, status: GrantStatus, entry_seq: int | None) -> None:
    u = USES.c
    session.execute(
        update(USES)
        .where(u.customer_id == customer_id, u.invoice_id == invoice_id)
        .values(status=str(status), entry_seq=entry_seq)
    )


def _ends(panel: Panel, moment: datetime, days: int | None) -> datetime | None:
    """Return when credit that comes now lapses: the end of its last day in the panel's zone."""
    if days is None:
        return None
    last_day: date = panel.day_of(moment) + timedelta(days=days)
    return datetime.combine(last_day + timedelta(days=1), time(), ledger.zone(panel.time_zone))
