from __future__ import annotations

import pytest

from creditapp.models import Role
from tests.browser import Browser, Page
from tests.factories import give, make_customer, make_invoice, make_staff

SEARCH = "/admin/search"
ANSWERS = (
    ("", "Type at least two letters"),
    ("a", "Type at least two letters"),
    ("%", "Type at least two letters"),
    ("#99", "There is no #99"),
    ("CR-9-9", "There is no CR-9-9"),
    ("%_", "Nobody matches"),
    ("%%%", "Nobody matches"),
    ('"*" OR name:x', "Nobody matches"),
    ("\\", "Type at least two letters"),
    ("x" * 10_000, "Nobody matches"),
    ("a\x00b", "Nobody matches"),
    ("#" + "9" * 30, "There is no #999"),
    ("9" * 30, "Nobody matches"),
    ("\u202e\u202e\u202e", "Type at least two letters"),
    ("قسيمة", "Nobody matches"),
    ("\ud83d", "Nobody matches"),
    ("<script>alert(1)</script>", "Nobody matches"),
)


def search(browser: Browser, typed: str) -> Page:
    browser.sign_in(make_staff(Role.AGENT))
    return browser.submit("/admin/users", SEARCH, q=typed)


def names(page: Page) -> list[str]:
    return [row[0] for row in page.rows("found")]


@pytest.mark.parametrize("typed", ["CR-1-1", "cr-1-1", "1-1", " CR-1-1 "])
def test_a_reference_leads_straight_to_its_entry(browser: Browser, typed: str) -> None:
    give(make_customer(), 100)

    assert search(browser, typed).path == "/admin/users/1/credit/1"


@pytest.mark.parametrize("typed", ["#2", "amara", "AMÁRA", "ada@", "adeyemi amara", "Brightloom", "X-77", "am"])
def test_whoever_alone_can_be_meant_is_opened(browser: Browser, typed: str) -> None:
    make_customer(name="Zoë Duarte")
    make_customer(name="Amara Adeyemi", company="Brightloom", email="ada@x.example", external_id="X-77")

    assert search(browser, typed).path == "/admin/users/2"


@pytest.mark.parametrize("typed", ["#{}", "{}", "invoice {}", "Invoice #{}", "INV {}"])
def test_the_number_of_an_invoice_leads_straight_to_it(browser: Browser, typed: str) -> None:
    owner = make_customer()
    number = make_invoice(owner)
    while number <= owner:  # a number that no user has
        number = make_invoice(owner)

    page = search(browser, typed.format(number))

    assert page.path == f"/admin/billing/invoices/{number}"


def test_a_number_that_a_user_and_an_invoice_have_leads_to_both(browser: Browser) -> None:
    number = make_invoice(make_customer(name="Ana Duarte"))

    page = search(browser, f"#{number}")

    assert names(page) == ["Ana Duarte #1"]
    assert page.link(f"Invoice #{number}") == f"/admin/billing/invoices/{number}"


def test_several_are_listed_by_name_with_their_balances(browser: Browser) -> None:
    make_customer(1250, name="Zoë Duarte", company="Ristretto", email="zoe@x.example")
    make_customer(name="Ana Duarte", email="ana@x.example")

    page = search(browser, "duarte")

    assert page.path == SEARCH
    assert page.rows("found") == [
        ["Ana Duarte #2", "ana@x.example", "Active", "$0.00"],
        ["Zoë Duarte Ristretto · #1", "zoe@x.example", "Active", "$12.50"],
    ]
    assert page.link("Zoë Duarte") == "/admin/users/1"


def test_names_that_begin_so_come_first(browser: Browser) -> None:
    make_customer(name="Ana Marsh", email="ana@x.example")
    make_customer(name="Zoë Ana", email="zoe@x.example")
    make_customer(name="Bo Berg", email="ana@y.example")

    assert names(search(browser, "ana")) == ["Ana Marsh #1", "Bo Berg #3", "Zoë Ana #2"]


def test_more_than_fit_are_left_to_the_list_of_users(browser: Browser) -> None:
    for _ in range(26):
        make_customer()

    page = search(browser, "brigid")

    assert len(names(page)) == 25
    assert page.link("All that match, in Users") == "/admin/users?q=brigid"


def test_the_notes_of_entries_are_one_click_away(browser: Browser) -> None:
    give(make_customer(), 100, note="A long outage")

    page = search(browser, "outage")

    assert "Nobody matches" in page.text
    found = browser.open(page.link("Look for “outage” in the notes of entries"))
    assert len(found.rows("recent")) == 1


def test_whatever_is_typed_gets_a_friendly_answer(browser: Browser) -> None:
    make_customer()
    make_customer()
    browser.sign_in(make_staff(Role.AGENT))

    for typed, answer in ANSWERS:
        page = browser.open(f"{SEARCH}?q={_quoted(typed)}")
        assert page.status == 200
        assert answer in page.text, typed


def test_applying_credit_takes_four_clicks_from_signing_in(browser: Browser) -> None:
    make_customer(name="Amara Adeyemi")
    page = browser.sign_in(make_staff(Role.MANAGER))  # first: Sign in

    page = browser.submit(page, SEARCH, q="amara")  # second: Search
    page = browser.submit(page, amount="12.50", direction="add")  # third: Apply

    assert "$12.50" in page.flashes[0]


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode(errors="surrogatepass"))
