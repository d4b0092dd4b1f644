"""Moving credit between users and freezing balances, as people see it."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask

from creditapp.models import Role
from tests.browser import Browser
from tests.factories import balance_of, close_customer, make_client, make_customer, make_staff


def test_credit_is_moved_after_both_balances_were_shown_and_can_be_taken_back(browser: Browser) -> None:
    giver, taker = make_customer(2500, name="Brigid Nolan"), make_customer(700, name="Nadia Nguyen")
    browser.sign_in(make_staff(Role.MANAGER))

    asks = browser.open(browser.open(f"/admin/users/{giver}").link("Transfer credit"))
    page = browser.submit(asks, form="Search", q="nguyen")
    assert urlsplit(page.url).query == f"customer={taker}"
    shown = browser.submit(page, form="Show amounts", amount="10")
    assert f"From #{giver} $25.00, then $15.00 To #{taker} $7.00, then $17.00" in shown.text
    assert balance_of(taker) == 700
    refused = browser.submit(shown, form="Transfer", amount="25.01", note="They are sisters")
    assert refused.status == 422
    assert refused.errors("amount") == ["$25.00 can be used: at most that can be moved."]
    assert refused.value("note") == "They are sisters"
    done = browser.submit(refused, form="Transfer", amount="10")

    assert done.flashes == [
        f"$10.00 moved to #{taker}. Brigid Nolan now has $15.00, Nadia Nguyen now has $17.00. CR-{giver}-2"
    ]
    entry = browser.open(f"/admin/users/{taker}/credit/2")
    back = browser.submit(browser.open(entry.link("Take transfer back")), form="Take back")
    assert back.flashes == ["Transfer taken back. Both balances are as if it had never been."]
    assert (balance_of(giver), balance_of(taker)) == (2500, 700)
    assert "Reversed in full" in browser.open(f"/admin/users/{giver}/credit/2").text


def test_nobody_is_offered_what_would_be_refused(browser: Browser) -> None:
    giver, closed, poor = make_customer(2500), make_customer(), make_customer()
    close_customer(closed)
    browser.sign_in(make_staff(Role.MANAGER))

    path = f"/admin/users/{giver}/credit/transfer"

    assert "is this user" in browser.open(f"{path}?customer={giver}").text
    assert "is closed: nothing is moved" in browser.open(f"{path}?customer={closed}").text
    assert browser.open(f"{path}?customer=999999").status == 404
    assert browser.open(f"/admin/users/{poor}/credit/transfer?customer={giver}").text.count("no credit") == 1
    assert browser.open(f"/admin/users/{closed}/credit/transfer").status == 409
    assert browser.open(f"/admin/users/{giver}/credit/1/transfer-reversal").status == 409
    browser.sign_out()
    browser.sign_in(make_staff(Role.AGENT))
    menu = browser.open(f"/admin/users/{giver}").text
    assert "Transfer credit" not in menu
    assert "Freeze balance" not in menu


def test_a_balance_is_frozen_and_released_and_everybody_is_told_what_that_means(app: Flask, browser: Browser) -> None:
    client = make_client(1000, name="Brigid Nolan")
    browser.sign_in(make_staff(Role.MANAGER))

    asks = browser.open(browser.open(f"/admin/users/{client.id}").link("Freeze balance"))
    assert browser.submit(asks, form="Freeze").errors("reason") == ["Say why the balance is frozen."]
    page = browser.submit(asks, form="Freeze", reason="A chargeback is looked into")
    assert "The balance is frozen since" in page.text
    assert "A chargeback is looked into. What arrives is added" in page.text
    assert "It can be adjusted all the same" in page.text
    found = browser.open("/admin/users?credit=frozen")
    assert [row[1] for row in found.rows("users")] == [f"#{client.id}"]
    guest = Browser(app)
    guest.enter(client)
    assert "Your balance is frozen: it cannot be used at the moment." in guest.open("/account").text
    assert "chargeback" not in guest.open("/account").text

    freed = browser.submit(browser.open(page.link("Release")), form="Release")

    assert freed.flashes == ["Balance released. It can be used again."]
    assert browser.open("/admin/users?credit=frozen").rows("users") == []
    assert "This is done already" in browser.open(f"/admin/users/{client.id}/credit/release").text
