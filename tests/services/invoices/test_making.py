"""Making invoices: drafts, what is issued, whom nothing is charged to, and what a repeat does."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from creditapp.db import db, transact
from creditapp.models import InvoiceKind, InvoiceLine
from creditapp.services import invoices, numbers
from creditapp.services.actor import SYSTEM
from creditapp.services.invoices import Line, Made
from tests.factories import change_settings, make_customer, make_product, make_subscription, moment
from tests.services.credits.desk import close
from tests.services.invoices.desk import actions, amounts, bill, cancel, do, everything, found, pay, refusal

pytestmark = pytest.mark.money

LINE = Line(description="Hosting", unit_minor=1000, tax_bp=1900)
OTHER = Line(description="Domain", unit_minor=-250, quantity=2, tax_bp=700)


def make(customer_id: int, *lines: Line, key: str = "form", **given: Any) -> Made:  # noqa: ANN401  (arguments of `create`)
    return do(invoices.create, customer_id, transact(numbers.reserve, "invoices"), lines, key=key, **given)


def edit(customer_id: int, invoice_id: int, *lines: Line, version: int, note: str = "") -> None:
    transact(invoices.edit, customer_id, invoice_id, lines, by=SYSTEM, version=version, note=note)


def test_an_invoice_is_what_its_lines_come_to(app: Flask) -> None:
    customer = make_customer()

    made = make(customer, LINE, OTHER, at=datetime(2026, 3, 2, tzinfo=UTC), note="Thank you")

    invoice = found(customer, made.id)
    assert (invoice.net_minor, invoice.tax_minor, invoice.total_minor) == (500, 155, 655)  # 190 − 35
    assert (invoice.status, invoice.currency, invoice.note, invoice.events) == ("unpaid", "USD", "Thank you", 2)
    assert (invoice.issued_on, invoice.due_on) == (date(2026, 3, 2), date(2026, 3, 16))
    lines = select(InvoiceLine.gross_minor).order_by(InvoiceLine.line)
    assert db.session.execute(lines).scalars().all() == [1190, -535]


@pytest.mark.parametrize(
    ("zone", "issued_on"), [("UTC", "2026-03-01"), ("Asia/Tokyo", "2026-03-02"), ("America/New_York", "2026-03-01")]
)
def test_it_is_issued_on_the_panels_day(app: Flask, zone: str, issued_on: str) -> None:
    change_settings(time_zone=zone, payment_terms_days=0)
    customer = make_customer()

    invoice = found(customer, make(customer, LINE, at=moment("2026-03-01 23:30")).id)

    assert (str(invoice.issued_on), str(invoice.due_on)) == (issued_on, issued_on)


@pytest.mark.parametrize("is_draft", [True, False])
def test_what_comes_to_nothing_is_paid_when_it_is_issued(app: Flask, is_draft: bool) -> None:
    customer = make_customer()
    subscription = make_subscription(customer, make_product(), next_due_on=date(2026, 4, 1))
    free = Line(
        description="Free",
        unit_minor=0,
        subscription_id=subscription,
        period_start=date(2026, 4, 1),
        period_end=date(2026, 5, 1),
    )

    made = make(customer, free, is_draft=is_draft)
    if is_draft:
        assert amounts(customer, made.id)[0] == "draft"
        transact(invoices.issue, customer, made.id, by=SYSTEM)

    assert amounts(customer, made.id) == ("paid", 0, 0, 0)
    assert found(customer, made.id).paid_at is not None
    assert actions(customer, made.id) == ["created", "issued"]


def test_a_draft_is_edited_and_issued_once(app: Flask) -> None:
    customer = make_customer()
    made = make(customer, LINE, OTHER, is_draft=True)
    assert (found(customer, made.id).issued_on, made.status) == (None, "draft")

    edit(customer, made.id, OTHER, LINE, LINE, version=1, note="New")
    transact(invoices.issue, customer, made.id, by=SYSTEM, version=2)
    before = everything()
    transact(invoices.issue, customer, made.id, by=SYSTEM, version=2)

    assert everything() == before
    assert (amounts(customer, made.id)[0], found(customer, made.id).total_minor) == ("unpaid", 1845)
    assert actions(customer, made.id) == ["created", "edited", "issued"]
    assert refusal(lambda: edit(customer, made.id, LINE, version=3)) == f"Invoice #{made.id} is no draft any more."


def test_who_saves_a_draft_that_somebody_else_saved_meanwhile_is_told(app: Flask) -> None:
    customer = make_customer()
    made = make(customer, LINE, is_draft=True)
    edit(customer, made.id, OTHER, LINE, version=1)

    for work in (
        lambda: edit(customer, made.id, LINE, version=1),
        lambda: transact(invoices.issue, customer, made.id, by=SYSTEM, version=1),
    ):
        assert refusal(work).startswith("Somebody else changed the invoice after you opened this form.")


def test_an_edit_that_comes_to_no_invoice_leaves_the_draft(app: Flask) -> None:
    customer = make_customer()
    made = make(customer, LINE, is_draft=True)

    assert refusal(lambda: edit(customer, made.id, OTHER, version=1)) == "The total must not be below zero."
    assert refusal(lambda: edit(customer, made.id, version=1)) == "An invoice has at least one line."
    cancel(customer, made.id)
    for work in (
        lambda: edit(customer, made.id, LINE, version=2),
        lambda: transact(invoices.issue, customer, made.id, by=SYSTEM),
    ):
        assert refusal(work) == f"Invoice #{made.id} is no draft any more."


@pytest.mark.parametrize("is_draft", [True, False])
def test_the_same_form_twice_makes_one_invoice(app: Flask, is_draft: bool) -> None:
    customer = make_customer()
    first = make(customer, LINE, is_draft=is_draft)
    if not is_draft:
        pay(customer, 1190, first.id)
    before = everything()

    again = make(customer, LINE, is_draft=is_draft)

    assert everything() == before
    assert (again.id, again.replayed, again.status) == (first.id, True, "draft" if is_draft else "paid")


@pytest.mark.parametrize(
    ("lines", "given"),
    [
        ([OTHER, LINE, LINE], {}),
        ([Line(description="Hosting", unit_minor=1000, tax_bp=1900, is_credit_automatic=False)], {}),
        ([Line(description="Hosting", unit_minor=1000, tax_bp=1900, period_start=date(2026, 4, 1))], {}),
        ([LINE], {"note": "Other"}),
        ([LINE], {"kind": InvoiceKind.ORDER}),
        ([LINE], {"is_draft": True}),
        ([LINE], {"due_on": date(2026, 4, 1)}),
    ],
)
def test_the_same_form_with_other_content_is_refused(app: Flask, lines: list[Line], given: dict[str, Any]) -> None:
    customer = make_customer()
    make(customer, LINE)

    said = refusal(lambda: make(customer, *lines, **given))

    assert said.startswith("This form was already sent once with other content.")


def test_two_customers_may_send_the_same_key(app: Flask) -> None:
    assert make(make_customer(), LINE).id != make(make_customer(), LINE).id


def test_nothing_is_charged_to_who_is_closed_or_unknown(app: Flask) -> None:
    customer = make_customer()
    draft = bill(customer, 100, is_draft=True)
    transact(close, customer)

    for work in (
        lambda: make(customer, LINE),
        lambda: edit(customer, draft, LINE, version=1),
        lambda: transact(invoices.issue, customer, draft, by=SYSTEM),
    ):
        assert refusal(work) == f"User #{customer} is closed: nothing is added or changed there any more."
    assert refusal(lambda: make(999, LINE)) == "There is no user #999."
