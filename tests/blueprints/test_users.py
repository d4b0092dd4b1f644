"""The list of customers, and their profiles."""

from __future__ import annotations

import csv
import io
from datetime import date

from sqlalchemy import select

from creditapp.db import db
from creditapp.models import AuditDetails, AuditRow, Customer, Role
from tests.browser import Browser, Page
from tests.factories import make_customer, make_staff

LIST = "/admin/users"


def names(page: Page) -> list[str]:
    return [row[0].removesuffix(" Brightloom Inc") for row in page.rows("users")]


def make_some() -> dict[str, int]:
    """Make four customers; the key is the first name."""
    return {
        "Amara": make_customer(1499, name="Amara Adeyemi", company="Brightloom Inc", email="amara@bright.example"),
        "Zoë": make_customer(
            0, name="Zoë Duarte", email="zd@ristretto.example", external_id="WH-7", joined_on=date(2025, 5, 1)
        ),
        "Дарья": make_customer(50000, name="Дарья Соколова", email="d@sever.example", status="inactive"),
        "100%": make_customer(5, name="100% Wool_Co", email="w@wool.example", joined_on=date(2020, 1, 31)),
    }


def test_the_list_is_where_signing_in_leads(browser: Browser) -> None:
    make_customer(500)

    page = browser.sign_in(make_staff())

    assert (page.path, page.heading) == (LIST, "Users")
    assert page.rows("users") == [
        [
            "Brigid Nolan",
            "#1",
            "brigid@customer.example",
            "1 Mar 2024",
            "Active",
            "$5.00",
            "Adjust credit of Brigid Nolan",
        ]
    ]


def test_an_empty_panel_says_what_will_be_here(browser: Browser) -> None:
    page = browser.sign_in(make_staff())

    assert "No users yet" in page.text
    assert "Nobody fits" in browser.open(f"{LIST}?q=nobody").text


def test_people_search_by_whatever_they_know(browser: Browser) -> None:
    ids = make_some()
    browser.sign_in(make_staff())

    def found(text: str) -> list[str]:
        return [row[0].split()[0] for row in browser.submit(LIST, q=text).rows("users")]

    assert found("adey") == ["Amara"]
    assert found("brightloom amara") == ["Amara"]
    assert found("zoe") == ["Zoë"]
    assert found("wh-7") == ["Zoë"]
    assert found("соколова") == ["Дарья"]
    assert found("sever.example") == ["Дарья"]
    assert found(f"#{ids['Zoë']}") == ["Zoë"]
    assert found(str(ids["Zoë"])) == ["Zoë"]
    assert found("zd") == ["Zoë"]
    assert found("a") == ["Amara"]
    assert found("100%") == ["100%"]
    assert found("%%%") == []
    assert found("___") == []
    assert found("ol_c") == ["100%"]
    assert found("'\";--") == []
    assert found('" OR "') == []
    assert found("NEAR(a b)") == []
    assert found("*") == []
    assert found("x" * 5000) == []
    assert len(found("example")) == 4


def test_who_fits_best_comes_first_over_all_pages_both_ways(browser: Browser) -> None:
    for number in range(60):
        make_customer(name=f"Zed 7 {number:02}", email=f"z{number:02}@x.example")
    for number in range(60):
        make_customer(name=f"7 Sisters {number:02}", email=f"s{number:02}@x.example")
    browser.sign_in(make_staff())

    pages = [browser.open(f"{LIST}?q=7")]
    while "Next" in pages[-1].links:
        pages.append(browser.open(pages[-1].link("Next")))
    back = [pages[-1]]
    while "Previous" in back[-1].links:
        back.append(browser.open(back[-1].link("Previous")))

    found = [name for page in pages for name in names(page)]
    assert found == ["Zed 7 06", *(f"7 Sisters {number:02}" for number in range(60))]
    assert [page.rows("users") for page in back] == [page.rows("users") for page in reversed(pages)]
    letters = browser.open(f"{LIST}?q=sis")
    assert names(letters)[0] == "7 Sisters 00"
    assert names(browser.open(f"{LIST}?q=zed&sort=-name"))[0] == "Zed 7 59"


def test_names_that_begin_so_stand_before_those_that_hold_it_and_pages_run_on(browser: Browser) -> None:
    for number in range(60):
        make_customer(name=f"Aria Marlow {number:02}", email=f"a{number:02}@x.example")
        make_customer(name=f"Marlow {number:02}", email=f"m{number:02}@x.example")
    browser.sign_in(make_staff())

    pages = [browser.open(f"{LIST}?q=marlow")]
    while "Next" in pages[-1].links:
        pages.append(browser.open(pages[-1].link("Next")))
    back = [pages[-1]]
    while "Previous" in back[-1].links:
        back.append(browser.open(back[-1].link("Previous")))

    assert [name for page in pages for name in names(page)] == [
        f"{first}{number:02}" for first in ("Marlow ", "Aria Marlow ") for number in range(60)
    ]
    assert [page.rows("users") for page in back] == [page.rows("users") for page in reversed(pages)]
    assert pages[0].link("User") == f"{LIST}?q=marlow&sort=name"
    assert names(browser.open(f"{LIST}?q=marlow&sort=name"))[0] == "Aria Marlow 00"


