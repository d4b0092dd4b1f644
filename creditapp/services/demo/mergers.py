"""A customer of the made-up panel who had opened a second account without noticing: the two have been merged."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from creditapp.db import transact_at
from creditapp.models import CreditAccount, Customer, Reason
from creditapp.services import credits, customers, invoices, merging, numbers
from creditapp.services.customers import CustomerFields
from creditapp.services.invoices import Line

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

KEY = "demo-merger"
CREDIT_MINOR, ON_INVOICE_MINOR = 2500, 900


def play(moment: datetime, *, by: Actor) -> None:
    """Open a second account for the oldest customer who holds credit, use it a little, and merge it into the first."""
    first, reason_id = transact_at(moment, _look)
    if first is None or reason_id is None:
        return
    again = CustomerFields(
        name=first.name, company=first.company, email=f"orders+{first.email}", joined_on=moment.date()
    )
    second_id = transact_at(moment, customers.create, again, by=by, key=KEY)
    act: dict[str, Any] = {"by": by, "key": KEY}
    transact_at(moment, credits.adjust, second_id, CREDIT_MINOR, reason_id=reason_id, duplicates_ok=True, **act)
    number = transact_at(moment, numbers.reserve, "invoices")
    line = Line(description="Domain transfer", unit_minor=2 * ON_INVOICE_MINOR)
    transact_at(moment, invoices.create, second_id, number, [line], **act)
    transact_at(moment, credits.apply, second_id, number, ON_INVOICE_MINOR, by=by, key=f"{KEY}-apply")
    transact_at(moment, merging.merge, second_id, into=first.id, **act)


def _look(session: Session) -> tuple[Any, int | None]:
    """Return the oldest customer who holds credit that can be used, and a reason that asks for no note."""
    c, a = Customer, CreditAccount
    free = (c.status == "active", c.email != "", a.balance_minor > 0, a.frozen_at.is_(None))
    people = select(c.id, c.name, c.company, c.email).join(a, a.customer_id == c.id).where(*free)
    reason = select(Reason.id).where(Reason.is_active, ~Reason.note_required).order_by(Reason.position, Reason.id)
    return session.execute(people.order_by(c.id).limit(1)).first(), session.execute(reason.limit(1)).scalar()
