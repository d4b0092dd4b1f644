"""The credit history, one entry, and taking entries back."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from creditapp.db import transact, transact_at
from creditapp.models import Role
from creditapp.services import credits, sweeps
from tests.browser import Browser
from tests.factories import (
    actor,
    balance_of,
    change_settings,
    give,
    limit_role,
    make_customer,
    make_invoice,
    make_reason,
    make_staff,
    moment,
    new_key,
    reason_named,
)


def detail(customer: int) -> str:
    return f"/admin/users/{customer}"


def entry_page(customer: int, seq: int) -> str:
    return f"{detail(customer)}/credit/{seq}"


def test_the_history_is_newest_first_with_a_running_balance(browser: Browser) -> None:
    customer = make_customer()
    for number in range(1, 61):
        give(customer, number, note=f"Number {number}")
    browser.sign_in(make_staff(Role.AUDITOR))

    page = browser.open(detail(customer))
    older = browser.open(page.link("Next"))

    assert "1–50 of 60 entries" in page.text
    assert [row[6] for row in page.rows("history")] == [f"CR-{customer}-{seq}" for seq in range(60, 10, -1)]
    assert [row[6] for row in older.rows("history")] == [f"CR-{customer}-{seq}" for seq in range(10, 0, -1)]
    assert older.rows("history")[0][4:6] == ["+$0.10", "$0.55"]
    assert browser.open(older.link("Previous")).rows("history") == page.rows("history")


def test_what_was_reversed_is_linked_both_ways_and_folds(browser: Browser) -> None:
    customer = make_customer(5000)
    wrong, part = give(customer, 2900), give(customer, 1000)
    for seq, amount_minor in ((wrong.seq, None), (part.seq, 400)):
        transact(credits.reverse, customer, seq, amount_minor, by=actor(), key=new_key())
    browser.sign_in(make_staff())

    page = browser.open(detail(customer))
    rows = {row[6]: row for row in page.rows("history")}

    assert f"Reversed by CR-{customer}-4" in rows[f"CR-{customer}-2"][2]
    assert f"$4.00 reversed by CR-{customer}-5" in rows[f"CR-{customer}-3"][2]
    assert page.html.count('class="struck">Credit Added') == 1
    folded = browser.open(page.link("Fold away what was reversed"))
    assert [row[6].rpartition("-")[2] for row in folded.rows("history")] == ["5", "3", "1"]
    assert len(browser.open(folded.link("Show what was reversed, too")).rows("history")) == 5


def test_the_balance_of_any_past_day_is_one_question_away(browser: Browser) -> None:
    customer = make_customer(1000, at=moment("2026-04-30 23:59"))
    give(customer, 500, at=moment("2026-05-01 00:00"))
    give(customer, -300, at=moment("2026-05-01 23:59"))
    browser.sign_in(make_staff())

    def on(day: str) -> str:
        return browser.submit(detail(customer), on=day).text

    assert "At the end of 29 Apr 2026 the balance was $0.00." in on("2026-04-29")
    assert "At the end of 30 Apr 2026 the balance was $10.00." in on("2026-04-30")
    assert "At the end of 1 May 2026 the balance was $12.00." in on("2026-05-01")
    assert "At the end of 1 Jan 2030 the balance was $12.00." in on("2030-01-01")
    for nonsense in ("yesterday", "2026-13-01", "2026-5-1", "20260501", "x" * 500):
        assert "Enter a date like 2026-03-14." in on(nonsense)


def test_the_chart_has_the_true_steps(browser: Browser) -> None:
    today = datetime.now(UTC)
    customer = make_customer(5000, at=today - timedelta(days=200))
    give(customer, 2500, at=today - timedelta(days=50))
    give(customer, -1000, at=today - timedelta(days=10))
    browser.sign_in(make_staff())

    page = browser.open(detail(customer))

    numbers = [row for table in page.main.iter("table") for row in table.iter("tr") if table.get("id") is None]
    amounts = ["".join(row[1].itertext()) for row in numbers][1:]
    assert amounts == ["$65.00", "$75.00", "$50.00"]


def test_a_print_has_a_title_a_company_and_a_day(browser: Browser) -> None:
    customer = make_customer(5000)
    change_settings(company_name="Kite Hosting")
    browser.sign_in(make_staff())
    today = datetime.now(UTC)

    def paper(path: str) -> list[str]:
        head = next(one for one in browser.open(path).main.iter("p") if one.get("class") == "print-only")
        return ["".join(part.itertext()) for part in head]

    day = f"{today.day} {today:%b %Y}"
    assert paper(detail(customer)) == ["Credit statement", "Kite Hosting", day]
    assert paper(entry_page(customer, 1)) == ["Internal", "Kite Hosting", day]
    assert paper("/admin/billing/credits") == ["Internal", "Kite Hosting", day]


def test_one_history_as_a_file(browser: Browser) -> None:
    customer = make_customer(5000)
    give(customer, -1000, note="=cmd()", ticket_ref="-1+1")
    transact(credits.reverse, customer, 2, by=actor(), key=new_key())
    browser.sign_in(make_staff(Role.AGENT))

    response = browser.get(browser.open(detail(customer)).link("Export CSV"))

    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["Entry"] for row in rows] == [f"CR-{customer}-{seq}" for seq in (3, 2, 1)]
    assert [row["Amount"] for row in rows] == ["10.00", "-10.00", "50.00"]
    assert (rows[1]["Note"], rows[1]["Ticket"]) == ("'=cmd()", "'-1+1")
    assert (rows[0]["Reverses"], rows[1]["Reversed by"]) == (f"CR-{customer}-2", f"CR-{customer}-3")
    assert rows[0]["Description"] == f"Reversal of CR-{customer}-2"


def test_an_entry_says_where_its_money_came_from_and_went(browser: Browser) -> None:
    customer = make_customer(1000)
    give(customer, 500, note="Two lines\nof note", ticket_ref="T-1", reason_id=reason_named("Refund as credit"))
    give(customer, -1200)
    transact(credits.reverse, customer, 3, 300, by=actor(), key=new_key())
    browser.sign_in(make_staff())

    given = browser.open(entry_page(customer, 2))
    taken = browser.open(entry_page(customer, 3))
    back = browser.open(entry_page(customer, 4))

    assert "This entry made $5.00 of paid credit." in given.text
    assert "$5.00 of $5.00 unspent" in given.text
    assert "Two lines of note" in given.text
    assert [row[1:] for row in taken.rows("draws")] == [
        ["Taken from: Credit Added", "Goodwill", "$10.00", f"CR-{customer}-1"],
        ["Taken from: Credit Added", "Paid", "$2.00", f"CR-{customer}-2"],
    ]
    assert [row[1:] for row in given.rows("draws")] == [
        ["Went to: Credit Removed", "Paid", "$2.00", f"CR-{customer}-3"],
        [f"Came back by: Reversal of CR-{customer}-3", "Paid", "$2.00", f"CR-{customer}-4"],
    ]
    assert taken.rows("undoings")[0][1:] == [f"Reversal of CR-{customer}-3", "+$3.00", f"CR-{customer}-4"]
    assert back.link(f"CR-{customer}-3") == entry_page(customer, 3)
    assert "This entry is a reversal itself." in back.text
    assert "Reverses CR-" in back.text


def test_an_entry_tells_what_was_used_reversed_voided_and_left(browser: Browser) -> None:
    customer = make_customer(1000)
    browser.sign_in(make_staff())

    def said() -> str:
        return browser.open(entry_page(customer, 1)).words("entry")

    assert "Used $0.00 Left $10.00 By" in said()
    give(customer, -300)
    transact(credits.reverse, customer, 1, 200, by=actor(), key=new_key())
    assert "Used $3.00 Reversed $2.00 Left $5.00 By" in said()
    transact(credits.void, customer, 1, by=actor(), key=new_key())
    assert "Used $3.00 Reversed $2.00 Voided $5.00 Left $0.00 By" in said()
    assert "What was not used has been reversed and voided: there is nothing left to take back." in said()
    assert "All of this credit has been used" not in said()
    void = browser.open(entry_page(customer, 4)).words("entry")
    assert f"Voids CR-{customer}-1" in void
    assert "This entry is a void itself." in void


def test_the_history_tells_a_void_from_a_reversal(browser: Browser) -> None:
    customer = make_customer(1000)
    give(customer, -300)
    transact(credits.void, customer, 1, by=actor(), key=new_key())
    whole = give(customer, 500)
    transact(credits.reverse, customer, whole.seq, 200, by=actor(), key=new_key())
    transact(credits.void, customer, whole.seq, by=actor(), key=new_key())
    browser.sign_in(make_staff())

    rows = {row[-1]: row[2] for row in browser.open(f"/admin/users/{customer}").rows("history")}

    assert f"$7.00 voided by CR-{customer}-3" in rows[f"CR-{customer}-1"]
    assert f"Reversed and voided by CR-{customer}-6" in rows[whole.reference]


def test_what_expired_was_not_used(browser: Browser) -> None:
    customer = make_customer()
    given_at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    give(customer, 1000, reason_id=make_reason(expires_after_days=5), at=given_at)
    give(customer, -300, at=given_at)
    transact_at(given_at + timedelta(days=30), sweeps.expire)
    browser.sign_in(make_staff())

    said = browser.open(entry_page(customer, 1)).words("entry")

    assert "Used $3.00 Expired $7.00 Left $0.00 By" in said
    assert "What was not used has expired: there is nothing left to take back." in said


def test_credit_used_on_an_invoice_is_one_click_from_it_both_ways(browser: Browser) -> None:
    customer_id = make_customer()
    give(customer_id, 5000)
    invoice_id = make_invoice(customer_id, 2000)
    transact(credits.apply, customer_id, invoice_id, by=actor(), key=new_key())
    browser.sign_in(make_staff())

    used = browser.open(f"/admin/users/{customer_id}/credit/2")
    given = browser.open(f"/admin/users/{customer_id}/credit/1")

    assert used.link(f"#{invoice_id}") == f"/admin/billing/invoices/{invoice_id}"
    assert f"Went to: Credit Applied to Invoice #{invoice_id}" in given.text
    assert browser.open(used.link(f"#{invoice_id}")).status == 200


def test_an_entry_that_was_spent_to_the_last_cent_says_so(browser: Browser) -> None:
    customer = make_customer(1000)
    give(customer, -1000)
    browser.sign_in(make_staff())

    spent = browser.open(entry_page(customer, 1)).words("entry")

    assert "Used $10.00 Left $0.00" in spent
    assert "All of this credit has been used: there is nothing left to take back." in spent


def test_credit_that_came_back_after_a_void_is_voided_in_full(browser: Browser) -> None:
    customer = make_customer(1000)
    give(customer, -300)
    transact(credits.void, customer, 1, by=actor(), key=new_key())
    transact(credits.reverse, customer, 2, by=actor(), key=new_key())
    transact(credits.void, customer, 1, by=actor(), key=new_key())
    browser.sign_in(make_staff())

    page = browser.open(entry_page(customer, 1))

    assert "Voided in full. Used $0.00 Voided $10.00 Left $0.00" in page.words("entry")
    assert [row[1] for row in page.rows("draws")] == [
        "Went to: Credit Removed",
        f"Taken back by: Void of CR-{customer}-1",
        f"Came back by: Reversal of CR-{customer}-2",
        f"Taken back by: Void of CR-{customer}-1",
    ]
    assert "This entry has been voided in full." in browser.open(f"{entry_page(customer, 1)}/void").text


@pytest.mark.money
def test_an_entry_is_reversed_in_part_and_then_the_rest(browser: Browser) -> None:
    customer = make_customer(1000)
    browser.sign_in(make_staff())
    page = browser.open(browser.open(entry_page(customer, 1)).link("Reverse"))
    assert "Remove $10.00 from Brigid Nolan? Balance becomes $0.00." in page.text
    assert page.value("amount") == "10.00"

    page = browser.submit(page, amount="4", note="Half of it")
    assert page.flashes == [f"CR-{customer}-1 reversed: −$4.00 removed. Brigid Nolan now has $6.00. CR-{customer}-2"]
    assert page.form("/sign-out")
    page = browser.submit(f"{entry_page(customer, 1)}/reversal", amount="7")
    assert page.status == 422
    assert page.errors("amount") == [f"At most $6.00 of CR-{customer}-1 can still be reversed."]
    page = browser.submit(page, amount="")
    assert balance_of(customer) == 0

    page = browser.open(f"{entry_page(customer, 1)}/reversal")
    assert "This entry has been reversed in full." in page.text


def test_removed_credit_is_given_back(browser: Browser) -> None:
    customer = make_customer(1000)
    give(customer, -400)
    browser.sign_in(make_staff())

    page = browser.open(f"{entry_page(customer, 2)}/reversal")

    assert "Give $4.00 back to Brigid Nolan? Balance becomes $10.00." in page.text
    browser.submit(page)
    assert balance_of(customer) == 1000


def test_only_an_unused_entry_is_deleted_and_the_rest_of_another_voided(browser: Browser) -> None:
    customer = make_customer(1000)
    browser.sign_in(make_staff())
    untouched = browser.open(entry_page(customer, 1))
    assert {"Reverse", "Delete"} <= set(untouched.links)
    assert "Void the rest" not in untouched.links
    deletion = browser.open(untouched.link("Delete"))

    give(customer, -300)
    refused = browser.submit(deletion)
    assert refused.status == 422
    assert refused.summary == [
        f"CR-{customer}-1 has been used in part and cannot be deleted. Void the unused $7.00 instead."
    ]
    used = browser.open(entry_page(customer, 1))
    assert "Delete" not in used.links

    page = browser.submit(used.link("Void the rest"), note="Not ours")
    assert page.rows("history")[0][2].startswith(f"Void of CR-{customer}-1 Not ours")
    assert balance_of(customer) == 0


def test_deleting_strikes_the_entry_through(browser: Browser) -> None:
    customer = make_customer(1000)
    browser.sign_in(make_staff())

    page = browser.submit(f"{entry_page(customer, 1)}/deletion")

    assert page.status == 200
    assert [row[4:6] for row in page.rows("history")] == [["−$10.00", "$0.00"], ["+$10.00", "$10.00"]]
    assert 'class="struck">Credit Added' in page.html


def test_pressing_reverse_twice_reverses_once(browser: Browser) -> None:
    customer = make_customer(1000)
    browser.sign_in(make_staff())
    form = browser.open(f"{entry_page(customer, 1)}/reversal")

    browser.submit(form, amount="4")
    page = browser.submit(form, amount="4")

    assert page.flashes[0].startswith("−$4.00 had been saved already; nothing was posted twice.")
    assert "now has" not in page.flashes[0]
    assert balance_of(customer) == 600


def test_an_agent_reverses_only_the_own_entries_of_today(browser: Browser) -> None:
    customer = make_customer(1000)
    agent = make_staff(Role.AGENT)
    own = give(customer, 200, by=agent.actor)
    old = transact_at(
        datetime.now(UTC) - timedelta(days=2), credits.adjust, make_customer(), 300,
        reason_id=reason_named("Courtesy"), by=agent.actor, key=new_key(),
    )  # fmt: skip
    browser.sign_in(agent)

    assert "Reverse" in browser.open(entry_page(customer, own.seq)).links
    for other, seq in ((customer, 1), (old.customer_id, old.seq)):
        page = browser.open(entry_page(other, seq))
        assert "Reverse" not in page.links
        assert "You may reverse only what you posted yourself today. Ask a manager." in page.text
        refused = browser.post(f"{entry_page(other, seq)}/reversal", _hidden(browser, customer, own.seq))
        assert refused.status == 422
        assert refused.summary == [
            f"You may reverse only what you posted yourself today; CR-{other}-{seq} is not. Ask a manager."
        ]


def test_the_limit_of_a_role_holds_for_reversals(browser: Browser) -> None:
    customer = make_customer(1000)
    limit_role(Role.MANAGER, remove_max_minor=300)
    browser.sign_in(make_staff(Role.MANAGER))

    page = browser.submit(f"{entry_page(customer, 1)}/reversal")

    assert page.errors("amount") == ["Your limit is $3.00 per entry: managers may not remove more than that at once."]


def test_an_auditor_reads_an_entry_and_presses_nothing(browser: Browser) -> None:
    customer = make_customer(1000)
    browser.sign_in(make_staff(Role.AUDITOR))

    page = browser.open(entry_page(customer, 1))

    assert not {"Reverse", "Delete", "Void the rest"} & set(page.links)
    for act in ("reversal", "void", "deletion"):
        assert browser.open(f"{entry_page(customer, 1)}/{act}").status == 403
        assert browser.post(f"{entry_page(customer, 1)}/{act}").status == 403


def test_an_amount_that_makes_no_sense_reverses_nothing(browser: Browser) -> None:
    customer = make_customer(1000)
    browser.sign_in(make_staff())
    page = browser.open(f"{entry_page(customer, 1)}/reversal")

    for amount in ("0", "-4", "NaN", "1e5", "1.999", "1,5", "99999999999", "١٢"):
        page = browser.submit(page, amount=amount, note="Why")
        assert page.status == 422
        assert page.errors("amount")
        assert (page.value("amount"), page.value("note")) == (amount, "Why")
    assert balance_of(customer) == 1000


def _hidden(browser: Browser, customer: int, seq: int) -> dict[str, list[str]]:
    return browser.open(f"{entry_page(customer, seq)}/reversal").form("Reverse").filled({})
