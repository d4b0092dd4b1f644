from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select

from creditapp.db import db
from creditapp.jobs import renewing
from creditapp.models import Cycle, Role, Subscription, SubscriptionStatus
from creditapp.services import periods
from tests.browser import Browser, Page
from tests.factories import close_customer, make_customer, make_product, make_staff, make_subscription

DAY = "Enter a date like 2026-03-14."
TODAY = datetime.now(UTC).date()


def user(customer_id: int) -> str:
    return f"/admin/users/{customer_id}"


def new(customer_id: int) -> str:
    return f"{user(customer_id)}/subscriptions/new"


def at(customer_id: int, subscription_id: int) -> str:
    return f"{user(customer_id)}/subscriptions/{subscription_id}"


def found(subscription_id: int) -> Subscription:
    db.session.rollback()
    statement = select(Subscription).where(Subscription.id == subscription_id)
    return db.session.execute(statement.execution_options(populate_existing=True)).scalar_one()


def count() -> int:
    db.session.rollback()
    return db.session.execute(select(func.count()).select_from(Subscription)).scalar_one()


def cells(page: Page) -> list[list[str]]:
    return [row[:6] for row in page.rows("subscriptions")]


@pytest.fixture
def agent(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.AGENT))
    return browser


def test_a_subscription_is_added_from_the_users_page(agent: Browser) -> None:
    customer_id = make_customer()
    product_id = make_product("VPS 4", price_minor=1_999)
    page = agent.open(user(customer_id))
    assert "No subscriptions" in page.words("subscriptions")

    page = agent.submit(
        page.link("Add subscription"),
        form="Add subscription",
        product=product_id,
        label="shop.example",
        location="eu-west-1",
        started_on="2026-01-31",
        next_due_on="2026-02-28",
    )

    assert (page.path, page.flashes) == (user(customer_id), ["Subscription added. shop.example"])
    assert cells(page) == [["VPS 4 #1 shop.example", "eu-west-1", "28 Feb 2026", "–", "Active", "$19.99 monthly"]]
    assert found(1).anchor_day == 31


def test_the_form_offers_what_renews_and_is_sold(agent: Browser) -> None:
    sold = make_product("VPS 4", cycle=Cycle.YEARLY)
    make_product("Set-up", cycle=Cycle.ONE_OFF)
    make_product("VPS 1", is_active=False)

    page = agent.open(new(make_customer()))

    assert page.options("product") == {"": "Choose a product", str(sold): "VPS 4 – $10.00 yearly"}
    assert (page.value("started_on"), page.value("next_due_on")) == (TODAY.isoformat(), TODAY.isoformat())


def test_where_nothing_renews_the_page_says_what_to_do_first(agent: Browser, browser: Browser) -> None:
    customer_id = make_customer()

    page = agent.open(new(customer_id))
    assert "Add a product that is billed monthly, quarterly or yearly first." in page.text
    assert "New product" not in page.links

    browser.sign_out()
    browser.sign_in(make_staff(Role.MANAGER))
    assert browser.open(new(customer_id)).link("New product") == "/admin/billing/products/new"


def test_a_price_of_its_own_is_kept(agent: Browser) -> None:
    product_id = make_product()

    agent.submit(new(make_customer()), form="Add subscription", product=product_id, price="0")

    assert found(1).price_minor == 0


