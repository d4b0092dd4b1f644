"""Faults and refusals: a page with a way on, one line in the log, and nothing that is nobody's business."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any, NoReturn

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError, OperationalError

from creditapp.db import db, transact
from creditapp.errors import BusyError, CommitUnknownError
from creditapp.models import Role
from creditapp.services import staff_access
from tests.browser import Browser
from tests.factories import make_staff

SECRET = "canary-in-a-local-variable"
PAGE = "/admin/billing/settings"
Break = Callable[[str, Exception], None]


@pytest.fixture
def breaks(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Break:
    """Let a view raise instead of answering."""

    def make(endpoint: str, error: Exception) -> None:
        def view(**_kw: Any) -> NoReturn:  # noqa: ANN401  (whatever is in the URL)
            password = SECRET
            raise error from ValueError(len(password))

        view.__permission__ = getattr(app.view_functions[endpoint], "__permission__", None)  # type: ignore[attr-defined]
        monkeypatch.setitem(app.view_functions, endpoint, view)

    return make


@pytest.fixture
def admin(browser: Browser) -> Browser:
    browser.sign_in(make_staff(Role.ADMIN))
    return browser


def no_database(app: Flask) -> None:
    """Let every statement fail as if the server had gone."""

    @event.listens_for(db.engine, "before_cursor_execute")
    def _gone(*_: object) -> NoReturn:
        raise OperationalError("SELECT", {}, sqlite3.OperationalError("unable to open database file"))


@pytest.mark.parametrize(
    "url", ["/admin/users", PAGE, "/admin/billing/credits", "/admin/search", f"{PAGE}/reasons/new"]
)
def test_a_fault_shows_a_reference_and_nothing_else(
    admin: Browser, breaks: Break, url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with admin.client.application.test_request_context(url) as context:
        endpoint = context.request.endpoint or ""
    breaks(endpoint, RuntimeError(f"SELECT {SECRET} FROM /etc/passwd"))

    page = admin.open(url)

    assert (page.status, page.heading) == (500, "Something went wrong")
    for leak in (SECRET, "Traceback", "SELECT", "/etc/passwd", "RuntimeError", ".py"):
        assert leak not in page.html
    [line] = [one for one in capfd.readouterr().err.splitlines() if '"fault"' in one]
    logged = json.loads(line)
    assert logged["reference"] in page.text
    assert (logged["path"], logged["level"]) == (url, "error")
    assert "password = SECRET" not in line.replace("password = SECRET\\n", "")  # source lines only, no values
    assert '"password"' not in line


def test_a_log_line_stays_one_line(admin: Browser, breaks: Break, capfd: pytest.CaptureFixture[str]) -> None:
    breaks("users.index", RuntimeError('two\nlines \x1b[31m and {"json": true}'))

    admin.open("/admin/users?q=%0a%7b%22forged%22%3a1%7d")

    lines = [line for line in capfd.readouterr().err.splitlines() if line.strip()]
    assert all(isinstance(json.loads(line), dict) for line in lines)
    assert not any("\x1b" in line for line in lines)


def test_no_value_of_a_statement_comes_into_the_log(
    admin: Browser, breaks: Break, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        from sqlalchemy import text  # noqa: PLC0415  (only here)

        db.session.execute(text("INSERT INTO settings (id, company_name) VALUES (1, :name)"), {"name": SECRET})

    with pytest.raises(IntegrityError) as caught:
        broken()
    db.session.rollback()
    breaks("users.index", caught.value)

    admin.open("/admin/users")

    assert SECRET not in capfd.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        BusyError(),
        OperationalError("SELECT", {}, sqlite3.OperationalError("database is locked")),
        OperationalError("SELECT", {}, sqlite3.OperationalError("disk I/O error")),
    ],
    ids=["busy", "locked", "disk"],
)
def test_a_busy_database_asks_to_try_again(admin: Browser, breaks: Break, error: Exception) -> None:
    breaks("users.index", error)

    page = admin.open("/admin/users")

    assert (page.status, page.heading) == (503, "The system is busy")
    assert int(page.response.headers["Retry-After"]) > 0
    assert "locked" not in page.text


DRIVERS_TROUBLE = [
    psycopg.errors.QueryCanceled("canceling statement due to statement timeout"),
    psycopg.errors.DiskFull("could not extend file"),
    psycopg.OperationalError("the connection is lost"),
    sqlite3.OperationalError("database or disk is full"),
    sqlite3.OperationalError("database is locked"),
    OperationalError("SELECT", {}, psycopg.errors.LockNotAvailable("lock time-out")),
]


@pytest.mark.parametrize("error", DRIVERS_TROUBLE, ids=lambda error: type(error).__name__)
def test_trouble_that_comes_straight_from_the_driver_keeps_the_form(
    admin: Browser, breaks: Break, error: Exception
) -> None:
    breaks("settings.save", error)

    page = admin.submit(PAGE, form="Save", company_name="Kite\x01 Hosting")

    assert (page.status, page.buttons) == (503, ["Try again"])
    assert "Nothing was saved" not in page.text
    assert dict(page.form("Try again").values)["company_name"] == "Kite Hosting"


def test_a_mistake_of_ours_is_a_fault_on_both_drivers(admin: Browser, breaks: Break) -> None:
    with pytest.raises(sqlite3.OperationalError) as caught:
        sqlite3.connect(":memory:").execute("SELECT * FROM nowhere")
    for error in (caught.value, psycopg.errors.UndefinedTable("nowhere"), sqlite3.ProgrammingError("closed")):
        breaks("users.index", error)

        assert admin.open("/admin/users").status == 500


@pytest.mark.parametrize("error", [RuntimeError("after the commit"), CommitUnknownError()])
def test_a_fault_while_saving_does_not_promise_that_nothing_was_saved(
    admin: Browser, breaks: Break, error: Exception
) -> None:
    breaks("settings.save", error)

    page = admin.submit(PAGE, form="Save", company_name="Kite Hosting")

    assert page.status == 500
    assert "Look whether it was saved before you try again." in page.text
    assert "Nothing was saved" not in page.text


def test_a_forged_form_leaves_one_line_in_the_log(admin: Browser, capfd: pytest.CaptureFixture[str]) -> None:
    admin.post("/sign-out")

    [line] = [json.loads(one) for one in capfd.readouterr().err.splitlines() if "csrf_failed" in one]
    assert (line["path"], line["method"]) == ("/sign-out", "POST")


def test_no_token_of_a_link_comes_into_the_log(app: Flask, capfd: pytest.CaptureFixture[str]) -> None:
    person = make_staff()
    token = transact(staff_access.ask_reset, person.email, link=lambda _token: None, address="192.0.2.7")

    Browser(app).post(f"/resets/{token}", {"password": "x"})  # a form that has expired

    lines = capfd.readouterr().err
    assert "csrf_failed" in lines
    assert str(token) not in lines


def test_whoever_is_slowed_down_leaves_a_line_in_the_log(admin: Browser, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(31):
        admin.get("/admin/users/export.csv")

    lines = [json.loads(one) for one in capfd.readouterr().err.splitlines() if '"throttled"' in one]
    assert [line["path"] for line in lines] == ["/admin/users/export.csv"]


def test_a_form_is_kept_while_the_database_is_busy(
    admin: Browser, app: Flask, breaks: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = app.view_functions["settings.save"]
    breaks("settings.save", BusyError())
    page = admin.submit(PAGE, form="Save", company_name='Kite "&" Hosting', credits_enabled=False)
    assert (page.status, page.buttons) == (503, ["Try again"])

    monkeypatch.setitem(app.view_functions, "settings.save", view)
    page = admin.submit(page, form="Try again")

    assert page.flashes == ["Settings saved."]
    assert page.value("company_name") == 'Kite "&" Hosting'


def test_a_password_is_never_kept_in_a_page(app: Flask, browser: Browser, breaks: Break) -> None:
    page = browser.open("/sign-in")
    breaks("auth.sign_in", BusyError())

    page = browser.submit(page, email="ada@panel.example", password=SECRET)

    assert page.status == 503
    assert SECRET not in page.html


def test_a_commit_whose_end_is_unknown_says_to_look_first(admin: Browser, breaks: Break) -> None:
    breaks("users.index", CommitUnknownError())

    page = admin.open("/admin/users")

    assert page.status == 500
    assert "Look whether it was saved before you try again." in page.text


@pytest.mark.tampers  # nothing can be verified without the database
@pytest.mark.parametrize("url", ["/sign-in", "/admin/users", "/nowhere"])
def test_without_its_database_the_desk_still_answers(app: Flask, url: str) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    no_database(app)

    answer = app.test_client().get(url)

    assert answer.status_code in {302, 503}
    if answer.status_code == 503:
        assert int(answer.headers["Retry-After"]) > 0
        assert "The system is busy" in answer.text


@pytest.mark.tampers
def test_without_its_database_the_page_still_has_its_looks(admin: Browser, app: Flask) -> None:
    no_database(app)

    assert admin.client.get("/static/app.css").status_code == 200
    assert admin.client.get("/static/icons.svg").status_code == 200


@pytest.mark.parametrize(
    ("url", "status", "heading"),
    [
        ("/nowhere", 404, "There is nothing here"),
        ("/admin/users/999999", 404, "There is nothing here"),
        ("/sign-out", 405, "This cannot be done this way"),
    ],
)
def test_what_is_refused_has_a_page_with_a_way_on(admin: Browser, url: str, status: int, heading: str) -> None:
    page = admin.open(url)

    assert (page.status, page.heading) == (status, heading)
    assert page.link("Go to the start page") == "/"


def test_what_a_role_does_not_include_is_said_plainly(browser: Browser) -> None:
    browser.sign_in(make_staff(Role.AGENT))

    page = browser.open(PAGE)

    assert (page.status, page.heading) == (403, "You may not do this")
    assert "Ask an administrator" in page.text


@pytest.mark.parametrize(
    "url", ["/admin/users?q=%00", "/admin/search?q=%ff%fe", "/%00", "/admin/users/%ff", "/?draft=%00"]
)
def test_bytes_that_make_no_sense_are_no_fault(admin: Browser, url: str) -> None:
    assert admin.get(url).status_code < 500
