"""Merges under a crowd: both directions at once, with adjustments, applications, call-backs and a batch in flight."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from creditapp.db import db, transact
from creditapp.errors import DomainError, MergedError
from creditapp.models import CreditAccount, CreditEntry, Customer, GatewayEvent, Invoice, Payment
from creditapp.services import batches, credits, merging, survivors
from creditapp.services.intents import Begun
from creditapp.services.merging import Merged
from tests.crowd import together
from tests.factories import actor, make_customer, new_key, reason_named
from tests.services.batches.desk import issue, make_batch
from tests.services.gateways.far_end import begin, captured, hear
from tests.services.invoices.desk import bill, use

pytestmark = [pytest.mark.money, pytest.mark.slow]

MERGES = int(os.environ.get("SOAK_MERGES", "8"))
START, DUE, PAID, EXTRA, BATCHED = 1000, 300, 450, 7, 11
EACH = 2
"""How many sides a merge has."""


@dataclass(frozen=True)
class Side:
    """One of two who are merged: with credit, an invoice that credit is on, and one that is being paid."""

    id: int
    invoice_id: int
    begun: Begun


def make_side() -> Side:
    customer = make_customer(START)
    invoice_id = bill(customer, DUE)
    use(customer, invoice_id, DUE // 3)
    return Side(customer, invoice_id, begin(customer, bill(customer, DUE)))


def merge(customer_id: int, into: int) -> Merged:
    return transact(merging.merge, customer_id, into=into, by=actor(), key=new_key())


def end_of(work: Callable[[], Any]) -> str:
    """Do it, and say how it ended; whoever has been merged is told so."""
    try:
        outcome = work()
    except MergedError:
        return "merged"
    except DomainError as refusal:
        return type(refusal).__name__
    return str(getattr(outcome, "status", "done"))


def adjust(customer_id: int) -> None:
    reason_id = reason_named("Courtesy")
    transact(credits.adjust, customer_id, EXTRA, reason_id=reason_id, by=actor(), key=new_key(), duplicates_ok=True)


def crowd(one: Side, other: Side, number: int, batch_id: int) -> list[str | Exception]:
    """Do all of it at once: both merges, and what else may be going on on both sides."""
    works: list[Callable[[], Any]] = [partial(merge, one.id, other.id), partial(merge, other.id, one.id)]
    for side in (one, other):
        told = captured(side.begun, PAID, ref=f"ch_{side.id}", event_id=f"ev_{side.id}")
        works += [partial(adjust, side.id), partial(use, side.id, side.invoice_id), partial(hear, told)]
    works.append(partial(transact, batches.go_on, batch_id, chunk=EACH))
    if number % 2:
        works.reverse()
    ended = together([partial(end_of, work) for work in works])
    return list(reversed(ended)) if number % 2 else ended


def test_nothing_is_lost_whatever_else_happens_while_customers_are_merged(app: Flask) -> None:
    pairs = [(make_side(), make_side()) for _ in range(MERGES)]
    actor()
    batch_id = make_batch([(side.id, BATCHED) for pair in pairs for side in pair])
    issue(batch_id, MERGES * EACH, run=False)
    ends: Counter[str] = Counter()
    adjusted = 0
    before: int | None = None

    for number, (one, other) in enumerate(pairs):
        ended = crowd(one, other, number, batch_id)
        assert [end for end in ended if isinstance(end, Exception)] == []
        assert sorted(map(str, ended[:EACH])) == ["done", "merged"]
        adjusted += [ended[EACH], ended[EACH + 3]].count("done")
        ends.update(map(str, ended))
        survivor = survivors.survivor(db.session(), one.id)
        db.session.rollback()
        if before is not None and number % 3 == 0:
            merge(before, survivor)
        before = survivor
    while transact(batches.go_on, batch_id).goes_on:
        pass

    e, p = CreditEntry, Payment
    batched = of(select(func.count()).where(e.batch_id == batch_id))
    assert ends["suspense"] == 0
    assert of(select(func.count()).select_from(GatewayEvent).where(GatewayEvent.status != "done")) == 0
    assert of(select(func.sum(p.amount_minor))) == MERGES * EACH * PAID
    assert total() == MERGES * EACH * (START + PAID) + adjusted * EXTRA + batched * BATCHED
    assert batched == MERGES * EACH
    assert of(select(func.count()).where(Customer.status == "merged")) == MERGES + len(range(3, MERGES, 3))
    assert of(select(func.sum(Invoice.total_minor)).where(Invoice.moved_to_id.is_(None))) == MERGES * EACH * 2 * DUE


def of(statement: Any) -> int:  # noqa: ANN401  (a SELECT of one number)
    db.session.rollback()
    return int(db.session.execute(statement).scalar_one() or 0)


def total() -> int:
    """Return what is on all balances and on all invoices, credit and money."""
    i = Invoice
    on_invoices = select(func.sum(i.credit_minor + i.paid_minor - i.refunded_minor))
    return of(select(func.sum(CreditAccount.balance_minor))) + of(on_invoices)