@pytest.mark.parametrize(
    ("name", "typed", "error"),
    [
        ("product", "", "Choose a product from the list."),
        ("product", "999", "Choose a product from the list."),
        ("product", "9" * 5000, "Choose a product from the list."),
        ("product", "\u0661", "Choose a product from the list."),
        ("label", "x" * 171, "Use at most 170 characters; this has 171."),
        ("label", "a\x00b", "This text holds a NUL character; remove it."),
        ("location", "x" * 81, "Use at most 80 characters; this has 81."),
        ("price", "-1", "Enter an amount without a minus."),
        ("price", "free", "Enter the amount in digits, like 12.50."),
        ("status", "cancelled", "Choose a status from the list."),
        ("status", "pending", "Choose a status from the list."),
        ("started_on", "", DAY),
        ("started_on", "1969-12-31", "Enter a date after 1970-01-01."),
        ("started_on", "2200-01-01", "Enter a date no later than 2199-12-31."),
        ("started_on", "2026-02-30", DAY),
        ("next_due_on", "tomorrow", DAY),
        ("next_due_on", "9999-12-31", "Enter a date no later than 2199-12-31."),
        (
            "next_due_on",
            "2016-04-01",
            f"Enter a date after {TODAY - timedelta(days=366)}: each period since would get its invoice.",
        ),
        ("anchor_day", "0", "Enter a whole number from 1 to 31."),
        ("anchor_day", "32", "Enter a whole number from 1 to 31."),
        ("anchor_day", "first", "Enter a whole number from 1 to 31."),
        ("anchor_day", "9" * 5000, "Enter a whole number from 1 to 31."),
        (
            "anchor_day",
            "15",
            "When periods begin on day 15, none begins on 2099-04-01. Change one of them, or leave the day empty.",
        ),
    ],
)
def test_a_mistake_is_said_beside_its_box_and_keeps_what_was_typed(
    agent: Browser, name: str, typed: str, error: str
) -> None:
    fields = {
        "product": str(make_product()),
        "label": "shop.example",
        "location": "eu-west-1",
        "price": "7",
        "started_on": "2026-03-15",
        "next_due_on": "2099-04-01",
        "anchor_day": "1",
    } | {name: typed}

    page = agent.submit(new(make_customer()), form="Add subscription", **fields)

    assert page.status == 422
    assert page.errors(name) == [error]
    assert page.summary == [error]
    lists = {"product", "status"}
    kept = {box: text.replace("\x00", "\N{REPLACEMENT CHARACTER}") for box, text in fields.items() if box not in lists}
    assert {box: page.value(box) for box in kept} == kept
    assert count() == 0


def test_what_is_not_sold_any_more_is_refused_beside_the_product(agent: Browser) -> None:
    make_product()
    gone = make_product(is_active=False)

    page = agent.submit(new(make_customer()), form="Add subscription", product=gone, label="shop.example")

    assert page.errors("product") == ["This product is not sold any more. Choose another one."]
    assert page.value("label") == "shop.example"
    assert count() == 0


def test_a_form_sent_twice_adds_one_subscription(agent: Browser) -> None:
    customer_id, product_id = make_customer(), make_product()
    form = agent.open(new(customer_id))

    for _ in range(2):
        page = agent.submit(form, form="Add subscription", product=product_id)
        assert len(page.rows("subscriptions")) == 1
    page = agent.submit(form, form="Add subscription", product=product_id, label="another.example")

    assert page.status == 409
    assert count() == 1
    assert agent.submit(page, form="Add subscription").status == 200
    assert count() == 2


def test_everything_in_the_form_is_saved_again(agent: Browser) -> None:
    customer_id = make_customer()
    subscription_id = make_subscription(customer_id, make_product("VPS 4"), next_due_on=date(2026, 4, 1))

    page = agent.submit(
        at(customer_id, subscription_id),
        form="Save",
        label="new.example",
        location="",
        price="12.34",
        status="suspended",
        next_due_on="2099-04-30",
        anchor_day="31",
    )

    assert page.flashes == ["Subscription saved. new.example"]
    assert cells(page) == [["VPS 4 #1 new.example", "–", "–", "–", "Suspended", "$12.34 monthly"]]
    now = found(subscription_id)
    assert (now.next_due_on, now.anchor_day, now.version) == (date(2099, 4, 30), 31, 2)


def test_a_known_subscription_keeps_a_date_that_is_long_past_and_must_have_a_price(agent: Browser) -> None:
    customer_id = make_customer()
    subscription_id = make_subscription(customer_id, next_due_on=date(2020, 4, 1))

    assert agent.submit(at(customer_id, subscription_id), form="Save", label="new.example").status == 200
    page = agent.submit(at(customer_id, subscription_id), form="Save", next_due_on="2020-05-01")
    assert page.errors("next_due_on")[0].startswith("Enter a date after")
    page = agent.submit(at(customer_id, subscription_id), form="Save", price="")
    assert page.errors("price") == ["Enter an amount."]
    assert (found(subscription_id).label, found(subscription_id).next_due_on) == ("new.example", date(2020, 4, 1))


