"""The panel as a made-up history finds it: its people, reasons, customers and what is due to lapse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from creditapp.models import CreditAccount, CreditEntry, CreditLot, Customer, Reason, Role, Setting, Staff
from creditapp.money import currency

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SMALL_UNIT = 100
"""A currency without decimals counts in larger numbers: 100 yen are about what 1.00 is elsewhere."""


@dataclass(frozen=True, slots=True)
class Why:
    """A reason staff may give."""

    id: int
    name: str
    direction: str
    class_: str
    is_quiet: bool
    note_required: bool
    customer_text: str


@dataclass(slots=True)
class Scene:
    """What there is when the history begins; balances follow what happens."""

    time_zone: str
    scale: int
    """How many minor units an amount of one comes to."""
    reasons: list[Why]
    makers: dict[Role, list[int]]
    customers: list[int]
    balances: dict[int, int]
    lapsing: list[tuple[datetime, int, int]]
    """Open lots with an end: when, whose, which."""
    earliest: datetime
    """Nothing may happen before this."""
    numbers: int
    """How many entries there are already."""


def look(session: Session, first: date) -> Scene:
    """Return the scene for a history that begins on `first`; customers who joined later have no part in it."""
    setting = session.execute(select(Setting.time_zone, Setting.currency).where(Setting.id == 1)).one()
    a, c, e = CreditAccount, Customer, CreditEntry
    accounts = session.execute(
        select(a.customer_id, a.balance_minor)
        .join(c, c.id == a.customer_id)
        .where(a.closed_at.is_(None), c.joined_on <= first)
        .order_by(a.customer_id)
    ).all()
    lots = CreditLot.__table__.c
    lapsing = session.execute(
        select(lots.expires_at, lots.customer_id, lots.seq).where(
            lots.remaining_minor > 0, lots.expires_at.is_not(None)
        )
    )
    makers = session.execute(select(Staff.role, Staff.id).where(Staff.disabled_at.is_(None)).order_by(Staff.id)).all()
    newest = session.execute(select(func.max(e.posted_at))).scalar_one_or_none()
    return Scene(
        time_zone=setting.time_zone,
        scale=max(SMALL_UNIT, 10 ** currency(setting.currency).exponent),
        reasons=_reasons(session),
        makers={role: [staff_id for its, staff_id in makers if its == role] for role in Role},
        customers=[customer_id for customer_id, _balance in accounts],
        balances=dict(accounts),
        lapsing=[(expires_at, customer_id, seq) for expires_at, customer_id, seq in lapsing if expires_at],
        earliest=newest or datetime(1970, 1, 1, tzinfo=UTC),
        numbers=session.execute(select(func.count()).select_from(e)).scalar_one(),
    )


def _reasons(session: Session) -> list[Why]:
    r = Reason
    rows = session.execute(
        select(r.id, r.name, r.direction, r.class_, r.is_quiet, r.note_required, r.customer_text)
        .where(r.is_active)
        .order_by(r.position, r.id)
    )
    return [Why(*row) for row in rows]
