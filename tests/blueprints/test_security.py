"""What every answer says to the browser, and which requests are not answered."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from creditapp import create_app
from creditapp.db import db
from creditapp.models import AuditDetails, LogInSession, Role
from tests.browser import Browser
from tests.conftest import Databases
from tests.factories import make_staff

AppWith = Callable[..., AbstractContextManager[Flask]]


@pytest.fixture
def app_with(databases: Databases) -> AppWith:
    """Make an application that is configured in another way."""

    @contextmanager
    def make(**changes: Any) -> Any:  # noqa: ANN401  (fields of the configuration)
        with databases.migrated("sqlite") as url:
            made = create_app(replace(databases.config(url), **changes))
            with made.app_context():
                try:
                    yield made
                finally:
                    db.session.remove()
                    db.engine.dispose()

    return make


@pytest.mark.parametrize(
    "url", ["/", "/sign-in", "/healthz", "/nowhere", "/admin/users", "/static/app.css", "/sign-out", "/static/none.css"]
)
def test_every_answer_carries_the_headers(app: Flask, url: str) -> None:
    headers = app.test_client().get(url).headers

    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].strip("; ").split(";"))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "img-src", "font-src", "connect-src")} == {"'self'"}
    assert (policy["form-action"], policy["base-uri"], policy["frame-ancestors"]) == ("'self'", "'none'", "'none'")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers
    assert "X-Powered-By" not in headers


def test_pages_are_kept_by_nobody_and_files_for_ever(browser: Browser) -> None:
    browser.sign_in(make_staff(Role.ADMIN))

    for url in ("/admin/users", "/admin/billing/settings", "/nowhere", "/sign-in"):
        assert browser.client.get(url).headers["Cache-Control"] == "no-store", url
    assert "immutable" in browser.client.get("/static/app.css?v=1").headers["Cache-Control"]


def test_over_https_the_browser_is_told_to_stay_there(app_with: AppWith) -> None:
    with app_with(https=True) as made:
        headers = made.test_client().get("/sign-in", base_url="https://localhost").headers

    assert headers["Strict-Transport-Security"].startswith("max-age=31536000")


@pytest.mark.parametrize(
    ("host", "status"),
    [("desk.example", 200), ("evil.example", 400), ("desk.example.evil.example", 400), ("desk.example:8443", 200)],
)
def test_only_hosts_that_are_trusted_are_answered(app_with: AppWith, host: str, status: int) -> None:
    with app_with(trusted_hosts=("desk.example",)) as made:
        assert made.test_client().get("/sign-in", base_url=f"http://{host}").status_code == status


def test_no_page_repeats_the_host_it_was_asked_under(app: Flask) -> None:
    answer = app.test_client().get("/admin/users", base_url="http://evil.example")

    assert "evil.example" not in answer.headers["Location"]
    assert b"evil.example" not in app.test_client().get("/sign-in", base_url="http://evil.example").data


def seen_address(made: Flask) -> str:
    browser = Browser(made)
    person = make_staff()
    token = dict(browser.open("/sign-in").form("/sign-in").values)["csrf_token"]
    fields = {"email": person.email, "password": person.password, "csrf_token": token}
    forwarded = {"X-Forwarded-For": "6.6.6.6, 1.2.3.4"}
    browser.client.post("/sign-in", data=fields, headers=forwarded, environ_base={"REMOTE_ADDR": "10.0.0.9"})
    db.session.rollback()
    details = db.session.scalars(select(AuditDetails.details).order_by(AuditDetails.seq.desc())).first() or {}
    session = db.session.scalars(select(LogInSession.address)).one()
    assert details["address"] == session
    return session


def test_a_forwarded_address_is_ignored_without_a_proxy(app_with: AppWith) -> None:
    with app_with() as made:
        assert seen_address(made) == "10.0.0.9"


def test_behind_one_proxy_the_address_it_saw_counts(app_with: AppWith) -> None:
    with app_with(proxies=1) as made:
        assert seen_address(made) == "1.2.3.4"


@pytest.mark.parametrize("method", ["TRACE", "PUT", "PATCH", "DELETE", "BREW"])
@pytest.mark.parametrize("url", ["/sign-in", "/admin/users", "/admin/billing/settings"])
def test_other_methods_are_refused(app: Flask, method: str, url: str) -> None:
    answer = app.test_client().open(url, method=method)

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "url",
    [
        "/console",
        "/.git/config",
        "/instance/creditapp.db",
        "/static/../creditapp/config.py",
        "/static/..%2f..%2finstance%2fsecret-key",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/creditapp.db",
    ],
)
def test_nothing_but_static_files_is_served(app: Flask, url: str) -> None:
    assert app.test_client().get(url).status_code in {308, 404}


@pytest.mark.parametrize("encoding", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_body_that_is_too_large_is_refused(browser: Browser, encoding: str) -> None:
    browser.sign_in(make_staff(Role.ADMIN))

    answer = browser.client.post("/admin/billing/settings", data=b"x" * 2_000_000, content_type=encoding)

    assert answer.status_code == 413
    assert "Nothing was saved" in answer.text


def test_a_field_that_was_sent_twice_is_refused(browser: Browser) -> None:
    browser.sign_in(make_staff(Role.ADMIN))

    page = browser.submit("/admin/billing/settings", form="Save", company_name=["One", "Two"])

    assert page.status == 422
    assert page.errors("company_name") == ["This field was sent more than once. Send the form again."]


def test_a_token_of_another_session_is_refused(browser: Browser, app: Flask) -> None:
    browser.sign_in(make_staff(Role.ADMIN))
    other = Browser(app)
    other.sign_in(make_staff(Role.ADMIN))
    foreign = dict(other.open("/admin/billing/settings").form("Save").values)["csrf_token"]

    page = browser.submit("/admin/billing/settings", form="Save", company_name="Mine", csrf_token=foreign)

    assert page.status == 422
    assert page.value("company_name") == "Mine"


def test_a_field_nobody_asked_for_is_ignored(browser: Browser) -> None:
    browser.sign_in(make_staff(Role.ADMIN))
    form = browser.open("/admin/billing/settings").form("Save")

    browser.client.post(
        "/admin/billing/settings", data={**dict(form.values), "id": "2", "updated_at": "x", "role": "x"}
    )

    assert browser.open("/admin/billing/settings").status == 200


def test_health_says_nothing_about_the_installation(app: Flask) -> None:
    answer = app.test_client().get("/healthz")

    assert (answer.status_code, answer.text) == (200, "ok\n")
