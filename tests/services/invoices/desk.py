"""The verbs of invoices and payments as tests call them, and what to look at afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, TypeVar

import pytest
from sqlalchemy import select

from creditapp.db import Base, db, transact, transact_at
from creditapp.errors import DomainError
from creditapp.models import Invoice, InvoiceEvent, InvoiceKind
from creditapp.money import currency
from creditapp.services import credits, invoices, numbers, payments
from creditapp.services.actor import SYSTEM
from creditapp.services.credits import Applied
from creditapp.services.invoices import Line
from creditapp.services.ledger import Entry
from creditapp.services.payments import Recorded
from tests.factories import new_key

R = TypeVar("R")
RECEIVED_ON = date(2026, 3, 1)


def bill(
    customer_id: int,
    total_minor: int = 1000,
    *,
    kind: InvoiceKind = InvoiceKind.MANUAL,
    is_draft: bool = False,
    at: datetime | None = None,
    **line: Any,  # noqa: ANN401  (fields of `Line`)
) -> int:
    """Make an invoice of one line and return its number."""
    invoice_id = transact(numbers.reserve, "invoices")
    charged: dict[str, Any] = {"description": "Hosting", "unit_minor": total_minor} | line
    terms: dict[str, Any] = {"kind": kind, "is_draft": is_draft, "key": f"bill:{invoice_id}"}
    return do(invoices.create, customer_id, invoice_id, [Line(**charged)], at=at, **terms).id


def pay(customer_id: int, amount_minor: int, *invoice_ids: int, **given: Any) -> Recorded:  # noqa: ANN401  (of `record`)
    """Record a payment for these invoices, in this order."""
    payment_id = transact(numbers.reserve, "payments")
    terms: dict[str, Any] = {"invoice_ids": invoice_ids, "method": "bank", "received_on": RECEIVED_ON} | given
    return do(payments.record, customer_id, payment_id, amount_minor, **terms)


def use(customer_id: int, invoice_id: int, amount_minor: int | None = None, **given: Any) -> Applied:  # noqa: ANN401
    return do(credits.apply, customer_id, invoice_id, amount_minor, **given)


def take_off(customer_id: int, invoice_id: int, amount_minor: int | None = None, **given: Any) -> Entry:  # noqa: ANN401
    return do(credits.unapply, customer_id, invoice_id, amount_minor, **given)


def void(customer_id: int, invoice_id: int, **given: Any) -> list[Entry]:  # noqa: ANN401
    return do(invoices.void, customer_id, invoice_id, **given)


def cancel(customer_id: int, invoice_id: int, **given: Any) -> list[Entry]:  # noqa: ANN401
    return do(invoices.cancel, customer_id, invoice_id, **given)


def refund(customer_id: int, invoice_id: int, **given: Any) -> list[Entry]:  # noqa: ANN401
    return do(invoices.refund_to_credit, customer_id, invoice_id, **given)


def do(verb: Callable[..., R], *args: Any, at: datetime | None = None, **given: Any) -> R:  # noqa: ANN401  (the verb's)
    """Do it, by the system and under a new key unless it is said otherwise."""
    terms: dict[str, Any] = {"by": SYSTEM, "key": new_key()} | given
    return transact(verb, *args, **terms) if at is None else transact_at(at, verb, *args, **terms)


def found(customer_id: int, invoice_id: int) -> Invoice:
    """Return the invoice, read anew."""
    db.session.rollback()
    return db.session.get_one(Invoice, (customer_id, invoice_id), populate_existing=True)


def amounts(customer_id: int, invoice_id: int) -> tuple[str, int, int, int]:
    """Return its status, and the credit on it, what was paid and what was refunded."""
    invoice = found(customer_id, invoice_id)
    return invoice.status, invoice.credit_minor, invoice.paid_minor, invoice.refunded_minor


def actions(customer_id: int, invoice_id: int) -> list[str]:
    """Return what its history says was done."""
    e = InvoiceEvent
    statement = select(e.action).where(e.customer_id == customer_id, e.invoice_id == invoice_id).order_by(e.seq)
    db.session.rollback()
    return list(db.session.execute(statement).scalars())


def refusal(work: Callable[[], object]) -> str:
    """Return the sentence with which the work is refused; nothing may have been written by it."""
    before = everything()
    with pytest.raises(DomainError) as refused:
        work()
    assert everything() == before
    return refused.value.sentence(currency("USD").format)


def everything() -> dict[str, list[str]]:
    """Return every row there is, but for the numbers that were handed out."""
    db.session.rollback()
    tables = [table for table in Base.metadata.sorted_tables if table.name != "id_counters"]
    return {table.name: sorted(repr(tuple(row)) for row in db.session.execute(select(*table.c))) for table in tables}
