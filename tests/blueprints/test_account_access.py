"""The customers' door: invitations, signing in, forgotten passwords, and two doors that do not open each other."""

from __future__ import annotations

import re
from dataclasses import fields as fields_of
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from creditapp.db import Base, db, transact, transact_at
from creditapp.errors import LinkError
from creditapp.models import AuditRow, Customer, LogIn, LogInSession, Mail, OneTimeLink, Role
from creditapp.services import client_access, customers, passwords, verification
from creditapp.services.actor import SYSTEM
from creditapp.services.customers import CustomerFields
from tests.browser import Browser, Page
from tests.factories import (
    PASSWORD,
    change_settings,
    make_client,
    make_customer,
    make_invoice,
    make_staff,
    new_key,
)

OTHER = "seven yellow lanterns drift"


def nowhere(_token: str) -> None:
    """Say that nobody knows how we are reached: nothing is mailed."""


def invite(customer_id: int, *, at: datetime | None = None) -> str:
    """Invite the customer and return the path of the link."""
    moment = at or datetime.now(UTC)
    token = transact_at(moment, client_access.invite, customer_id, link=nowhere, by=SYSTEM, key=new_key())
    return f"/account/invitations/{token}"


def ask_reset(email: str, *, at: datetime | None = None) -> str:
    moment = at or datetime.now(UTC)
    return f"/account/resets/{transact_at(moment, client_access.ask_reset, email, link=nowhere, address='')}"


def choose(browser: Browser, path: str, password: str = OTHER) -> Page:
    return browser.submit(path, password=password, password_again=password)


def log_ins() -> list[str]:
    db.session.rollback()
    return list(db.session.execute(select(LogIn.email).where(LogIn.kind == "customer")).scalars())


def test_staff_invite_and_the_customer_chooses_a_password(app: Flask, browser: Browser) -> None:
    change_settings(mail_from="billing@panel.example")
    customer_id = make_customer(email="zoe@customer.example")
    browser.sign_in(make_staff(Role.MANAGER))
    page = browser.submit(f"/admin/users/{customer_id}/client-area", "Invite to client area")
    link = page.words("link")
    mailed = db.session.execute(select(Mail.event, Mail.recipient, Mail.url)).one()
    assert tuple(mailed) == ("invitation", "zoe@customer.example", link)
    assert link.startswith("http://localhost/account/invitations/")

    visitor = Browser(app)
    chosen = choose(visitor, link.removeprefix("http://localhost"))

    assert chosen.path == "/account/sign-in"
    assert chosen.flashes == ["Your password is set. Sign in with it now."]
    home = visitor.submit(chosen, email="zoe@customer.example", password=OTHER)
    assert home.heading == "Your account"
    state = browser.open(f"/admin/users/{customer_id}/client-area")
    assert "Signs in as zoe@customer.example" in state.text
    assert link not in state.html


def test_a_link_works_once_and_not_for_ever(browser: Browser) -> None:
    now = datetime.now(UTC)
    used, late = (
        invite(make_customer(email="a@x.example")),
        invite(make_customer(email="b@x.example"), at=now - timedelta(days=7, seconds=1)),
    )
    choose(browser, used)

    for path in (used, late, "/account/invitations/" + "x" * 43, "/account/resets/" + used.rpartition("/")[2]):
        page = browser.open(path)
        assert (page.status, page.heading) == (404, "This link does not work any more")
    assert log_ins() == ["a@x.example"]


def test_looking_at_a_link_does_not_use_it_up(browser: Browser) -> None:
    path = invite(make_customer(email="a@x.example"))

    for _ in range(3):
        assert browser.open(path).status == 200
    browser.client.head(path)

    assert choose(browser, path).path == "/account/sign-in"


