"""Referrals: each customer has a code to pass on; both sides get credit when the first order of the other is paid.

The order that names the code makes a row that is *pending*, with what it is to bring as the settings are then. `grant`
pays both sides in a transaction of its own, with all accounts locked by rising id: the transaction that pays the order
holds one account already, and taking the other after it could lock out somebody who goes the other way. Until then
the row waits, and the tick finds it.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from creditapp.db import Base, now
from creditapp.errors import CodeError, CustomerClosedError, CustomerNotFoundError
from creditapp.models import (
    CreditClass,
    Customer,
    GrantStatus,
    Invoice,
    InvoiceStatus,
    Kind,
    PromoCode,
    Referral,
    Setting,
)
from creditapp.queries.merged import family
from creditapp.services import survivors
from creditapp.services.actor import SYSTEM
from creditapp.services.customers import BY_HAND
from creditapp.services.ledger import Chunk, Posting
from creditapp.services.offers import Offer, is_first_order

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

REFERRALS = Base.metadata.tables[Referral.__tablename__]
LETTERS = "23456789abcdefghjkmnpqrstvwxyz"
"""No 0 and o, no 1, i and l, no u: what looks alike is not in it."""
CODE_CHARS = 8
AT_ONCE = 100
DESCRIPTION = "Referral Credit"


def code_of(session: Session, customer_id: int) -> str:
    """Return the code that the customer passes on, as people write it; made when it is first asked for.

    Raises:
        CustomerNotFoundError, CustomerClosedError: there is no such customer, or no longer.
    """
    c = Customer
    found = session.execute(
        select(c.referral_code, c.status).where(c.id == customer_id).with_for_update(key_share=True)
    ).one_or_none()
    if found is None:
        raise CustomerNotFoundError(customer_id)
    if found.referral_code is not None:
        return str(found.referral_code).upper()
    if found.status not in BY_HAND:
        raise survivors.closed_error(session, customer_id)
    code = _new_code(session)
    session.execute(update(c).where(c.id == customer_id).values(referral_code=code, updated_at=now(session)))
    return code.upper()


def offer(session: Session, customer_id: int, key: str, *, invoice_id: int | None = None) -> Offer | None:
    """Return what this referral code brings the customer in a first order; None where nobody has such a code.

    Raises:
        CodeError: there is such a code, and it is not taken.
    """
    c, s = Customer, Setting
    found = session.execute(select(c.id, c.merged_into_id).where(c.referral_code == key)).one_or_none()
    if found is None:
        return None
    enabled, referred_minor, referrer_minor = session.execute(
        select(s.referrals_enabled, s.referred_minor, s.referrer_minor).where(s.id == 1)
    ).one()
    if not enabled or not referred_minor + referrer_minor:
        raise CodeError("Referral codes are not taken at present.")
    referrer_id = survivors.survivor(session, found.id)
    if _is_same_person(session, customer_id, referrer_id):
        raise CodeError("This is one's own referral code. Pass it on to somebody else.")
    if session.execute(select(c.status).where(c.id == referrer_id)).scalar_one() not in BY_HAND:
        raise CodeError("This referral code is not taken any more.")
    if _was_referred(session, customer_id) or not is_first_order(session, customer_id, invoice_id=invoice_id):
        raise CodeError("A referral code is for a first order only.")
    return Offer(key.upper(), referred_minor, when_paid=True, referrer_id=referrer_id, referrer_minor=referrer_minor)


def note(session: Session, customer_id: int, invoice_id: int, offer: Offer) -> None:
    """Remember who brought the customer who places this order; the customer's account is locked.

    A customer whose first order was cancelled before it was paid may be brought again.
    """
    r = REFERRALS.c
    values = {
        "referrer_id": offer.referrer_id,
        "invoice_id": invoice_id,
        "referred_minor": offer.amount_minor,
        "referrer_minor": offer.referrer_minor,
        "status": str(GrantStatus.PENDING),
        "created_at": now(session),
        "granted_at": None,
    }
    again = update(REFERRALS).where(r.customer_id == customer_id, r.status == str(GrantStatus.DROPPED))
    if session.execute(again.values(**values)).rowcount == 0:  # type: ignore[attr-defined]  # an UPDATE has one
        session.execute(insert(REFERRALS).values(customer_id=customer_id, **values))


def drop(session: Session, customer_id: int, invoice_id: int) -> None:
    """Forget a referral whose order was undone before anybody got anything; the customer's account is locked."""
    r = REFERRALS.c
    session.execute(
        update(REFERRALS)
        .where(r.customer_id == customer_id, r.invoice_id == invoice_id, r.status == str(GrantStatus.PENDING))
        .values(status=str(GrantStatus.DROPPED))
    )


