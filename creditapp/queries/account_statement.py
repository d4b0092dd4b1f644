"""A customer's statement of one month: what there was before, each change, and what was there afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, case, cast, func, select

from creditapp.models import CreditEntry
from creditapp.queries import account
from creditapp.queries.entries import balance_at_end_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LINES_MAX = 300
"""No more lines are printed: a page and its PDF must stay something that can be made and read."""
MONTHS_MAX = 240


@dataclass(frozen=True, slots=True)
class Statement:
    """One month of one customer; minor units. `rows` are those of `account.select_entry_rows`, oldest first."""

    first: date
    last: date
    opening_minor: int
    closing_minor: int
    added_minor: int
    used_minor: int
    """Below zero."""
    lines: int
    rows: list[Any]

    @property
    def is_cut(self) -> bool:
        """Whether there were more lines than are shown."""
        return self.lines > len(self.rows)


def read(session: Session, customer_id: int, month: date) -> Statement:
    """Return the statement of the month in which this day is."""
    first = month.replace(day=1)
    following = next_month(first)
    e = CreditEntry
    within = (e.customer_id == customer_id, e.day >= first, e.day < following)
    sums = select(
        func.count(),
        cast(func.coalesce(func.sum(case((e.amount_minor > 0, e.amount_minor), else_=0)), 0), BigInteger),
        cast(func.coalesce(func.sum(case((e.amount_minor < 0, e.amount_minor), else_=0)), 0), BigInteger),
    ).where(*within)
    lines, added_minor, used_minor = session.execute(sums).one()
    page = account.select_entries(customer_id).where(*within).order_by(e.seq).limit(LINES_MAX).subquery()
    rows = session.execute(account.select_entry_rows(page).order_by(e.seq)).all()
    opening_minor = balance_at_end_of(session, customer_id, first - timedelta(days=1))
    closing_minor = opening_minor + added_minor + used_minor
    last = following - timedelta(days=1)
    return Statement(first, last, opening_minor, closing_minor, added_minor, used_minor, lines, list(rows))


def months(session: Session, customer_id: int, today: date) -> list[date]:
    """Return the first days of the months there are statements of, newest first; there is always this month's."""
    e = CreditEntry
    first_day = session.execute(
        select(e.day).where(e.customer_id == customer_id).order_by(e.seq).limit(1)
    ).scalar_one_or_none()
    oldest = min(first_day or today, today).replace(day=1)
    found = [today.replace(day=1)]
    while found[-1] > oldest and len(found) < MONTHS_MAX:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found


def next_month(first: date) -> date:
    """Return the first day of the month after."""
    return (first + timedelta(days=32)).replace(day=1)
