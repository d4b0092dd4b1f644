"""How much of a balance can be spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, bindparam, cast, func, or_, select

from creditapp.columns import UtcDateTime
from creditapp.db import now
from creditapp.models import CreditLot
from creditapp.statements import Prepared, run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def usable_minor(session: Session, customer_id: int) -> int:
    """Return how much credit the customer can use now: the balance without lots past their date."""
    minor: int = run(session, _USABLE(customer_id=customer_id, moment=now(session)))[0].rows[0][0]
    return minor


_USABLE = Prepared(
    select(cast(func.coalesce(func.sum(CreditLot.remaining_minor), 0), BigInteger)).where(
        CreditLot.customer_id == bindparam("customer_id"),
        CreditLot.remaining_minor > 0,
        or_(CreditLot.expires_at.is_(None), CreditLot.expires_at > bindparam("moment", type_=UtcDateTime())),
    )
)