@pytest.mark.parametrize("token", [None, "", "forged"])
def test_a_password_is_not_chosen_by_a_form_of_somebody_else(browser: Browser, token: str | None) -> None:
    path = invite(make_customer(email="a@x.example"))

    page = browser.post(path, {"password": OTHER, "password_again": OTHER} | ({"csrf_token": token} if token else {}))

    assert page.status == 422
    assert log_ins() == []


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("short", "short", "Use at least 15 characters; this has 5. A few words in a row do well."),
        (OTHER, f"{OTHER}!", "The two passwords differ; type the same one twice."),
        ("brigid nolan nolan", "brigid nolan nolan", "This password is made of words that are tried first"),
    ],
)
def test_a_poor_password_is_refused_beside_its_box(browser: Browser, first: str, second: str, said: str) -> None:
    path = invite(make_customer(email="a@x.example"))

    page = browser.submit(path, password=first, password_again=second)

    assert page.status == 422
    assert any(said in words for words in [*page.errors("password"), *page.errors("password_again")])
    assert first not in page.html or first == OTHER
    assert log_ins() == []


def test_who_can_sign_in_already_and_whose_address_is_taken_is_not_invited(browser: Browser) -> None:
    client = make_client(email="one@x.example")
    twin = make_customer(email="ONE@x.example")
    nobody = make_customer(email="")
    browser.sign_in(make_staff(Role.ADMIN))

    for customer_id, said in (
        (twin, "This email address cannot be used to sign in here. Use another one."),
        (nobody, "This user has no email address to sign in with. Add one to the profile first."),
    ):
        page = browser.submit(f"/admin/users/{customer_id}/client-area", "Invite to client area")
        assert (page.status, page.summary) == (422, [said])
    assert "Invite to client area" not in browser.open(f"/admin/users/{client.id}/client-area").buttons


def test_ending_a_log_in_ends_its_sessions_at_once(app: Flask, browser: Browser) -> None:
    client = make_client()
    browser.enter(client)
    staff = Browser(app)
    staff.sign_in(make_staff(Role.ADMIN))

    page = staff.submit(f"/admin/users/{client.id}/client-area", "End log-in")

    assert page.flashes == ["Log-in ended. Brigid Nolan cannot sign in to the client area any more."]
    assert browser.get("/account").status_code == 302
    assert browser.submit("/account/sign-in", email=client.email, password=PASSWORD).status == 422
    assert choose(Browser(app), invite(client.id)).path == "/account/sign-in"


def test_neither_door_opens_with_the_others_key(app: Flask) -> None:
    client, staff = make_client(), make_staff(Role.ADMIN)
    one, two = Browser(app), Browser(app)
    one.enter(client)
    two.sign_in(staff)
    customers_cookie, staffs_cookie = one.client.get_cookie("account"), two.client.get_cookie("session")
    assert customers_cookie is not None
    assert staffs_cookie is not None
    assert one.client.get_cookie("session") is None
    assert two.client.get_cookie("account") is None

    thief = Browser(app)
    thief.client.set_cookie("session", customers_cookie.value)
    thief.client.set_cookie("account", staffs_cookie.value)

    assert thief.get("/account").headers["Location"].startswith("/account/sign-in")
    assert thief.get("/admin/users").headers["Location"].startswith("/sign-in")
    assert one.get("/admin/users").headers["Location"].startswith("/sign-in")
    assert two.get("/account").headers["Location"].startswith("/account/sign-in")
    assert (one.get("/account").status_code, two.get("/admin/users").status_code) == (200, 200)


def test_a_password_opens_its_own_door_only(browser: Browser) -> None:
    client, staff = make_client(), make_staff(Role.ADMIN)

    assert browser.submit("/sign-in", email=client.email, password=PASSWORD).status == 422
    assert browser.submit("/account/sign-in", email=staff.email, password=PASSWORD).status == 422


