from __future__ import annotations

import os
import time
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from creditapp.db import db
from creditapp.models import AuditRow, CreditEntry, Customer, Role
from creditapp.services.imports import PAGE_BYTES_MAX
from tests.browser import Browser, Page
from tests.factories import StaffMember, make_customer, make_staff

PAGE = "/admin/users/import"
HEAD = "external_id,name,company,email,opening_balance,joined_on\n"
TWO = HEAD + "P-1,Ana Ruiz,Kite,ana@kite.example,12.50,2024-05-31\nP-2,Bo Li,,bo@li.example,0,2023-01-02\n"


@pytest.fixture(autouse=True)
def admin(browser: Browser, tmp_path: Path, app: Flask) -> StaffMember:
    app.instance_path = str(tmp_path)
    person = make_staff(Role.ADMIN)
    browser.sign_in(person)
    return person


def kept_files(app: Flask) -> list[Path]:
    return sorted((Path(app.instance_path) / "imports").glob("*"))


def customers() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Customer)) or 0


def send(browser: Browser, content: bytes) -> Page:
    """Upload in one piece: the test client would leave a temporary file of its own behind."""
    token = dict(browser.open(PAGE).form(PAGE).values)["csrf_token"]
    head = '--x\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    body = head.format("csrf_token", "").encode() + token.encode() + b"\r\n"
    body += head.format("file", '; filename="x.csv"').encode() + content + b"\r\n--x--\r\n"
    response = browser.client.post(PAGE, data=body, content_type="multipart/form-data; boundary=x")
    return Page(response, PAGE)


def check(browser: Browser, text: str = TWO) -> Page:
    return browser.submit(PAGE, pasted=text)


def test_pasted_lines_are_checked_and_nothing_is_saved(browser: Browser) -> None:
    page = check(browser)

    assert page.heading == "Check the import"
    assert "New customers 2 of 2 lines Opening balances $12.50" in page.text
    assert [row[1:3] for row in page.rows("verdicts")] == [["P-1", "Ana Ruiz"], ["P-2", "Bo Li"]]
    assert customers() == 0


def test_what_was_checked_is_imported_with_opening_balances(browser: Browser) -> None:
    page = browser.submit(check(browser), form="Import 2 customers")

    assert page.heading == "Import done"
    assert "Customers added 2 of 2 lines" in page.text
    assert customers() == 2
    entry = db.session.scalars(select(CreditEntry)).one()
    assert (entry.description, entry.amount_minor) == ("Opening Balance", 1250)
    assert db.session.scalar(select(func.count()).where(AuditRow.action == "customers_imported")) == 1
    assert browser.open(page.link("Go to the users")).path == "/admin/users"


def test_an_uploaded_file_is_kept_for_its_owner_alone_until_it_is_imported(browser: Browser, app: Flask) -> None:
    page = browser.submit(PAGE, file=(BytesIO(TWO.encode()), "../../../etc/cron.d/evil;.csv"))

    [path] = kept_files(app)
    assert path.parent == Path(app.instance_path) / "imports"
    assert "evil" not in path.name
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert path.read_bytes() == TWO.encode()
    browser.submit(page, form="Import 2 customers")
    assert kept_files(app) == []


def test_confirming_twice_imports_once(browser: Browser) -> None:
    page = check(browser)
    browser.submit(page, form="Import 2 customers")

    page = browser.submit(page, form="Import 2 customers")

    assert page.heading == "Import done"
    assert "Customers added 2" in page.text
    assert customers() == 2


def test_the_same_file_again_has_nothing_to_import(browser: Browser) -> None:
    browser.submit(check(browser), form="Import 2 customers")

    page = check(browser)

    assert "there is nothing to import" in page.text
    assert not [button for button in page.buttons if button.startswith("Import")]
    assert [row[3] for row in page.rows("verdicts")] == ["already there", "already there"]


def test_problems_are_named_by_line_and_stop_the_whole_file(browser: Browser) -> None:
    page = check(browser, TWO + "P-1,Ana again,,a@b.example,1,2024-05-31\nP-3,,,nobody,1e5,31.5.2024\n")

    assert "Problems 2 each stops the whole file" in page.text
    assert page.rows("verdicts")[0] == ["4", "P-1", "Ana again", "external_id Line 2 has the same id.", "$1.00"]
    assert page.rows("verdicts")[1][0] == "5"
    for column in ("name", "email", "opening_balance", "joined_on"):
        assert column in page.rows("verdicts")[1][3]
    assert not [button for button in page.buttons if button.startswith("Import")]
    page = browser.open(page.link("New (2)"))
    assert len(page.rows("verdicts")) == 2


def test_a_file_with_problems_is_refused_even_when_the_button_is_forged(browser: Browser) -> None:
    page = check(browser, TWO + "P-3,,,nobody,1,2024-05-31\n")
    token = page.form(page.path).values[0][1]

    page = browser.post(page.path, {"csrf_token": token})

    assert page.status == 422
    assert page.summary == ["1 line is refused, so nothing was imported. Correct the file and import it again."]
    assert customers() == 0


