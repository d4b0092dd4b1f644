from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from creditapp.db import db, transact
from creditapp.models import AuditDetails, AuditRow, CreditEntry, Role
from creditapp.services import credits
from creditapp.services.ledger import Entry
from tests.browser import Browser, Page
from tests.factories import (
    actor,
    give,
    make_customer,
    make_reason,
    make_staff,
    moment,
    new_key,
    reason_named,
)

CREDITS = "/admin/billing/credits"
NONSENSE = (
    "reason=abc",
    "reason=9223372036854775808",
    "by=-1&kind=banana",
    "from=banana&to=2026-02-30",
    "from=0001-01-01&to=9999-12-31",
    "when=tomorrow&quiet=maybe",
    "sort=note&b_sort=password_hash",
    "reason=1&reason=2&q=abc&q=%00",
    "q=" + "x" * 10_000,
    "q=%00%F0%9F%98%80%ff&b_q=%00%22*%25_",
    "after=AAAA&b_after=W10",
    "after=WzkyMjMzNzIwMzY4NTQ3NzU4MDcsOTIyMzM3MjAzNjg1NDc3NTgwNywxXQ",
    "after=WzkyMjMzNzIwMzY4NTQ3NzU4MDgsMSwxXQ",
    "b_after=WyJcdWQ4MDAiLDFd",
    "b_q=%23" + "9" * 40,
    "on=%00",
)
WHEN, CUSTOMER, AMOUNT, AFTER, REASON, NOTE, BY, ENTRY = range(8)


def open_page(browser: Browser, query: str = "", role: Role = Role.MANAGER) -> Page:
    browser.sign_in(make_staff(role))
    return browser.open(f"{CREDITS}?{query}" if query else CREDITS)


def entries(page: Page) -> list[str]:
    return [row[ENTRY] for row in page.rows("recent")]


def file_of(browser: Browser, url: str) -> list[dict[str, str]]:
    answer = browser.get(url)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))


def reverse(entry: Entry, amount_minor: int | None = None) -> Entry:
    return transact(credits.reverse, entry.customer_id, entry.seq, amount_minor, by=actor(), key=new_key())


# ---- tiles and charts


def test_an_empty_panel_says_what_will_be_here(browser: Browser) -> None:
    page = open_page(browser)

    assert "$0.00 0 customers hold credit" in page.text
    assert "No adjustments yet" in page.text
    assert "Nobody holds credit" in page.text


def test_the_total_is_what_the_ledger_sums_to(browser: Browser) -> None:
    make_customer(1250, at=moment("2025-01-10 12:00"))
    make_customer(9999)
    emptied = make_customer(500)
    give(emptied, -500)

    page = open_page(browser)

    summed = db.session.execute(select(func.sum(CreditEntry.amount_minor))).scalar_one()
    assert summed == 11249
    assert "Total credits outstanding $112.49 2 customers hold credit" in page.text


def test_issued_and_used_of_this_month_leave_out_what_was_reversed(browser: Browser) -> None:
    customer = make_customer()
    give(customer, 10000)
    reverse(give(customer, 2500))
    give(customer, -3000)

    page = open_page(browser)

    month = datetime.now(UTC).strftime("%B")
    assert f"Issued in {month} $100.00" in page.text
    assert f"Used in {month} $30.00" in page.text
    assert f"Taken back in {month} $25.00 20.0 % of what was given" in page.text


def test_the_numbers_of_the_chart_lead_from_month_to_month(browser: Browser) -> None:
    customer = make_customer(40000, at=datetime.now(UTC) - timedelta(days=400))
    give(customer, 10000, at=datetime.now(UTC) - timedelta(days=70))
    give(customer, -2500)

    page = open_page(browser)

    months = page.rows("months")
    assert len(months) == 12
    cents = [[round(float(text.strip("$").replace(",", "")) * 100) for text in month[1:]] for month in months]
    for (opened, issued, used, end), before in zip(cents, [*cents[1:], [0, 0, 0, 40000]], strict=True):
        assert end == before[3] + opened + issued - used
    assert cents[0][3] == 47500
    assert sum(month[1] for month in cents) == 10000


def test_a_reason_in_the_chart_leads_to_its_entries_of_this_month(browser: Browser) -> None:
    downtime = reason_named("Downtime")
    customer = make_customer()
    give(customer, 900, reason_id=downtime, at=datetime.now(UTC) - timedelta(days=45))
    give(customer, 700)
    shown = give(customer, 300, reason_id=downtime)
    page = open_page(browser)

    found = browser.open(page.link("Downtime"))

    assert entries(found) == [shown.reference]


