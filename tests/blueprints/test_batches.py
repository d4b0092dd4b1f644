"""The pages of batches once they are issued: progress, report, stopping, and taking back."""

from __future__ import annotations

import csv
import io

import pytest

from creditapp.db import transact
from creditapp.jobs import batches as job
from creditapp.models import Role
from creditapp.services import batches
from creditapp.web.lists import encode_cursor
from tests.browser import Browser
from tests.factories import balance_of, close_customer, limit_role, make_customer, make_invoice, make_staff
from tests.services.batches.desk import issue, lines_of, look, make_batch, take_back

LIST = "/admin/billing/batches"


def page_of(batch_id: int) -> str:
    return f"{LIST}/{batch_id}"


def test_typing_the_count_issues_the_batch_and_shows_how_far_it_is(browser: Browser) -> None:
    a, b = make_customer(), make_customer()
    batch_id = make_batch([(a, 111), (b, 222)])
    browser.sign_in(make_staff(Role.AGENT))

    page = browser.submit(page_of(batch_id), form="Issue", count="2")
    assert "0 of 2 lines" in page.text
    job.run_one(batch_id)

    report = browser.open(page_of(batch_id))
    assert "$3.33" in report.text
    assert "CR-" in report.text
    assert (balance_of(a), balance_of(b)) == (111, 222)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("3", "To confirm, type how many lines are issued: 2, not 3."),
        ("", "Enter a whole number from 0 to 10,000,000."),
        ("two", "Enter a whole number from 0 to 10,000,000."),
    ],
)
def test_another_count_is_refused_beside_the_box_and_issues_nothing(
    browser: Browser, typed: str, sentence: str
) -> None:
    batch_id = make_batch([(make_customer(), 111), (make_customer(), 222)])
    browser.sign_in(make_staff(Role.AGENT))

    page = browser.submit(page_of(batch_id), form="Issue", count=typed)

    assert page.status == 422
    assert page.errors("count") == [sentence]
    assert look(batch_id).status == "ready"


def test_lines_above_the_limit_of_an_agent_are_named_together(browser: Browser) -> None:
    limit_role(Role.AGENT, add_max_minor=200)
    batch_id = make_batch([(make_customer(), 111), (make_customer(), 222)])
    browser.sign_in(make_staff(Role.AGENT))

    page = browser.submit(page_of(batch_id), form="Issue", count="2")

    assert page.status == 422
    assert "You may add at most $2.00 with one entry, and 1 line is above that; the largest is $2.22." in page.text


def test_a_batch_can_be_stopped_and_let_go_on(browser: Browser) -> None:
    people = [make_customer() for _ in range(3)]
    batch_id = make_batch([(each, 100) for each in people])
    issue(batch_id, 3, run=False)
    transact(batches.go_on, batch_id, chunk=1)
    browser.sign_in(make_staff(Role.AGENT))

    stopped = browser.submit(page_of(batch_id), form="Stop")
    assert "Stopped after 1 of 3 lines." in stopped.text
    browser.submit(page_of(batch_id), form="Go on")
    job.run_one(batch_id)

    assert [balance_of(each) for each in people] == [100] * 3


def test_a_preview_can_be_dropped(browser: Browser) -> None:
    batch_id = make_batch([(make_customer(), 111)])
    browser.sign_in(make_staff(Role.AGENT))

    page = browser.submit(page_of(batch_id), form="Drop this batch")

    assert "Dropped. Nothing was posted." in page.text
    assert look(batch_id).status == "dropped"


def test_the_report_says_who_was_skipped_and_why_on_the_page_and_in_the_file(browser: Browser) -> None:
    a, b = make_customer(name="=Ada"), make_customer()
    batch_id = make_batch([(a, 111), (b, 222)])
    issue(batch_id, 2, run=False)
    close_customer(a)
    job.run_one(batch_id)
    browser.sign_in(make_staff(Role.MANAGER))

    skipped = browser.open(f"{page_of(batch_id)}?show=skipped")
    file = browser.client.get(f"{page_of(batch_id)}/report.csv").text

    assert f"User #{a} is closed" in skipped.text
    rows = list(csv.DictReader(io.StringIO(file)))
    assert [(row["Name"], row["Amount"], row["Entry"]) for row in rows] == [
        ("'=Ada", "1.11", ""),
        ("Brigid Nolan", "2.22", f"CR-{b}-1"),
    ]
    assert rows[0]["Skipped because"].startswith(f"User #{a} is closed")


