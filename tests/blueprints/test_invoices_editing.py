"""Invoices made by hand: lines, drafts, issuing; and the ways to end one."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from creditapp.db import db, transact
from creditapp.models import Invoice, InvoiceLine, Role, Subscription
from creditapp.services import credits, numbers, payments
from creditapp.services.invoices import Line
from tests.browser import Browser, Page
from tests.factories import (
    actor,
    balance_of,
    give,
    make_customer,
    make_invoice,
    make_product,
    make_staff,
    make_subscription,
    new_key,
)

INVOICES = "/admin/billing/invoices"
ROW = {"lines-0-description": "Hosting", "lines-0-unit": "40"}


@pytest.fixture
def desk(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.MANAGER))
    return browser


def new_page(desk: Browser, customer: int) -> Page:
    return desk.open(f"{INVOICES}/new?customer={customer}")


def the_invoice() -> Invoice:
    db.session.rollback()
    return db.session.query(Invoice).one()


def lines() -> list[tuple[Any, ...]]:
    db.session.rollback()
    rows = db.session.query(InvoiceLine).order_by(InvoiceLine.line)
    return [(one.description, one.quantity, one.unit_minor, one.tax_bp, one.product_id) for one in rows]


def pay(customer_id: int, invoice_id: int, amount_minor: int) -> None:
    number = transact(numbers.reserve, "payments")
    fields: dict[str, Any] = {"method": "bank", "received_on": date(2026, 3, 5), "by": actor(), "key": new_key()}
    transact(payments.record, customer_id, number, amount_minor, invoice_ids=[invoice_id], **fields)


def test_an_empty_tax_is_the_products_and_none_without_one_as_the_form_says(desk: Browser) -> None:
    product = make_product("VPS 8 GB", price_minor=3900, tax_bp=1900)
    page = new_page(desk, make_customer())
    assert "Tax left empty is the product’s rate, and 0 % without a product." in page.text

    desk.submit(page, form="Issue", **ROW, **{"lines-1-product": product})

    assert [(description, tax_bp) for description, _quantity, _unit, tax_bp, _product in lines()] == [
        ("Hosting", 0),
        ("VPS 8 GB", 1900),
    ]


@pytest.mark.parametrize(
    ("balance_minor", "flash", "status"),
    [
        (5000, "$40.00 of credit was applied. It is paid now.", "paid"),
        (2500, "$25.00 of credit was applied. $15.00 remains to be paid.", "unpaid"),
        (0, "$40.00 remains to be paid.", "unpaid"),
    ],
)
def test_a_new_invoice_is_issued_and_credit_used_on_it(
    desk: Browser, balance_minor: int, flash: str, status: str
) -> None:
    customer = make_customer(balance_minor)

    page = desk.submit(new_page(desk, customer), form="Issue", **ROW)

    invoice = the_invoice()
    assert page.flashes == [f"Invoice #{invoice.id} issued. {flash}"]
    assert page.path == f"{INVOICES}/{invoice.id}"
    assert (invoice.customer_id, invoice.status, invoice.total_minor) == (customer, status, 4000)


def test_lines_due_date_and_note_are_kept_as_typed(desk: Browser) -> None:
    fields = {
        **ROW,
        "lines-0-quantity": "3",
        "lines-0-tax": "7.7",
        "lines-2-description": "Discount",
        "lines-2-unit": "-10",
        "due_on": "2031-01-31",
        "note": "Thank you!\nSee you.",
    }

    desk.submit(new_page(desk, make_customer()), form="Issue", **fields)

    invoice = the_invoice()
    assert lines() == [("Hosting", 3, 4000, 770, None), ("Discount", 1, -1000, 0, None)]
    assert (invoice.due_on, invoice.note) == (date(2031, 1, 31), "Thank you!\nSee you.")
    assert (invoice.net_minor, invoice.tax_minor, invoice.total_minor) == (11_000, 924, 11_924)


def test_a_product_fills_what_is_left_empty_and_nothing_else(desk: Browser) -> None:
    product = make_product("VPS 8 GB", price_minor=3900, tax_bp=1900, is_credit_automatic=False)
    customer = make_customer(10_000)
    fields = {"lines-0-product": product, "lines-1-product": product, "lines-1-unit": "35", "lines-1-tax": "0"}

    desk.submit(new_page(desk, customer), form="Issue", **fields)

    assert lines() == [("VPS 8 GB", 1, 3900, 1900, product), ("VPS 8 GB", 1, 3500, 0, product)]
    assert (the_invoice().eligible_minor, balance_of(customer)) == (0, 10_000)


def test_more_lines_are_offered_without_a_script_and_products_filled_in(desk: Browser) -> None:
    product = make_product("VPS 8 GB", price_minor=3900, tax_bp=1900)
    page = new_page(desk, make_customer())
    full = {f"lines-{n}-description": f"Line {n}" for n in range(2)} | {"lines-2-product": product}

    page = desk.submit(page, form="Add lines", **full)

    assert (page.status, page.summary, db.session.query(Invoice).count()) == (200, [], 0)
    assert [page.value(f"lines-{n}-description") for n in range(6)] == ["Line 0", "Line 1", "VPS 8 GB", "", "", ""]
    assert (page.value("lines-2-unit"), page.value("lines-2-tax")) == ("39.00", "19")
    unit = {"lines-0-unit": "1", "lines-1-unit": "2", "lines-5-description": "Last", "lines-5-unit": "3"}
    desk.submit(page, form="Issue", **unit)
    assert [line[0] for line in lines()] == ["Line 0", "Line 1", "VPS 8 GB", "Last"]


@pytest.mark.parametrize(
    ("fields", "box", "error"),
    [
        ({"lines-0-unit": ""}, "lines-0-unit", "Enter a price."),
        ({"lines-0-description": ""}, "lines-0-description", "Say what is charged for."),
        ({"lines-0-description": "x" * 301}, "lines-0-description", "Use at most 300 characters; this has 301."),
        ({"lines-0-unit": "1e3"}, "lines-0-unit", "Enter the amount in digits, like 12.50."),
        ({"lines-0-quantity": "0"}, "lines-0-quantity", "Enter a whole number from 1 to 100,000."),
        ({"lines-0-quantity": "1.5"}, "lines-0-quantity", "Enter a whole number from 1 to 100,000."),
        ({"lines-0-tax": "101"}, "lines-0-tax", "Enter a rate of at most 100."),
        ({"lines-0-tax": "x"}, "lines-0-tax", "Enter a rate in digits, like 19 or 7.7; 0 for none."),
        ({"due_on": "soon"}, "due_on", "Enter a date like 2026-03-14."),
        ({"note": "x" * 1001}, "note", "Use at most 1,000 characters; this has 1,001."),
    ],
)
def test_a_wrong_line_is_explained_beside_its_box_and_kept(
    desk: Browser, fields: dict[str, str], box: str, error: str
) -> None:
    page = desk.submit(new_page(desk, make_customer()), form="Issue", **(ROW | fields))

    assert (page.status, page.errors(box)) == (422, [error])
    assert page.value(box) == fields[box]
    assert any(one.endswith(error) for one in page.summary)
    assert db.session.query(Invoice).count() == 0


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"lines-0-description": "", "lines-0-unit": ""}, "Write at least one line."),
        ({"lines-0-unit": "-1"}, "The total must not be below zero."),
        (
            {"lines-0-unit": "999999999", "lines-0-quantity": "100000"},
            "The invoice comes to more than an amount may be.",
        ),
    ],
)
def test_lines_that_come_to_no_invoice_are_refused(desk: Browser, fields: dict[str, str], error: str) -> None:
    page = desk.submit(new_page(desk, make_customer()), form="Issue", **(ROW | fields))

    assert (page.status, page.summary) == (422, [error])
    assert db.session.query(Invoice).count() == 0


def test_what_a_program_sends_breaks_nothing(desk: Browser) -> None:
    page = new_page(desk, make_customer())
    token = dict(page.form("Issue").values)
    odd = {
        "lines-²-description": "x",
        "lines-99999999999-unit": "1",
        "lines--unit": "1",
        "lines-0-product": "999",
        "lines-0-unit": "1",
        "lines-0-description": "x",
        "version": "x",
        "act": "dance",
    }

    answer = desk.post(page.url, token | odd)
    many = desk.post(page.url, token | {f"lines-{n}-description": "x" for n in range(400)})

    assert answer.errors("lines-0-product") == ["This product is no longer offered. Choose another, or “No product”."]
    assert (answer.status, many.status, db.session.query(Invoice).count()) == (422, 422, 0)


def test_a_box_that_is_sent_twice_is_refused(desk: Browser) -> None:
    page = new_page(desk, make_customer())

    refused = desk.submit(page, form="Issue", **(ROW | {"lines-0-unit": ["1", "2"]}))

    assert refused.errors("lines-0-unit") == ["This field was sent more than once. Send the form again."]


@pytest.mark.parametrize("typed", ["", "0", "x", "²"])
def test_without_a_user_it_is_asked_whom_the_invoice_is_for(desk: Browser, typed: str) -> None:
    customer = make_customer(name="Zoë Castillo", company="Tandem")
    make_customer(name="Luis Castillo")
    url = f"{INVOICES}/new?customer={typed}"

    asking = desk.open(url)
    several = desk.submit(asking, q="castillo")
    one = desk.submit(asking, q="zoe")

    assert (asking.heading, asking.rows("found"), desk.post(url, ROW).status) == ("New invoice", [], 422)
    assert [row[0] for row in several.rows("found")] == ["Luis Castillo #2", "Zoë Castillo Tandem · #1"]
    assert desk.open(several.link("Zoë Castillo")).url == one.url
    desk.submit(one, form="Issue", **ROW)
    assert the_invoice().customer_id == customer


def test_an_invoice_is_for_a_user_there_is(desk: Browser) -> None:
    assert desk.open(f"{INVOICES}/new?customer=999").status == 404
    assert desk.post(f"{INVOICES}/new?customer=999", ROW).status == 404
    assert db.session.query(Invoice).count() == 0


def test_the_same_form_twice_makes_one_invoice(desk: Browser) -> None:
    page = new_page(desk, make_customer(5000))

    first, second = desk.submit(page, form="Issue", **ROW), desk.submit(page, form="Issue", **ROW)

    assert first.path == second.path == f"{INVOICES}/{the_invoice().id}"


def test_a_draft_is_saved_edited_and_issued(desk: Browser) -> None:
    customer = make_customer(2500)
    draft = desk.submit(new_page(desk, customer), form="Save draft", **ROW)
    assert (the_invoice().status, balance_of(customer)) == ("draft", 2500)
    assert "Apply" not in draft.buttons

    desk.submit(draft.link("Edit"), form="Save draft", **{"lines-0-unit": "30", "note": "Soon"})
    assert (the_invoice().status, the_invoice().total_minor, the_invoice().note) == ("draft", 3000, "Soon")
    done = desk.submit(draft.path, form="Issue")

    assert done.flashes == [
        f"Invoice #{the_invoice().id} issued. $25.00 of credit was applied. $5.00 remains to be paid."
    ]


def test_a_draft_can_be_edited_and_issued_in_one_go(desk: Browser) -> None:
    customer = make_customer(2500)
    desk.submit(new_page(desk, customer), form="Save draft", **ROW)

    page = desk.submit(f"{INVOICES}/{the_invoice().id}/edit", form="Issue", **{"lines-0-unit": "10"})

    assert (the_invoice().status, the_invoice().total_minor, balance_of(customer)) == ("paid", 1000, 1500)
    assert page.flashes[0].endswith("It is paid now.")


def test_a_draft_that_somebody_else_saved_is_not_overwritten(desk: Browser) -> None:
    desk.submit(new_page(desk, make_customer()), form="Save draft", **ROW)
    path = f"{INVOICES}/{the_invoice().id}/edit"
    first, second = desk.open(path), desk.open(path)
    desk.submit(first, form="Save draft", **{"lines-0-unit": "10"})

    stale = desk.submit(second, form="Save draft", **{"lines-0-unit": "20"})

    assert (stale.status, stale.value("lines-0-unit"), the_invoice().total_minor) == (422, "20", 1000)
    assert "Somebody else changed the invoice" in stale.summary[0]
    desk.submit(stale, form="Save draft")
    assert the_invoice().total_minor == 2000


def test_what_has_been_issued_is_not_edited(desk: Browser) -> None:
    number = make_invoice(make_customer())

    page = desk.open(f"{INVOICES}/{number}/edit")

    assert (page.status, "Edit" in desk.open(f"{INVOICES}/{number}").buttons) == (409, False)


def test_a_cancelled_invoice_gives_back_what_was_on_it(desk: Browser) -> None:
    customer = make_customer(2500)
    number = make_invoice(customer, 4000, with_credit=True)
    pay(customer, number, 500)
    page = desk.open(f"{INVOICES}/{number}/cancellation")
    assert page.rows("lots") == [[f"CR-{customer}-1", "Goodwill", "never expires", "$25.00"]]
    assert "$25.00, to the lots it came from" in page.words("close")
    assert "$5.00, becomes credit" in page.words("close")
    assert "$0.00 now, $30.00 after this" in page.words("close")

    done = desk.submit(page)

    assert re.match(rf"Invoice #{number} cancelled\. \$30\.00 came back as credit\.", done.flashes[0])
    assert (the_invoice().status, balance_of(customer)) == ("cancelled", 3000)
    assert done.rows("payments")[-1][1:] == [f"Refund of Invoice #{number} to Credit", f"CR-{customer}-4", "−$5.00"]
    assert done.words("payments").endswith("Paid $0.00 Credit $0.00 Balance remaining $0.00")


@pytest.mark.parametrize(("way", "status"), [("void", "cancelled"), ("refund", "refunded")])
@pytest.mark.parametrize("tick", [True, False])
def test_a_paid_invoice_is_voided_or_refunded_and_its_renewal_taken_back_if_ticked(
    desk: Browser, way: str, status: str, tick: bool
) -> None:
    customer = make_customer(1000)
    subscription = make_subscription(customer, paid_until=date(2026, 3, 1))
    period = {"period_start": date(2026, 3, 1), "period_end": date(2026, 4, 1)}
    line = Line(description="VPS", unit_minor=4000, subscription_id=subscription, **period)  # type: ignore[arg-type]
    number = make_invoice(customer, lines=[line], with_credit=True)
    pay(customer, number, 3000)

    page = desk.submit(f"{INVOICES}/{number}/{way}", undo_renewals=tick)

    db.session.rollback()
    moved_back = db.session.get_one(Subscription, (customer, subscription)).paid_until == date(2026, 3, 1)
    assert (the_invoice().status, balance_of(customer), moved_back) == (status, 4000, tick)
    assert page.status == 200


def test_the_same_click_twice_gives_back_once(desk: Browser) -> None:
    customer = make_customer(4000)
    number = make_invoice(customer, 4000, with_credit=True)
    page = desk.open(f"{INVOICES}/{number}/refund")

    for _again in range(2):
        assert desk.submit(page).flashes[0].startswith(f"Invoice #{number} refunded to credit.")

    assert balance_of(customer) == 4000


@pytest.mark.parametrize(
    ("state", "way", "words"),
    [
        ("paid", "cancellation", "has been paid: void it, or refund it to credit."),
        ("unpaid", "refund", "has not been paid: cancel it instead."),
        ("cancelled", "void", "is cancelled already; everything on it has come back."),
    ],
)
def test_what_cannot_be_done_is_said_instead_of_asked(desk: Browser, state: str, way: str, words: str) -> None:
    customer = make_customer(4000)
    number = make_invoice(customer, 4000, with_credit=state == "paid")
    if state == "cancelled":
        desk.submit(f"{INVOICES}/{number}/cancellation")

    page = desk.open(f"{INVOICES}/{number}/{way}")

    assert page.headings == ["This cannot be done"]
    assert f"This invoice {words}" in page.text


def test_a_page_that_was_open_when_the_invoice_was_paid_is_refused(desk: Browser) -> None:
    customer = make_customer()
    number = make_invoice(customer, 4000)
    page = desk.open(f"{INVOICES}/{number}/cancellation")
    give(customer, 4000)
    transact(credits.apply, customer, number, by=actor(), key=new_key())

    refused = desk.submit(page)

    assert refused.status == 422
    assert refused.summary == [f"Invoice #{number} has been paid: void it, or refund it to credit."]
    assert (the_invoice().status, balance_of(customer)) == ("paid", 0)
