"""What follows when an order is paid, or undone: every path that pays an invoice or closes one calls this.

The account is locked and open in the caller's hands; what is posted here moves it on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from creditapp.models import InvoiceKind
from creditapp.services import promos, referrals
from creditapp.services.actor import SYSTEM
from creditapp.services.bills import write

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor
    from creditapp.services.bills import Bill
    from creditapp.services.ledger import Account, Panel

DROPPED = "promo_dropped"
"""What the history of an order calls it."""


def paid(session: Session, account: Account, panel: Panel, bill: Bill) -> None:
    """Grant what the order's code has promised. A referral waits for a transaction of its own: `referrals.grant`.

    What would lift the balance above the largest one is dropped, and the order's history says so: whoever has that much
    is helped by a person, not by a promise that stays open for ever.
    """
    if bill.kind == InvoiceKind.ORDER and promos.grant(session, account, panel, bill.id) is None:
        dropped_minor = promos.drop(session, account, bill.id)
        if dropped_minor:
            write(session, bill.written(session, DROPPED, SYSTEM, amount_minor=dropped_minor))


def undone(session: Session, account: Account, panel: Panel, bill: Bill, *, by: Actor) -> None:
    """Take back what the order's code has brought and is unspent, and forget a referral that nobody got."""
    if bill.kind == InvoiceKind.ORDER:
        promos.take_back(session, account, panel, bill.id, by=by)
        referrals.drop(session, bill.customer_id, bill.id)