def test_what_was_outstanding_on_a_day_counts_no_later_day(browser: Browser) -> None:
    customer = make_customer(1000, at=moment("2026-01-31 23:59"))
    give(customer, 200, at=moment("2026-02-01 00:00"))

    page = open_page(browser, "on=2026-01-31")

    assert "$10.00 were owed to all customers at the end of 31 Jan 2026." in page.text


def test_the_tile_of_the_total_leads_to_other_days_above_the_lists(browser: Browser) -> None:
    make_customer(100)

    page = open_page(browser)

    assert page.link("On another day") == "#on-a-day"
    assert page.headings.index("Outstanding on a day") < page.headings.index("Recent adjustments")


@pytest.mark.parametrize(
    ("day", "answer"),
    [
        ("banana", "“banana” is no date"),
        ("9000-01-01", "That day has not come yet."),
        ("1970-01-01", "$0.00 were owed"),
    ],
)
def test_a_day_that_makes_no_sense_is_explained(browser: Browser, day: str, answer: str) -> None:
    make_customer(100)

    page = open_page(browser, f"on={day}")

    assert answer in page.text


# ---- recent adjustments


def test_an_adjustment_is_shown_with_everything_about_it(browser: Browser) -> None:
    customer = make_customer(500, name="Zoë Duarte", company="Ristretto GmbH", at=moment("2026-03-01 10:00"))
    dana = make_staff(Role.AGENT, name="Dana Ruiz")
    entry = give(
        customer,
        1749,
        reason_id=reason_named("Downtime"),
        by=dana.actor,
        note="3 h 10 min",
        ticket_ref="INC-2291",
        at=moment("2026-03-02 13:26"),
    )

    row = open_page(browser).rows("recent")[0]

    assert row == [
        "2 Mar 2026, 13:26",
        "Zoë Duarte Ristretto GmbH",
        "+$17.49",
        "$22.49",
        "Downtime",
        "INC-2291 — 3 h 10 min",
        "Dana Ruiz",
        entry.reference,
    ]


def test_a_void_is_not_called_a_reversal(browser: Browser) -> None:
    customer = make_customer()
    given = give(customer, 1000)
    give(customer, -400)
    void = transact(credits.void, customer, given.seq, by=actor(), key=new_key())

    by_entry = {row[ENTRY]: row for row in open_page(browser).rows("recent")}

    assert by_entry[given.reference][NOTE] == f"$6.00 voided by {void.reference}"


def test_a_reversed_entry_is_struck_and_names_its_reversal(browser: Browser) -> None:
    customer = make_customer()
    wrong = give(customer, 5000)
    undone = reverse(wrong)
    partly = give(customer, 1000)
    reverse(partly, 400)

    page = open_page(browser)

    by_entry = {row[ENTRY]: row for row in page.rows("recent")}
    assert by_entry[wrong.reference][NOTE] == f"Reversed by {undone.reference}"
    assert "$4.00 reversed by" in by_entry[partly.reference][NOTE]
    assert by_entry[undone.reference][NOTE] == f"Reversal of {wrong.reference}"
    struck = ["".join(one.itertext()) for one in page.main.iter("span") if one.get("class") == "struck"]
    assert struck == ["+$50.00"]


def test_quiet_entries_are_shown_when_asked_for(browser: Browser) -> None:
    customer = make_customer()
    quiet = give(customer, 100, reason_id=make_reason("Tidying", is_quiet=True))
    loud = give(customer, 200)
    page = open_page(browser)

    assert entries(page) == [loud.reference]
    page = browser.submit(page, quiet=True)
    assert entries(page) == [loud.reference, quiet.reference]
    assert "Quiet ones too" in page.words("recent")


def test_filters_work_together_and_each_can_be_taken_away(browser: Browser) -> None:
    customer = make_customer()
    dana, olaf = make_staff(name="Dana Ruiz"), make_staff(name="Ola Berg")
    downtime = reason_named("Downtime")
    give(customer, 100, by=olaf.actor, reason_id=downtime)
    wanted = give(customer, 200, by=dana.actor, reason_id=downtime)
    other = give(customer, 300, by=dana.actor)
    page = open_page(browser)

    page = browser.submit(page, reason=downtime, by=dana.id)
    assert entries(page) == [wanted.reference]

    page = browser.open(page.link("Remove filter: Reason: Downtime"))
    assert entries(page) == [other.reference, wanted.reference]
    assert page.value("by") == str(dana.id)


def test_a_period_is_counted_in_days_of_the_panel(browser: Browser) -> None:
    customer = make_customer()
    early = give(customer, 100, at=moment("2026-03-01 00:00"))
    late = give(customer, 200, at=moment("2026-03-02 23:59"))
    give(customer, 300, at=moment("2026-03-03 00:00"))
    page = open_page(browser)

    page = browser.submit(page, **{"from": "2026-03-01", "to": "2026-03-02"})

    assert entries(page) == [late.reference, early.reference]
    assert page.value("from") == "2026-03-01"