def suspended(next_due_on: date, anchor_day: int = 1) -> tuple[str, int]:
    customer_id = make_customer()
    subscription_id = make_subscription(
        customer_id, label="", next_due_on=next_due_on, anchor_day=anchor_day, status=SubscriptionStatus.SUSPENDED
    )
    return at(customer_id, subscription_id), subscription_id


@pytest.mark.parametrize("anchor_day", [1, 15, 31])
def test_what_was_suspended_begins_again_without_the_time_it_lost(agent: Browser, anchor_day: int) -> None:
    url, subscription_id = suspended(periods.start_from(date(2026, 1, 1), anchor_day), anchor_day)
    resumes_on = periods.start_from(TODAY, anchor_day)

    page = agent.open(url)
    assert page.value("next_due_on") == resumes_on.isoformat()
    assert "begun there, each period since would be invoiced" in page.text
    page = agent.submit(page, form="Save", status="active")

    assert page.flashes == ["Subscription saved."]
    assert (found(subscription_id).status, found(subscription_id).next_due_on) == ("active", resumes_on)
    assert renewing.run(resumes_on).made == 1


def test_the_time_it_was_suspended_for_is_invoiced_when_somebody_says_so(agent: Browser) -> None:
    begins = periods.start_from(TODAY - timedelta(days=70), 1)
    url, subscription_id = suspended(begins)

    agent.submit(url, form="Save", status="active", next_due_on=begins.isoformat())

    assert (found(subscription_id).status, found(subscription_id).next_due_on) == ("active", begins)


def test_what_stays_suspended_keeps_the_day_it_was_due(agent: Browser) -> None:
    url, subscription_id = suspended(date(2026, 1, 1))

    agent.submit(url, form="Save", label="new.example")

    assert (found(subscription_id).label, found(subscription_id).next_due_on) == ("new.example", date(2026, 1, 1))


def test_what_is_not_due_yet_begins_again_when_it_was_due(agent: Browser) -> None:
    later = date(2099, 4, 30)
    url, _subscription_id = suspended(later)

    page = agent.open(url)

    assert page.value("next_due_on") == later.isoformat()
    assert "would be invoiced" not in page.text


def test_a_pending_one_may_stay_pending(agent: Browser) -> None:
    customer_id = make_customer()
    subscription_id = make_subscription(customer_id, status=SubscriptionStatus.PENDING)

    page = agent.open(at(customer_id, subscription_id))
    assert (page.value("status"), list(page.options("status"))) == ("pending", ["active", "suspended", "pending"])
    agent.submit(page, form="Save", label="new.example")

    assert (found(subscription_id).status, found(subscription_id).label) == ("pending", "new.example")


def test_the_second_tab_sees_what_is_saved_and_may_then_overwrite(agent: Browser) -> None:
    customer_id = make_customer()
    subscription_id = make_subscription(customer_id, label="old.example")
    page = at(customer_id, subscription_id)
    second = agent.open(page)
    agent.submit(page, form="Save", label="first.example", price="7")

    page_of_second = agent.submit(second, form="Save", label="second.example")

    assert page_of_second.status == 422
    assert page_of_second.summary[-1].startswith("Somebody else changed this subscription")
    assert page_of_second.errors("label") == ["Saved meanwhile: first.example."]
    assert page_of_second.errors("price") == ["Saved meanwhile: $7.00."]
    assert page_of_second.errors("next_due_on") == page_of_second.errors("anchor_day") == []
    assert found(subscription_id).label == "first.example"
    assert agent.submit(page_of_second, form="Save").flashes == ["Subscription saved. second.example"]


