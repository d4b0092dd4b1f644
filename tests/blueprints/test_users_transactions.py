"""The tab Transactions, and voiding a payment there."""

from __future__ import annotations

import csv
import io
from typing import Any

from creditapp.db import transact
from creditapp.models import Role
from creditapp.services import numbers, refunds
from tests.browser import Browser
from tests.factories import (
    actor,
    balance_of,
    close_customer,
    make_customer,
    make_invoice,
    make_payment,
    make_staff,
    merge_customers,
    new_key,
)
from tests.services.refunds.counter import captured


def test_money_in_and_out_is_one_list_with_a_running_sum(browser: Browser) -> None:
    customer = make_customer(name="Brigid Nolan")
    invoice = make_invoice(customer, 4000)
    paid = make_payment(customer, 4000, invoice, transaction_ref="TX-88")
    by_card = captured(customer, 1000)
    act: dict[str, Any] = {"by": actor(), "key": new_key()}
    number = transact(numbers.reserve, "refunds")
    transact(refunds.request_for_invoice, customer, number, invoice, 1500, paid, **act)
    browser.sign_in(make_staff(Role.AUDITOR))

    page = browser.open(browser.open(f"/admin/users/{customer}").link("Transactions"))
    rows = page.rows("transactions")
    file = list(csv.reader(io.StringIO(browser.get(page.link("Export CSV")).text)))

    assert [row[1:6] for row in rows] == [
        [f"Refund #{number} of payment #{paid}, to be sent", "", "", "−$15.00", "$35.00"],
        [f"Payment, Card (Stripe) #{by_card} pi_{by_card}", "received on 1 Mar 2026", "$10.00", "", "$50.00"],
        [f"Payment, Bank transfer #{paid} TX-88", f"#{invoice} received on 1 Mar 2026", "$40.00", "", "$40.00"],
    ]
    assert [line[8:11] for line in file[1:]] == [
        ["0.00", "15.00", "35.00"],
        ["10.00", "0.00", "50.00"],
        ["40.00", "0.00", "40.00"],
    ]
    assert "Void" not in page.text
    assert browser.open(f"/admin/billing/payments/{paid}/void").status == 403


def test_a_payment_is_voided_with_a_reason_and_says_so_everywhere(browser: Browser) -> None:
    customer = make_customer(name="Brigid Nolan")
    invoice = make_invoice(customer, 4000)
    payment, by_card = make_payment(customer, 5000, invoice), captured(customer, 100)
    browser.sign_in(make_staff())

    asks = browser.open(browser.open(f"/admin/users/{customer}/transactions").link(f"Void payment #{payment}"))
    assert f"Invoice #{invoice}: $40.00 of it is unpaid again" in asks.text
    refused = browser.submit(asks, form="Void payment")
    assert refused.errors("reason") == ["Say why the payment is void."]
    page = browser.submit(refused, form="Void payment", reason="It was another Brigid")

    assert page.flashes == [
        f"Payment #{payment} is void. 1 invoice is open again, $10.00 was taken off the balance. Invoice #{invoice}"
    ]
    assert page.rows("transactions")[0][1:6] == [
        f"Void of payment #{payment} It was another Brigid",
        "",
        "",
        "−$50.00",
        "$1.00",
    ]
    assert balance_of(customer) == 100
    assert "No money came in." in browser.open(f"/admin/billing/payments/{payment}").text
    assert "$50.00 void" in browser.open("/admin/billing/payments").text
    assert "voided already" in browser.open(f"/admin/billing/payments/{payment}/void").text
    assert "came through a gateway" in browser.open(f"/admin/billing/payments/{by_card}/void").text


def test_nothing_is_voided_of_who_was_deleted_or_merged(browser: Browser) -> None:
    gone, other, kept = make_customer(), make_customer(), make_customer()
    last, theirs = make_payment(gone, 500), make_payment(other, 700)
    close_customer(gone)
    merge_customers(other, into=kept)
    browser.sign_in(make_staff())

    assert "Void" not in browser.open(f"/admin/users/{gone}/transactions").text
    assert "Void" not in browser.open(f"/admin/users/{kept}/transactions").text
    assert f"User #{gone} was deleted" in browser.open(f"/admin/billing/payments/{last}/void").text
    assert f"User #{other} was merged into #{kept}" in browser.open(f"/admin/billing/payments/{theirs}/void").text
    assert "Manage Credits" not in browser.open(f"/admin/users/{gone}").text