def test_a_customer_who_appears_between_check_and_import_stops_it(browser: Browser) -> None:
    page = check(browser)
    make_customer(external_id="P-1", credit_minor=0)

    page = browser.submit(page, form="Import 2 customers")

    assert page.status == 422
    assert page.rows("verdicts")[0][1] == "P-1"
    assert customers() == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Choose a file, or paste its lines below."),
        ("  \n ", "Choose a file, or paste its lines below."),
    ],
)
def test_nothing_sent_is_said_beside_the_file(browser: Browser, text: str, sentence: str) -> None:
    page = check(browser, text)

    assert page.status == 422
    assert page.errors("file") == [sentence]


def test_both_at_once_are_refused_and_the_lines_are_kept(browser: Browser) -> None:
    page = browser.submit(PAGE, pasted=TWO, file=(BytesIO(b"x"), "x.csv"))

    assert page.errors("file") == ["Choose a file or paste lines, not both: only one of them can be imported."]
    assert (page.value("pasted") or "").split() == TWO.split()


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n",
        b"\xff\xfea\x00",
        b"PK\x03\x04zip",
        b'external_id,"open\n',
        b"\x00\x00\x00",
        b",,,\n",
        b";;",
        b'""',
        b",,\n,,\n\n",
        HEAD.encode() + b"\xff",
    ],
)
def test_a_file_that_cannot_be_read_says_why(browser: Browser, content: bytes, app: Flask) -> None:
    page = browser.submit(PAGE, file=(BytesIO(content), "x.csv"))

    assert page.status == 422
    assert len(page.errors("file")) == 1
    assert kept_files(app) == []


def test_a_file_above_the_limit_is_refused_with_the_form(browser: Browser, app: Flask) -> None:
    line = b"P-1,Ana,,a@b.example,1,2024-05-31," + b"x" * 900 + b"\n"
    slightly = (HEAD.strip() + ",more\n").encode() + line * (PAGE_BYTES_MAX // len(line) + 1)
    page = send(browser, slightly)
    assert (page.status, "larger than 4 MB" in page.errors("file")[0]) == (422, True)

    page = send(browser, b"x" * (PAGE_BYTES_MAX + 2_000_000))
    assert (page.status, "larger than 4 MB" in page.errors("file")[0]) == (413, True)
    assert kept_files(app) == []


def test_the_page_says_what_it_takes_and_where_more_goes(browser: Browser) -> None:
    assert PAGE_BYTES_MAX == 4_000_000
    assert "up to 4 MB. Import larger files on the command line." in browser.open(PAGE).text


def test_pages_beside_the_import_take_no_large_bodies(browser: Browser) -> None:
    assert browser.post("/admin/billing/settings", {"company_name": "x" * 1_100_000}).status == 413


def test_nobody_else_finds_an_upload(browser: Browser, app: Flask) -> None:
    page = check(browser)
    other = Browser(app)
    other.sign_in(make_staff(Role.ADMIN))

    seen = other.open(page.path)

    assert seen.path == PAGE
    assert seen.flashes == ["This upload is no longer here. Files are kept for an hour. Choose it again."]


@pytest.mark.parametrize(
    "token", ["x", "x" * 43, "..%2F..%2Fcreditapp", "%2e%2e%2f%2e%2e%2fsecret-key", "x" * 5000, "%00", "é" * 43]
)
def test_a_token_that_is_none_leads_back_to_the_first_step(browser: Browser, token: str) -> None:
    assert browser.open(f"{PAGE}/{token}").status in {200, 404}
    assert browser.open(f"{PAGE}/{token}/result").status == 404


def test_uploads_are_swept_away_after_an_hour(browser: Browser, app: Flask) -> None:
    page = check(browser)
    [path] = kept_files(app)
    os.utime(path, (time.time() - 3601,) * 2)

    assert browser.open(page.path).path == PAGE
    check(browser)

    assert path not in kept_files(app)


def test_an_expired_form_imports_nothing_and_can_be_sent_again(browser: Browser) -> None:
    page = browser.submit(check(browser), form="Import 2 customers", csrf_token="expired")

    assert page.status == 422
    assert customers() == 0
    browser.submit(page, form="Import 2 customers")
    assert customers() == 2


def test_names_that_would_deceive_are_shown_as_they_are(browser: Browser) -> None:
    page = check(browser, HEAD + '"P-1","<b>Ana</b>\u202egnp",,a@b.example,1,2024-05-31\n')

    assert page.rows("verdicts")[0][2] == "<b>Ana</b>⟦U+202E⟧gnp"


def test_too_many_uploads_have_to_wait(browser: Browser) -> None:
    page = browser.open(PAGE)
    statuses = [browser.submit(page, pasted="").status for _ in range(21)]

    assert statuses[:20] == [422] * 20
    assert statuses[20] == 429
