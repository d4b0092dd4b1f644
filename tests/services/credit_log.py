"""What a customer's credit history says."""

from __future__ import annotations

from sqlalchemy import select

from creditapp.db import db
from creditapp.models import CreditEntry, CreditLot


def log(customer_id: int) -> list[tuple[str, int]]:
    """Return the wording and the amount of each entry, oldest first."""
    e = CreditEntry
    db.session.rollback()
    rows = db.session.execute(select(e.description, e.amount_minor).filter_by(customer_id=customer_id).order_by(e.seq))
    return [(row[0], row[1]) for row in rows]


def lot(customer_id: int, seq: int) -> CreditLot:
    """Return the lot that this entry made, read anew."""
    db.session.rollback()
    return db.session.get_one(CreditLot, (customer_id, seq), populate_existing=True)
