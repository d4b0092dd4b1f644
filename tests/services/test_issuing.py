"""Issuing an invoice: credit follows in the same transaction, once, and what was decided stays in the history."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from creditapp.db import db, transact
from creditapp.errors import FormReusedError, StaleFormError
from creditapp.models import Invoice, InvoiceEvent
from creditapp.services import credits, invoices, numbers
from creditapp.services.invoices import Issued, Line
from tests.factories import actor, balance_of, change_settings, make_customer, new_key

pytestmark = pytest.mark.money
LINES = [Line(description="Hosting", unit_minor=4000)]


def issue(customer_id: int, *, key: str = "", **fields: Any) -> Issued:  # noqa: ANN401  (of the service)
    number = transact(numbers.reserve, "invoices")
    return transact(invoices.create_with_credit, customer_id, number, LINES, by=actor(), key=key or new_key(), **fields)


def found(customer_id: int, invoice_id: int) -> Invoice:
    db.session.rollback()
    return db.session.get_one(Invoice, (customer_id, invoice_id))


def actions(invoice_id: int) -> list[str]:
    rows = db.session.query(InvoiceEvent).filter_by(invoice_id=invoice_id).order_by(InvoiceEvent.seq)
    return [row.action for row in rows]


@pytest.mark.parametrize(
    ("balance_minor", "applied_minor", "last"),
    [(5000, 4000, "credit_applied"), (2500, 2500, "credit_applied"), (0, 0, "credit_not_applied")],
)
def test_a_new_invoice_gets_its_credit_at_once(app: Flask, balance_minor: int, applied_minor: int, last: str) -> None:
    customer_id = make_customer(balance_minor)

    issued = issue(customer_id)

    assert found(customer_id, issued.id).credit_minor == applied_minor
    assert balance_of(customer_id) == balance_minor - applied_minor
    assert actions(issued.id) == ["created", "issued", last]


def test_the_same_form_twice_makes_one_invoice_and_takes_back_no_choice(app: Flask) -> None:
    customer_id = make_customer(2500)
    first = issue(customer_id, key="the form's key")
    transact(credits.unapply, customer_id, first.id, by=actor(), key=new_key())

    again = issue(customer_id, key="the form's key")

    assert (again.id, again.applied) == (first.id, None)
    assert found(customer_id, first.id).credit_minor == 0
    assert db.session.query(Invoice).count() == 1


def test_a_draft_takes_credit_when_it_is_issued_and_only_then(app: Flask) -> None:
    customer_id = make_customer(1000)
    draft = issue(customer_id, is_draft=True)
    assert (draft.applied, balance_of(customer_id)) == (None, 1000)

    transact(invoices.issue_with_credit, customer_id, draft.id, by=actor(), version=1)
    transact(credits.unapply, customer_id, draft.id, by=actor(), key=new_key())
    again = transact(invoices.issue_with_credit, customer_id, draft.id, by=actor(), version=1)

    assert (again.applied, balance_of(customer_id)) == (None, 1000)


def test_a_draft_is_saved_once_for_each_form(app: Flask) -> None:
    customer_id = make_customer(1000)
    draft = issue(customer_id, is_draft=True)
    lines = [Line(description="Backup", unit_minor=600)]

    for _again in range(2):
        transact(invoices.revise, customer_id, draft.id, lines, by=actor(), key="form", version=1, is_draft=False)

    invoice = found(customer_id, draft.id)
    assert (invoice.total_minor, invoice.credit_minor, invoice.status) == (600, 600, "paid")
    assert actions(draft.id) == ["created", "edited", "issued", "credit_applied"]
    with pytest.raises(FormReusedError):
        transact(invoices.revise, customer_id, draft.id, LINES, by=actor(), key="form", version=1)


def test_a_draft_that_somebody_else_saved_is_not_overwritten(app: Flask) -> None:
    customer_id = make_customer()
    draft = issue(customer_id, is_draft=True)
    transact(invoices.revise, customer_id, draft.id, LINES, by=actor(), key="one", version=1)

    with pytest.raises(StaleFormError):
        transact(invoices.revise, customer_id, draft.id, LINES, by=actor(), key="two", version=1)


def test_why_nothing_was_applied_is_kept(app: Flask) -> None:
    change_settings(automatic_on_new=False)
    customer_id = make_customer(1000)

    issued = issue(customer_id)

    [event] = db.session.query(InvoiceEvent).filter_by(invoice_id=issued.id, action="credit_not_applied")
    assert event.facts == {"trigger": "new", "due_minor": 4000, "usable_minor": 1000, "why": ["switched_off"]}
