from __future__ import annotations

from urllib.parse import quote

import pytest
from sqlalchemy import func, select

from creditapp.db import db
from creditapp.models import Cycle, Product, Role
from tests.browser import Browser
from tests.factories import change_settings, make_product, make_staff

LIST = "/admin/billing/products"
NEW = f"{LIST}/new"


def found(product_id: int) -> Product:
    db.session.rollback()
    return db.session.get_one(Product, product_id, populate_existing=True)


def count() -> int:
    db.session.rollback()
    return db.session.execute(select(func.count()).select_from(Product)).scalar_one()


def names(browser: Browser, query: str = "") -> list[str]:
    return [row[0] for row in browser.open(f"{LIST}{query}").rows("products")]


@pytest.fixture
def manager(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.MANAGER))
    return browser


def test_an_empty_catalogue_offers_the_first_step(manager: Browser) -> None:
    page = manager.open(LIST)

    assert "No products yet" in page.text
    assert page.link("New product") == NEW
    assert "No product fits" in manager.open(f"{LIST}?q=nothing").text


def test_a_new_product_stands_in_the_list(manager: Browser) -> None:
    page = manager.submit(NEW, form="Add product", name="  VPS   4 ", kind="server", price="19.99", tax="7.7")

    assert (page.path, page.flashes) == (LIST, ["Product added. VPS 4"])
    assert page.rows("products") == [["VPS 4", "Server", "Automatic", "On sale", "7.7 %", "$19.99 monthly"]]
    assert found(1).tax_bp == 770


@pytest.mark.parametrize(
    ("typed", "basis_points", "shown"),
    [
        ("0", 0, "0"),
        ("10", 1000, "10"),
        ("19", 1900, "19"),
        ("7.7", 770, "7.7"),
        ("7.25", 725, "7.25"),
        ("0.05", 5, "0.05"),
        (" 19.50 ", 1950, "19.5"),
        ("100", 10_000, "100"),
        ("100.00", 10_000, "100"),
    ],
)
def test_a_tax_rate_is_typed_and_shown_in_percent(manager: Browser, typed: str, basis_points: int, shown: str) -> None:
    manager.submit(NEW, form="Add product", name="VPS 4", price="10", tax=typed)

    assert found(1).tax_bp == basis_points
    assert manager.open(LIST).rows("products")[0][4] == f"{shown} %"
    assert manager.open(f"{LIST}/1").value("tax") == shown


def test_everything_in_the_form_is_saved_again(manager: Browser) -> None:
    product_id = make_product("VPS 4")

    page = manager.submit(
        f"{LIST}/{product_id}",
        form="Save",
        name="Set-up",
        kind="other",
        price="0",
        cycle="one_off",
        tax="19",
        is_credit_automatic=False,
        is_active=False,
    )

    assert page.flashes == ["Product saved. Set-up"]
    assert page.rows("products") == [["Set-up", "Other", "By hand only", "Off", "19 %", "$0.00 one-off"]]
    now = found(product_id)
    assert (now.cycle, now.is_credit_automatic, now.is_active, now.version) == ("one_off", False, False, 2)