def test_notes_and_tickets_are_searched_by_any_part(browser: Browser) -> None:
    customer = make_customer()
    noted = give(customer, 100, note="Slow Migratión, 100 % our fault")
    ticketed = give(customer, 200, ticket_ref="INC-2291")
    page = open_page(browser)

    assert entries(browser.submit(page, q="migration")) == [noted.reference]
    assert entries(browser.submit(page, q="inc-22")) == [ticketed.reference]
    assert entries(browser.submit(page, q="fault slow")) == [noted.reference]
    assert entries(browser.submit(page, q="100 %")) == [noted.reference]
    assert entries(browser.submit(page, q='in"c-')) == []


def test_a_reference_finds_that_entry_alone(browser: Browser) -> None:
    customer = make_customer()
    wanted = give(customer, 100)
    give(customer, 200, note=f"See {wanted.reference}")
    page = open_page(browser)

    assert entries(browser.submit(page, q=wanted.reference.lower())) == [wanted.reference]


def test_two_letters_are_not_searched_for_and_it_says_so(browser: Browser) -> None:
    give(make_customer(), 100)

    page = open_page(browser, "q=ab")

    assert len(entries(page)) == 1
    assert "Type at least 3 letters" in page.words("recent")


def test_arguments_that_make_no_sense_are_left_out(browser: Browser) -> None:
    give(make_customer(), 100)
    browser.sign_in(make_staff(Role.MANAGER))

    for query in NONSENSE:
        page = browser.open(f"{CREDITS}?{query}")
        assert (page.status, page.heading) == (200, "Credits"), query


def test_an_unknown_choice_is_explained(browser: Browser) -> None:
    entry = give(make_customer(), 100)

    page = open_page(browser, "reason=abc")

    assert entries(page) == [entry.reference]
    assert "“abc” is no choice of “Reason”; it was left out." in page.words("recent")
    assert "abc" not in page.link("Amount")


def test_pages_hold_each_entry_once_and_lead_back(browser: Browser) -> None:
    customer = make_customer()
    given = [give(customer, 100 + number, at=moment()).reference for number in range(45)][::-1]
    first = open_page(browser)

    second = browser.open(first.link("Next"))
    third = browser.open(second.link("Next"))

    assert entries(first) + entries(second) + entries(third) == given
    assert "1–20 of 45 entries" in first.text
    assert "Next" not in third.links
    assert entries(browser.open(third.link("Previous"))) == entries(second)


def test_amounts_can_be_sorted(browser: Browser) -> None:
    customer = make_customer()
    amounts = [300, -100, 500, 200, -400]
    for amount_minor in amounts:
        give(customer, amount_minor)
    page = open_page(browser)

    page = browser.open(page.link("Amount"))
    assert [row[AMOUNT] for row in page.rows("recent")] == ["+$5.00", "+$3.00", "+$2.00", "−$1.00", "−$4.00"]
    page = browser.open(page.link("Amount"))
    assert page.rows("recent")[0][AMOUNT] == "−$4.00"


def test_the_two_lists_are_paged_and_filtered_apart(browser: Browser) -> None:
    for number in range(25):
        make_customer(100 + number, name=f"Customer {number:02d}")
    page = open_page(browser)

    page = browser.open(page.link("Next"))
    assert len(page.rows("balances")) == 5
    page = browser.submit(page, q="nothing like it")
    assert page.rows("recent") == []
    assert len(page.rows("balances")) == 5
    page = browser.submit(page, b_q="customer 07")
    assert [row[0] for row in page.rows("balances")] == ["Customer 07 #8"]
    assert page.value("q") == "nothing like it"


def test_names_and_notes_cannot_become_markup(browser: Browser) -> None:
    nasty = "<script>alert(1)</script>\u202e"
    customer = make_customer(name=nasty, company=nasty, email='"><img src=x>@x.example')
    give(customer, 100, note=nasty, ticket_ref=nasty)

    page = open_page(browser)

    row = page.rows("recent")[0]
    assert row[CUSTOMER].startswith("<script>alert(1)</script>⟦U+202E⟧")
    assert "<script>alert(1)" not in page.html


# ---- customer balances


