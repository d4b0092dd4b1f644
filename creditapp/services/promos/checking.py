"""What a code would bring in an order, or why it is not taken. Nothing is written here."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from creditapp.errors import CodeError
from creditapp.models import GrantStatus, PromoCode, PromoUse, Setting
from creditapp.money import part_of
from creditapp.queries.merged import family
from creditapp.services import referrals
from creditapp.services.ledger import zone
from creditapp.services.offers import CODE_CHARS_MAX, Offer, is_first_order, plain_code

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def check(session: Session, customer_id: int, code: str, total_minor: int, *, invoice_id: int | None = None) -> Offer:
    """Return what this code would bring the customer in an order of this total.

    `invoice_id` is the order itself where it has been made already. Nothing is locked: `use` asks again.

    Raises:
        CodeError: the code is not taken; the sentence says why.
    """
    key = plain_code(code)
    s = Setting
    enabled, zone_name = session.execute(select(s.credits_enabled, s.time_zone).where(s.id == 1)).one()
    if not enabled:
        raise CodeError("Credits are switched off: no code brings anything now.")
    if total_minor <= 0:
        raise CodeError("An order of nothing brings no credit.")
    p = PromoCode
    promo = session.execute(select(p).where(p.code_key == key)).scalar_one_or_none() if key else None
    if promo is not None:
        moment: datetime = session.info.get("now") or datetime.now(UTC)
        today = moment.astimezone(zone(zone_name)).date()
        return _promo(session, customer_id, promo, total_minor, today, invoice_id)
    offer = referrals.offer(session, customer_id, key, invoice_id=invoice_id) if key else None
    if offer is None:
        raise CodeError(f"There is no code “{' '.join(code.split())[:CODE_CHARS_MAX]}”. Check how it is spelt.")
    return offer


def _promo(
    session: Session, customer_id: int, promo: PromoCode, total_minor: int, today: date, invoice_id: int | None
) -> Offer:
    code = promo.code
    if not promo.is_active:
        raise CodeError(f"The code {code} is not taken any more.")
    if promo.starts_on is not None and today < promo.starts_on:
        raise CodeError(f"The code {code} is taken from {promo.starts_on:%Y-%m-%d} on.")
    if promo.ends_on is not None and today > promo.ends_on:
        raise CodeError(f"The code {code} was taken until {promo.ends_on:%Y-%m-%d}.")
    if promo.uses_max is not None and promo.uses >= promo.uses_max:
        raise CodeError(f"The code {code} has been used as often as it can be.")
    if promo.once_per_customer and _has_used(session, customer_id, promo.id):
        raise CodeError(f"The code {code} can be used once only, and has been.")
    if promo.first_order_only and not is_first_order(session, customer_id, invoice_id=invoice_id):
        raise CodeError(f"The code {code} is for a first order only.")
    amount_minor = _amount(promo, total_minor)
    if amount_minor == 0:
        raise CodeError(f"The code {code} brings nothing on an order as small as this.")
    last_day = None if promo.days_to_expiry is None else today + timedelta(days=promo.days_to_expiry)
    return Offer(code, amount_minor, promo.grants_when_paid, last_day, promo.id, promo.version)


def _amount(promo: PromoCode, total_minor: int) -> int:
    """Return what the code brings: rounded half up, and no more than its most."""
    if promo.percent_bp is None:
        return promo.amount_minor or 0
    part_minor = part_of(total_minor, promo.percent_bp)
    return part_minor if promo.most_minor is None else min(part_minor, promo.most_minor)


def _has_used(session: Session, customer_id: int, promo_id: int) -> bool:
    u = PromoUse
    used = select(u.invoice_id).where(
        u.promo_code_id == promo_id,
        u.customer_id.in_(family(customer_id)),
        u.status != GrantStatus.DROPPED,
    )
    return session.execute(used.limit(1)).first() is not None
