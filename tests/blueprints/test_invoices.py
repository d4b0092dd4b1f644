"""The list of invoices, its filters and its file; the page of one, on screen and on paper."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask

from creditapp.blueprints.invoices.newest import MOST
from creditapp.db import transact
from creditapp.models import InvoiceKind, Role
from creditapp.queries import invoices as queries
from creditapp.services import credits, invoices, numbers, payments
from creditapp.services.invoices import Line
from creditapp.web import lists
from tests.browser import Browser, Page
from tests.factories import (
    actor,
    change_settings,
    give,
    make_customer,
    make_invoice,
    make_staff,
    make_subscription,
    moment,
    new_key,
)

INVOICES = "/admin/billing/invoices"


@pytest.fixture
def desk(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.MANAGER, name="Dana Ruiz"))
    return browser


def numbers_on(page: Page) -> list[str]:
    return [row[0] for row in page.rows("invoices")]


def pay(customer_id: int, invoice_id: int, amount_minor: int) -> None:
    transact(
        payments.record,
        customer_id,
        transact(numbers.reserve, "payments"),
        amount_minor,
        invoice_ids=[invoice_id],
        method="bank",
        transaction_ref="SEPA 88-1203",
        received_on=date(2026, 3, 5),
        by=actor(),
        key=new_key(),
    )


def test_the_list_says_what_was_charged_what_credit_is_on_it_and_what_remains(desk: Browser) -> None:
    customer = make_customer(1500, name="Priya Castillo", company="Tandem Pottery")
    number = make_invoice(customer, 4000, with_credit=True, at=moment("2026-03-02 12:00"))

    page = desk.open(INVOICES)

    assert page.rows("invoices") == [
        [
            f"#{number}",
            "Priya Castillo Tandem Pottery",
            "Manual",
            "Overdue",
            "2 Mar 2026",
            "16 Mar 2026",
            "$40.00",
            "$15.00",
            "$25.00",
        ]
    ]
    assert page.words("invoices").endswith("1–1 of 1 invoices")


def test_every_state_has_its_tag(desk: Browser) -> None:
    customer = make_customer(100_000)
    made = {name: make_invoice(customer) for name in ("Unpaid", "Paid", "Cancelled", "Refunded")}
    made["Draft"] = make_invoice(customer, is_draft=True)
    for name in ("Paid", "Refunded"):
        transact(credits.apply, customer, made[name], by=actor(), key=new_key())
    transact(invoices.cancel, customer, made["Cancelled"], by=actor(), key=new_key())
    transact(invoices.refund_to_credit, customer, made["Refunded"], by=actor(), key=new_key())

    rows = {row[0]: row[3] for row in desk.open(INVOICES).rows("invoices")}

    assert rows == {f"#{number}": name for name, number in made.items()}


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", [6, 5, 4, 3, 2, 1]),
        ("sort=number", [1, 2, 3, 4, 5, 6]),
        ("status=paid", [2]),
        ("status=draft", [5]),
        ("kind=add_funds", [3]),
        ("kind=manual&status=unpaid", [6, 4, 1]),
        ("from=2026-03-03", [6, 4, 3]),
        ("until=2026-03-02", [2, 1]),
        ("from=2026-03-01&until=2026-03-03&status=unpaid", [3, 1]),
        ("min=30", [4, 3, 1]),
        ("max=20.00", [6, 5, 2]),
        ("min=20&max=30&kind=manual", [4, 2]),
        ("q=%233", [3]),
        ("q=castillo", [4, 2, 1]),
        ("q=castillo&status=unpaid", [4, 1]),
        ("q=castillo&min=30", [4, 1]),
        ("q=nobodyatall", []),
        ("customer=2", [6, 5, 3]),
        ("customer=2&status=unpaid&from=2026-03-04", [6]),
        ("sort=due&status=unpaid", [1, 3, 4, 6]),
        ("sort=-due&status=unpaid", [6, 4, 3, 1]),
        ("sort=due", [1, 2, 3, 4, 6, 5]),
        ("sort=due&customer=2", [3, 6, 5]),
    ],
)
def test_the_url_says_which_invoices_are_shown_and_the_file_holds_the_same(
    desk: Browser, query: str, wanted: list[int]
) -> None:
    priya, oleg = make_customer(2000, name="Priya Castillo"), make_customer(name="Oleg Berg")
    assert (priya, oleg) == (1, 2)
    make_invoice(priya, 4000, at=moment("2026-03-01 12:00"))
    make_invoice(priya, 2000, at=moment("2026-03-02 12:00"), with_credit=True)
    make_invoice(oleg, 5000, at=moment("2026-03-03 12:00"), kind=InvoiceKind.ADD_FUNDS)
    make_invoice(priya, 3000, at=moment("2026-03-04 12:00"))
    make_invoice(oleg, 100, at=moment("2026-03-05 12:00"), is_draft=True)
    make_invoice(oleg, 1000, at=moment("2026-03-06 12:00"))

    page = desk.open(f"{INVOICES}?{query}")

    assert numbers_on(page) == [f"#{number}" for number in wanted]
    lines = list(csv.reader(io.StringIO(desk.get(page.link("Export CSV")).get_data(as_text=True))))
    assert [int(line[0]) for line in lines[1:]] == wanted


@pytest.mark.parametrize("sort", ["", "number", "due", "-due", "due&status=unpaid", "number&from=2026-01-01"])
def test_pages_follow_each_other_without_a_gap(desk: Browser, monkeypatch: pytest.MonkeyPatch, sort: str) -> None:
    monkeypatch.setattr(lists.select_page, "__kwdefaults__", {"rows": 2})
    monkeypatch.setattr(lists.make_page, "__kwdefaults__", {"total": None, "rows": 2})
    customers = [make_customer() for _ in range(2)]
    for n in range(5):
        make_invoice(customers[n % 2], at=moment("2026-03-01 12:00") + timedelta(days=n // 2))

    page = desk.open(f"{INVOICES}?sort={sort}")
    forwards = [numbers_on(page)]
    while "Next" in page.links:
        page = desk.open(page.link("Next"))
        forwards.append(numbers_on(page))
    backwards = [numbers_on(page)]
    while "Previous" in page.links:
        page = desk.open(page.link("Previous"))
        backwards.append(numbers_on(page))

    assert [len(one) for one in forwards] == [2, 2, 1]
    assert backwards[::-1] == forwards
    assert sorted(number for one in forwards for number in one) == [f"#{n}" for n in range(1, 6)]


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("status=lost", "“lost” is no status of an invoice; it was left out."),
        ("kind=%01man", "“man” is no kind of an invoice; it was left out."),
        ("from=yesterday", "“yesterday” is no date; write it like 2026-03-14. “Issued from” was left out."),
        ("until=2026-02-30", "“2026-02-30” is no date; write it like 2026-03-14. “Issued until” was left out."),
        ("min=1,50", "“1,50” is no amount; write it like 12.50. “Total from” was left out."),
        ("max=-1", "“-1” is no amount; write it like 12.50. “Total to” was left out."),
    ],
)
def test_a_filter_that_makes_no_sense_is_left_out_and_said(desk: Browser, query: str, hint: str) -> None:
    number = make_invoice(make_customer())

    page = desk.open(f"{INVOICES}?{query}")

    assert numbers_on(page) == [f"#{number}"]
    assert hint in page.text


@pytest.mark.parametrize(
    "query",
    [
        "customer=x",
        "customer=99999999999999999999",
        "sort=total",
        "after=nonsense",
        "after=WzEsMl0",
        "before=WyJ4IiwxXQ&sort=due",
        "q=%23",
        "q=%2399999999999999999999",
        "q=%C2%B2",
        "q=%00%01",
        "q=" + "x" * 3000,
        "min=" + "9" * 400,
        "from=0001-01-01&until=9999-12-31",
    ],
)
def test_nothing_in_the_url_breaks_the_list(desk: Browser, query: str) -> None:
    make_invoice(make_customer())

    for sort in ("", "&sort=-due", "&status=unpaid&sort=due"):
        assert desk.open(f"{INVOICES}?{query}{sort}").status == 200


def test_a_bounded_search_says_so(desk: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "CUSTOMERS_MAX", 1)
    monkeypatch.setattr(queries, "NEWEST_MAX", 1)
    for n in range(2):
        make_invoice(make_customer(name=f"Castillo {n}"), 4000 + n)

    found = desk.open(f"{INVOICES}?q=castillo")
    amount = desk.open(f"{INVOICES}?min=40")

    assert "More than 1 users fit “castillo”: these are invoices of the first 1." in found.text
    assert "Totals were looked for among the newest 1 invoices that fit the other filters." in amount.text
    assert (numbers_on(found), numbers_on(amount)) == (["#1"], ["#2"])


def test_chips_take_one_filter_away_and_keep_the_others(desk: Browser) -> None:
    customer = make_customer(name="Priya Castillo")
    make_invoice(customer)

    page = desk.open(f"{INVOICES}?q=castillo&status=paid&customer={customer}&min=10&sort=due")

    link = page.link("Remove filter: Paid")
    assert link == f"{INVOICES}?q=castillo&customer={customer}&min=10.00&sort=due"
    assert len(numbers_on(desk.open(link))) == 1
    assert desk.submit(page, form=f"{INVOICES}", q="").url.count(f"customer={customer}") in {0, 1}


def test_the_file_says_it_all_and_is_written_down(desk: Browser) -> None:
    customer = make_customer(1500, name="=Priya", company="Tandem")
    number = make_invoice(
        customer, lines=[Line(description="VPS", unit_minor=1000, tax_bp=1900)], at=moment("2026-03-02 12:00")
    )
    pay(customer, number, 300)

    response = desk.get(f"{INVOICES}/export.csv?status=unpaid")

    heads, line = csv.reader(io.StringIO(response.get_data(as_text=True)))
    assert dict(zip(heads, line, strict=True)) == {
        "Invoice": str(number),
        "User": str(customer),
        "Name": "'=Priya",
        "Company": "Tandem",
        "Kind": "Manual",
        "Status": "Unpaid",
        "Issued on": "2026-03-02",
        "Due on": "2026-03-16",
        "Net": "10.00",
        "Tax": "1.90",
        "Total": "11.90",
        "Credit": "0.00",
        "Paid": "3.00",
        "Balance remaining": "8.90",
    }


def test_the_page_says_charges_then_payments_then_what_remains(desk: Browser) -> None:
    customer = make_customer(2500)
    subscription = make_subscription(customer)
    lines = [
        Line(
            description="VPS",
            unit_minor=3900,
            tax_bp=1900,
            subscription_id=subscription,
            period_start=date(2026, 3, 1),
            period_end=date(2026, 4, 1),
        ),
        Line(description="Storage", unit_minor=250, quantity=4, tax_bp=770),
    ]
    number = make_invoice(customer, lines=lines, note="Thank you!")
    pay(customer, number, 1000)
    transact(credits.apply, customer, number, 2000, by=actor(), key=new_key())
    transact(credits.unapply, customer, number, 500, by=actor(), key=new_key())

    page = desk.open(f"{INVOICES}/{number}")

    assert page.headings == ["Main charges", "Payments", "Credit", "History"]
    assert page.rows("charges") == [
        ["VPS", "1 Mar 2026 – 31 Mar 2026", "1", "$39.00", "19 %", "$39.00"],
        ["Storage", "", "4", "$2.50", "7.7 %", "$10.00"],
    ]
    assert "Net $49.00 Tax $8.18 Total $57.18 Thank you!" in page.words("charges")
    assert [row[1:] for row in page.rows("payments")] == [
        ["Bank transfer Payment #1", "SEPA 88-1203", "$10.00"],
        [f"Credit Applied to Invoice #{number}", f"CR-{customer}-2", "$20.00"],
        [f"Credit Removed from Invoice #{number}", f"CR-{customer}-3", "−$5.00"],
    ]
    assert page.words("payments").endswith("Paid $10.00 Credit $15.00 Balance remaining $32.18")


def test_prices_with_tax_are_shown_as_they_were_asked(desk: Browser) -> None:
    change_settings(prices_include_tax=True)
    number = make_invoice(make_customer(), lines=[Line(description="VPS", unit_minor=1190, tax_bp=1900)])

    page = desk.open(f"{INVOICES}/{number}")

    assert page.rows("charges")[0][-1] == "$11.90"
    assert "Net $10.00 Tax $1.90 Total $11.90" in page.words("charges")
    assert "Prices include tax" in page.words("charges")


def test_the_history_says_who_did_what(desk: Browser) -> None:
    customer = make_customer(5000)
    number = make_invoice(customer, 4000)
    desk.submit(f"{INVOICES}/{number}", form="Apply", amount="40")
    desk.submit(f"{INVOICES}/{number}/credit/removal", amount="40")

    rows = [row[1:3] for row in desk.open(f"{INVOICES}/{number}").rows("history")]

    assert rows[:2] == [
        ["Credit removed: $40.00. The invoice was open again.", "Dana Ruiz"],
        ["Applied $40.00 by hand: all that was due.", "Dana Ruiz"],
    ]
    assert [row[0] for row in rows[2:]] == ["Issued: $40.00.", "Created: $40.00."]


def test_what_names_no_invoice_is_not_found(desk: Browser) -> None:
    for rest in ("7", "0", "x", "7/credit", "7/credit/removal", "7/edit", "7/void", "99999999999999999999"):
        assert desk.open(f"{INVOICES}/{rest}").status == 404, rest


def test_a_users_page_shows_the_newest_invoices_and_leads_to_all(desk: Browser) -> None:
    customer = make_customer()
    make_invoice(make_customer())
    made = [make_invoice(customer, 1000 + n) for n in range(MOST + 1)]

    page = desk.open(f"/admin/users/{customer}")

    assert numbers_on(page) == [f"#{number}" for number in made[:0:-1]]
    assert numbers_on(desk.open(page.link("All invoices"))) == [f"#{number}" for number in made[::-1]]
    assert desk.open(page.link("New invoice")).heading == "New invoice"


@pytest.mark.parametrize(
    ("role", "buttons"),
    [
        (Role.AUDITOR, {"Print"}),
        (Role.AGENT, {"Print", "Apply", "Remove credit"}),
        (Role.MANAGER, {"Print", "Apply", "Remove credit", "Cancel"}),
    ],
)
def test_each_role_sees_what_it_may_do(app: Flask, role: Role, buttons: set[str]) -> None:
    customer = make_customer(1000)
    number = make_invoice(customer, 4000, with_credit=True)
    give(customer, 500)
    browser = Browser(app)
    browser.sign_in(make_staff(role))

    page = browser.open(f"{INVOICES}/{number}")

    own = {"Print", "Apply", "Remove credit", "Cancel", "Void", "Refund to credit", "Edit", "Issue"}
    assert set(page.buttons) & own == buttons


def test_an_invoice_that_is_due_today_is_not_overdue(desk: Browser) -> None:
    customer = make_customer()
    today = datetime.now(UTC).date()
    make_invoice(customer, due_on=today)
    make_invoice(customer, due_on=today - timedelta(days=1))

    assert [row[3] for row in desk.open(INVOICES).rows("invoices")] == ["Overdue", "Unpaid"]