def test_who_holds_credit_is_listed_by_name(browser: Browser) -> None:
    make_customer(200, name="Zoë Duarte", company="Ristretto", email="zoe@x.example")
    make_customer(name="Nobody")
    make_customer(100, name="amara adeyemi", at=moment("2026-02-01 10:00"))

    page = open_page(browser)

    assert [row[0] for row in page.rows("balances")] == ["amara adeyemi #3", "Zoë Duarte Ristretto · #1"]
    assert page.rows("balances")[0][1:4] == ["brigid@customer.example", "1 Feb 2026", "$1.00"]
    assert len(browser.submit(page, b_show="all").rows("balances")) == 3


def test_balances_can_be_sorted(browser: Browser) -> None:
    for amount_minor in (300, 100, 200):
        make_customer(amount_minor)
    page = open_page(browser)

    page = browser.open(page.link("Balance"))

    assert [row[3] for row in page.rows("balances")] == ["$3.00", "$2.00", "$1.00"]


@pytest.mark.parametrize("typed", ["dua", "RISTRETTO", "zoe@", "#1", "1", "zo", "duarte zoe"])
def test_a_balance_is_found_by_whatever_is_known(browser: Browser, typed: str) -> None:
    make_customer(200, name="Zoë Duarte", company="Ristretto", email="zoe@x.example")
    make_customer(200, name="Amara Adeyemi")

    page = browser.submit(open_page(browser), b_q=typed)

    assert [row[0] for row in page.rows("balances")] == ["Zoë Duarte Ristretto · #1"]


def test_a_search_among_holders_offers_to_look_among_all(browser: Browser) -> None:
    make_customer(name="Zoë Duarte")
    make_customer(100, name="Amara Adeyemi")
    page = browser.submit(open_page(browser), b_q="duarte")

    assert page.rows("balances") == []
    page = browser.open(page.link("Search all users"))
    assert len(page.rows("balances")) == 1


# ---- who may what


@pytest.mark.parametrize(
    ("role", "exports", "adjusts"),
    [(Role.AGENT, False, True), (Role.MANAGER, True, True), (Role.ADMIN, True, True), (Role.AUDITOR, True, False)],
)
def test_buttons_are_those_of_the_role(browser: Browser, role: Role, exports: bool, adjusts: bool) -> None:
    make_customer(100)

    page = open_page(browser, role=role)

    assert ("Export CSV" in page.links) is exports
    assert ("Export these" in page.links) is exports
    assert any(link.startswith("Adjust") for link in page.links) is adjusts
    for name in ("adjustments", "balances"):
        assert browser.get(f"{CREDITS}/{name}.csv").status_code == (200 if exports else 403)


# ---- files


def test_the_file_of_adjustments_is_what_the_filters_show(browser: Browser) -> None:
    customer = make_customer(name="=cmd()", company="Plain")
    for number in range(25):
        give(customer, 100 + number, note="Outage")
    give(customer, -50, note="+1 call")
    page = browser.submit(open_page(browser), q="outage")

    rows = file_of(browser, page.link("Export CSV"))

    assert len(rows) == 25
    assert [row["Entry"] for row in rows][:20] == entries(page)
    assert rows[0]["Amount"] == "1.24"
    assert rows[0]["Name"] == "'=cmd()"


def test_amounts_in_a_file_stay_numbers(browser: Browser) -> None:
    customer = make_customer(1000)
    give(customer, -50, note="-1 day")

    rows = file_of(browser, open_page(browser).link("Export CSV"))

    assert (rows[0]["Amount"], rows[0]["Balance after"], rows[0]["Note"]) == ("-0.50", "9.50", "'-1 day")
    assert sum(round(float(row["Amount"]) * 100) for row in rows) == 950


def test_the_file_of_balances_is_what_the_list_shows(browser: Browser) -> None:
    for number in range(25):
        make_customer(100 + number, name=f"Customer {number:02d}")
    make_customer(name="Nobody")
    page = browser.open(open_page(browser).link("Balance"))

    rows = file_of(browser, page.link("Export these"))

    assert [row["Balance"] for row in rows] == [f"1.{number:02d}" for number in reversed(range(25))]
    assert [row["Name"] for row in rows][:20] == [row[0].rpartition(" #")[0] for row in page.rows("balances")]


def test_taking_a_file_away_is_in_the_audit_log_with_its_filters(browser: Browser) -> None:
    browser.sign_in(make_staff(Role.MANAGER))

    browser.get(f"{CREDITS}/adjustments.csv?q=outage&when=30&password=1")

    statement = select(AuditRow.action, AuditRow.object_kind, AuditDetails.details).join(
        AuditDetails, AuditDetails.seq == AuditRow.seq
    )
    row = db.session.execute(statement.order_by(AuditRow.seq.desc()).limit(1)).one()
    assert (row.action, row.object_kind) == ("exported", "adjustments")
    assert row.details["after"] == {"q": "outage", "when": "30"}
