"""The pages of incidents, and the preview of their credit."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import func, select

from creditapp.db import db
from creditapp.models import Batch, BatchLine, Incident, IncidentCustomer, IncidentLocation, Role
from creditapp.services import downtime_lines, incidents
from creditapp.services.incidents import IncidentFields
from tests.browser import Browser, Page
from tests.factories import (
    change_settings,
    make_customer,
    make_incident,
    make_preview,
    make_product,
    make_staff,
    make_subscription,
    moment,
    new_key,
)

LIST = "/admin/billing/incidents"
NEW = f"{LIST}/new"
TWO_DAYS = {"starts_at": -1, "ends_at": 1}
FIVE_MINUTES = timedelta(minutes=5)


WRONG = [
    ("places", "web7", "No subscription depends on “web7”."),
    ("places", "WEB07", "No subscription depends on “WEB07”. Did you mean web07?"),
    ("starts_at", "yesterday", "Enter a day and a time like 2026-03-14 09:30."),
    (
        "starts_at",
        "2026-03-29T02:30",
        "There is no 02:30 on this day in Europe/Berlin: the clocks were put forward.",
    ),
    (
        "starts_at",
        "2025-10-26T02:30",
        "It was 02:30 twice on this day in Europe/Berlin: the clocks were put back. Choose the zone UTC",
    ),
    ("ends_at", "2026-03-02T10:00", "The end must be after the start."),
    ("lasted", "a while", "Write how long it was down like 3 h 20 min, 1 day, half a month or 2:30."),
    ("windows", "at night", "Line 1: write a start and an end, like 2026-03-14 09:30 to 11:00."),
    ("title", "x" * 121, "Use at most 120 characters; this has 121."),
    ("customers", "nobody@customer.example, #99", "Nobody is known as “nobody@customer.example”, “#99”."),
    ("customers", "same@customer.example", "“same@customer.example” is the email of several users: write #1, #2,"),
    ("places", "", "Say what was hit: servers or locations, products, or users."),
]
"""What is typed into which box, and how the sentence beside it begins."""


def on_web07(customer_id: int | None = None, **fields: Any) -> int:  # noqa: ANN401  (columns of `Subscription`)
    return make_subscription(customer_id or make_customer(), **{"location": "web07", "price_minor": 2_400, **fields})


def saved(incident_id: int = 1) -> IncidentFields:
    db.session.rollback()
    return incidents.read(db.session(), incident_id)


def how_many(model: type[Any]) -> int:
    db.session.rollback()
    return db.session.execute(select(func.count()).select_from(model)).scalar_one()


def lines(page: Page) -> list[list[str]]:
    return page.rows("lines")


def preview_page(agent: Browser, incident_id: int, query: str = "") -> Page:
    return agent.open(f"/admin/billing/batches/{make_preview(incident_id)}{query}")


@pytest.fixture
def agent(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.AGENT))
    return browser


def test_an_empty_list_offers_the_first_step(agent: Browser) -> None:
    page = agent.open(LIST)

    assert "No incidents yet" in page.text
    assert page.link("New incident") == NEW


def test_a_server_and_how_long_are_enough_for_a_preview(agent: Browser) -> None:
    subscription = on_web07(make_customer(name="Ada Lovelock"), label="shop.example", started_on=moment().date())

    form = agent.open(NEW)
    page = agent.submit(form, form="Preview credit", places="web07", lasted="3 h 20 min")

    assert (page.path, page.heading) == ("/admin/billing/batches/1", "Preview: Outage of web07")
    [row] = lines(page)
    assert row[1].startswith("Ada Lovelock #1")
    assert "shop.example" in row[2]
    incident = saved()
    assert incident.ends_at is not None
    assert incident.ends_at - incident.starts_at == timedelta(minutes=200)
    assert timedelta() <= datetime.now(UTC) - incident.ends_at < FIVE_MINUTES
    assert (incident.locations, incident.policy_id) == (("web07",), 1)
    assert page.form("Issue").action.endswith("/admin/billing/batches/1/issue")
    assert db.session.execute(select(BatchLine.subscription_id)).scalar_one() == subscription


def test_everything_the_form_says_is_saved(agent: Browser) -> None:
    product, customer, other = make_product("Cloud L"), make_customer(), make_customer(email="ada@customer.example")
    on_web07()
    form = agent.submit(
        NEW,
        form="Save",
        title=" Storage  outage ",
        reference="INC-7",
        starts_at="2026-03-02T10:00",
        ends_at="2026-03-02T13:20",
        zone="Europe/Berlin",
        windows="2026-03-02 11:00 to 11:30\n\n2026-03-01 23:30 to 00:15",
        places="web07",
        products=[product],
        customers=f"#{customer}, ada@customer.example",
        customer_note="We are sorry.",
        note="Disk of the array",
    )

    assert (form.path, form.heading, form.flashes) == (
        f"{LIST}/1",
        "Storage outage",
        ["Incident saved. Storage outage"],
    )
    incident = saved()
    assert (incident.starts_at, incident.ends_at) == (moment("2026-03-02 09:00"), moment("2026-03-02 12:20"))
    assert incident.windows == (
        (moment("2026-03-01 22:30"), moment("2026-03-01 23:15")),
        (moment("2026-03-02 10:00"), moment("2026-03-02 10:30")),
    )
    assert (incident.product_ids, incident.locations) == ((product,), ("web07",))
    assert incident.customer_ids == (customer, other)
    assert (incident.reference, incident.customer_note, incident.note) == (
        "INC-7",
        "We are sorry.",
        "Disk of the array",
    )
    for words in ("2 Mar 2026, 10:00 – 13:20 (Europe/Berlin)", "3 h 20 min", "Cloud L", "2 Mar 2026, 11:00 – 11:30"):
        assert words in form.text
    assert how_many(Batch) == 0


def test_an_open_incident_is_saved_without_an_end_and_previewed_with_one(agent: Browser) -> None:
    on_web07()
    page = agent.submit(NEW, form="Preview credit", places="web07", starts_at="2026-03-02T10:00")

    assert page.errors("ends_at") == ["Enter when it ended: what still lasts cannot be credited."]
    assert how_many(Incident) == 0

    page = agent.submit(page, form="Save")
    assert (page.heading, saved().ends_at) == ("Outage of web07", None)
    assert "It still lasts" in page.text

    page = agent.submit(f"{LIST}/1/edit", form="Preview credit", lasted="45 min")
    assert page.heading == "Preview: Outage of web07"
    assert saved().ends_at == moment("2026-03-02 10:45")


def test_what_makes_no_sense_is_said_beside_its_box(agent: Browser) -> None:
    on_web07(make_customer(email="same@customer.example"))
    make_customer(email="same@customer.example")
    change_settings(time_zone="Europe/Berlin")
    for box, typed, problem in WRONG:
        fields = {"places": "web07", "starts_at": "2026-03-02T10:00", "ends_at": "2026-03-02T13:20"} | {box: typed}
        if box == "lasted":
            del fields["ends_at"]

        page = agent.submit(NEW, form="Preview credit", **fields)

        assert page.status == 422
        assert [error[: len(problem)] for error in page.errors(box)] == [problem]
        assert page.value(box) == typed
    assert how_many(Incident) == 0


def test_what_ends_in_the_future_is_not_credited(agent: Browser) -> None:
    on_web07()
    around = {box: f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT%H:%M}" for box, days in TWO_DAYS.items()}

    page = agent.submit(NEW, form="Preview credit", places="web07", **around)

    assert page.errors("ends_at") == ["It ends in the future: check its times and their zone."]
    assert how_many(Incident) == 0


def test_users_come_from_a_file(agent: Browser) -> None:
    known, other = make_customer(external_id="P-1"), make_customer(external_id="77")
    file = BytesIO("Name;External ID\nAda;P-1\nBen;77\n".encode("utf-8-sig"))
    common = {"starts_at": "2026-03-02T10:00", "ends_at": "2026-03-02T13:20"}

    agent.submit(NEW, form="Save", file=(file, "users.csv"), **common)
    refused = agent.submit(NEW, form="Save", file=(BytesIO(b"\xff\xfe\x00"), "users.csv"), **common)

    assert saved().customer_ids == (known, other)
    assert saved().title == "Outage of 2 users"
    assert refused.errors("file") == ["This is no CSV file in UTF-8; save it as “CSV UTF-8” and try again."]


@pytest.mark.money
@pytest.mark.parametrize("content", [b"\x00", b"customer\n1\x00\n", b"email\nx@\x01y\n"])
def test_a_file_with_what_no_text_holds_is_refused(agent: Browser, content: bytes) -> None:
    refused = agent.submit(NEW, form="Save", lasted="1 h", file=(BytesIO(content), "users.csv"))

    assert refused.errors("file") == ["This is no CSV file in UTF-8; save it as “CSV UTF-8” and try again."]


def test_a_long_list_of_users_is_kept_unseen(agent: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("creditapp.blueprints.incidents.forms.SHOWN_MAX", 1)
    incident = make_incident(customer_ids=(make_customer(), make_customer()))

    page = agent.open(f"{LIST}/{incident}/edit")
    assert (page.value("customers"), "2 users are saved." in page.text) == ("", True)
    agent.submit(page, form="Save", note="Looked at")
    assert (saved().customer_ids, saved().note) == ((1, 2), "Looked at")

    agent.submit(f"{LIST}/{incident}/edit", form="Save", customers="#2")
    assert saved().customer_ids == (2,)


def test_the_same_form_sent_twice_records_one_incident(agent: Browser) -> None:
    on_web07()
    form = agent.open(NEW)

    first = agent.submit(form, form="Preview credit", places="web07", lasted="1 h")
    again = agent.submit(form, form="Preview credit", places="web07", lasted="1 h")

    assert first.path == again.path
    assert (how_many(Incident), how_many(Batch), how_many(IncidentLocation)) == (1, 1, 1)


def test_who_saves_too_late_is_shown_what_is_saved(agent: Browser) -> None:
    incident = make_incident(title="First", locations=("web07",))
    form = agent.open(f"{LIST}/{incident}/edit")
    agent.submit(f"{LIST}/{incident}/edit", form="Save", title="Second")

    page = agent.submit(form, form="Save", title="Third")
    assert (page.status, page.errors("title")) == (422, ["Saved meanwhile: Second."])

    agent.submit(page, form="Save")
    assert saved().title == "Third"


def test_a_dismissed_incident_offers_no_credit_until_it_is_taken_up_again(agent: Browser) -> None:
    on_web07()
    incident = make_incident(locations=("web07",))
    preview_page(agent, incident)

    page = agent.submit(f"{LIST}/{incident}", form="Dismiss")
    assert page.flashes == ["Incident dismissed. Nothing is credited for it."]
    assert {"Preview credit", "Open preview"} & set(page.buttons) == set()
    assert page.rows("batches") == []
    page = agent.submit(page, form="Take up again")
    page = agent.submit(page, form="Preview credit")

    assert page.heading == "Preview: Storage outage"


def test_incidents_are_found_by_words_and_state(agent: Browser) -> None:
    make_incident(title="Storage in Zürich", reference="INC-7")
    make_incident(title="Network", starts_at=moment("2026-03-05 10:00"), ends_at=None)

    def titles(query: str) -> list[str]:
        return [row[0] for row in agent.open(f"{LIST}{query}").rows("incidents")]

    assert titles("") == ["Network", "Storage in Zürich"]
    assert titles("?q=zurich+inc") == titles("?state=to_credit") == ["Storage in Zürich"]
    assert titles("?state=open") == ["Network"]
    assert titles("?state=credited") == titles("?q=nothing") == []
    assert titles("?state=nonsense&after=x") == ["Network", "Storage in Zürich"]


def test_each_line_says_how_its_amount_comes_about(agent: Browser) -> None:
    on_web07(make_customer(name="Ada Lovelock"), label="shop.example", product_id=make_product("Cloud L"))
    on_web07(make_customer(name="Ben Sand"), price_minor=120_000, product_id=make_product("Box", cycle="yearly"))

    page = preview_page(agent, make_incident(locations=("web07",)))

    ada, ben = lines(page)
    assert "Cloud L: shop.example $24.00 × 200 min ÷ 44,640 min = $0.11" in ada[2]
    assert ada[3:8] == ["$24.00", "3 h 20 min 99.5519 % up", "0.45 %", "$0.11", ""]
    assert "$1,200.00 ÷ 12 × 200 min ÷ 44,640 min = $0.45" in ben[2]
    assert (ben[3], ben[6]) == ("$100.00", "$0.45")
    for words in ("Credit together $0.56 in 2 of 2 lines", "Largest $0.45", "Average $0.28"):
        assert words in page.text


def test_lines_are_left_out_and_included_again(agent: Browser) -> None:
    on_web07()
    on_web07()
    page = preview_page(agent, make_incident(locations=("web07",)))

    page = agent.submit(page, form="Leave out line 1")
    assert [row[7] for row in lines(page)] == ["Left out", ""]
    assert page.url.endswith("#line-1")
    page = agent.submit(page, form="Include line 1")
    assert [row[7] for row in lines(page)] == ["", ""]
    page = agent.submit(page, form="Leave out all lines")
    assert (page.flashes, [row[7] for row in lines(page)]) == (["2 lines left out."], ["Left out", "Left out"])
    page = agent.submit(page, form="Include all lines")
    assert (page.flashes, "in 2 of 2 lines" in page.text) == (["2 lines included."], True)


def test_an_amount_is_changed_with_a_reason(agent: Browser) -> None:
    on_web07(make_customer(name="Ada Lovelock"), status="suspended")
    page = preview_page(agent, make_incident(locations=("web07",)))
    assert lines(page)[0][7] == "Suspended The subscription is suspended."
    assert "Include line 1" not in page.buttons

    change = page.link("Change line 1")
    refused = agent.submit(change, amount="0", why="")
    assert refused.status == 422
    assert refused.errors("amount") == ["Enter an amount other than zero."]
    assert refused.errors("why") == ["Say why the amount differs from what the policy gives."]
    page = agent.submit(refused, amount="5", why="Asked nicely")

    assert page.flashes == ["Line 1 changed. Ada Lovelock gets $5.00."]
    [row] = lines(page)
    assert (row[6], "$0.11 was changed by Ada Okafor: Asked nicely" in row[2]) == ("$5.00", True)
    assert "in 1 of 1 lines" in page.text


def test_the_lines_are_filtered_and_sorted_by_the_url(agent: Browser) -> None:
    for number, name in enumerate(("Ada Lovelock", "Ben Sand", "Cleo Usman"), start=1):
        on_web07(make_customer(name=name), price_minor=100_000 * number)
    on_web07(make_customer(name="Dora Berg"), price_minor=0)
    batch = make_preview(make_incident(locations=("web07",)))
    path = f"/admin/billing/batches/{batch}"

    def names(query: str) -> list[str]:
        return [row[1].partition(" #")[0] for row in lines(agent.open(f"{path}?{query}"))]

    assert names("q=sand") == names("q=%232") == names("least=5&most=10") == ["Ben Sand"]
    assert names("flag=small") == names("show=out") == ["Dora Berg"]
    assert names("flag=none&sort=-amount") == names("show=in&sort=-amount")
    assert names("flag=nonsense&show=nonsense&least=x&after=x") == names("")
    assert names("show=changed") == []
    every = agent.open(f"{path}?sort=-amount")
    assert [row[6] for row in lines(every)][:2] == ["$13.44", "$8.96"]


def test_paging_goes_on_where_the_page_ended_and_back(agent: Browser) -> None:
    for number in range(60):
        on_web07(price_minor=100_000 + number * 1_000)
    page = preview_page(agent, make_incident(locations=("web07",)), "?sort=-amount")

    older = agent.open(page.link("Next"))
    back = agent.open(older.link("Previous"))

    assert len(lines(page)) + len(lines(older)) == 60
    assert {row[0] for row in lines(page)} & {row[0] for row in lines(older)} == set()
    assert lines(back) == lines(page)


def test_leaving_out_all_that_are_found_leaves_the_others_alone(agent: Browser) -> None:
    on_web07(make_customer(name="Ada Lovelock"))
    on_web07(make_customer(name="Ben Sand"))
    page = preview_page(agent, make_incident(locations=("web07",)), "?q=sand")

    page = agent.submit(page, form="Leave out all lines found")

    assert page.flashes == ["1 line left out."]
    assert [row[7] for row in lines(page)] == ["Left out"]
    assert [row[7] for row in lines(agent.open(page.path))] == ["", "Left out"]


def test_the_file_holds_every_line_that_is_shown(browser: Browser) -> None:
    browser.sign_in(make_staff(Role.MANAGER))
    on_web07(make_customer(name="=Ada"), label="shop.example", product_id=make_product("Cloud L", tax_bp=1_900))
    on_web07(make_customer(name="Ben Sand"), status="suspended")
    page = preview_page(browser, make_incident(locations=("web07",)), "?flag=none")

    rows = list(csv.DictReader(io.StringIO(browser.get(page.link("Export CSV")).get_data(as_text=True))))

    [row] = rows
    assert (row["customer"], row["subscription"], row["price"], row["tax_percent"]) == (
        "'=Ada",
        "Cloud L: shop.example",
        "24.00",
        "19.00",
    )
    assert (row["down_seconds"], row["uptime"], row["credit"], row["included"]) == (
        "12000",
        "99.5519 %",
        "0.11",
        "yes",
    )
    assert row["arithmetic"] == "$24.00 × 200 min ÷ 44,640 min = $0.11"


def test_a_large_incident_is_left_to_the_worker(agent: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downtime_lines, "AT_ONCE_MAX", 1)
    on_web07()
    on_web07()

    page = agent.submit(NEW, form="Preview credit", places="web07", lasted="1 h")

    assert page.status == 200
    db.session.rollback()
    assert db.session.execute(select(Batch.status, Batch.expected, Batch.lines)).all() == [("preparing", 2, 0)]


def test_an_incident_that_hit_nobody_says_so(agent: Browser) -> None:
    on_web07(started_on=moment("2026-03-03 00:00").date())

    page = preview_page(agent, make_incident(locations=("web07",)))

    assert "Nobody had an active subscription there at that time." in page.text
    assert how_many(IncidentCustomer) == 0


def test_a_line_does_not_change_once_the_batch_is_issued_or_dropped(agent: Browser) -> None:
    on_web07()
    incident = make_incident(locations=("web07",))
    page = preview_page(agent, incident)
    make_preview(incident)

    late = agent.submit(page, form="Leave out line 1")

    assert late.flashes == ["Nothing was changed. Batch #1 does not change any more."]
    assert agent.post("/admin/billing/batches/2/lines", {"act": "tick nonsense", "submission": new_key()}).flashes