def test_filters_are_in_the_url_and_on_chips(browser: Browser) -> None:
    make_some()
    browser.sign_in(make_staff())

    page = browser.submit(LIST, status="active", credit="yes", **{"from": "2020-01-01", "until": "2024-12-31"})

    assert names(page) == ["100% Wool_Co", "Amara Adeyemi"]
    chips = {words: url for words, url in page.links.items() if words.startswith("Remove filter")}
    assert list(chips) == [
        f"Remove filter: {words}" for words in ("Active", "With credit", "Since 1 Jan 2020", "Until 31 Dec 2024")
    ]
    assert page.value("status") == "active"
    assert "Amara" not in browser.open(chips["Remove filter: Active"] + "&q=соко").text
    assert names(browser.open(f"{LIST}?credit=no")) == ["Zoë Duarte"]
    assert len(names(browser.open(page.link("Clear")))) == 4


def test_the_list_sorts_both_ways(browser: Browser) -> None:
    make_some()
    browser.sign_in(make_staff())

    def first(sort: str) -> str:
        return names(browser.open(f"{LIST}?sort={sort}"))[0].split()[0]

    assert [first(sort) for sort in ("name", "-name")] == ["100%", "Дарья"]
    assert [first(sort) for sort in ("id", "-id")] == ["Amara", "100%"]
    assert [first(sort) for sort in ("joined", "-joined")] == ["100%", "Zoë"]
    assert [first(sort) for sort in ("balance", "-balance")] == ["Zoë", "Дарья"]
    assert first("email;drop") == "100%"
    by_balance = browser.open(browser.open(LIST).link("Balance"))
    assert by_balance.url == f"{LIST}?sort=-balance"


def test_pages_follow_each_other_in_every_order(browser: Browser) -> None:
    for number in range(101):
        make_customer(name=f"Same name {number % 3}", email=f"u{number:03}@x.example", joined_on=date(2024, 1, 1))
    browser.sign_in(make_staff())

    for sort in ("", "name", "-name", "id", "-id", "joined", "-balance"):
        pages = [browser.open(f"{LIST}?sort={sort}&q=same")]
        while "Next" in pages[-1].links:
            pages.append(browser.open(pages[-1].link("Next")))
        ids = [row[1] for page in pages for row in page.rows("users")]
        assert len(ids) == len(set(ids)) == 101
        back = browser.open(pages[-1].link("Previous"))
        assert back.rows("users") == pages[1].rows("users")
        assert browser.open(back.link("Previous")).rows("users") == pages[0].rows("users")
    assert "1–50 of 50+ users" in pages[0].text


def test_the_file_holds_what_the_list_shows_and_no_formula(browser: Browser) -> None:
    make_some()
    make_customer(700, name="=1+1", company="@cmd", email="+x@y", joined_on=date(2024, 2, 2))
    browser.sign_in(make_staff(Role.MANAGER))

    page = browser.open(f"{LIST}?credit=yes&status=active&sort=-balance")
    response = browser.get(page.link("Export CSV"))

    assert response.mimetype == "text/csv"
    rows = list(csv.reader(io.StringIO(response.text)))
    assert rows[0][:4] == ["ID", "External ID", "Name", "Company"]
    assert [row[2] for row in rows[1:]] == ["Amara Adeyemi", "'=1+1", "100% Wool_Co"]
    assert rows[2][3:8] == ["'@cmd", "'+x@y", "active", "2024-02-02", "7.00"]
    audited = db.session.execute(
        select(AuditRow.action, AuditDetails.details)
        .join(AuditDetails, AuditDetails.seq == AuditRow.seq)
        .order_by(AuditRow.seq)
    ).all()
    assert audited[-1][0] == "exported"
    assert audited[-1][1]["after"] == {"credit": "yes", "status": "active", "sort": "-balance"}


def test_the_file_of_a_search_has_the_order_of_the_list(browser: Browser) -> None:
    for name in ("Zoe Nolan", "Nolan Webb", "Amy Nolan"):
        make_customer(name=name, email=f"{name.split()[0]}@x.example")
    browser.sign_in(make_staff(Role.MANAGER))

    page = browser.open(f"{LIST}?q=nolan")
    rows = list(csv.reader(io.StringIO(browser.get(page.link("Export CSV")).text)))

    assert [row[2] for row in rows[1:]] == ["Nolan Webb", "Amy Nolan", "Zoe Nolan"]


def test_who_may_not_does_not_see_the_button(browser: Browser) -> None:
    make_some()
    agent, auditor = make_staff(Role.AGENT), make_staff(Role.AUDITOR)

    page = browser.sign_in(agent)
    assert "New user" in page.links
    assert "Export CSV" not in page.links
    assert browser.open(f"{LIST}/export.csv").status == 403
    browser.sign_out()

    page = browser.sign_in(auditor)
    assert "Export CSV" in page.links
    assert not {"New user", "Adjust credit of Amara Adeyemi"} & set(page.links)
    assert browser.open(f"{LIST}/new").status == 403
    assert browser.open(f"{LIST}/1/edit").status == 403