def test_one_browser_can_stand_at_both_doors(browser: Browser) -> None:
    browser.enter(make_client())
    browser.sign_in(make_staff(Role.ADMIN))

    assert (browser.get("/account").status_code, browser.get("/admin/users").status_code) == (200, 200)
    browser.submit("/account", form="/account/sign-out")
    assert (browser.get("/account").status_code, browser.get("/admin/users").status_code) == (302, 200)


@pytest.mark.parametrize(
    ("shift", "still_in"),
    [
        ({"seen_at": -timedelta(hours=1, minutes=59)}, True),
        ({"seen_at": -timedelta(hours=2, seconds=1)}, False),
        ({"ends_at": -timedelta(seconds=1)}, False),
    ],
)
def test_a_session_ends_by_itself(browser: Browser, shift: dict[str, timedelta], still_in: bool) -> None:
    browser.enter(make_client())
    values = {name: datetime.now(UTC) + delta for name, delta in shift.items()}

    def wait(session: Session) -> None:
        session.execute(update(LogInSession).values(**values))

    transact(wait)

    assert (browser.get("/account").status_code == 200) is still_in


def test_what_was_typed_is_there_again_after_signing_in(browser: Browser) -> None:
    client = make_client()
    browser.enter(client)
    page = browser.open("/account/profile")

    def expire(session: Session) -> None:
        session.execute(update(LogInSession).values(ends_at=datetime.now(UTC)))

    transact(expire)
    door = browser.submit(page, name="Zoë Ångström", old_password="my secret words")
    assert door.path == "/account/sign-in"
    back = browser.submit(door, email=client.email, password=PASSWORD)

    assert back.path == "/account/profile"
    assert back.value("name") == "Zoë Ångström"
    assert "my secret words" not in str(db.session.execute(select(Base.metadata.tables["form_drafts"])).all())


def test_who_waits_for_a_mail_that_nobody_sends_is_told(browser: Browser) -> None:
    change_settings(mail_from="billing@panel.example")

    page = browser.submit("/account/forgotten", email=make_client().email)

    assert page.flashes == ["No mails are sent from here at the moment. Ask us for a new link, please."]


@pytest.mark.parametrize(("host", "is_promised"), [("localhost", True), ("stranger.example", False)])
def test_no_link_is_promised_where_nobody_knows_how_we_are_reached(app: Flask, host: str, is_promised: bool) -> None:
    app.config["SMTP_URL"] = "smtp://127.0.0.1:1"
    change_settings(mail_from="billing@panel.example")

    for door in ("/forgotten", "/account/forgotten"):
        words = app.test_client().get(door, base_url=f"http://{host}").get_data(as_text=True)
        assert ("No mails are sent from here" not in words) is is_promised


def test_whether_an_address_is_known_is_never_said(app: Flask, browser: Browser) -> None:
    app.config["SMTP_URL"] = "smtp://127.0.0.1:1"
    change_settings(mail_from="billing@panel.example")
    client = make_client()

    answers = []
    for email in (client.email, "nobody@x.example"):
        page = browser.submit("/account/forgotten", email=email)
        answers.append((page.status, page.path, page.flashes, re.sub(r'value="[^"]*"', "", page.html)))

    assert answers[0] == answers[1]
    assert "a mail is on its way" in answers[0][2][0]
    assert db.session.execute(select(Mail.recipient)).scalars().all() == [client.email]
    assert len(db.session.execute(select(AuditRow.seq).where(AuditRow.action == "reset_asked")).all()) == 2


def test_a_new_password_ends_every_session_and_does_not_sign_in(app: Flask, browser: Browser) -> None:
    client = make_client()
    browser.enter(client)
    path, second = ask_reset(client.email), ask_reset(client.email)

    page = choose(Browser(app), path)

    assert page.path == "/account/sign-in"
    assert browser.get("/account").status_code == 302
    assert browser.open(second).status == 404
    assert browser.submit("/account/sign-in", email=client.email, password=PASSWORD).status == 422
    assert browser.submit("/account/sign-in", email=client.email, password=OTHER).path == "/account"


