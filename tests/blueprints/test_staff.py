"""Staff's pages over HTTP: sessions that end, invitations, second factors, and the password once more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from creditapp.db import db, transact
from creditapp.models import AuditRow, LogInSession, Mail, Role, Staff
from creditapp.services import staff_access
from creditapp.services.actor import SYSTEM
from tests.browser import Browser, Page
from tests.factories import StaffMember, change_settings, make_customer, make_payment, make_staff
from tests.phones import Phone, give_factor

NEW = "eleven quiet rivers run"
SHORT = "kx7!rumpel"
STAFF, PROFILE = "/admin/staff", "/admin/profile"


def change(statement: Any) -> None:  # noqa: ANN401  (an UPDATE)
    def run(session: Session) -> None:
        session.execute(statement)

    transact(run)


def is_in(browser: Browser) -> bool:
    return browser.open(PROFILE).path != "/sign-in"


def copy_of(browser: Browser, app: Flask) -> Browser:
    """Another browser that somebody has put the cookie of this one into."""
    cookie = browser.client.get_cookie("session")
    assert cookie is not None
    thief = Browser(app)
    thief.client.set_cookie("session", cookie.value)
    assert is_in(thief)
    return thief


def grow_stale() -> None:
    """Let eleven minutes go by since any password was given."""
    earlier = datetime.now(UTC) - timedelta(minutes=11)
    change(update(LogInSession).values(created_at=earlier, proved_at=None))


def enter_code(browser: Browser, person: StaffMember, code: str, *, password: str | None = None) -> Page:
    page = browser.submit("/sign-in", email=person.email, password=password or person.password)
    assert page.path == "/sign-in/code", page.text
    return browser.submit(page, code=code)


def press(browser: Browser, person: StaffMember, button: str) -> Page:
    return browser.submit(f"{STAFF}/{person.id}", form=button)


def set_up(browser: Browser) -> list[str]:
    """Set up a second factor as a person does, by the text on the page; return the recovery codes."""
    page = browser.submit(f"{PROFILE}/second-factor", form="Begin")
    page = browser.submit(page, code=Phone(page.words("secret").replace(" ", "")).code())
    return page.words("recovery-codes").split()


ACTS: dict[str, Callable[[Browser, Browser, StaffMember], object]] = {
    "log-out": lambda own, _admin, _person: own.sign_out(),
    "role change": lambda _own, admin, person: admin.submit(f"{STAFF}/{person.id}/edit", role="agent"),
    "disable": lambda _own, admin, person: press(admin, person, "Disable"),
    "end sessions": lambda _own, admin, person: press(admin, person, "End sessions"),
    "reset factor": lambda _own, admin, person: press(admin, person, "Reset second factor"),
    "own password": lambda own, _admin, person: own.submit(
        f"{PROFILE}/password", old_password=person.password, password=NEW, password_again=NEW
    ),
    "own address": lambda own, _admin, _person: own.submit(f"{PROFILE}/email", email="another@panel.example"),
    "own other sessions": lambda own, _admin, _person: own.submit(PROFILE, form="End all others"),
    "own second factor off": lambda own, _admin, person: own.submit(
        f"{PROFILE}/second-factor/off", old_password=person.password
    ),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_copied_cookie_opens_nothing_after(app: Flask, browser: Browser, act: str) -> None:
    admin, person = Browser(app), make_staff(Role.MANAGER)
    admin.sign_in(make_staff())
    phone, _codes = give_factor(person)
    enter_code(Browser(app), person, phone.code(steps=-1))
    enter_code(browser, person, phone.code())
    thief = copy_of(browser, app)

    ACTS[act](browser, admin, person)

    assert not is_in(thief)
    assert is_in(browser) == act.startswith("own")  # who does it themselves goes on, under another token


def test_a_copied_cookie_opens_nothing_after_a_second_factor_is_set_up_or_a_link_is_used(
    app: Flask, browser: Browser
) -> None:
    person, admin = make_staff(Role.AGENT), Browser(app)
    browser.sign_in(person)
    thief = copy_of(browser, app)
    assert len(set_up(browser)) == 10
    assert (is_in(thief), is_in(browser)) == (False, True)

    admin.sign_in(make_staff())
    link = press(admin, person, "Send a link for a new password").words("link")
    thief = copy_of(browser, app)
    page = Browser(app).submit(link, password=SHORT, password_again=SHORT)  # enough beside the second factor

    assert (page.path, page.flashes) == ("/sign-in", ["Your password is set. Sign in with it now."])
    assert (is_in(thief), is_in(browser)) == (False, False)
    assert Browser(app).open(link).status == 404


def test_somebody_is_invited_comes_in_and_finds_the_way_through_both_steps(app: Flask, browser: Browser) -> None:
    browser.sign_in(make_staff())
    page = browser.submit(f"{STAFF}/invitations/new", email="no address", name="Priya Raman", role="agent")
    assert (page.status, page.value("name")) == (422, "Priya Raman")
    link = browser.submit(page, email="priya@panel.example").words("link")
    assert browser.open(STAFF).rows("invitations")[0][:3] == ["Priya Raman", "priya@panel.example", "Support agent"]
    again = browser.submit(STAFF, form=f"{STAFF}/invitations/withdraw")
    assert again.flashes == ["Invitation withdrawn. Its link opens nothing any more."]
    assert Browser(app).open(link).status == 404
    link = browser.submit(f"{STAFF}/invitations/new", email="priya@panel.example", name="Priya", role="agent").words(
        "link"
    )

    guest = Browser(app)
    page = guest.submit(link, password="priyapriyapriya", password_again="priyapriyapriya")
    assert "tried first" in page.errors("password")[0]
    page = guest.submit(page, password=NEW, password_again=NEW)
    priya = StaffMember(0, "Priya", "priya@panel.example", NEW, Role.AGENT)
    guest.sign_in(priya)
    codes = set_up(guest)
    guest.sign_out()

    assert enter_code(guest, priya, "000000").errors("code")[0].startswith("This code is not right")
    assert enter_code(guest, priya, codes[0]).path == "/admin/users"
    guest.sign_out()
    assert enter_code(guest, priya, codes[0]).status == 422
    assert "9 recovery codes" in browser.open(f"{STAFF}/{_id_of('Priya')}").text


def _id_of(name: str) -> int:
    db.session.rollback()
    return db.session.execute(select(Staff.id).where(Staff.name == name)).scalar_one()


@pytest.mark.money
@pytest.mark.parametrize("act", ["again", "withdraw"])
def test_an_invitation_that_no_database_could_hold_is_none(app: Flask, browser: Browser, act: str) -> None:
    browser.sign_in(make_staff())
    token = dict(browser.open(STAFF).form("/sign-out").values)["csrf_token"]

    page = browser.post(f"{STAFF}/invitations/{act}", {"csrf_token": token, "email": "a\x00b", "submission": "x" * 24})

    assert (page.path, page.status) == (STAFF, 200)


def test_where_mails_are_sent_the_link_goes_by_mail_and_is_not_shown(app: Flask, browser: Browser) -> None:
    change_settings(mail_from="desk@kite.example")
    app.config["SMTP_URL"] = "smtp://127.0.0.1:1"
    person = make_staff(Role.AGENT)
    browser.sign_in(make_staff())

    page = browser.submit(f"{STAFF}/invitations/new", email="priya@panel.example", name="Priya", role="agent")
    assert page.path == STAFF
    press(browser, person, "Send a link for a new password")
    asked = [Browser(app).submit("/forgotten", email=email) for email in (person.email, "nobody@panel.example")]

    sent = {(mail.event, mail.recipient): mail.url for mail in db.session.scalars(select(Mail))}
    assert set(sent) == {("staff_invitation", "priya@panel.example"), ("staff_password_reset", person.email)}
    assert Browser(app).open(sent["staff_invitation", "priya@panel.example"]).heading == "Welcome"
    assert asked[0].flashes == asked[1].flashes != []
    assert asked[0].path == asked[1].path == "/sign-in"


def test_half_a_sign_in_opens_nothing_and_is_over_after_ten_minutes(app: Flask, browser: Browser) -> None:
    person = make_staff()
    phone, _codes = give_factor(person)
    page = browser.submit("/sign-in", email=person.email, password=person.password)
    with browser.client.session_transaction() as inside:
        half = inside["_half"]

    assert browser.open("/admin/users").path == "/sign-in"
    with browser.client.session_transaction() as inside:
        inside["_user_id"] = half  # as if it were the token of a session
    assert browser.open("/admin/users").path == "/sign-in"
    thief = Browser(app)
    thief.open("/account/sign-in")
    with thief.client.session_transaction("/account") as inside:
        inside["_user_id"] = half
    assert thief.open("/account").path == "/account/sign-in"

    change(update(LogInSession).values(ends_at=datetime.now(UTC)))
    assert browser.submit(page, code=phone.code()).status == 404
    assert browser.open("/sign-in/code").heading == "Sign in once more"


def test_codes_that_are_guessed_wait_and_are_written_down(app: Flask, browser: Browser) -> None:
    person = make_staff()
    phone, _codes = give_factor(person)
    page = browser.submit("/sign-in", email=person.email, password=person.password)

    tries = [browser.submit(page, code="000000").status for _ in range(5)]
    refused = browser.submit(page, code=phone.code())

    assert (tries, refused.status) == ([422] * 5, 429)
    failures = select(AuditRow.object_id).where(AuditRow.action == "sign_in_failed")
    assert db.session.scalars(failures).all() == [person.id] * 5


def test_who_lacks_the_second_factor_of_the_role_sets_it_up_first(app: Flask, browser: Browser) -> None:
    person, admin = make_staff(Role.AGENT), Browser(app)
    admin.sign_in(make_staff())
    browser.sign_in(person)
    page = admin.submit(f"{STAFF}/roles", agent_factor=True)
    assert page.path == STAFF
    assert [row[4] for row in page.rows("people") if row[2] == "Support agent"] == ["Missing"]

    for url in ("/admin/users", PROFILE, "/admin/billing/credits", "/admin/audit", f"{PROFILE}/email"):
        assert browser.open(url).path == f"{PROFILE}/second-factor", url
    response = browser.client.post("/admin/users/new", data={"name": "Somebody"})
    assert response.headers["Location"] == f"{PROFILE}/second-factor"

    assert len(set_up(browser)) == 10
    assert browser.open("/admin/users").path == "/admin/users"
    assert "cannot be switched off" in browser.submit(f"{PROFILE}/second-factor/off", old_password=person.password).text


def test_a_short_password_goes_with_the_second_factor(app: Flask, browser: Browser) -> None:
    person = make_staff(Role.AGENT)
    phone, _codes = give_factor(person)
    enter_code(browser, person, phone.code())
    browser.submit(f"{PROFILE}/password", old_password=person.password, password=SHORT, password_again=SHORT)

    page = browser.submit(f"{PROFILE}/second-factor/off", old_password=SHORT)
    assert "too short" in page.errors("old_password")[0]
    transact(staff_access.reset_factor, person.id, by=SYSTEM)
    page = browser.submit("/sign-in", email=person.email, password=SHORT)

    assert page.path == f"{PROFILE}/password"
    assert browser.open("/admin/users").path == f"{PROFILE}/password"
    page = browser.submit(page, old_password=SHORT, password=SHORT, password_again=SHORT)
    assert page.errors("password") == ["Use at least 15 characters; this has 10. A few words in a row do well."]
    browser.submit(page, old_password=SHORT, password=NEW, password_again=NEW)
    assert browser.open("/admin/users").path == "/admin/users"


def test_what_is_dangerous_asks_for_the_password_and_keeps_what_was_typed(app: Flask, browser: Browser) -> None:
    person, agent, own = make_staff(), make_staff(Role.AGENT), make_customer()
    browser.sign_in(person)
    form = browser.open(f"{STAFF}/{agent.id}/edit")
    grow_stale()

    page = browser.submit(form, role="manager", own_customer=f"#{own}")
    assert (page.path, page.heading) == ("/sign-in/again", "Your password, please")
    assert browser.submit(page, password="not the password").errors("password") == ["This is not your password."]
    with browser.client.session_transaction() as inside:
        before = inside["_user_id"]
    page = browser.submit(page, password=person.password)

    assert (page.path, page.value("role"), page.value("own_customer")) == (form.path, "manager", f"#{own}")
    assert db.session.execute(select(Staff.role).where(Staff.id == agent.id)).scalar_one() == "agent"
    with browser.client.session_transaction() as inside:
        assert inside["_user_id"] != before
    page = browser.submit(page, form="Save")
    assert page.path == f"{STAFF}/{agent.id}"
    db.session.rollback()
    assert db.session.execute(select(Staff.role).where(Staff.id == agent.id)).scalar_one() == "manager"


def test_the_page_that_comes_back_after_the_password_is_about_the_same_two(app: Flask, browser: Browser) -> None:
    person, user, other = make_staff(), make_customer(), make_customer()
    browser.sign_in(person)
    form = browser.open(f"/admin/users/{user}/merge?customer={other}")
    grow_stale()

    page = browser.submit(form, keep=str(other))
    page = browser.submit(page, password=person.password)

    assert page.path == form.path
    assert page.value("keep") == str(other)


def test_a_button_that_is_dangerous_comes_back_to_its_page(app: Flask, browser: Browser) -> None:
    person, agent = make_staff(), make_staff(Role.AGENT)
    browser.sign_in(person)
    page = browser.open(f"{STAFF}/{agent.id}")
    token = dict(page.form(f"{STAFF}/{agent.id}/disable").values)["csrf_token"]
    grow_stale()

    url = f"{STAFF}/{agent.id}"
    ours = "http://localhost"
    for referrer, back in (
        *((f"{ours}{url}", url), (f"{ours}{url}/send-link", "")),  # a page that a form was answered with
        *(("https://evil.example/admin", ""), ("", "")),
    ):
        response = browser.client.post(f"{url}/disable", data={"csrf_token": token}, headers={"Referer": referrer})
        assert response.status_code == 303
        assert response.headers["Location"] == f"/sign-in/again?next={back}"
    assert db.session.scalars(select(Staff.id).where(Staff.disabled_at.is_not(None))).all() == []


def test_refunds_gateways_and_the_own_account_are_dangerous(app: Flask, browser: Browser) -> None:
    person = make_staff()
    browser.sign_in(person)
    payment_id = make_payment(make_customer(), 1000)
    token = dict(browser.open(PROFILE).form("/sign-out").values)["csrf_token"]
    grow_stale()

    for url in (
        f"/admin/billing/payments/{payment_id}/refunds/new",
        f"{STAFF}/roles",
        f"{STAFF}/invitations/new",
        f"{PROFILE}/password",
        f"{PROFILE}/email",
        f"{PROFILE}/second-factor",
    ):
        assert browser.open(url).path == "/sign-in/again", url
    response = browser.client.post("/admin/billing/settings/gateways", data={"csrf_token": token})
    assert response.headers["Location"].startswith("/sign-in/again")
    assert browser.open("/admin/users").path == "/admin/users"


def test_another_role_opens_and_closes_what_it_says(app: Flask, browser: Browser) -> None:
    admin, person = Browser(app), make_staff(Role.AGENT)
    admin.sign_in(make_staff())
    for role, status in ((Role.ADMIN, 200), (Role.AUDITOR, 200), (Role.MANAGER, 403)):
        admin.submit(f"{STAFF}/{person.id}/edit", role=role)
        browser.sign_in(person)
        assert browser.get("/admin/billing/settings").status_code == status, role


def test_sessions_are_listed_and_ended_by_their_owner_alone(app: Flask, browser: Browser) -> None:
    person, eve = make_staff(), Browser(app)
    browser.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"
    browser.sign_in(person)
    other = Browser(app)
    other.client.environ_base["HTTP_USER_AGENT"] = "A tool of somebody's own making, with quite a long name"
    other.sign_in(person)
    eve.sign_in(make_staff())

    page = browser.open(PROFILE)
    named = sorted(row[0] for row in page.rows("sessions"))
    assert named == ["A tool of somebody's own making, with qu", "Firefox on Linux This one"]
    form = page.form(f"{PROFILE}/sessions/end")
    token = dict(eve.open(PROFILE).form("/sign-out").values)["csrf_token"]
    eve.post(f"{PROFILE}/sessions/end", {**dict(form.values), "csrf_token": token})
    assert is_in(other)

    browser.submit(page, form=f"{PROFILE}/sessions/end")

    assert (is_in(other), is_in(browser)) == (False, True)


def test_nobody_is_offered_a_role_above_their_own_and_auditors_only_read(app: Flask, browser: Browser) -> None:
    agent = make_staff(Role.AGENT)
    browser.sign_in(make_staff(Role.AUDITOR))

    page = browser.open(f"{STAFF}/{agent.id}")

    assert "Disable" not in page.buttons
    assert "Edit" not in page.buttons
    assert "Invite" not in browser.open(STAFF).buttons
    admin, own = make_staff(), Browser(app)
    own.sign_in(admin)
    page = own.open(f"{STAFF}/{admin.id}")
    assert "Disable" not in page.buttons
    assert own.submit(f"{STAFF}/{admin.id}/edit", role="agent").summary[0].startswith("This is your own account")


def test_the_picture_of_a_secret_is_there_while_it_is_set_up_and_kept_by_nobody(app: Flask, browser: Browser) -> None:
    browser.sign_in(make_staff())
    url = f"{PROFILE}/second-factor/code.svg"
    assert browser.get(url).status_code == 404

    browser.submit(f"{PROFILE}/second-factor", form="Begin")
    picture = browser.get(url)
    page = browser.submit(f"{PROFILE}/second-factor", code="000000")

    assert (picture.mimetype, picture.headers["Cache-Control"]) == ("image/svg+xml", "no-store")
    assert b"<script" not in picture.data
    assert page.errors("code") != []
    grow_stale()  # whoever finds the screen open, or has copied the cookie, reads no secret that is being set up
    assert browser.get(url).mimetype != "image/svg+xml"
