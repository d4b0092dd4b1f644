"""A ledger with a bit of everything in it, for tests that look at it or try to spoil it, and take that back."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from creditapp.db import transact
from creditapp.models import Kind
from creditapp.services import audit, credits, ledger
from creditapp.services.actor import SYSTEM
from creditapp.services.audit import Action
from creditapp.services.ledger import Posting
from tests.factories import actor, give, make_customer, make_reason, new_key


@dataclass(frozen=True)
class Books:
    """Two customers with a bit of everything: lots of two classes, spends, reversals, a transfer, audit rows."""

    c: int
    other: int

    def named(self, words: str) -> str:
        return words.replace("{c}", str(self.c)).replace("{o}", str(self.other))


def write_books() -> Books:
    customer, other = make_customer(), make_customer()
    promotional = make_reason("Spring offer", class_="promotional")
    give(customer, 1000, note="Broken router", ticket_ref="T-1")  # 1
    give(customer, 200, reason_id=promotional)  # 2
    give(customer, -500)  # 3: 200 of the promotional lot, 300 of the other
    transact(credits.reverse, customer, 3, 100, by=actor(), key=new_key())  # 4
    give(customer, 50)  # 5
    transact(credits.delete, customer, 5, by=actor(), key=new_key())  # 6
    transact(_transfer, customer, other, 70)  # 7
    for name in ("first", "second", "third"):
        transact(audit.record, Action.SETTINGS_SAVED, actor(), "settings", 1, after={"company": name})
    return Books(customer, other)


def _transfer(session: Session, giver: int, taker: int, amount_minor: int) -> None:
    out = Posting(
        kind=Kind.TRANSFER_OUT,
        amount_minor=-amount_minor,
        description=f"Transfer to User #{taker}",
        by=SYSTEM,
        key="transfer",
        other_customer_id=taker,
        other_seq=1,
    )
    into = Posting(
        kind=Kind.TRANSFER_IN,
        amount_minor=amount_minor,
        description=f"Transfer from User #{giver}",
        by=SYSTEM,
        key="transfer",
        other_customer_id=giver,
        other_seq=7,
    )
    ledger.post_many(session, [(giver, out), (taker, into)])
