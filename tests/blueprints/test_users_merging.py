"""The pages of a merge: choosing, comparing, confirming, and what is shown of both afterwards."""

from __future__ import annotations

import pytest

from creditapp.db import transact
from creditapp.models import Role
from creditapp.services import credits
from tests.browser import Browser
from tests.factories import (
    actor,
    balance_of,
    close_customer,
    give,
    make_client,
    make_customer,
    make_invoice,
    make_payment,
    make_staff,
    make_subscription,
    new_key,
)


@pytest.fixture
def admin(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.ADMIN))
    return browser


def merge_page(customer: int, other: int) -> str:
    return f"/admin/users/{customer}/merge?customer={other}"


def test_both_are_shown_side_by_side_and_merged_into_the_one_that_is_kept(admin: Browser) -> None:
    customer, other = make_customer(1000, name="Ada Byron"), make_customer(250, name="Ada King")
    make_subscription(customer, label="web07")
    invoice = make_invoice(customer, 4000)
    transact(credits.apply, customer, invoice, 300, by=actor(), key=new_key())

    page = admin.open(merge_page(customer, other))
    assert "$37.00 of $40.00 due" in page.text
    assert "$9.50" in page.text

    done = admin.submit(merge_page(customer, other), keep=str(other))
    assert f"#{customer} Ada Byron was merged into this user." in done.text
    assert "$7.00, 1 open invoice and 1 subscription moved here." in done.text
    assert (balance_of(customer), balance_of(other)) == (0, 950)


def test_the_old_number_leads_to_the_survivor_and_its_history_is_tagged_there(admin: Browser) -> None:
    client = make_client(name="Ada Byron")
    customer, other = client.id, make_customer(name="Ada King")
    give(customer, 1000, note="Broken router")
    paid = make_invoice(customer, 500)
    make_payment(customer, 500, paid)
    admin.submit(merge_page(customer, other), keep=str(other))

    page = admin.open(f"/admin/users/{customer}")
    assert page.path == f"/admin/users/{other}"
    assert f"User #{customer} was merged into this one." in page.text
    assert "Broken router" in page.text
    assert f"CR-{customer}-1" in page.text
    assert f"#{paid}" in page.text

    own = admin.open(f"/admin/users/{customer}?merged=1")
    assert own.path == f"/admin/users/{customer}"
    assert f"Merged into User #{other}" in own.text

    admin.sign_out()
    admin.enter(client)
    assert f"#{paid}" in admin.open("/account/invoices").text
    assert "$10.00" in admin.open("/account").text
    earlier = admin.open(f"/account/credit?of={customer}")
    assert "Your earlier account" in earlier.text
    assert f"CR-{customer}-1" in earlier.text
    assert f"CR-{customer}-1" in admin.open(f"/account/statement?of={customer}").text
    assert admin.get(f"/account/credit?of={make_customer()}").status_code == 404


def test_what_was_shown_is_what_is_merged(admin: Browser) -> None:
    customer, other = make_customer(1000), make_customer(250)
    page = admin.open(merge_page(customer, other))
    give(customer, 500)

    stale = admin.submit(page, keep=str(other))

    assert stale.status == 422
    moved = f"The balance of user #{customer} was $10.00 when this page was opened, and is $15.00 now."
    assert stale.summary == [f"{moved} Look at it again, then confirm."]
    admin.submit(stale, keep=str(other))
    assert balance_of(other) == 1750


def test_a_choice_is_asked_for_and_who_cannot_be_merged_is_told(admin: Browser) -> None:
    customer, other, gone = make_customer(1000), make_customer(), make_customer()
    close_customer(gone)

    page = admin.submit(merge_page(customer, other))
    assert page.errors("keep") == ["Choose which of the two profiles is kept."]
    assert "is this user" in admin.open(merge_page(customer, customer)).text
    assert "is closed, and cannot be merged" in admin.open(merge_page(customer, gone)).text
    assert "Search by name" in admin.open(f"/admin/users/{customer}/merge").text
    admin.submit(merge_page(customer, other), keep=str(other))
    assert f"was merged into #{other}" in admin.open(merge_page(other, customer)).text
    refused = admin.submit(f"/admin/users/{customer}/credit", amount="5", reason="1")
    assert f"User #{customer} was merged into user #{other}: do it there." in refused.text
