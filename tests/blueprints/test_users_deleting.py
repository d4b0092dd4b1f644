"""The page that deletes a user: it says what goes and what stays, asks what becomes of the balance, and does it."""

from __future__ import annotations

from typing import Any

from creditapp.db import transact
from creditapp.services import credits, intents, numbers
from tests.browser import Browser
from tests.factories import (
    actor,
    balance_of,
    change_settings,
    give,
    make_client,
    make_customer,
    make_invoice,
    make_payment,
    make_reason,
    make_staff,
    make_subscription,
    new_key,
)
from tests.services.customer_life.leaving import holders


def test_a_user_with_everything_is_deleted_in_one_form(browser: Browser) -> None:
    client = make_client(700, name="Brigid Canarybird", email="brigid@canarymail.example")
    heir = make_customer(name="Nadia Nguyen")
    payment = make_payment(client.id, 3000)
    give(client.id, 200, reason_id=make_reason(class_="promotional"), note="For Canarybird")
    invoice = make_invoice(client.id, 5000)
    transact(credits.apply, client.id, invoice, 100, by=actor(), key=new_key())
    make_subscription(client.id)
    browser.sign_in(make_staff())

    asks = browser.open(browser.open(f"/admin/users/{client.id}").link("Delete"))
    assert "$30.00 could be sent back to where it came from if Credit refunds were on." in asks.text
    change_settings(credit_refunds=True)
    asks = browser.open(asks.path)
    assert "could be sent back" not in asks.text
    assert "1 log-in with 0 sessions" in asks.text
    assert "4 entries of the ledger" in asks.text
    assert "1 subscription ends today" in asks.text
    assert f"1 invoice is open: #{invoice} ($49.00 due)" in asks.text
    assert "The balance: $39.00" in asks.text
    refused = browser.submit(asks, form="Delete user", goodwill="transfer", confirm="Brigid")
    assert refused.errors("paid") == ["Say what becomes of the paid credit."]
    assert refused.errors("to") == ["Enter the number of the user who gets it."]
    assert refused.errors("confirm") == [f"This is not the user’s number, {client.id}, or name."]
    chosen: dict[str, Any] = {"paid": "refund", "promotional": "expire", "to": str(heir), "confirm": f"#{client.id}"}
    refused = browser.submit(refused, form="Delete user", **chosen)
    assert f"Invoice #{invoice} is open: have them cancelled here" in refused.text
    page = browser.submit(refused, form="Delete user", cancel_invoices="y")

    assert page.path == "/admin/users"
    [said] = page.flashes
    assert said.startswith(
        f"User #{client.id} deleted. Every personal word is gone; the numbers stay. $7.00 was transfe"
    )
    assert "$2.00 has expired. $30.00 goes back. Mark refund #" in said
    assert holders("Canarybird", "canarymail") == set()
    gone = browser.open(f"/admin/users/{client.id}")
    assert gone.heading == f"Deleted user #{client.id}"
    assert "No personal word is left; the numbers stay." in gone.text
    assert balance_of(heir) == 700
    assert f"#{payment}" in browser.open(f"/admin/users/{client.id}/transactions").text
    assert "This is done already" in browser.open(f"/admin/users/{client.id}/deletion").text
    assert browser.open(f"/admin/users/{client.id}/edit").status == 409
    assert "deleted already" in browser.submit(refused, form="Delete user", cancel_invoices="y").flashes[0]


def test_who_cannot_go_yet_is_told_what_to_wait_for_and_what_is_gentler(browser: Browser) -> None:
    customer, paying = make_customer(500), make_customer()
    invoice = make_invoice(paying, 700)
    number = transact(numbers.reserve, "intents")
    transact(intents.begin, paying, number, invoice, gateway="sandbox", by=actor(), key=new_key())
    browser.sign_in(make_staff())

    waits = browser.open(f"/admin/users/{paying}/deletion")
    asks = browser.open(f"/admin/users/{customer}/deletion")
    assert "1 payment begun at a gateway" in waits.text
    assert all("confirm" not in one.names for one in waits.forms)
    assert "mark the user as inactive" in asks.text
    give(customer, 100)
    typed = {"goodwill": "expire", "confirm": str(customer)}
    stale = browser.submit(asks, form="Delete user", **typed)
    nobody = browser.submit(
        f"/admin/users/{customer}/deletion", form="Delete user", **typed | {"goodwill": "transfer", "to": "99999"}
    )

    assert stale.status == 422
    assert "Open this page anew" in stale.text
    assert nobody.errors("to") == ["There is no user #99999."]
    assert balance_of(customer) == 600
