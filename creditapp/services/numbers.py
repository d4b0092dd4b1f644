"""Numbers of invoices, payments and subscriptions, handed out before the transaction that uses them.

A counter is one row for all customers. Were it taken inside the transaction that moves money, everybody who makes
an invoice would wait for everybody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from creditapp.models import IdCounter

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def reserve(session: Session, name: str, count: int = 1) -> int:
    """Take `count` numbers of the counter `name` (invoices, payments, subscriptions) and return the first of them.

    Call it in a transaction of its own: `transact(numbers.reserve, "invoices")`. Asked again, it hands out other
    numbers; those that nobody uses leave a gap, and none is ever handed out twice.

    Raises:
        ValueError: fewer than one number is asked for.
        NoResultFound: there is no such counter.
    """
    if count < 1:
        raise ValueError(f"{count} numbers cannot be reserved.")
    c = IdCounter.__table__.c
    row = update(IdCounter).where(c.name == name).values(next_id=c.next_id + count)
    after: int = session.connection().execute(row.returning(c.next_id)).scalar_one()
    return after - count