@pytest.mark.parametrize(
    ("name", "typed", "error"),
    [
        ("name", "", "Enter a name."),
        ("name", " \u00a0 ", "Enter a name."),
        ("name", "\u200d\u00ad", "Enter a name that can be read."),
        ("name", "x" * 121, "Use at most 120 characters; this has 121."),
        ("name", "vps\u00a04", "The name “vps 4” is taken."),
        ("price", "", "Enter an amount."),
        ("price", "-1", "Enter an amount without a minus."),
        ("price", "1,50", "Write the amount without commas, with a point for decimals: 12.50."),
        ("price", "1.234", "USD has 2 decimals: write no more, like 12.50."),
        ("price", "1e5", "Enter the amount in digits, like 12.50."),
        ("price", "1000000000.01", "Enter an amount of at most $1,000,000,000.00."),
        ("price", "9" * 5000, "Enter an amount of at most $1,000,000,000.00."),
        ("tax", "", "Enter a rate in digits, like 19 or 7.7; 0 for none."),
        ("tax", "19 %", "Enter a rate in digits, like 19 or 7.7; 0 for none."),
        ("tax", "NaN", "Enter a rate in digits, like 19 or 7.7; 0 for none."),
        ("tax", "1e1", "Enter a rate in digits, like 19 or 7.7; 0 for none."),
        ("tax", "-1", "Enter a rate in digits, like 19 or 7.7; 0 for none."),
        ("tax", ".5", "Enter a rate in digits, like 19 or 7.7; 0 for none."),
        ("tax", "\uff11\uff19", "Enter a rate in digits, like 19 or 7.7; 0 for none."),
        ("tax", "9" * 5000, "Enter a rate in digits, like 19 or 7.7; 0 for none."),
        ("tax", "7,7", "Write the rate with a point, like 19 or 7.7; 0 for none."),
        ("tax", "7.777", "A rate has at most two decimals, like 7.25."),
        ("tax", "100.01", "Enter a rate of at most 100."),
        ("tax", "101", "Enter a rate of at most 100."),
    ],
)
def test_a_mistake_is_said_beside_its_box_and_keeps_what_was_typed(
    manager: Browser, name: str, typed: str, error: str
) -> None:
    make_product("VPS 4")
    fields = {"name": "VPS 8", "price": "20", "tax": "19", "is_credit_automatic": False} | {name: typed}

    page = manager.submit(NEW, form="Add product", **fields)

    assert page.status == 422
    assert page.errors(name) == [error]
    assert page.summary == [error]
    assert {box: page.value(box) for box in fields} == fields | {"is_credit_automatic": None}
    assert page.title.startswith("Error: ")
    assert count() == 1


@pytest.mark.parametrize(
    ("name", "typed", "error"),
    [
        ("kind", "boat", "Choose a kind from the list."),
        ("kind", "", "Choose a kind from the list."),
        ("cycle", "daily", "Choose from the list how often it is billed."),
        ("cycle", "", "Choose from the list how often it is billed."),
    ],
)
def test_only_what_the_list_offers_can_be_chosen(manager: Browser, name: str, typed: str, error: str) -> None:
    page = manager.submit(NEW, form="Add product", **{"name": "VPS 8", "price": "20", name: typed})

    assert page.status == 422
    assert page.errors(name) == [error]
    assert (page.value("name"), page.value("price")) == ("VPS 8", "20")
    assert count() == 0


def test_a_currency_without_decimals_has_prices_without(manager: Browser) -> None:
    change_settings(currency="JPY")

    page = manager.submit(NEW, form="Add product", name="VPS 8", price="20.50")
    assert page.errors("price") == ["JPY has no decimals: write whole amounts, like 1250."]
    page = manager.submit(page, form="Add product", price="2050")

    assert found(1).price_minor == 2050
    assert page.rows("products")[0][5] == "¥2,050 monthly"


def test_a_form_sent_twice_adds_one_product_and_with_other_content_none(manager: Browser) -> None:
    form = manager.open(NEW)
    for _ in range(2):
        assert manager.submit(form, form="Add product", name="VPS 8", price="20").status == 200

    page = manager.submit(form, form="Add product", name="VPS 16", price="40")

    assert page.status == 409
    assert page.summary[0].startswith("This form was already sent once with other content.")
    assert count() == 1
    assert manager.submit(page, form="Add product").status == 200
    assert names(manager) == ["VPS 16", "VPS 8"]


def test_the_second_tab_sees_what_is_saved_and_may_then_overwrite(manager: Browser) -> None:
    product_id = make_product("VPS 4")
    page = f"{LIST}/{product_id}"
    second = manager.open(page)
    manager.submit(page, form="Save", price="12", tax="19", is_active=False)

    page_of_second = manager.submit(second, form="Save", price="13")

    assert page_of_second.status == 422
    assert page_of_second.summary[-1].startswith("Somebody else changed this product")
    assert page_of_second.errors("price") == ["Saved meanwhile: $12.00."]
    assert page_of_second.errors("tax") == ["Saved meanwhile: 19 %."]
    assert page_of_second.errors("is_active") == ["Saved meanwhile: not ticked."]
    assert page_of_second.errors("name") == page_of_second.errors("cycle") == []
    assert found(product_id).price_minor == 1200
    assert manager.submit(page_of_second, form="Save").flashes == ["Product saved. VPS 4"]
    assert (found(product_id).price_minor, found(product_id).tax_bp) == (1300, 0)


