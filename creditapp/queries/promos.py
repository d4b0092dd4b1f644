"""Promo codes and referrals as pages read them: the list, one code, who has used it, and who brought whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, case, cast, func, select

from creditapp.models import Customer, GrantStatus, Invoice, PromoCode, PromoUse, Referral
from creditapp.text import fold

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

BROUGHT_MAX = 1000


class State(StrEnum):
    """Whether a code is taken today, and if not, why."""

    TAKEN = "taken"
    LATER = "later"
    """Its first day is still to come."""
    OVER = "over"
    """Its last day has passed."""
    USED_UP = "used_up"
    OFF = "off"

    @property
    def label(self) -> str:
        return {State.TAKEN: "Active", State.USED_UP: "Used up"}.get(self, self.capitalize())


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoFilter:
    """Which codes a list shows; what is empty does not matter."""

    text: str = ""
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Brought:
    """What has come of a code so far; minor units."""

    granted_minor: int
    granted: int
    pending: int


@dataclass(frozen=True, slots=True)
class Referred:
    """Whom a customer has brought, and who brought them."""

    code: str | None
    brought: int
    """How many others, up to `BROUGHT_MAX`, whose first order is paid or may still be."""
    earned_minor: int
    by_id: int | None
    by_name: str | None
    status: str | None


def select_list(wanted: PromoFilter, today: date) -> Select[*tuple[Any, ...]]:
    """Return the codes that fit, to be ordered and limited; each with its `state` today."""
    p = PromoCode
    columns = (p.id, p.code, p.code_key, p.description, p.amount_minor, p.percent_bp, p.most_minor)
    return select(
        *columns, p.grants_when_paid, p.uses, p.uses_max, p.starts_on, p.ends_on, state(today).label("state")
    ).where(*_conditions(wanted, today))


def count(session: Session, wanted: PromoFilter, today: date, *, most: int) -> int:
    """Return how many codes fit; counting stops at `most` and one more."""
    some = select(PromoCode.id).where(*_conditions(wanted, today)).limit(most + 1)
    return session.execute(select(func.count()).select_from(some.subquery())).scalar_one()


def find(session: Session, promo_id: int, today: date) -> Any:  # noqa: ANN401  (a row or None)
    """Return the code with all its columns and its `state` today, if there is one."""
    columns = PromoCode.__table__.c
    return session.execute(select(*columns, state(today).label("state")).where(columns.id == promo_id)).one_or_none()


def brought(session: Session, promo_id: int) -> Brought:
    """Return what has come of a code so far."""
    u = PromoUse
    granted = u.status == GrantStatus.GRANTED
    row = session.execute(
        select(
            cast(func.coalesce(func.sum(case((granted, u.amount_minor), else_=0)), 0), BigInteger),
            cast(func.coalesce(func.sum(case((granted, 1), else_=0)), 0), BigInteger),
            cast(func.coalesce(func.sum(case((u.status == GrantStatus.PENDING, 1), else_=0)), 0), BigInteger),
        ).where(u.promo_code_id == promo_id)
    ).one()
    return Brought(*row)


def select_uses(promo_id: int) -> Select[*tuple[Any, ...]]:
    """Return who has used a code and in which order, to be ordered and limited."""
    u, c, i = PromoUse, Customer, Invoice
    return (
        select(u.customer_id, u.invoice_id, u.amount_minor, u.status, u.entry_seq, u.created_at)
        .add_columns(c.name, i.total_minor, i.status.label("invoice_status"))
        .join(c, c.id == u.customer_id)
        .join(i, and_(i.customer_id == u.customer_id, i.id == u.invoice_id))
        .where(u.promo_code_id == promo_id)
    )


def referred(session: Session, customer_id: int) -> Referred:
    """Return whom this customer has brought, and who brought them."""
    c, r = Customer, Referral
    some = (
        select(r.referrer_minor, r.status)
        .where(r.referrer_id == customer_id, r.status != GrantStatus.DROPPED)
        .limit(BROUGHT_MAX)
        .subquery()
    )
    granted = case((some.c.status == GrantStatus.GRANTED, some.c.referrer_minor), else_=0)
    brought_count, earned_minor = session.execute(
        select(func.count(), cast(func.coalesce(func.sum(granted), 0), BigInteger)).select_from(some)
    ).one()
    code = session.execute(select(c.referral_code).where(c.id == customer_id)).scalar_one()
    by = session.execute(
        select(c.id, c.name, r.status)
        .join(r, r.referrer_id == c.id)
        .where(r.customer_id == customer_id, r.status != GrantStatus.DROPPED)
    ).one_or_none()
    return Referred(code.upper() if code else None, brought_count, earned_minor, *(by or (None, None, None)))


def state(today: date) -> ColumnElement[str]:
    """Return what a code is on this day."""
    p = PromoCode
    return case(
        (~p.is_active, str(State.OFF)),
        (p.ends_on < today, str(State.OVER)),
        (p.uses >= p.uses_max, str(State.USED_UP)),
        (p.starts_on > today, str(State.LATER)),
        else_=str(State.TAKEN),
    )


def _conditions(wanted: PromoFilter, today: date) -> list[ColumnElement[bool]]:
    """Every word must be in the code, in any order."""
    key = PromoCode.code_key
    found: list[ColumnElement[bool]] = [key.contains(word, autoescape=True) for word in fold(wanted.text).split()]
    if wanted.state is not None:
        found.append(state(today) == str(wanted.state))
    return found