def test_a_reset_lasts_half_an_hour(browser: Browser) -> None:
    client = make_client()
    path = ask_reset(client.email, at=datetime.now(UTC) - timedelta(minutes=30, seconds=1))

    assert browser.open(path).status == 404


def test_of_two_who_use_a_link_one_gets_it(app: Flask) -> None:
    client = make_client()
    token = ask_reset(client.email).rpartition("/")[2]
    password_hash = passwords.hash_password(OTHER)
    transact(client_access.reset, token, password_hash, address="")

    with pytest.raises(LinkError):
        transact(client_access.reset, token, password_hash, address="")


def test_only_a_digest_of_a_link_is_kept(app: Flask) -> None:
    token = invite(make_customer()).rpartition("/")[2]

    rows = db.session.execute(select(OneTimeLink.__table__)).all()

    assert len(rows) == 1
    assert token.encode() not in repr(rows).encode()


def test_a_link_is_not_mailed_where_a_stranger_may_say_who_we_are(app: Flask, browser: Browser) -> None:
    change_settings(mail_from="billing@panel.example")
    client = make_client()
    there = "http://evil.example/account/forgotten"

    browser.post(there, browser.open(there).form(names={"email"}).filled({"email": client.email}))

    assert "reset_asked" in db.session.scalars(select(AuditRow.action)).all()
    assert db.session.execute(select(Mail.url)).all() == []


def test_asking_again_and_again_is_slowed_down(browser: Browser) -> None:
    for _ in range(5):
        assert browser.submit("/account/forgotten", email="nobody@x.example").status == 200

    page = browser.submit("/account/forgotten", email="nobody@x.example")

    assert page.status == 429
    assert page.summary[0].startswith("Too many tries. Wait ")


def test_guessing_at_one_door_keeps_nobody_from_the_other(browser: Browser) -> None:
    email = "both@x.example"
    make_client(email=email)
    staff = make_staff(Role.ADMIN, email=email)
    for _ in range(10):
        browser.submit("/account/sign-in", email=email, password="wrong")

    assert browser.submit("/account/sign-in", email=email, password=PASSWORD).status == 429
    assert browser.sign_in(staff).path == "/admin/users"


def test_a_password_is_changed_by_who_knows_the_old_one(app: Flask, browser: Browser) -> None:
    client = make_client()
    elsewhere = Browser(app)
    browser.enter(client)
    elsewhere.enter(client)

    wrong = browser.submit("/account/password", old_password="wrong", password=OTHER, password_again=OTHER)
    assert (wrong.status, wrong.errors("old_password")) == (422, ["This is not your current password."])
    assert elsewhere.get("/account").status_code == 200
    page = browser.submit("/account/password", old_password=PASSWORD, password=OTHER, password_again=OTHER)

    assert page.flashes == ["Your password is changed. Everywhere else you are signed out."]
    assert elsewhere.get("/account").status_code == 302


def test_another_address_needs_the_password(browser: Browser) -> None:
    client = make_client(company="Kite")
    browser.enter(client)

    refused = browser.submit("/account/profile", email="new@x.example")
    saved = browser.submit("/account/profile", name="Zoë", email="new@x.example", old_password=PASSWORD)

    assert refused.errors("old_password") == ["This is not your current password."]
    assert saved.flashes == ["Profile saved."]
    assert "You sign in as new@x.example." in saved.text
    assert log_ins() == ["new@x.example"]


def test_an_address_that_another_signs_in_with_is_not_taken_over(browser: Browser) -> None:
    client, other = make_client(), make_client()
    browser.enter(client)

    page = browser.submit("/account/profile", email=other.email.upper(), old_password=PASSWORD)

    assert page.errors("email") == ["This email address cannot be used to sign in here. Use another one."]
    assert sorted(log_ins()) == sorted([client.email, other.email])