def test_a_manager_takes_a_batch_back_and_asks_for_what_was_spent(browser: Browser) -> None:
    a, b = make_customer(), make_customer()
    batch_id = make_batch([(a, 111), (b, 222)])
    issue(batch_id, 2)
    browser.sign_in(make_staff(Role.MANAGER))
    invoice_id = make_invoice(a, 80)
    browser.submit(f"/admin/billing/invoices/{invoice_id}/credit", form="Apply", amount="0.80")

    page = browser.submit(f"{page_of(batch_id)}/reversal/new", form="Take back", count="2", note="The wrong server")
    reversal_id = batch_id + 1
    job.run_one(reversal_id)
    page = browser.open(page_of(reversal_id))
    assert "$0.80 had been spent" in page.text
    browser.submit(page_of(reversal_id), form="Raise 1 invoice")
    job.run_one(reversal_id)

    assert (balance_of(a), balance_of(b)) == (0, 0)
    billed = lines_of(reversal_id)[0].invoice_id
    assert f"invoice #{billed}" in browser.open(page_of(reversal_id)).text
    assert browser.open(page_of(batch_id)).link(f"batch #{reversal_id}") == page_of(reversal_id)


def test_one_line_alone_can_be_asked_for(browser: Browser) -> None:
    people = [make_customer(), make_customer()]
    batch_id = make_batch([(each, 111) for each in people])
    issue(batch_id, 2)
    browser.sign_in(make_staff(Role.MANAGER))
    for each in people:
        browser.submit(f"/admin/billing/invoices/{make_invoice(each, 111)}/credit", form="Apply", amount="1.11")
    reversal_id = take_back(batch_id, 2)

    page = browser.submit(page_of(reversal_id), form="Raise an invoice for line 2")
    again = browser.post(f"{page_of(reversal_id)}/bills", {"line": "2"})

    billed = [line.invoice_id for line in lines_of(reversal_id)]
    assert billed[0] is None
    assert f"invoice #{billed[1]}" in page.text
    assert again.status == 422


def test_an_agent_is_offered_no_taking_back(browser: Browser) -> None:
    batch_id = make_batch([(make_customer(), 111)])
    issue(batch_id, 1)
    browser.sign_in(make_staff(Role.AGENT))

    page = browser.open(page_of(batch_id))

    assert "Take back" not in page.text
    assert browser.client.get(f"{page_of(batch_id)}/reversal/new").status_code == 403


def test_an_agent_may_not_issue_adjustments_from_a_file(browser: Browser) -> None:
    batch_id = make_batch([(make_customer(), 111)], kind="import", status="stopped")
    browser.sign_in(make_staff(Role.AGENT))

    page = browser.open(page_of(batch_id))
    refused = browser.post(f"{page_of(batch_id)}/resume")

    assert "Go on" not in page.buttons
    assert refused.status == 403
    assert look(batch_id).status == "stopped"


def test_the_list_shows_the_newest_first_and_hides_what_was_dropped(browser: Browser) -> None:
    first = make_batch([(make_customer(), 111)])
    issue(first, 1)
    reversal_id = take_back(first, 1)
    dropped = make_batch([(make_customer(), 111)], status="dropped", title="Gone")
    browser.sign_in(make_staff(Role.AUDITOR))

    page = browser.open(LIST)

    assert page.text.index(f"#{reversal_id} web07") < page.text.index(f"#{first} web07")
    assert "Gone" not in page.text
    assert dropped > reversal_id


def test_a_batch_that_is_not_there_is_not_found(browser: Browser) -> None:
    browser.sign_in(make_staff(Role.AGENT))

    assert browser.client.get(page_of(99)).status_code == 404


@pytest.mark.money
@pytest.mark.parametrize("place", [["abc"], [None], [10**30], [[1]], ["é"]])
def test_a_place_in_a_list_that_makes_no_sense_is_its_beginning(browser: Browser, place: list[object]) -> None:
    batch_id = make_batch([(make_customer(), 111)])
    issue(batch_id, 1)
    browser.sign_in(make_staff(Role.AUDITOR))

    for path, table in ((page_of(batch_id), "lines"), (LIST, "batches")):
        assert browser.open(f"{path}?after={encode_cursor(place)}").rows(table)
