"""Merging two customers: what moves, what stays, and that no cent is lost or made."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from creditapp.db import db, transact
from creditapp.models import CreditEntry, CreditLot, Invoice, Subscription
from creditapp.services import credits, merging
from creditapp.services.merging import Merged
from tests.factories import (
    actor,
    balance_of,
    give,
    make_customer,
    make_invoice,
    make_payment,
    make_reason,
    make_subscription,
    new_key,
)

pytestmark = pytest.mark.money


def merge(customer_id: int, into: int, **given: Any) -> Merged:  # noqa: ANN401  (of the service)
    return transact(merging.merge, customer_id, **{"into": into, "by": actor(), "key": new_key()} | given)


def lots_of(customer_id: int) -> list[tuple[str, int, datetime | None]]:
    db.session.rollback()
    lot = CreditLot
    rows = db.session.execute(
        select(lot.class_, lot.remaining_minor, lot.expires_at)
        .where(lot.customer_id == customer_id, lot.remaining_minor > 0)
        .order_by(lot.seq)
    )
    return [tuple(row) for row in rows]


def invoice_of(customer_id: int, invoice_id: int) -> Invoice:
    db.session.rollback()
    return db.session.get_one(Invoice, (customer_id, invoice_id))


def due_of(invoice: Invoice) -> int:
    return invoice.total_minor - invoice.credit_minor - invoice.paid_minor


def test_the_balance_moves_and_each_lot_keeps_its_class_and_expiry(app: Flask) -> None:
    discarded, kept = make_customer(), make_customer(500)
    lapsing = make_reason("Spring offer", class_="promotional", expires_after_days=30)
    give(discarded, 1000)
    give(discarded, 300)
    give(discarded, 200, reason_id=lapsing)
    before = lots_of(discarded)

    merged = merge(discarded, kept)

    assert merged.moved_minor == 1500
    assert (balance_of(discarded), balance_of(kept)) == (0, 2000)
    [own, promotional, goodwill] = lots_of(kept)
    assert (own, promotional) == (("goodwill", 500, None), before[2])
    assert goodwill == ("goodwill", 1300, None)
    e = CreditEntry
    words = select(e.description, e.amount_minor).where(e.kind.in_(("merged_out", "merged_in")))
    assert sorted(tuple(row) for row in db.session.execute(words)) == [
        (f"Merged from User #{discarded}", 200),
        (f"Merged from User #{discarded}", 1300),
        (f"Merged into User #{kept}", -1300),
        (f"Merged into User #{kept}", -200),
    ]


def test_an_open_invoice_keeps_its_number_and_what_is_due_on_it(app: Flask) -> None:
    discarded, kept = make_customer(1000), make_customer(700)
    subscription = make_subscription(discarded)
    invoice_id, draft_id = make_invoice(discarded, 4000), make_invoice(discarded, 900, is_draft=True)
    transact(credits.apply, discarded, invoice_id, 600, by=actor(), key=new_key())
    make_payment(discarded, 150, invoice_id)
    paid_id = make_invoice(discarded, 100)
    make_payment(discarded, 100, paid_id)

    merge(discarded, kept)

    old, twin = invoice_of(discarded, invoice_id), invoice_of(kept, invoice_id)
    assert (old.status, old.moved_to_id, due_of(twin)) == ("cancelled", kept, 3250)
    assert (twin.status, twin.moved_from_id, twin.credit_minor, twin.due_on) == ("unpaid", discarded, 750, old.due_on)
    assert invoice_of(kept, draft_id).status == "draft"
    assert invoice_of(discarded, paid_id).status == "paid"
    assert balance_of(kept) == 700 + 400
    moved = db.session.get_one(Subscription, (discarded, subscription))
    goes_on = db.session.get_one(Subscription, (kept, subscription))
    assert (moved.status, moved.moved_to_id, goes_on.status) == ("cancelled", kept, "active")
    assert goes_on.next_due_on == moved.next_due_on
