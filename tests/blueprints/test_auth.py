from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from creditapp import create_app
from creditapp.db import db, transact
from creditapp.models import AuditRow, FormDraft, LogInSession, RateWindow, Role, Setting, Staff
from creditapp.services import passwords, sign_in
from tests.browser import Browser, Page
from tests.conftest import Databases
from tests.factories import StaffMember, make_client, make_staff

WRONG = "This email and password do not belong together."
SETTINGS = "/admin/billing/settings"


def try_to(browser: Browser, email: str, password: str) -> Page:
    return browser.submit("/sign-in", email=email, password=password)


def change(statement: object) -> None:
    def run(session: Session) -> None:
        session.execute(statement)  # type: ignore[call-overload]

    transact(run)


def is_in(browser: Browser) -> bool:
    return browser.open("/admin/users").path == "/admin/users"


def cookie(browser: Browser) -> str:
    found = browser.client.get_cookie("session")
    assert found is not None
    return found.value


def sessions() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(LogInSession)) or 0


def last_windows_end() -> None:
    """Let the time pass that a throttle asks for."""
    change(update(RateWindow).values(ends_at=datetime.now(UTC) - timedelta(seconds=1)))


def test_signing_in_leads_to_the_users(browser: Browser) -> None:
    page = browser.sign_in(make_staff(Role.AGENT))

    assert page.path == "/admin/users"


def test_signing_in_leads_to_the_page_that_was_asked_for(browser: Browser) -> None:
    page = browser.open(f"{SETTINGS}?tab=1")
    assert page.path == "/sign-in"

    person = make_staff(Role.ADMIN)
    page = browser.submit(page, email=person.email, password=person.password)

    assert page.url.endswith(f"{SETTINGS}?tab=1")


@pytest.mark.parametrize("case", ["unknown", "wrong", "disabled"])
def test_nobody_learns_whether_an_account_exists(browser: Browser, case: str) -> None:
    person = make_staff(disabled=case == "disabled")
    email = "nobody@panel.example" if case == "unknown" else person.email
    password = "not the password at all" if case == "wrong" else person.password

    page = try_to(browser, email, password)

    assert (page.status, page.summary, page.title) == (422, [WRONG], "Error: Sign in – Credit desk")
    assert (page.value("email"), page.value("password")) == (email, "")
    assert sessions() == 0


