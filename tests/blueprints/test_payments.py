"""Payments recorded by staff: the page that asks says what will happen, and that is what happens."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest
from sqlalchemy import func, select

from creditapp.db import db, transact
from creditapp.models import Invoice, InvoiceKind, Payment, Role
from creditapp.services import credits, invoices
from tests.browser import Browser, Page
from tests.factories import (
    actor,
    balance_of,
    change_settings,
    close_customer,
    give,
    make_customer,
    make_invoice,
    make_payment,
    make_staff,
    new_key,
)

NEW = "/admin/billing/payments/new"
LIST = "/admin/billing/payments"


def new(customer_id: int, invoice_id: int | None = None) -> str:
    return f"{NEW}?customer={customer_id}" + (f"&invoice={invoice_id}" if invoice_id else "")


def plan(page: Page) -> list[str]:
    """Return what the page that asks says will happen."""
    assert page.heading.startswith("Record $"), page.text
    [found] = [one for one in page.main.iter("ul") if one.get("class") == "plan"]
    return ["".join(item.itertext()) for item in found.iter("li")]


def status_of(customer_id: int, invoice_id: int) -> str:
    db.session.rollback()
    return db.session.get_one(Invoice, (customer_id, invoice_id), populate_existing=True).status


def recorded() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Payment)) or 0


@pytest.fixture
def manager(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.MANAGER, name="Dana Ruiz"))
    return browser


def test_an_overpayment_becomes_credit_and_the_same_payment_again_all_of_it(manager: Browser) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 10_000)

    page = manager.submit(new(customer, invoice), form="Continue", amount="150.00")
    assert plan(page) == [
        f"Invoice #{invoice}: $100.00 – paid in full",
        f"$50.00 becomes credit: Credit for Overpayment of Invoice #{invoice}",
    ]
    assert recorded() == 0
    page = manager.submit(page, form="Record")

    assert page.path == f"{LIST}/1"
    assert page.flashes == [
        (
            f"Payment #1 recorded. Invoice #{invoice}: $100.00 – paid in full. "
            f"$50.00 became credit: Credit for Overpayment of Invoice #{invoice}."
        )
    ]
    assert page.rows("credit") == [
        [page.rows("credit")[0][0], f"Credit for Overpayment of Invoice #{invoice}", "+$50.00", f"CR-{customer}-1"]
    ]
    assert (status_of(customer, invoice), balance_of(customer)) == ("paid", 5000)

    page = manager.submit(new(customer, invoice), form="Continue", amount="150.00")
    assert plan(page) == [
        f"Invoice #{invoice}: nothing – it is paid already",
        f"$150.00 becomes credit: Credit for Duplicate Payment of Invoice #{invoice}",
    ]
    page = manager.submit(page, form="Record")

    assert page.rows("credit")[0][1] == f"Credit for Duplicate Payment of Invoice #{invoice}"
    assert balance_of(customer) == 20_000
    assert f"Invoice #{invoice} had been paid already; all of it became credit." in page.words("paid")
    for url, table in ((LIST, "payments"), (f"/admin/users/{customer}", "payments")):
        page = manager.open(url)
        [twice, once] = page.rows(table)
        assert f"#{invoice} had been paid already" in twice
        assert f"#{invoice}" in once
        assert "No invoice" not in page.text


def test_a_payment_for_an_invoice_that_was_cancelled_says_so(manager: Browser) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 4000)
    transact(invoices.cancel, customer, invoice, by=actor(), key=new_key())

    payment = make_payment(customer, 4000, invoice)

    said = manager.open(f"{LIST}/{payment}").words("paid")
    assert said == f"What it paid Invoice #{invoice} was not to be paid any more; all of it became credit."


def test_a_payment_for_no_invoice_names_none(manager: Browser) -> None:
    payment = make_payment(make_customer(), 4000)

    assert manager.open(f"{LIST}/{payment}").words("paid") == "What it paid It paid no invoice."
    assert "No invoice" in manager.open(LIST).rows("payments")[0]


@pytest.mark.parametrize("typed", ["#{b}, #{a}", "{b} {a}", " #{b};{a} ", "{b},{a},{b}"])
def test_several_invoices_are_paid_in_the_order_typed(manager: Browser, typed: str) -> None:
    customer = make_customer()
    first, second = make_invoice(customer, 4000), make_invoice(customer, 3000)

    page = manager.submit(new(customer), form="Continue", amount="50", invoices=typed.format(a=first, b=second))

    assert plan(page) == [
        f"Invoice #{second}: $30.00 – paid in full",
        f"Invoice #{first}: $20.00 – $20.00 remains due",
    ]
    page = manager.submit(page, form="Record")
    assert page.rows("paid") == [
        [f"#{first}", "Manual", "$0.00", "$20.00"],
        [f"#{second}", "Manual", "$0.00", "$30.00"],
    ]
    assert (status_of(customer, first), status_of(customer, second)) == ("unpaid", "paid")


def test_a_payment_for_no_invoice_becomes_credit(manager: Browser) -> None:
    customer = make_customer()
    make_invoice(customer, 4000)

    page = manager.submit(new(customer), form="Continue", amount="25")

    assert plan(page) == ["$25.00 becomes credit: Credit for Payment without Invoice"]
    page = manager.submit(page, form="Record")
    assert page.rows("credit")[0][1:3] == ["Credit for Payment without Invoice", "+$25.00"]
    assert balance_of(customer) == 2500


def test_an_add_funds_invoice_gives_the_credit_it_was_for(manager: Browser) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 5000, kind=InvoiceKind.ADD_FUNDS)

    page = manager.submit(new(customer, invoice), form="Continue")

    assert plan(page)[1] == f"$50.00 becomes credit: Add Funds Invoice #{invoice}"
    manager.submit(page, form="Record")
    assert balance_of(customer) == 5000


def test_the_form_begins_with_what_is_due_and_keeps_what_was_typed(manager: Browser) -> None:
    customer = make_customer(1500)
    invoice = make_invoice(customer, 4000)
    transact(credits.apply, customer, invoice, by=actor(), key=new_key())

    page = manager.open(new(customer, invoice))
    assert (page.value("amount"), page.value("invoices")) == ("25.00", f"#{invoice}")
    typed = {"method": "paypal", "received_on": "2026-03-14", "transaction_ref": "TX-88", "note": "Two\nlines"}
    page = manager.submit(page, form="Continue", amount="30", **typed)
    page = manager.submit(page, form="Change")

    assert recorded() == 0
    assert (page.value("amount"), page.value("invoices"), page.value("method")) == ("30", f"#{invoice}", "paypal")
    assert (page.value("received_on"), page.value("transaction_ref")) == ("2026-03-14", "TX-88")
    page = manager.submit(manager.submit(page, form="Continue"), form="Record")
    for words in ("PayPal", "14 Mar 2026", "TX-88", "Two lines", "Dana Ruiz", "$30.00"):
        assert words in page.text


def test_recording_twice_records_once(manager: Browser) -> None:
    customer = make_customer()
    page = manager.submit(new(customer), form="Continue", amount="25")

    manager.submit(page, form="Record")
    again = manager.submit(page, form="Record")

    assert again.flashes == ["Payment #1 had been recorded already; nothing was recorded twice."]
    assert (recorded(), balance_of(customer)) == (1, 2500)


def test_what_changed_meanwhile_is_asked_again(manager: Browser) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 4000)
    page = manager.submit(new(customer, invoice), form="Continue")
    make_payment(customer, 1000, invoice)

    page = manager.submit(page, form="Record")

    assert page.status == 409
    assert "What is due has changed meanwhile. Nothing was recorded" in page.text
    assert plan(page)[1] == f"$10.00 becomes credit: Credit for Overpayment of Invoice #{invoice}"
    assert recorded() == 1
    manager.submit(page, form="Record")
    assert (recorded(), balance_of(customer)) == (2, 1000)


def test_a_reference_that_was_recorded_before_is_pointed_at(manager: Browser) -> None:
    customer, other = make_customer(name="Ana"), make_customer(name="Bo")
    number = make_payment(other, 700, transaction_ref="TX-88")

    page = manager.submit(new(customer), form="Continue", amount="7", transaction_ref=" TX-88 ")

    assert "This transaction reference was recorded before: Payment #1, $7.00 on 1 Mar 2026 from Bo." in page.text
    assert f"{LIST}/{number}" in page.links.values()
    page = manager.submit(page, form="Record")
    assert f"payment #{number} ($7.00)." in page.text


@pytest.mark.parametrize(
    ("name", "typed", "error"),
    [
        ("amount", "", "Enter an amount."),
        ("amount", "0", "Enter an amount other than zero."),
        ("amount", "-5", "Enter an amount without a minus."),
        ("amount", "+5", "Enter the amount without a sign."),
        ("amount", "1000000000.01", "Enter an amount of at most $1,000,000,000.00."),
        ("invoices", "12a", "Write the invoices’ numbers like #1234, #1240."),
        ("invoices", "#0", "Write the invoices’ numbers like #1234, #1240."),
        ("invoices", "9007199254740993", "Write the invoices’ numbers like #1234, #1240."),
        ("invoices", "\uff11", "Write the invoices’ numbers like #1234, #1240."),
        ("invoices", "999", "There is no invoice #999 of this user."),
        ("invoices", " ".join(map(str, range(1, 52))), "Name at most 50 invoices."),
        ("invoices", "1 " * 5000, "Name at most 50 invoices."),
        ("method", "barter", "Choose a method from the list."),
        ("received_on", "yesterday", "Enter a date like 2026-03-14."),
        ("received_on", "1999-12-31", "Enter a date after 2000-01-01."),
        ("transaction_ref", "x" * 121, "Use at most 120 characters; this has 121."),
        ("note", "x" * 1001, "Use at most 1,000 characters; this has 1,001."),
    ],
)
def test_a_mistake_is_said_beside_its_box(manager: Browser, name: str, typed: str, error: str) -> None:
    customer = make_customer()

    page = manager.submit(new(customer), form="Continue", **{"amount": "5", name: typed})

    assert page.status == 422
    assert page.errors(name) == [error]
    if name != "method":
        assert page.value(name) == typed
    assert recorded() == 0


def test_a_day_to_come_and_a_draft_are_refused(manager: Browser) -> None:
    customer = make_customer()
    draft = make_invoice(customer, 4000, is_draft=True)

    page = manager.submit(new(customer), form="Continue", amount="5", invoices=f"#{draft}", received_on="9998-01-01")
    assert page.errors("received_on")[0].startswith("Enter a date no later than")
    page = manager.submit(page, form="Continue", received_on="2026-03-01")

    assert page.errors("invoices") == [f"Invoice #{draft} is a draft: issue it before a payment is recorded for it."]
    assert manager.open(new(customer, draft)).value("invoices") == ""


def test_somebody_elses_invoice_is_not_paid(manager: Browser) -> None:
    customer, invoice = make_customer(), make_invoice(make_customer(), 4000)

    page = manager.submit(new(customer), form="Continue", amount="5", invoices=str(invoice))

    assert page.errors("invoices") == [f"There is no invoice #{invoice} of this user."]


def test_an_expired_token_on_the_page_that_asks_keeps_everything(manager: Browser) -> None:
    customer = make_customer()
    page = manager.submit(new(customer), form="Continue", amount="25", note="Typed")

    page = manager.submit(page, form="Record", csrf_token="x")

    assert page.status == 422
    assert (page.value("amount"), page.value("note"), recorded()) == ("25", "Typed", 0)
    manager.submit(manager.submit(page, form="Continue"), form="Record")
    assert recorded() == 1


def test_whose_payment_it_is_is_asked_where_nothing_says_so(manager: Browser) -> None:
    customer = make_customer(name="Zoë Castillo")
    make_customer(name="Zoë Duarte")

    page = manager.submit(NEW, q="zoe", form=NEW)
    assert [row[0] for row in page.rows("found")] == [f"Zoë Castillo #{customer}", f"Zoë Duarte #{customer + 1}"]
    page = manager.submit(page, q="castillo", form=NEW)

    assert page.url.endswith(new(customer))
    invoice = make_invoice(customer, 4000)
    assert manager.open(f"{NEW}?invoice={invoice}").value("amount") == "40.00"
    assert manager.get(f"{NEW}?customer=99").status_code == 404


def test_nothing_is_recorded_for_who_is_closed(manager: Browser) -> None:
    customer = make_customer(status="closed")

    assert manager.get(new(customer)).status_code == 409


def test_who_is_closed_after_the_click_is_told_what_it_did(manager: Browser) -> None:
    customer = make_customer()
    page = manager.submit(new(customer), form="Continue", amount="5", invoices="")
    manager.submit(page, form="Record")
    close_customer(customer)

    again = manager.submit(page, form="Record")

    assert again.flashes == ["Payment #1 had been recorded already; nothing was recorded twice."]
    assert recorded() == 1


def test_credit_that_arrives_pays_what_is_due_where_that_is_switched_on(manager: Browser) -> None:
    change_settings(automatic_on_arrival=True)
    customer = make_customer()
    later = make_invoice(customer, 3000, due_on=date(2026, 6, 1))
    sooner = make_invoice(customer, 2000, due_on=date(2026, 5, 1))

    page = manager.submit(new(customer), form="Continue", amount="25")
    assert "is then used on what else is due" in page.text
    page = manager.submit(page, form="Record")

    assert page.flashes[1] == (
        f"$25.00 of credit used at once. $20.00 on invoice #{sooner}, which is paid, $5.00 on invoice #{later}. "
        f"The balance is $0.00 now. Invoice #{sooner} Invoice #{later}"
    )
    assert (status_of(customer, sooner), status_of(customer, later), balance_of(customer)) == ("paid", "unpaid", 0)


@pytest.mark.parametrize(("is_on", "left_minor"), [(True, 0), (False, 2500)])
def test_credit_that_staff_add_is_used_at_once_where_that_is_switched_on(
    manager: Browser, is_on: bool, left_minor: int
) -> None:
    change_settings(automatic_on_arrival=is_on)
    customer = make_customer()
    make_invoice(customer, 4000)

    page = manager.submit(f"/admin/users/{customer}", form="Apply", amount="25")

    assert balance_of(customer) == left_minor
    assert any("of credit used at once" in one for one in page.flashes) is is_on


def test_credits_off_keep_what_arrives_and_on_again_use_it(manager: Browser) -> None:
    change_settings(credits_enabled=False, automatic_on_arrival=True)
    customer = make_customer()
    invoice = make_invoice(customer, 4000)
    manager.submit(manager.submit(new(customer), form="Continue", amount="25"), form="Record")
    assert (balance_of(customer), status_of(customer, invoice)) == (2500, "unpaid")

    change_settings(credits_enabled=True)
    manager.submit(manager.submit(new(customer), form="Continue", amount="15"), form="Record")

    assert (balance_of(customer), status_of(customer, invoice)) == (0, "paid")


def test_the_list_says_what_each_payment_did_and_is_filtered(manager: Browser) -> None:
    ana, bo = make_customer(name="Ana Lima", company="Kite"), make_customer(name="Bo Ek")
    invoice = make_invoice(ana, 4000)
    make_payment(ana, 5000, invoice, transaction_ref="TX-1", method="card")
    make_payment(bo, 1000, make_invoice(bo, 2000), received_on=date(2026, 4, 1))

    def shown(query: str) -> list[str]:
        return [row[7] for row in manager.open(f"{LIST}?{query}").rows("payments")]

    page = manager.open(LIST)
    assert page.rows("payments")[1] == [
        *("1 Mar 2026", "Ana Lima Kite", "$50.00", "Card", "TX-1", f"#{invoice}", "$10.00"),
        "#1 payment",
    ]
    assert [row[1] for row in page.rows("payments")] == ["Bo Ek", "Ana Lima Kite"]
    assert shown("q=TX-1") == shown("q=lima") == shown("method=card") == shown("credit=1") == ["#1 payment"]
    assert shown("q=%232") == shown("from=2026-03-02") == shown(f"customer={bo}") == ["#2 payment"]
    assert shown("until=2026-03-01") == ["#1 payment"]
    assert shown("q=nobody") == []
    page = manager.open(f"{LIST}?from=soon&method=x&customer=x&credit=9&after=zz")
    assert len(page.rows("payments")) == 2
    assert "“soon” is no date; write it like 2026-03-14. “From” was left out." in page.text


def test_within_days_the_list_is_in_their_order_on_all_its_pages(manager: Browser) -> None:
    customer = make_customer()
    for number in range(1, 61):  # later numbers are for earlier days, three on each
        make_payment(customer, 100, received_on=date(2026, 3, 20 - number % 20))
    expected = [f"#{n} payment" for n in sorted(range(1, 61), key=lambda n: (20 - n % 20, n), reverse=True)]

    first = manager.open(f"{LIST}?from=2026-03-01&until=2026-03-31")
    second = manager.open(first.links["Next"])
    back = manager.open(second.links["Previous"])
    file = manager.get(f"{LIST}/export.csv?from=2026-03-01").get_data(as_text=True)

    assert [row[7] for page in (first, second) for row in page.rows("payments")] == expected
    assert back.rows("payments") == first.rows("payments")
    assert [f"#{row[0]} payment" for row in csv.reader(io.StringIO(file))][1:] == expected


def test_the_list_is_paged_by_key(manager: Browser) -> None:
    customer = make_customer()
    for _number in range(53):
        make_payment(customer, 100)

    first = manager.open(LIST)
    second = manager.open(first.links["Next"])
    back = manager.open(second.links["Previous"])

    numbers = [row[7] for page in (first, second) for row in page.rows("payments")]
    assert numbers == [f"#{number} payment" for number in range(53, 0, -1)]
    assert back.rows("payments") == first.rows("payments")


def test_the_file_holds_what_the_list_shows(manager: Browser) -> None:
    customer = make_customer(name="=SUM(A1)")
    first, second = make_invoice(customer, 1000), make_invoice(customer, 1000)
    make_payment(customer, 2500, second, first, transaction_ref="TX-1")
    make_payment(customer, 100, method="cash")

    response = manager.get(f"{LIST}/export.csv?method=bank")

    [heads, row] = csv.reader(io.StringIO(response.get_data(as_text=True)))
    assert heads[0] == "Payment"
    assert row == [
        *("1", "2026-03-01", str(customer), "'=SUM(A1)", "", "25.00", "Bank transfer", "TX-1"),
        *(f"#{first} #{second}", "5.00"),
    ]


def test_the_users_page_lists_the_newest_payments(manager: Browser) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 4000)
    make_payment(customer, 5000, invoice, transaction_ref="TX-1")

    page = manager.open(f"/admin/users/{customer}")

    assert page.rows("payments") == [
        ["1 Mar 2026", "Bank transfer TX-1", f"#{invoice}", "$50.00", "$10.00", "#1 payment"]
    ]
    assert page.links["Record payment"].endswith(new(customer))


def test_who_may_not_record_reads_on(browser: Browser) -> None:
    customer = make_customer()
    give(customer, 100)
    make_payment(customer, 5000)
    browser.sign_in(make_staff(Role.AGENT))

    page = browser.open(f"/admin/users/{customer}")

    assert "Record payment" not in page.links
    assert "Record payment" not in browser.open(LIST).links
    assert browser.open(f"{LIST}/1").status == 200


def test_what_was_refunded_to_credit_is_told_on_the_payment(manager: Browser) -> None:
    customer = make_customer()
    invoice = make_invoice(customer, 4000)
    number = make_payment(customer, 4000, invoice)
    transact(invoices.refund_to_credit, customer, invoice, by=actor(), key=new_key())

    page = manager.open(f"{LIST}/{number}")

    assert page.rows("paid") == [[f"#{invoice}", "Manual", "$40.00", "$40.00"]]