def test_an_expired_form_keeps_what_was_typed_and_one_more_send_works(manager: Browser) -> None:
    page = manager.submit(NEW, form="Add product", name="VPS 8", price="20", csrf_token="expired")

    assert page.status == 422
    assert (page.value("name"), page.value("price")) == ("VPS 8", "20")
    assert count() == 0
    assert manager.submit(page, form="Add product").status == 200


def test_the_list_is_searched_filtered_and_sorted(manager: Browser) -> None:
    for name, price_minor, is_active in (
        ("Zwiebel 10%", 300, True),
        ("Café hosting", 200, False),
        ("VPS 4", 100, True),
    ):
        make_product(name, price_minor=price_minor, is_active=is_active)

    assert names(manager) == ["Café hosting", "VPS 4", "Zwiebel 10%"]
    assert names(manager, "?sort=-name") == ["Zwiebel 10%", "VPS 4", "Café hosting"]
    assert names(manager, "?sort=price") == ["VPS 4", "Café hosting", "Zwiebel 10%"]
    assert names(manager, "?q=cafe") == ["Café hosting"]
    assert names(manager, "?q=hosting+CAF") == ["Café hosting"]
    assert names(manager, f"?q={quote('%')}") == ["Zwiebel 10%"]
    assert names(manager, "?q=_") == []
    assert names(manager, "?status=sold") == ["VPS 4", "Zwiebel 10%"]
    assert names(manager, "?status=off") == ["Café hosting"]
    assert "2 of 2 products" in manager.open(f"{LIST}?status=sold").text


@pytest.mark.parametrize("sort", ["name", "-name", "price", "-price"])
def test_pages_hold_every_product_once(manager: Browser, sort: str) -> None:
    made = {f"Product {number:03}" for number in range(120)}
    for name in made:
        make_product(name, price_minor=700)

    seen, page = [], manager.open(f"{LIST}?sort={sort}")
    while True:
        seen += [row[0] for row in page.rows("products")]
        if "Next" not in page.links:
            break
        page = manager.open(page.link("Next"))

    assert len(seen) == 120
    assert set(seen) == made
    assert manager.open(page.link("Previous")).rows("products")[-1][0] == seen[99]


@pytest.mark.parametrize(
    "query",
    [
        "?sort=nonsense",
        "?status=sideways",
        "?q=%00",
        "?q=" + "x" * 5000,
        "?after=x",
        "?after=WzFd",
        "?after=WyJ4Il0&sort=price",
        "?after=WyJcdWQ4MDAiXQ",
        "?before=WyJcdTAwMDAiXQ",
    ],
)
def test_an_address_that_makes_no_sense_is_as_if_it_were_not_there(manager: Browser, query: str) -> None:
    make_product("VPS 4")

    assert manager.open(f"{LIST}{query}").status == 200


def test_who_may_only_read_sees_the_list_and_no_way_to_change_it(browser: Browser) -> None:
    make_product("VPS 4", cycle=Cycle.YEARLY)
    browser.sign_in(make_staff(Role.AGENT))

    page = browser.open(LIST)

    assert page.rows("products") == [["VPS 4", "Hosting", "Automatic", "On sale", "0 %", "$10.00 yearly"]]
    assert not {"New product", "VPS 4"} & page.links.keys()
    assert f'href="{LIST}"' in page.html


def test_a_name_made_of_markup_is_only_text(manager: Browser) -> None:
    product_id = make_product("<script>alert(1)</script> \u202eevil")

    for url in (LIST, f"{LIST}/{product_id}"):
        assert "<script>alert" not in manager.open(url).html
        assert "⟦U+202E⟧" in manager.open(url).text