def test_every_kind_of_failure_costs_one_verification(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    verify = passwords.verify

    def count(password_hash: str | None, password: str) -> bool:
        seen.append(password_hash is None)
        return verify(password_hash, password)

    monkeypatch.setattr(passwords, "verify", count)

    for email in (make_staff().email, make_staff(disabled=True).email, "nobody@panel.example"):
        try_to(browser, email, "not the password at all")

    assert seen == [False, False, True]


@pytest.mark.parametrize("door", ["", "/account"])
def test_asking_for_a_link_takes_as_long_for_nobody(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    seen = []
    monkeypatch.setattr(passwords, "verify", lambda password_hash, _password: seen.append(password_hash))

    for email in (make_staff().email, make_client().email, "nobody@panel.example"):
        assert browser.submit(f"{door}/forgotten", email=email).path == f"{door}/sign-in"

    assert seen == [None, None, None]


@pytest.mark.parametrize("spelling", ["ADA@Panel.Example", "  ada@panel.example "])
def test_capitals_and_spaces_in_the_e_mail_do_not_matter(browser: Browser, spelling: str) -> None:
    person = make_staff(email="ada@panel.example")

    assert try_to(browser, spelling, person.password).path == "/admin/users"


@pytest.mark.parametrize(("email", "password"), [("", "x"), ("a@b.example", ""), ("x" * 300, "x")])
def test_what_is_missing_is_said_beside_its_box(browser: Browser, email: str, password: str) -> None:
    page = try_to(browser, email, password)

    assert page.status == 422
    assert page.errors("email") or page.errors("password")


@pytest.mark.parametrize("chars", [1025, 60_000, 10_000_000])
def test_a_huge_password_is_refused_before_it_is_hashed(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, chars: int
) -> None:
    monkeypatch.setattr(passwords, "verify", lambda *_: pytest.fail("was hashed"))

    page = try_to(browser, make_staff().email, "x" * chars)

    assert page.status in {413, 422}


def test_the_eleventh_try_in_a_minute_waits_and_then_works(browser: Browser) -> None:
    person = make_staff()
    page = browser.open("/sign-in")
    for _ in range(10):
        assert browser.submit(page, email=person.email, password="wrong").status == 422

    refused = browser.submit(page, email=person.email, password=person.password)

    assert (refused.status, refused.summary) == (429, ["Too many tries. Wait a minute, then try again."])
    assert 0 < int(refused.response.headers["Retry-After"]) <= 61
    assert refused.value("email") == person.email
    assert sessions() == 0
    last_windows_end()
    assert try_to(browser, person.email, person.password).path == "/admin/users"


def test_the_right_password_is_never_counted(browser: Browser, app: Flask) -> None:
    person = make_staff()

    for _ in range(12):
        assert try_to(Browser(app), person.email, person.password).path == "/admin/users"


def test_one_persons_mistakes_do_not_keep_another_out(browser: Browser, app: Flask) -> None:
    page = browser.open("/sign-in")
    for _ in range(11):
        browser.submit(page, email="mallory@panel.example", password="wrong")
    person = make_staff()

    assert try_to(Browser(app), person.email, person.password).path == "/admin/users"


def try_from(app: Flask, address: str, email: str, password: str) -> int:
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    token = dict(Page(client.get("/sign-in"), "/sign-in").form("/sign-in").values)["csrf_token"]
    fields = {"email": email, "password": password, "csrf_token": token}
    return int(client.post("/sign-in", data=fields).status_code)


@pytest.mark.parametrize("mark", ["\x01", "\x7f", "\x85", " \x02 "])
def test_a_control_character_does_not_make_another_account(browser: Browser, mark: str) -> None:
    email = make_staff().email
    for _ in range(10):
        try_to(browser, email, "wrong")

    assert try_to(browser, f"{email.upper()}{mark}", "wrong").status == 429


def test_long_e_mails_are_counted_apart(browser: Browser) -> None:
    start = "x" * 120
    for _ in range(10):
        try_to(browser, f"{start}a@panel.example", "wrong")

    assert try_to(browser, f"{start}b@panel.example", "wrong").status == 422


def keep_windows_open(address: str) -> None:
    """Count on as if all these tries had been made just now: on a busy machine they take more than a minute."""
    of_address = RateWindow.key.contains(address) & RateWindow.key.contains("/minute")
    change(update(RateWindow).where(of_address).values(hits=10, ends_at=datetime.now(UTC) + timedelta(minutes=1)))


def test_strangers_who_guess_do_not_keep_the_owner_out(app: Flask) -> None:
    person = make_staff()
    assert try_from(app, "192.0.2.1", person.email, person.password) == 302
    tries = [try_from(app, f"198.51.100.{n % 6}", person.email, "wrong") for n in range(60)]
    assert set(tries) == {422}
    keep_windows_open("198.51.100.0")

    assert try_from(app, "192.0.2.1", person.email, person.password) == 302
    assert try_from(app, "198.51.100.0", person.email, "wrong") == 429


def test_an_account_under_attack_is_open_only_from_where_its_owner_has_signed_in(app: Flask) -> None:
    person = make_staff()
    assert try_from(app, "192.0.2.1", person.email, person.password) == 302
    assert try_from(app, "198.51.100.1", person.email, "wrong") == 422
    change(update(RateWindow).where(RateWindow.key.contains("/1000/1/day")).values(hits=1000))

    assert try_from(app, "198.51.100.2", person.email, person.password) == 429
    assert try_from(app, "192.0.2.1", person.email, "wrong") == 422
    assert try_from(app, "192.0.2.1", person.email, person.password) == 302
    change(update(RateWindow).where(RateWindow.key.startswith("known:")).values(ends_at=datetime.now(UTC)))
    assert try_from(app, "192.0.2.1", person.email, person.password) == 429


def test_an_endless_e_mail_from_a_long_address_is_counted_all_the_same(app: Flask) -> None:
    client = app.test_client()
    page = Browser(app).open("/sign-in")
    long = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"

    answer = client.post(page.path, data={"email": "x" * 254, "password": "x"}, environ_base={"REMOTE_ADDR": long})

    assert answer.status_code == 422
    db.session.rollback()
    assert max(len(key) for key in db.session.scalars(select(RateWindow.key))) <= 200


NASTY = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/%09/evil.example",
    "\t//evil.example",
    " //evil.example",
    "https://evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "/\n/evil.example",
    "/\r\nSet-Cookie: a=b",
    "@evil.example",
    "/../..//evil.example",
    "/\x00/evil.example",
    "http:\\\\evil.example",
    "\uff0f\uff0fevil.example",
]


@pytest.mark.parametrize("place", NASTY)
def test_no_next_leads_off_the_site(browser: Browser, place: str) -> None:
    person = make_staff()
    page = browser.open("/sign-in")
    token = dict(page.form("/sign-in").values)["csrf_token"]
    fields = {"email": person.email, "password": person.password, "csrf_token": token, "next": place}

    response = browser.client.post("/sign-in", data=fields)

    assert response.status_code == 302
    target = response.headers["Location"]
    assert target.startswith("/")
    assert not target.startswith(("//", "/\\"))
    assert not set(target) & set("\t\r\n\x00 ")
    assert "Set-Cookie: a" not in str(response.headers)


def test_signing_out_by_a_link_does_nothing(browser: Browser) -> None:
    browser.sign_in(make_staff())

    assert browser.client.get("/sign-out").status_code == 405
    assert is_in(browser)


def test_signing_out_with_an_expired_page_asks_once_more(browser: Browser) -> None:
    browser.sign_in(make_staff())

    page = browser.post("/sign-out", {"csrf_token": "expired"})

    assert (page.status, page.heading) == (422, "Sign out")
    assert is_in(browser)
    browser.submit(page, form="Sign out")
    assert not is_in(browser)


def test_a_copied_cookie_opens_nothing_after_signing_out(browser: Browser, app: Flask) -> None:
    browser.sign_in(make_staff())
    thief = Browser(app)
    thief.client.set_cookie("session", cookie(browser))
    assert is_in(thief)

    browser.sign_out()

    assert not is_in(thief)


@pytest.mark.parametrize("forged", ["", "x", "e30.x", "x" * 3000, "eyJfdXNlcl9pZCI6IjEifQ.sig", "é"])
def test_a_forged_cookie_opens_nothing(browser: Browser, forged: str) -> None:
    browser.client.set_cookie("session", forged)

    assert browser.client.get("/admin/users").status_code == 302


def test_the_token_of_a_session_is_not_in_the_database(browser: Browser, app: Flask) -> None:
    browser.sign_in(make_staff())
    with browser.client.session_transaction() as inside:
        token = inside["_user_id"]

    row = db.session.scalars(select(LogInSession)).one()

    assert row.token_digest == sign_in.token_digest(token)
    assert token.encode() not in row.token_digest
    assert len(token) >= 43


def test_signing_in_again_begins_another_session_and_ends_the_first(browser: Browser, app: Flask) -> None:
    person = make_staff()
    token = dict(browser.open("/sign-in").form("/sign-in").values)["csrf_token"]
    fields = {"email": person.email, "password": person.password, "csrf_token": token}
    browser.client.post("/sign-in", data=fields)
    first = cookie(browser)
    with browser.client.session_transaction() as inside:
        fields["csrf_token"] = ""
        token = inside["_user_id"]
    page = browser.open("/admin/users")
    fields["csrf_token"] = dict(page.form("/sign-out").values)["csrf_token"]

    browser.client.post("/sign-in", data=fields)

    assert cookie(browser) != first
    assert sessions() == 1
    thief = Browser(app)
    thief.client.set_cookie("session", first)
    assert not is_in(thief)


def test_an_anonymous_cookie_is_not_carried_into_the_session(browser: Browser) -> None:
    browser.open("/sign-in")
    with browser.client.session_transaction() as inside:
        before = inside["csrf_token"]

    browser.sign_in(make_staff())

    with browser.client.session_transaction() as inside:
        assert inside["csrf_token"] != before


def test_disabling_somebody_bites_at_once(browser: Browser) -> None:
    person = make_staff()
    browser.sign_in(person)

    change(update(Staff).where(Staff.id == person.id).values(disabled_at=datetime.now(UTC)))

    assert not is_in(browser)


def test_another_role_bites_at_once(browser: Browser) -> None:
    person = make_staff(Role.ADMIN)
    browser.sign_in(person)
    assert browser.open(SETTINGS).status == 200

    change(update(Staff).where(Staff.id == person.id).values(role="agent"))

    assert browser.open(SETTINGS).status == 403


@pytest.mark.parametrize(
    ("column", "ago"),
    [("seen_at", sign_in.IDLE_MAX + timedelta(seconds=1)), ("ends_at", timedelta(seconds=1))],
    ids=["idle", "absolute"],
)
def test_a_session_runs_out(browser: Browser, column: str, ago: timedelta) -> None:
    browser.sign_in(make_staff())

    change(update(LogInSession).values({column: datetime.now(UTC) - ago}))

    assert not is_in(browser)


def test_a_session_in_use_does_not_run_out(browser: Browser) -> None:
    browser.sign_in(make_staff())
    change(update(LogInSession).values(seen_at=datetime.now(UTC) - timedelta(minutes=29)))

    assert is_in(browser)

    db.session.rollback()
    assert datetime.now(UTC) - db.session.scalars(select(LogInSession.seen_at)).one() < timedelta(minutes=1)


def test_no_use_prolongs_a_session_beyond_its_end(browser: Browser) -> None:
    browser.sign_in(make_staff())
    ends_at = db.session.scalars(select(LogInSession.ends_at)).one()
    change(update(LogInSession).values(seen_at=datetime.now(UTC) - timedelta(minutes=20)))
    browser.open("/admin/users")

    db.session.rollback()
    assert db.session.scalars(select(LogInSession.ends_at)).one() == ends_at
    assert ends_at - datetime.now(UTC) <= sign_in.SESSION_MAX


def test_a_clock_that_steps_back_signs_nobody_out(browser: Browser) -> None:
    browser.sign_in(make_staff())
    ahead = datetime.now(UTC) + timedelta(hours=1)  # the session was begun before the clock was set back an hour

    change(update(LogInSession).values(created_at=ahead, seen_at=ahead, ends_at=ahead + sign_in.SESSION_MAX))

    assert is_in(browser)
    page = browser.submit("/admin/users", form="/sign-out")
    assert page.path == "/sign-in"


def expire(person: StaffMember) -> None:
    change(update(LogInSession).values(seen_at=datetime.now(UTC) - timedelta(hours=1)))


def test_what_was_typed_survives_a_session_that_ran_out(browser: Browser) -> None:
    person = make_staff(Role.ADMIN)
    browser.sign_in(person)
    page = browser.open(SETTINGS)
    expire(person)

    page = browser.submit(page, form="Save", company_name="Typed before it ran out", credits_enabled=False)
    assert page.path == "/sign-in"
    page = browser.submit(page, email=person.email, password=person.password)

    assert page.path == SETTINGS
    assert page.value("company_name") == "Typed before it ran out"
    assert page.value("credits_enabled") is None
    assert db.session.get_one(Setting, 1, populate_existing=True).version == 1
    assert browser.submit(page, form="Save").flashes == ["Settings saved."]


def test_nobody_else_gets_what_was_typed(browser: Browser, app: Flask) -> None:
    person, other = make_staff(Role.ADMIN), make_staff(Role.ADMIN)
    browser.sign_in(person)
    page = browser.open(SETTINGS)
    expire(person)
    page = browser.submit(page, form="Save", company_name="A secret of mine")

    page = browser.submit(page, email=other.email, password=other.password)

    assert page.path == SETTINGS
    assert page.value("company_name") == "Credit desk"
    assert "A secret of mine" not in page.html


def test_what_was_typed_is_forgotten_after_half_an_hour(browser: Browser) -> None:
    person = make_staff(Role.ADMIN)
    browser.sign_in(person)
    page = browser.open(SETTINGS)
    expire(person)
    page = browser.submit(page, form="Save", company_name="Long ago")
    change(update(FormDraft).values(created_at=datetime.now(UTC) - timedelta(minutes=31)))

    page = browser.submit(page, email=person.email, password=person.password)

    assert page.value("company_name") == "Credit desk"


def test_a_draft_holds_no_token_and_no_password(browser: Browser) -> None:
    person = make_staff(Role.ADMIN)
    browser.sign_in(person)
    page = browser.open(SETTINGS)
    expire(person)

    browser.submit(page, form="Save", company_name="x")

    draft = db.session.scalars(select(FormDraft)).one()
    assert not {name for name, _value in draft.fields} & {"csrf_token", "password", "submission"}


def test_a_draft_is_not_endless(browser: Browser) -> None:
    person = make_staff(Role.ADMIN)
    browser.sign_in(person)
    expire(person)

    browser.post(SETTINGS, {f"field-{n}": "x" * 9_000 for n in range(60)})

    draft = db.session.scalars(select(FormDraft)).one()
    assert 50_000 < sum(len(name) + len(value) for name, value in draft.fields) <= 64 * 1024


@pytest.mark.parametrize("url", ["/sign-out", f"{SETTINGS}/reasons/order", "/admin/users/import/x"])
def test_after_a_button_the_way_back_is_a_page_that_can_be_opened(browser: Browser, url: str) -> None:
    person = make_staff(Role.ADMIN)
    browser.sign_in(person)
    expire(person)

    page = browser.post(url, {"move": "up 3"})
    page = browser.submit(page, email=person.email, password=person.password)

    assert page.status == 200


def test_a_large_upload_after_the_session_ran_out_leads_to_the_sign_in(browser: Browser) -> None:
    person = make_staff(Role.ADMIN)
    browser.sign_in(person)
    expire(person)

    assert browser.post("/admin/users/import", {"pasted": "x" * 2_000_000}).path == "/sign-in"


def test_what_was_typed_comes_back_without_control_characters(browser: Browser) -> None:
    page = browser.submit("/sign-in", email="ada\x01\x1b@panel.example\x85", password="wrong", next="/admin\x08")

    assert (page.status, page.value("email"), page.value("next")) == (422, "ada@panel.example", "/admin")


def test_signing_in_and_failing_are_in_the_audit_log(browser: Browser) -> None:
    person = make_staff()
    try_to(browser, person.email, "wrong")
    browser.sign_in(person)
    browser.sign_out()

    acts = db.session.execute(select(AuditRow.action, AuditRow.object_id).order_by(AuditRow.seq)).all()
    assert [tuple(act) for act in acts] == [
        ("sign_in_failed", person.id),
        ("signed_in", person.id),
        ("signed_out", person.id),
    ]


def test_a_session_survives_one_rotation_of_the_secret_key(browser: Browser, app: Flask, databases: Databases) -> None:
    browser.sign_in(make_staff())
    old = cookie(browser)
    app.config["SECRET_KEY_FALLBACKS"] = [app.config["SECRET_KEY"]]
    app.config["SECRET_KEY"] = "a newer secret that only this test uses"

    assert is_in(browser)
    page = browser.submit("/admin/users", form="/sign-out")
    assert page.path == "/sign-in"
    assert cookie(browser) != old
    app.config["SECRET_KEY_FALLBACKS"] = []
    thief = Browser(app)
    thief.client.set_cookie("session", old)
    assert not is_in(thief)


@pytest.mark.parametrize("https", [False, True])
def test_the_cookie_is_as_strict_as_the_connection_allows(databases: Databases, https: bool) -> None:
    from dataclasses import replace  # noqa: PLC0415  (only this test makes a configuration)

    with databases.migrated("sqlite") as url:
        made = create_app(replace(databases.config(url), https=https))
        with made.app_context():
            answer = made.test_client().get("/sign-in", base_url="https://localhost" if https else "http://localhost")
            db.engine.dispose()

    jar = SimpleCookie(answer.headers["Set-Cookie"])
    [(name, morsel)] = jar.items()
    assert name == ("__Host-session" if https else "session")
    assert (morsel["httponly"], morsel["samesite"], morsel["path"], morsel["domain"]) == (True, "Lax", "/", "")
    assert bool(morsel["secure"]) is https
    assert not morsel["expires"]


def test_who_sends_a_form_after_the_session_ended_is_told_that_nothing_was_saved(browser: Browser) -> None:
    person = make_staff(Role.ADMIN)
    browser.sign_in(person)
    page = browser.open(SETTINGS)
    expire(person)

    asked = browser.submit(page, form="Save", company_name="Half typed")

    assert asked.flashes == ["Your session had ended: nothing was saved. Sign in, and what you typed is there again."]


def test_who_signed_out_elsewhere_is_told_that_nothing_was_saved(browser: Browser) -> None:
    browser.sign_in(make_staff(Role.ADMIN))
    page = browser.open(SETTINGS)
    change(delete(LogInSession))

    asked = browser.submit(page, form="Save", company_name="Half typed")

    assert asked.flashes == [
        "Your session had ended: nothing was saved. Sign in, and look at how things stand before you send it again."
    ]


def test_an_address_too_long_to_come_back_to_leads_to_its_page(app: Flask) -> None:
    short, long = (Browser(app).open(f"/admin/users?q={letter * 4000}") for letter in ("", "x"))

    assert short.value("next") == "/admin/users?q="
    assert long.value("next") == "/admin/users"