def test_a_new_user_has_a_page_and_no_credit(browser: Browser) -> None:
    browser.sign_in(make_staff(Role.AGENT))
    form = browser.open(f"{LIST}/new")
    fields = {
        "name": "  Priya   Castillo ",
        "email": "p@tandem.example",
        "external_id": "WH-1",
        "joined_on": "2023-03-14",
    }

    page = browser.submit(form, **fields)
    again = browser.submit(form, **fields)

    assert page.heading == "Priya Castillo"
    assert page.flashes == ["User added. Priya Castillo"]
    assert "External id WH-1 Customer since 14 Mar 2023 Active" in page.text
    assert "No credit yet" in page.text
    assert again.path == page.path


def test_a_profile_that_makes_no_sense_is_explained_box_by_box(browser: Browser) -> None:
    make_customer(external_id="WH-7")
    browser.sign_in(make_staff())
    form = browser.open(f"{LIST}/new")

    page = browser.submit(form, name=" ", email="nobody", joined_on="14.3.2023", status="merged", company="c" * 201)

    assert page.status == 422
    assert page.errors("name") == ["Enter a name."]
    assert page.errors("email") == ["This is no email address: it takes one @, something on each side, and no spaces."]
    assert page.errors("joined_on") == ["Enter a date like 2026-03-14."]
    assert page.errors("status") == ["Choose a status from the list."]
    assert page.errors("company") == ["Use at most 200 characters; this has 201."]
    assert len(page.summary) == 5

    page = browser.submit(form, name="A", email="a@b", joined_on="2023-03-14", external_id="WH-7")
    assert page.errors("external_id") == ["The external id “WH-7” is taken."]
    assert page.value("name") == "A"
    for day in ("", "1899-12-31", "0000-00-00", "99999-01-01"):
        assert browser.submit(form, name="A", email="a@b", joined_on=day).errors("joined_on")
    assert db.session.execute(select(Customer.id)).all() == [(1,)]


def test_a_profile_is_edited_where_it_is_shown(browser: Browser) -> None:
    customer = make_customer(name="Brigid Nolan", external_id="WH-7", joined_on=date(1950, 1, 1))
    browser.sign_in(make_staff())
    page = browser.open(f"{LIST}/{customer}")

    page = browser.submit(page.link("Edit"), name="Brigid O’Nolan", external_id="", status="inactive")

    assert page.heading == "Brigid O’Nolan"
    assert page.flashes == ["Profile saved. Brigid O’Nolan"]
    assert "WH-7" not in page.text
    assert names(browser.open(f"{LIST}?q=onolan&status=inactive")) == []
    assert names(browser.open(f"{LIST}?q=o’nolan&status=inactive")) == ["Brigid O’Nolan"]


def test_a_closed_user_is_not_edited(browser: Browser) -> None:
    customer = make_customer(status="closed")
    browser.sign_in(make_staff())

    assert "Edit" not in browser.open(f"{LIST}/{customer}").links
    assert browser.open(f"{LIST}/{customer}/edit").status == 409


def test_a_user_can_be_left_out_of_automatic_use_or_always_in_it(browser: Browser) -> None:
    customer = make_customer()
    browser.sign_in(make_staff())
    edit = f"/admin/users/{customer}/edit"
    assert browser.open(edit).value("automatic") == ""

    for choice, kept in (("no", False), ("yes", True), ("", None)):
        assert browser.submit(edit, automatic=choice).flashes == ["Profile saved. Brigid Nolan"]

        db.session.rollback()
        assert db.session.get_one(Customer, customer, populate_existing=True).automatic_credit is kept
        assert browser.open(edit).value("automatic") == choice


def test_only_the_three_ways_of_automatic_use_can_be_chosen(browser: Browser) -> None:
    customer = make_customer()
    browser.sign_in(make_staff())

    page = browser.submit(f"/admin/users/{customer}/edit", automatic="sometimes", name="Typed Name")

    assert page.status == 422
    assert page.errors("automatic") == ["Not a valid choice."]
    assert page.value("name") == "Typed Name"


def test_what_begins_something_new_stands_in_the_head_of_its_card_and_an_empty_card_takes_one_line(
    browser: Browser,
) -> None:
    customer = make_customer()
    browser.sign_in(make_staff(Role.MANAGER))

    page = browser.open(f"/admin/users/{customer}")

    heads = {"Subscriptions": "Add subscription", "Invoices": "New invoice", "Payments": "Record payment"}
    cards = [card for card in page.main.iter("section") if (card.findtext("header/h2") or "") in heads]
    assert {card.findtext("header/h2"): "".join(next(card.iter("a")).itertext()) for card in cards} == heads
    assert [[part.tag for part in card] for card in cards] == [["header", "p"]] * 3
