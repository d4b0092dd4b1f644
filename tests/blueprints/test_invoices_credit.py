"""The Credit section of an invoice: applied and removed by hand, and why it was used or not."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from creditapp.db import db, transact
from creditapp.models import Invoice, InvoiceKind, Role, Subscription
from creditapp.services import credits
from creditapp.services.credits import Trigger
from creditapp.services.invoices import Line
from tests.browser import Browser
from tests.factories import (
    actor,
    balance_of,
    change_settings,
    give,
    make_customer,
    make_invoice,
    make_staff,
    make_subscription,
    new_key,
)

INVOICES = "/admin/billing/invoices"
pytestmark = pytest.mark.money


@pytest.fixture
def desk(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.AGENT))
    return browser


def found(customer_id: int, invoice_id: int) -> Invoice:
    db.session.rollback()
    return db.session.get_one(Invoice, (customer_id, invoice_id))


def renewed(customer: int) -> tuple[int, int]:
    """Return a subscription and a paid invoice that renewed it."""
    subscription = make_subscription(customer, next_due_on=date(2026, 4, 1), paid_until=date(2026, 3, 1))
    line = Line(
        description="VPS",
        unit_minor=2000,
        subscription_id=subscription,
        period_start=date(2026, 3, 1),
        period_end=date(2026, 4, 1),
    )
    return subscription, make_invoice(customer, lines=[line], with_credit=True)


@pytest.mark.parametrize(
    ("balance_minor", "words"),
    [
        (5000, "Applied $40.00 when the invoice was new: all that was due."),
        (2500, "Applied $25.00 of $40.00 when the invoice was new: the balance covered no more."),
        (0, "No credit was applied when the invoice was new: there was no usable credit."),
    ],
)
def test_the_section_says_why_so_much_was_applied(desk: Browser, balance_minor: int, words: str) -> None:
    customer = make_customer(balance_minor)
    number = make_invoice(customer, 4000, with_credit=True)

    page = desk.open(f"{INVOICES}/{number}")

    assert words in page.words("credit")
    assert page.rows("history")[0][1] == words
    assert f"${max(0, 4000 - balance_minor) / 100:.2f}" in page.words("credit")


@pytest.mark.parametrize(
    ("settings", "then", "now"),
    [
        (
            {"automatic_on_new": False},
            "automatic use was switched off for that moment",
            "automatic use on open invoices is switched off",
        ),
        (
            {"automatic_kinds": "renewal", "automatic_on_due": True},
            "automatic use leaves out invoices of this kind",
            "automatic use leaves out invoices of this kind",
        ),
        (
            {"full_cover_only": True, "automatic_on_due": True},
            "only whole invoices are paid by themselves, and the balance did not cover this one",
            "only whole invoices are paid by themselves, and the balance did not cover this one",
        ),
    ],
)
def test_the_section_says_why_nothing_was_applied_and_what_would_be_now(
    desk: Browser, settings: dict[str, Any], then: str, now: str
) -> None:
    change_settings(**settings)
    number = make_invoice(make_customer(1000), 4000, with_credit=True)

    page = desk.open(f"{INVOICES}/{number}")

    assert f"No credit was applied when the invoice was new: {then}." in page.words("credit")
    assert f"Automatically, nothing would be applied: {now}." in page.words("credit")
    assert page.value("amount") == "10.00"


def test_what_would_be_applied_by_itself_is_foretold(desk: Browser) -> None:
    change_settings(automatic_on_due=True)
    number = make_invoice(make_customer(1000), 4000)

    page = desk.open(f"{INVOICES}/{number}")

    told = "Automatically, $10.00 would be applied on the due date: the balance covers no more."
    assert told in page.words("credit")


@pytest.mark.parametrize(("balance_minor", "most"), [(2500, "25.00"), (5000, "40.00")])
def test_the_box_holds_the_most_that_can_be_applied(desk: Browser, balance_minor: int, most: str) -> None:
    customer = make_customer(balance_minor)
    number = make_invoice(customer, 4000)
    page = desk.open(f"{INVOICES}/{number}")
    assert page.value("amount") == most

    done = desk.submit(page, form="Apply")

    left = 4000 - min(balance_minor, 4000)
    state = f"${left / 100:.2f} remains to be paid." if left else "It is paid now."
    assert done.flashes == [f"${most} of credit applied. {state} CR-{customer}-2"]
    assert balance_of(customer) == balance_minor - 4000 + left


def test_a_part_is_applied_and_said_to_be_chosen(desk: Browser) -> None:
    customer = make_customer(5000)
    number = make_invoice(customer, 4000)

    page = desk.submit(f"{INVOICES}/{number}", form="Apply", amount="12.5")

    assert "Applied $12.50 of $40.00 by hand, as chosen." in page.words("credit")
    assert (found(customer, number).credit_minor, balance_of(customer)) == (1250, 3750)


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("40.01", "Only $40.00 is due: at most that can be applied."),
        ("", "Enter an amount."),
        ("-5", "Enter an amount without a minus."),
        ("0", "Enter an amount other than zero."),
        ("1,50", "Write the amount without commas, with a point for decimals: 12.50."),
        ("NaN", "Enter the amount in digits, like 12.50."),
    ],
)
def test_a_wrong_amount_is_explained_beside_it_and_kept(desk: Browser, typed: str, error: str) -> None:
    customer = make_customer(5000)
    number = make_invoice(customer, 4000)

    page = desk.submit(f"{INVOICES}/{number}", form="Apply", amount=typed)

    assert (page.status, page.errors("amount"), page.value("amount")) == (422, [error], typed)
    assert balance_of(customer) == 5000


def test_more_than_is_usable_is_explained(desk: Browser) -> None:
    number = make_invoice(make_customer(500), 4000)

    page = desk.submit(f"{INVOICES}/{number}", form="Apply", amount="6")

    assert page.errors("amount") == ["Only $5.00 of credit is usable: at most that can be applied."]


def test_the_same_form_twice_applies_once(desk: Browser) -> None:
    customer = make_customer(5000)
    number = make_invoice(customer, 4000)
    page = desk.open(f"{INVOICES}/{number}")

    desk.submit(page, form="Apply", amount="10")
    again = desk.submit(page, form="Apply", amount="10")

    assert again.flashes[0].startswith("$10.00 of credit applied before; nothing was posted twice.")
    assert (found(customer, number).credit_minor, balance_of(customer)) == (1000, 4000)


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        ({"credits_enabled": False}, InvoiceKind.MANUAL, "credits are switched off in the settings"),
        ({}, InvoiceKind.ADD_FUNDS, "it adds funds, and those are paid with money"),
    ],
)
def test_where_nothing_can_be_applied_there_is_no_form_but_the_reason(
    desk: Browser, settings: dict[str, Any], kind: InvoiceKind, words: str
) -> None:
    number = make_invoice(make_customer(5000), 4000, kind=kind)
    change_settings(**settings)

    page = desk.open(f"{INVOICES}/{number}")

    assert f"No credit can be applied: {words}." in page.words("credit")
    assert "Apply" not in page.buttons


def test_a_form_that_was_open_when_credits_went_off_is_refused_kindly(desk: Browser) -> None:
    customer = make_customer(5000)
    number = make_invoice(customer, 4000)
    page = desk.open(f"{INVOICES}/{number}")
    change_settings(credits_enabled=False)

    refused = desk.submit(page, form="Apply", amount="10")

    assert refused.status == 422
    assert refused.errors("amount") == [
        f"No credit can be applied to invoice #{number}: credits are switched off in the settings."
    ]
    assert balance_of(customer) == 5000


def test_credit_is_removed_in_part_and_the_paid_invoice_is_open_again(desk: Browser) -> None:
    customer = make_customer(5000)
    number = make_invoice(customer, 4000, with_credit=True)
    page = desk.open(f"{INVOICES}/{number}/credit/removal")
    assert page.value("amount") == "40.00"
    assert "The invoice is paid. It will be open again" in page.text

    done = desk.submit(page, amount="15")

    assert done.flashes == [f"$15.00 of credit removed. $15.00 remains to be paid. CR-{customer}-3"]
    invoice = found(customer, number)
    assert (invoice.status, invoice.credit_minor, balance_of(customer)) == ("unpaid", 2500, 2500)


@pytest.mark.parametrize(("typed", "status"), [("40.01", 422), ("", 422), ("-1", 422), ("x" * 500, 422)])
def test_no_more_is_removed_than_is_on_it(desk: Browser, typed: str, status: int) -> None:
    customer = make_customer(5000)
    number = make_invoice(customer, 4000, with_credit=True)

    page = desk.submit(f"{INVOICES}/{number}/credit/removal", amount=typed)

    assert (page.status, page.value("amount")) == (status, typed)
    assert page.errors("amount")
    assert balance_of(customer) == 1000


def test_more_than_is_on_it_says_the_most(desk: Browser) -> None:
    number = make_invoice(make_customer(5000), 4000, with_credit=True)

    page = desk.submit(f"{INVOICES}/{number}/credit/removal", amount="41")

    assert page.errors("amount") == ["At most $40.00 of credit is on this invoice and can be removed."]


@pytest.mark.parametrize(("tick", "paid_until"), [(True, date(2026, 3, 1)), (False, date(2026, 4, 1))])
def test_a_renewal_that_the_payment_moved_on_is_taken_back_if_ticked(
    desk: Browser, tick: bool, paid_until: date
) -> None:
    customer = make_customer(5000)
    subscription, number = renewed(customer)
    page = desk.open(f"{INVOICES}/{number}/credit/removal")
    assert "paid until 1 Apr 2026, or until 1 Mar 2026 once taken back" in page.text

    desk.submit(page, undo_renewals=tick)

    db.session.rollback()
    assert db.session.get_one(Subscription, (customer, subscription)).paid_until == paid_until
    said = desk.open(f"{INVOICES}/{number}").rows("history")[0][1]
    assert ("A renewal was undone." in said) is tick


def test_an_invoice_without_credit_has_none_to_remove(desk: Browser) -> None:
    number = make_invoice(make_customer(), 4000)

    page = desk.open(f"{INVOICES}/{number}/credit/removal")

    assert page.headings == ["There is nothing to remove"]
    assert "Remove credit" not in desk.open(f"{INVOICES}/{number}").buttons


def test_what_was_decided_last_is_what_is_said(desk: Browser) -> None:
    change_settings(automatic_on_due=True)
    customer = make_customer()
    number = make_invoice(customer, 4000, with_credit=True)
    give(customer, 300)
    transact(credits.apply_automatically, customer, number, trigger=Trigger.DUE)
    transact(credits.unapply, customer, number, 100, by=actor(), key=new_key())

    page = desk.open(f"{INVOICES}/{number}")

    assert "Applied $3.00 of $40.00 on the due date: the balance covered no more." in page.words("credit")


def test_what_was_decided_is_not_told_any_more_once_the_credit_was_removed(desk: Browser) -> None:
    number = make_invoice(make_customer(5000), 4000, with_credit=True)
    before = desk.open(f"{INVOICES}/{number}").words("credit")

    desk.submit(f"{INVOICES}/{number}/credit/removal", amount="40.00")

    assert "Applied $40.00 when the invoice was new" in before
    assert "Applied $40.00" not in desk.open(f"{INVOICES}/{number}").words("credit")


def test_a_long_history_shows_its_newest_part_and_leads_to_all_of_it(desk: Browser) -> None:
    customer = make_customer(5000)
    invoice = make_invoice(customer, 4000)
    for _time in range(30):
        transact(credits.apply, customer, invoice, 1000, by=actor(), key=new_key())
        transact(credits.unapply, customer, invoice, by=actor(), key=new_key())
    happened = 2 * 30 + 2  # made and issued, too

    page = desk.open(f"{INVOICES}/{invoice}")
    assert len(page.rows("history")) == 50
    assert f"{happened - 50} earlier events are there." in page.words("history")
    first = desk.open(page.link("All of the history"))
    second = desk.open(first.link("Next"))

    assert first.rows("history") == page.rows("history")
    assert f"1–50 of {happened} events" in first.text
    assert [row[1] for row in second.rows("history")][-2:] == ["Issued: $40.00.", "Created: $40.00."]
    assert len(second.rows("history")) == happened - 50
    assert desk.open(second.link("Previous")).rows("history") == first.rows("history")


def test_what_was_decided_last_is_said_however_much_has_happened_since(desk: Browser) -> None:
    customer = make_customer(5000)
    invoice = make_invoice(customer, 4000)
    transact(credits.apply, customer, invoice, 3000, by=actor(), key=new_key())
    for _time in range(51):
        transact(credits.unapply, customer, invoice, 1, by=actor(), key=new_key())

    assert "Applied $30.00 of $40.00 by hand" in desk.open(f"{INVOICES}/{invoice}").words("credit")


def test_a_short_history_is_all_on_the_page(desk: Browser) -> None:
    page = desk.open(f"{INVOICES}/{make_invoice(make_customer(), 4000)}")

    assert len(page.rows("history")) > 0
    assert "All of the history" not in page.links