@pytest.mark.parametrize(
    "next_page", ["//evil.example", "https://evil.example", "/admin/users", "/account\\@evil", "/accountx"]
)
def test_signing_in_leads_to_a_page_of_the_client_area(browser: Browser, next_page: str) -> None:
    client = make_client()
    page = browser.open("/account/sign-in?next=" + next_page)

    assert browser.submit(page, email=client.email, password=PASSWORD).path == "/account"


def test_signing_in_leads_back_to_where_somebody_wanted_to_go(browser: Browser) -> None:
    client = make_client()
    number = make_invoice(client.id)
    page = browser.open(f"/account/invoices/{number}/pay")

    assert browser.submit(page, email=client.email, password=PASSWORD).path == f"/account/invoices/{number}/pay"


def test_the_cookies_of_both_doors_are_kept_to_this_host_over_tls(app: Flask) -> None:
    from creditapp.config import Config  # noqa: PLC0415  (what this test alone needs)

    made = Config("sqlite:///x.db", "s" * 40, b"k" * 40, app.instance_path, https=True).flask()  # type: ignore[arg-type]

    assert (made["SESSION_COOKIE_NAME"], made["CLIENT_COOKIE_NAME"]) == ("__Host-session", "__Host-account")


@pytest.mark.tampers
def test_two_log_ins_of_one_customer_and_a_link_to_anothers_are_found(app: Flask) -> None:
    one, other = make_client(), make_client()
    ask_reset(one.email)

    def tamper(session: Session) -> None:
        client_access.make_log_in(session, one.id, "second@x.example", "x")
        session.execute(update(OneTimeLink).values(customer_id=other.id))

    transact(tamper)

    assert [(each.check, each.customer_id) for each in verification.report()] == [
        ("access", one.id),
        ("access", other.id),
    ]


def test_who_signs_in_with_another_address_than_the_profiles_gets_the_link_there(app: Flask, browser: Browser) -> None:
    change_settings(mail_from="billing@panel.example")
    client = make_client(email="door@x.example")
    change_profile(client.id, email="office@x.example")

    browser.submit("/account/forgotten", email="DOOR@x.example")

    assert mailed() == [("password_reset", "door@x.example")]


def test_the_address_before_is_told_that_another_one_signs_in_now(browser: Browser) -> None:
    change_settings(mail_from="billing@panel.example")
    client = make_client(email="old@x.example")
    browser.enter(client)

    browser.submit("/account/profile", email="Old@x.example", old_password=PASSWORD)
    assert mailed() == []
    browser.submit("/account/profile", email="new@x.example", old_password=PASSWORD)

    assert mailed() == [("address_changed", "Old@x.example")]
    assert "you sign in with new@x.example" in db.session.execute(select(Mail.text)).scalar_one()


def test_an_invitation_that_went_to_a_wrong_address_opens_nothing_once_staff_have_corrected_it(
    browser: Browser,
) -> None:
    customer_id = make_customer(email="wrong@x.example")
    link = invite(customer_id)
    change_profile(customer_id, email="right@x.example")

    assert browser.open(link).status == 404
    with pytest.raises(LinkError):
        transact(client_access.accept, link.rpartition("/")[2], "hash", address="")

    assert log_ins() == []
    assert choose(browser, invite(customer_id)).path == "/account/sign-in"
    assert log_ins() == ["right@x.example"]


def change_profile(customer_id: int, **fields: str) -> None:
    """Change the profile as staff do: the log-in stays as it is."""

    def change(session: Session) -> None:
        saved = session.get_one(Customer, customer_id)
        kept = {one.name: getattr(saved, one.name) for one in fields_of(CustomerFields)}
        customers.edit(session, customer_id, CustomerFields(**kept | fields), version=saved.version, by=SYSTEM)

    transact(change)


def mailed() -> list[tuple[str, str]]:
    """Return what was queued, and for which address."""
    db.session.rollback()
    return [(row.event, row.recipient) for row in db.session.execute(select(Mail.event, Mail.recipient))]