def test_a_subscription_is_cancelled_after_asking(agent: Browser) -> None:
    customer_id = make_customer()
    subscription_id = make_subscription(customer_id, make_product("VPS 4"), label="shop.example")
    links = agent.open(user(customer_id)).links

    page = agent.open(links["Cancel VPS 4 shop.example"])
    assert found(subscription_id).status == "active"
    page = agent.submit(page, form="Cancel subscription")

    assert page.flashes == ["Subscription cancelled. shop.example"]
    assert cells(page)[0][2:5] == ["–", "–", "Cancelled"]
    assert not [words for words in page.links if words.startswith(("Edit VPS", "Cancel VPS"))]
    page = agent.open(f"{at(customer_id, subscription_id)}/cancellation")
    assert "It was cancelled on" in page.text
    assert agent.open(at(customer_id, subscription_id)).status == 409


def test_what_was_edited_meanwhile_is_cancelled_only_when_asked_again(agent: Browser) -> None:
    customer_id = make_customer()
    subscription_id = make_subscription(customer_id)
    page = agent.open(f"{at(customer_id, subscription_id)}/cancellation")
    agent.submit(at(customer_id, subscription_id), form="Save", price="99")

    page = agent.submit(page, form="Cancel subscription")

    assert page.status == 422
    assert "$99.00 monthly" in page.text
    assert found(subscription_id).status == "active"
    agent.submit(page, form="Cancel subscription")
    assert found(subscription_id).status == "cancelled"


def test_somebody_elses_subscription_is_not_there(agent: Browser) -> None:
    owner, other = make_customer(), make_customer()
    subscription_id = make_subscription(owner)

    for page in (at(other, subscription_id), f"{at(other, subscription_id)}/cancellation"):
        assert agent.open(page).status == 404


def test_who_is_closed_after_the_click_is_told_what_it_did(agent: Browser) -> None:
    customer_id, product_id = make_customer(), make_product()
    page = agent.open(new(customer_id))
    agent.submit(page, form="Add subscription", product=product_id, label="shop.example")
    close_customer(customer_id)

    again = agent.submit(page, form="Add subscription", product=product_id, label="shop.example")

    assert (again.path, again.flashes, count()) == (user(customer_id), ["Subscription added. shop.example"], 1)


def test_a_closed_customer_gets_no_subscription(agent: Browser) -> None:
    customer_id = make_customer(status="closed")
    subscription_id = make_subscription(customer_id, make_product("VPS 4"), label="shop.example")

    page = agent.open(user(customer_id))

    assert "Add subscription" not in page.links
    assert [words for words in page.links if "shop.example" in words] == ["Cancel VPS 4 shop.example"]
    for url in (new(customer_id), at(customer_id, subscription_id)):
        assert agent.open(url).status == 409


def test_who_may_only_read_sees_subscriptions_and_no_buttons(browser: Browser) -> None:
    customer_id = make_customer()
    make_subscription(customer_id, make_product("VPS 4"), label="shop.example", paid_until=date(2026, 3, 31))
    browser.sign_in(make_staff(Role.AUDITOR))

    page = browser.open(user(customer_id))

    assert page.rows("subscriptions") == [
        ["VPS 4 #1 shop.example", "–", "1 Apr 2026", "31 Mar 2026", "Active", "$10.00 monthly"]
    ]
    assert "Add subscription" not in page.links


def test_many_subscriptions_are_folded_and_those_that_are_cancelled_come_last(agent: Browser) -> None:
    customer_id, product_id = make_customer(), make_product()
    gone = make_subscription(customer_id, product_id, status="cancelled", cancelled_on=date(2026, 3, 1))
    made = [make_subscription(customer_id, product_id) for _ in range(20)]

    page = agent.open(user(customer_id))
    assert len(page.rows("subscriptions")) == 20
    everything = agent.open(page.link("Show all subscriptions"))

    labels = [row[0].split()[-1] for row in everything.rows("subscriptions")]
    assert labels == [found(one).label for one in [*made, gone]]
    assert "Show all subscriptions" not in everything.links


def test_what_is_typed_is_only_text(agent: Browser) -> None:
    customer_id = make_customer()
    subscription_id = make_subscription(
        customer_id, make_product("<b>VPS</b>"), label="<script>alert(1)</script>", location="\u202eevil"
    )

    for url in (user(customer_id), at(customer_id, subscription_id)):
        assert "<script>alert" not in agent.open(url).html
        assert "<b>VPS" not in agent.open(url).html
    assert "⟦U+202E⟧evil" in agent.open(user(customer_id)).text
