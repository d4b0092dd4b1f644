"""Adjustments that look like one made a short while ago."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, String, and_, bindparam, or_, select
from sqlalchemy.orm import aliased

from creditapp.errors import DuplicateAdjustmentError
from creditapp.models import CreditEntry, CreditEntryText, Staff
from creditapp.money import AMOUNT_MINOR_MAX
from creditapp.services import ledger
from creditapp.services.ledger import Panel
from creditapp.statements import Call, Outcome, Prepared

RECENT_ENTRIES = 50
"""How many of the customer's newest entries are searched for a repeat."""


def call(customer_id: int, amount_minor: int, ticket_ref: str) -> Call:
    """Return what to ask for `check`."""
    is_possible = type(amount_minor) is int and abs(amount_minor) <= AMOUNT_MINOR_MAX
    alike_minor = amount_minor if is_possible else 0  # like none there is; it is refused further on
    return _ALIKE(customer_id=customer_id, most=RECENT_ENTRIES, amount_minor=alike_minor, ticket=ticket_ref or None)


def check(asked: Outcome, panel: Panel, moment: datetime, customer_id: int, ticket_ref: str) -> None:
    """Refuse what looks like a repeat within the panel's window.

    Raises:
        DuplicateAdjustmentError: there is an entry alike, not reversed since.
    """
    if panel.duplicate_window_days == 0:
        return
    since = moment - timedelta(days=panel.duplicate_window_days)
    for seq, earlier_minor, posted_at, earlier_ticket, maker, is_reversed in asked.rows:
        if is_reversed or posted_at < since:
            continue
        raise DuplicateAdjustmentError(
            reference=ledger.reference(customer_id, seq),
            amount_minor=earlier_minor,
            by=maker or "the system",
            days=panel.duplicate_window_days,
            same_ticket=bool(ticket_ref) and ticket_ref == earlier_ticket,
        )


def _select_alike() -> Select[*tuple[Any, ...]]:
    """Select, of the newest entries, those of the same amount or ticket, the newest first."""
    e, texts, noted = CreditEntry.__table__, CreditEntryText, aliased(CreditEntryText)
    recent = (
        select(e.c.customer_id, e.c.seq, e.c.amount_minor, e.c.posted_at, e.c.actor_id, e.c.actor, e.c.kind)
        .where(e.c.customer_id == bindparam("customer_id"))
        .order_by(e.c.seq.desc())
        .limit(bindparam("most"))
        .subquery()
    )
    later = e.alias("later")
    is_reversed = (
        select(later.c.seq)
        .where(later.c.customer_id == recent.c.customer_id, later.c.reversed_seq == recent.c.seq)
        .exists()
    )
    ticket = bindparam("ticket", type_=String())
    has_ticket = (
        select(noted.seq)
        .where(noted.customer_id == recent.c.customer_id, noted.seq == recent.c.seq, noted.ticket_ref == ticket)
        .exists()
    )
    return (
        select(recent.c.seq, recent.c.amount_minor, recent.c.posted_at, texts.ticket_ref, Staff.name, is_reversed)
        .outerjoin(texts, (texts.customer_id == recent.c.customer_id) & (texts.seq == recent.c.seq))
        .outerjoin(Staff, (recent.c.actor == "staff") & (Staff.id == recent.c.actor_id))
        .where(
            or_(recent.c.kind == "added", recent.c.kind == "removed"),
            or_(recent.c.amount_minor == bindparam("amount_minor"), and_(ticket.is_not(None), has_ticket)),
        )
        .order_by(recent.c.seq.desc())
    )


_ALIKE = Prepared(_select_alike())
