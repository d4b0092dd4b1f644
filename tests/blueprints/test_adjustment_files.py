"""Importing adjustments in a browser: upload or paste, read the verdicts, post the batch, correct what was refused."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from creditapp.blueprints.credits import importing
from creditapp.db import db
from creditapp.jobs import batches as jobs
from creditapp.models import AuditRow, Batch, CreditEntry, Role
from creditapp.services import adjustment_files
from tests.browser import Browser, Page
from tests.factories import StaffMember, balance_of, make_customer, make_staff

PAGE = "/admin/billing/credits/import"
HEAD = "customer,amount,reason,note,customer_note,ticket,reference\n"


@pytest.fixture(autouse=True)
def manager(browser: Browser, tmp_path: Path, app: Flask) -> StaffMember:
    app.instance_path = str(tmp_path)
    person = make_staff(Role.MANAGER)
    browser.sign_in(person)
    return person


def count(model: type[Batch | CreditEntry | AuditRow]) -> int:
    db.session.rollback()
    return db.session.execute(select(func.count()).select_from(model)).scalar_one()


def check(browser: Browser, *lines: str, head: str = HEAD) -> Page:
    return browser.submit(PAGE, pasted=head + "\n".join(lines))


def post(browser: Browser, page: Page, lines: int) -> Page:
    page = browser.submit(page, form="Issue", count=lines)
    jobs.run_one(int(page.path.rpartition("/")[2]))
    return browser.open(page.path)


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def send(browser: Browser, content: bytes) -> Page:
    """Upload in one piece: the test client would leave a temporary file of its own behind."""
    fields = dict(browser.open(PAGE).form(PAGE).values)
    head = '--x\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    body = b"".join(
        head.format(name, "").encode() + fields[name].encode() + b"\r\n" for name in ("csrf_token", "submission")
    )
    body += head.format("file", '; filename="june.csv"').encode() + content + b"\r\n--x--\r\n"
    return Page(browser.client.post(PAGE, data=body, content_type="multipart/form-data; boundary=x"), PAGE)


def test_pasted_lines_get_a_verdict_each_at_once_and_nothing_is_posted(browser: Browser) -> None:
    one = make_customer(name="Ana Ruiz")

    page = check(
        browser, f"#{one},12.50,Courtesy,On hold,Sorry,T-1,", f"#{one},lots,Courtesy,,,,", "nobody,1,Courtesy,,,,"
    )

    assert page.heading == "Pasted adjustments"
    assert "To post 1 of 3 lines" in page.text
    assert "Added $12.50 and $0.00 removed" in page.text
    verdicts = page.rows("verdicts")
    assert verdicts[0][:4] == ["2", "Ana Ruiz", "To post", "Courtesy"]
    assert "On hold" in verdicts[0][4]
    assert verdicts[0][5] == "+$12.50"
    assert verdicts[1][2] == "Refused"
    assert "Enter the amount in digits, like 12.50." in verdicts[1][4]
    assert verdicts[2][1] == "nobody"
    assert page.rows("by-reason") == [["Courtesy", "1", "$12.50", "$0.00"]]
    assert page.rows("by-cause") == [["Amount", "1"], ["User", "1"]]
    assert count(CreditEntry) == 0


def test_an_uploaded_file_is_posted_by_typing_the_count(browser: Browser) -> None:
    one, two = make_customer(), make_customer(500)
    content = f"{HEAD}#{one},5,Courtesy,,,,\n#{two},-2,Entered by mistake,,,,\n".encode()

    page = browser.submit(PAGE, file=(io.BytesIO(content), "../desk/june.csv"))

    assert page.heading == "Adjustments from june.csv"
    wrong = browser.submit(page, form="Issue", count=1)
    assert (wrong.status, wrong.errors("count")) == (422, ["To confirm, type how many lines are issued: 2, not 1."])
    done = post(browser, page, 2)
    assert (balance_of(one), balance_of(two)) == (500, 300)
    assert "Posted $3.00 2 of 2 lines" in done.text


def test_the_same_file_again_has_nothing_to_post_and_says_where_it_was_posted(browser: Browser) -> None:
    line = f"#{make_customer()},5,Courtesy,,,,"
    post(browser, check(browser, line), 1)

    page = check(browser, line)

    assert "Posted before 1" in page.text
    assert "Batch #1 is the same file, posted on" in page.text
    assert page.rows("verdicts")[0][2] == "Posted before"
    assert "Issue" not in page.buttons
    page = browser.submit(PAGE, pasted=HEAD + line, again=True)
    assert "To post 1 of 1 lines" in page.text


def test_verdicts_are_filtered_in_the_url_and_paged_by_line(browser: Browser) -> None:
    one = make_customer()
    page = check(browser, *[f"#{one},{n},Courtesy,,,," for n in range(1, 120)], f"#{one},x,Courtesy,,,,")

    refused = browser.open(page.link("Refused (1)"))
    assert [row[0] for row in refused.rows("verdicts")] == ["121"]
    good = browser.open(page.link("To post (119)"))
    assert [row[0] for row in good.rows("verdicts")][::49] == ["2", "51"]
    after = browser.open(browser.open(good.link("Next")).link("Next"))
    assert [row[0] for row in after.rows("verdicts")] == [str(line) for line in range(102, 121)]
    assert [row[0] for row in browser.open(after.link("Previous")).rows("verdicts")][::49] == ["52", "101"]
    for nonsense in ("?show=odd", "?after=%00", "?after=bm8&show=refused"):
        assert browser.open(page.path + nonsense).status == 200


def test_refused_lines_come_back_as_a_file_that_can_be_corrected(browser: Browser) -> None:
    one = make_customer(900)
    page = check(
        browser, f'#{one},-5,Kindness,=1+1,"two, cells",T,R-1', f"#{one},1e5,Courtesy", f"#{one},7,Courtesy,,,,"
    )

    response = browser.get(page.link("Refused lines as CSV"))

    head, first, second = rows_of(response.get_data(as_text=True))
    assert head == [*HEAD.strip().split(","), "line", "problem"]
    assert first == [
        f"#{one}",
        "-5.00",
        "Kindness",
        "'=1+1",
        "two, cells",
        "T",
        "R-1",
        "2",
        "There is no reason “Kindness”.",
    ]
    assert second[:3] == [f"#{one}", "1e5", "Courtesy"]
    assert response.headers["Content-Disposition"] == 'attachment; filename="refused-lines-of-batch-1.csv"'
    first[2] = "Entered by mistake"
    page = browser.submit(
        PAGE,
        file=(io.BytesIO("\n".join(",".join(f'"{cell}"' for cell in row) for row in (head, first)).encode()), "x.csv"),
    )
    assert "To post 1 of 1 lines" in page.text
    assert "These columns are not used: line, problem." in page.text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        (HEAD.encode("utf-16"), "This file is in UTF-16"),
        (b"PK\x03\x04rest", "This file is a spreadsheet"),
        (b"amount,reason\n1,Courtesy\n", "The first line names no column for the user."),
        (HEAD.encode() + b"1,5,Courtesy,\xff,,,\n", "Line 2 is not UTF-8"),
        (HEAD.encode() + b"1,5,Courtesy," + b"x" * 200_000 + b",,,\n", "Line 2 cannot be read"),
    ],
)
def test_what_is_no_file_of_adjustments_is_explained_beside_it(browser: Browser, content: bytes, words: str) -> None:
    page = browser.submit(PAGE, file=(io.BytesIO(content), "june.csv"))

    assert page.status == 422
    [error] = page.errors("file")
    assert error.startswith(words)
    assert count(Batch) == 0


def test_neither_file_nor_lines_is_explained_and_what_was_pasted_is_kept(browser: Browser) -> None:
    assert browser.submit(PAGE).errors("file") == ["Choose a file, or paste its lines below."]

    page = browser.submit(PAGE, pasted="who,amount\n1,2\n")

    assert page.status == 422
    assert page.errors("pasted")[0].startswith("The first line does not name “reason”")
    assert dict(page.form(PAGE).values)["pasted"].splitlines() == ["who,amount", "1,2"]


def test_a_file_that_is_too_large_is_a_sentence(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "FILE_BYTES_MAX", 2_000_000)
    monkeypatch.setattr(importing, "BODY_BYTES_MAX", 3_000_000)
    line = b"1,5,Courtesy,,,,\n"

    larger = send(browser, HEAD.encode() + line * 130_000)
    much_larger = send(browser, HEAD.encode() + line * 200_000)

    assert larger.errors("file") == ["The file is larger than 2 MB; split it, or import it on the command line."]
    assert much_larger.status == 413
    assert much_larger.errors("file")[0].startswith("The file is larger than 2 MB")
    assert count(Batch) == 0


def test_a_long_file_is_judged_by_the_worker(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "LINES_AT_ONCE", 2)
    one = make_customer()

    page = check(browser, *[f"#{one},{n},Courtesy,,,," for n in range(1, 4)])

    assert "Being worked out" in page.text
    jobs.run_one(1)
    assert "To post 3 of 3 lines" in browser.open(page.path).text


def test_sending_the_same_form_twice_keeps_one_batch(browser: Browser) -> None:
    form = browser.open(PAGE)
    lines = f"{HEAD}#{make_customer()},5,Courtesy,,,,"
    first = browser.submit(form, pasted=lines)

    second = browser.submit(form, pasted=lines)

    assert (second.path, count(Batch)) == (first.path, 1)
    other = browser.submit(form, pasted=lines.replace(",5,", ",6,"))
    assert (other.status, count(Batch)) == (422, 1)


def test_the_file_to_begin_with_can_be_read(browser: Browser) -> None:
    response = browser.get(browser.open(PAGE).link("File to begin with"))

    head, *lines = rows_of(response.get_data(as_text=True))
    assert tuple(head) == adjustment_files.HEADINGS
    assert [line[1] for line in lines] == ["12.50", "-12.50"]
    assert adjustment_files.check(io.BytesIO(response.get_data())).lines == 2


def test_an_auditor_reads_the_verdicts_and_an_agent_exports_none(browser: Browser) -> None:
    page = check(browser, f"#{make_customer()},5,Kindness,,,,", f"#{make_customer()},5,Courtesy,,,,")
    browser.sign_out()

    browser.sign_in(make_staff(Role.AUDITOR))
    assert "Your role may look at this" in browser.open(page.path).text
    assert browser.get(f"{page.path}/refused.csv").status_code == 200
    browser.sign_out()
    browser.sign_in(make_staff(Role.AGENT))
    assert browser.get(f"{page.path}/refused.csv").status_code == 403
    assert "Refused lines as CSV" not in browser.open(page.path).text