def due(session: Session, *, after: int = 0) -> list[int]:
    """Return the next customers, by rising id, whose first order is paid and whose referral has not been granted."""
    r, i = Referral, Invoice
    statement = (
        select(r.customer_id)
        .join(i, (i.customer_id == r.customer_id) & (i.id == r.invoice_id))
        .where(r.status == GrantStatus.PENDING, r.customer_id > after, i.status == InvoiceStatus.PAID)
        .order_by(r.customer_id)
        .limit(AT_ONCE)
    )
    return list(session.execute(statement).scalars())


def is_waiting(session: Session, customer_id: int) -> bool:
    """Return whether this customer's referral is due now."""
    return customer_id in due(session, after=customer_id - 1)


def grant(session: Session, customer_id: int) -> bool:
    """Give both sides their credit if the customer's first order is paid, and return whether it was done now.

    For a transaction of its own, after the one that paid. Safe to repeat. Who has been merged since gets it as who they
    are now; both being one by now, nobody does. A side whose account is closed gets nothing, the other one does.
    """
    r, i = Referral, Invoice
    named = session.execute(
        select(r.referrer_id).where(r.customer_id == customer_id, r.status == GrantStatus.PENDING)
    ).scalar_one_or_none()
    if named is None:
        return False
    referred_id, referrer_id = survivors.survivor(session, customer_id), survivors.survivor(session, named)
    key = f"referral:{customer_id}"
    people = {customer_id, referred_id, referrer_id}
    chunk = Chunk(session, people, [(each, key) for each in people], debtors=())
    row = session.execute(
        select(r.referred_minor, r.referrer_minor)
        .join(i, (i.customer_id == r.customer_id) & (i.id == r.invoice_id))
        .where(r.customer_id == customer_id, r.status == GrantStatus.PENDING, i.status == InvoiceStatus.PAID)
    ).one_or_none()
    merged_meanwhile = [survivors.survivor(session, each) != each for each in (referred_id, referrer_id)]
    if row is None or any(merged_meanwhile):  # the tick comes again
        return False
    values = {"status": str(GrantStatus.GRANTED), "granted_at": now(session)}
    if referred_id == referrer_id:
        values = {"status": str(GrantStatus.DROPPED)}
    else:
        values["referred_minor"] = _give(chunk, referred_id, row.referred_minor, key)
        values["referrer_minor"] = _give(chunk, referrer_id, row.referrer_minor, key)
        chunk.write()
    q = REFERRALS.c
    session.execute(update(REFERRALS).where(q.customer_id == customer_id).values(**values))
    return referred_id != referrer_id


def _give(chunk: Chunk, customer_id: int, amount_minor: int, key: str) -> int:
    """Post one side's credit, and return how much that was."""
    if amount_minor == 0:
        return 0
    posting = Posting(
        kind=Kind.REFERRAL,
        amount_minor=amount_minor,
        description=DESCRIPTION,
        by=SYSTEM,
        key=key,
        class_=CreditClass.PROMOTIONAL,
    )
    try:
        return chunk.post(customer_id, posting).amount_minor
    except CustomerClosedError:
        return 0


def _new_code(session: Session) -> str:
    while True:
        code = "".join(secrets.choice(LETTERS) for _ in range(CODE_CHARS))
        taken = select(Customer.id).where(Customer.referral_code == code)
        promo = select(PromoCode.id).where(PromoCode.code_key == code)
        if all(session.execute(statement).first() is None for statement in (taken, promo)):
            return code


def _is_same_person(session: Session, customer_id: int, referrer_id: int) -> bool:
    """Return whether the two are one: the same account, merged into one, or with one e-mail between them."""
    if survivors.survivor(session, customer_id) == referrer_id:
        return True
    c = Customer
    ours = select(c.email_key).where(c.id.in_(family(customer_id)))
    theirs = select(c.id).where(c.id.in_(family(referrer_id)), c.email_key.in_(ours), c.email_key != "")
    return session.execute(theirs.limit(1)).first() is not None


def _was_referred(session: Session, customer_id: int) -> bool:
    r = Referral
    found = select(r.customer_id).where(r.customer_id.in_(family(customer_id)), r.status != GrantStatus.DROPPED)
    return session.execute(found.limit(1)).first() is not None
