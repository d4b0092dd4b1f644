"""Refund pages: what goes where is said before, done after, and refused beside the box."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask, current_app

from creditapp.models import InvoiceKind, Role
from tests.browser import Browser
from tests.factories import balance_of, change_settings, make_customer, make_refund, make_staff
from tests.services.invoices.desk import amounts, bill, pay, use
from tests.services.refunds.counter import captured, fail, gone, refund
from tests.stripe_far_end import KEY, WEBHOOK_SECRET, FarEnd, far_end


@pytest.fixture
def desk(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.MANAGER))
    return browser


@pytest.fixture
def stripe(app: Flask) -> Iterator[FarEnd]:
    """Stripe, set up and within reach."""
    with far_end() as end:
        current_app.config |= {
            "STRIPE_SECRET_KEY": KEY,
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "STRIPE_API_URL": end.url,
        }
        yield end


def known_to_stripe(end: FarEnd, payment_id: int, amount_minor: int) -> None:
    """Let Stripe have captured what `captured` has recorded."""
    intent = f"pi_{payment_id}"
    end.intents[intent] = {"id": intent, "latest_charge": f"ch_{payment_id}"}
    end.charges[f"ch_{payment_id}"] = {
        "id": f"ch_{payment_id}",
        "payment_intent": intent,
        "currency": "usd",
        "amount_captured": amount_minor,
        "amount_refunded": 0,
    }


def test_a_payment_goes_back_through_its_gateway_at_once(desk: Browser, stripe: FarEnd) -> None:
    customer = make_customer(400)
    invoice = bill(customer, 1000)
    use(customer, invoice)
    payment = captured(customer, 600, invoice)
    known_to_stripe(stripe, payment, 600)
    url = desk.open(f"/admin/billing/invoices/{invoice}").link("Refund to payment method")

    asks = desk.open(url)
    page = desk.submit(asks, form="Refund")

    assert asks.value("amount") == "6.00"
    assert "$4.00, goes back to its lots once all money has been sent" in asks.text
    assert asks.rows("parts") == [[f"#{payment}", "Card (Stripe), sent by the gateway", "$6.00", "$6.00"]]
    assert page.flashes == [f"$6.00 has gone back. It is refund #1 of payment #{payment}."]
    assert [row[2:] for row in page.rows("refunds")] == [["Sent", "Ada Okafor", "$6.00"]]
    assert (amounts(customer, invoice), balance_of(customer)) == (("refunded", 0, 600, 600), 400)
    assert [one["amount"] for one in stripe.refunds.values()] == [600]


def test_what_the_gateway_refuses_is_said_and_the_books_are_as_before(desk: Browser, stripe: FarEnd) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    payment = captured(customer, 1000, invoice)
    known_to_stripe(stripe, payment, 300)

    page = desk.submit(f"/admin/billing/invoices/{invoice}/refunds/new", form="Refund", amount="5")

    [said] = page.flashes
    assert said.startswith("$5.00 could not be sent back. Stripe refused: Refund amount (500) is greater")
    assert (amounts(customer, invoice), gone(customer, payment)) == (("paid", 0, 1000, 0), (0, 0, 0))


def test_a_gateway_that_is_silent_is_asked_again(desk: Browser, stripe: FarEnd) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    payment = captured(customer, 1000, invoice)
    current_app.config["STRIPE_SECRET_KEY"] = ""

    page = desk.submit(f"/admin/billing/invoices/{invoice}/refunds/new", form="Refund", amount="5")

    assert page.flashes == [
        "Refund #1 of $5.00 is on its way. STRIPE_SECRET_KEY is not set. The gateway is asked again."
    ]
    assert (refund(customer, 1).tries, gone(customer, payment)[0]) == (1, 500)


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("-1", "Enter an amount without a minus."),
        ("0", "Enter an amount other than zero."),
        ("+1", "Enter the amount without a sign."),
        ("10.01", "At most $10.00"),
        ("x", "Enter the amount in digits"),
    ],
)
def test_what_cannot_go_back_is_refused_beside_the_amount(desk: Browser, typed: str, error: str) -> None:
    change_settings(credit_refunds=True)
    customer = make_customer()
    invoice = bill(customer, 1000)
    pay(customer, 1000, invoice)
    loose = pay(customer, 1000).payment_id

    for url in (f"/admin/billing/invoices/{invoice}/refunds/new", f"/admin/billing/payments/{loose}/refunds/new"):
        page = desk.submit(url, form="Refund", amount=typed)

        assert (page.status, page.value("amount")) == (422, typed)
        assert page.errors("amount")[0].startswith(error)
    assert desk.open(f"/admin/billing/payments/{loose}").rows("refunds") == []


def test_unspent_credit_goes_back_by_hand_and_is_marked_as_sent(desk: Browser) -> None:
    change_settings(credit_refunds=True)
    customer = make_customer(500)
    payment = pay(customer, 1000).payment_id
    url = desk.open(f"/admin/billing/payments/{payment}").link("Refund unspent credit")

    page = desk.submit(url, form="Refund")
    assert page.flashes[0].startswith("Refund #1 of $10.00 is to be sent by hand.")
    assert (balance_of(customer), page.rows("refunds")[0][2]) == (500, "To be sent")
    refused = desk.submit("/admin/billing/refunds/1/sent", form="Mark as sent", reference=" ")
    assert refused.errors("reference") == ["Write the reference of the transfer."]
    page = desk.submit("/admin/billing/refunds/1/sent", form="Mark as sent", reference="SEPA 88")

    assert page.flashes == ["Refund #1 marked as sent. $10.00 has gone back."]
    assert page.rows("refunds")[0][2] == "Sent"
    assert "SEPA 88" in page.rows("refunds")[0][1]
    assert "This refund has ended." in desk.open("/admin/billing/refunds/1/cancellation").text


def test_a_refund_by_hand_is_called_off(desk: Browser) -> None:
    customer = make_customer()
    number = make_refund(customer, 1000)

    page = desk.submit(f"/admin/billing/refunds/{number}/cancellation", form="Call off")

    assert page.flashes == [f"Refund #{number} called off. The books are as they were before."]
    assert page.rows("refunds")[0][2] == "Called off"


def test_a_part_is_shown_on_its_invoice_and_one_that_failed_is_not(desk: Browser) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    pay(customer, 1000, invoice)
    desk.submit(f"/admin/billing/invoices/{invoice}/refunds/new", form="Refund", amount="3")
    page = desk.open(f"/admin/billing/invoices/{invoice}")
    assert [row[3] for row in page.rows("payments")] == ["$10.00", "−$3.00"]
    assert page.rows("history")[0][1] == "Refund to payment method: $3.00."

    fail(customer, 1)

    assert [row[3] for row in desk.open(page.path).rows("payments")] == ["$10.00"]


def test_which_payment_goes_back_is_chosen_where_there_are_several(desk: Browser) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    first, second = (pay(customer, part, invoice).payment_id for part in (400, 600))
    url = f"/admin/billing/invoices/{invoice}/refunds/new"

    refused = desk.submit(url, form="Refund", payment=str(first), amount="5")
    unknown = desk.submit(url, form="Refund", payment="99", amount="1")
    done = desk.submit(url, form="Refund", payment=str(second), amount="5")

    assert refused.errors("amount") == [f"At most $4.00 of what payment #{first} paid of this invoice can go back."]
    assert unknown.errors("payment") == ["Choose a payment from the list."]
    assert done.path == f"/admin/billing/payments/{second}"
    assert (gone(customer, first)[0], gone(customer, second)[0]) == (0, 500)


def test_the_same_form_twice_sends_money_once(desk: Browser) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    payment = pay(customer, 1000, invoice).payment_id
    page = desk.open(f"/admin/billing/invoices/{invoice}/refunds/new")

    desk.submit(page, form="Refund", amount="5")
    again = desk.submit(page, form="Refund", amount="5")

    assert again.flashes == ["Refund #1 had been asked for already; nothing goes back twice."]
    assert gone(customer, payment)[0] == 500


@pytest.mark.parametrize(
    ("kind", "paid_minor", "words"),
    [
        (InvoiceKind.ADD_FUNDS, 1000, "Refund what is unspent of them from its payment."),
        (InvoiceKind.MANUAL, 400, "Cancel it, then refund the credit"),
    ],
)
def test_what_cannot_go_back_is_said_instead_of_asked(
    desk: Browser, kind: InvoiceKind, paid_minor: int, words: str
) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000, kind=kind)
    pay(customer, paid_minor, invoice)

    page = desk.open(f"/admin/billing/invoices/{invoice}/refunds/new")

    assert words in page.text
    assert page.boxes("amount") == []


def test_credit_is_not_offered_back_while_the_setting_is_off(desk: Browser) -> None:
    payment = pay(make_customer(), 1000).payment_id

    assert "Refund unspent credit" not in desk.open(f"/admin/billing/payments/{payment}").links
    assert "switched off in the settings" in desk.open(f"/admin/billing/payments/{payment}/refunds/new").text


def test_who_may_not_refund_sees_no_button(browser: Browser) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    pay(customer, 1000, invoice)
    browser.sign_in(make_staff(Role.AGENT))

    assert "Refund to payment method" not in browser.open(f"/admin/billing/invoices/{invoice}").links
