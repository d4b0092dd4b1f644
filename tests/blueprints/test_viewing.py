"""Looking at the client area as a customer sees it: everything is shown, nothing is done."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from creditapp.db import db, transact
from creditapp.models import AuditRow, LogInSession, Role, Staff
from creditapp.services import staff_access
from creditapp.services.actor import SYSTEM
from tests.browser import Browser, Page
from tests.factories import (
    StaffMember,
    close_customer,
    make_client,
    make_customer,
    make_invoice,
    make_product,
    make_staff,
)
from tests.test_permissions import CLIENT, MATRIX, addresses, dump

pytestmark = pytest.mark.usefixtures("app")


def look(browser: Browser, customer_id: int) -> Page:
    return browser.submit(f"/admin/users/{customer_id}", form=f"/admin/users/{customer_id}/view-as")


def change(statement: Any) -> None:  # noqa: ANN401  (an UPDATE)
    def run(session: Session) -> None:
        session.execute(statement)

    transact(run)


def looker(app: Flask, role: Role = Role.AGENT) -> tuple[Browser, StaffMember]:
    person, browser = make_staff(role, name="Ada Okafor"), Browser(app)
    browser.sign_in(person)
    return browser, person


@pytest.mark.parametrize("has_log_in", [True, False])
def test_staff_see_what_the_customer_sees_and_are_told_so_on_every_page(app: Flask, has_log_in: bool) -> None:
    customer_id = make_client(1234).id if has_log_in else make_customer(1234)
    invoice_id, product_id = make_invoice(customer_id), make_product()
    browser, person = looker(app)

    page = look(browser, customer_id)

    assert (page.path, "$12.34" in page.text) == ("/account", True)
    before = dump()
    for path in (
        *("", "/credit", "/credit/export.csv", "/invoices", f"/invoices/{invoice_id}", f"/invoices/{invoice_id}/pay"),
        *("/funds", "/products", f"/products/{product_id}/order", "/profile", "/password", "/statement"),
    ):
        response = browser.get(f"/account{path}")
        assert response.status_code in {200, 404}, path
        if response.mimetype == "text/html" and response.status_code == 200:
            banner = "You look at this as Brigid Nolan sees it; you are Ada Okafor. Nothing can be done here."
            shown = Page(response, path)
            assert banner in " ".join("".join(shown.root.itertext()).split()), path
            assert "Sign out" not in [one.get("aria-label") for one in shown.root.iter("button")]
    exported = {"audit_log", "audit_details", "audit_head"}  # taking a list away is written down, whoever does it
    after = dump()
    assert {name for name in after if after[name] != before[name]} <= exported

    page = browser.submit("/account", form="Stop viewing")

    assert page.path == f"/admin/users/{customer_id}"
    assert browser.open("/account").path == "/account/sign-in"
    db.session.rollback()
    acts = select(AuditRow.action, AuditRow.actor_id, AuditRow.object_id).where(AuditRow.action.like("view_%"))
    wanted = [("view_begun", person.id, customer_id), ("view_ended", person.id, customer_id)]
    assert [tuple(row) for row in db.session.execute(acts.order_by(AuditRow.seq))] == wanted


def test_whatever_is_sent_below_the_client_area_is_refused_and_written_down(app: Flask) -> None:
    client = make_client(5000)
    browser, person = looker(app, Role.ADMIN)
    page = look(browser, client.id)
    token = dict(page.form("/account/stop-viewing").values)["csrf_token"]
    urls = addresses(app, customer_id=client.id)
    sent_to = {
        urls[endpoint]
        for (endpoint, method), allowed in MATRIX.items()
        if method == "POST"
        and (allowed is CLIENT or endpoint.startswith("account."))
        and "stop_viewing" not in endpoint
    }
    assert len(sent_to) > 10
    before = dump()

    for url in [*sent_to, "/account/nothing-of-ours"]:
        for method in ("POST", "PUT", "DELETE"):
            sent = {"csrf_token": token, "amount": "10.00", "use_credit": "y", "file": (io.BytesIO(b"x"), "x")}
            answer = browser.client.open(url, method=method, data=sent)
            assert (answer.status_code, "You only look on" in answer.text) == (403, True), (method, url)

    after = dump()
    assert {name for name in after if after[name] != before[name]} == {"audit_log", "audit_details", "audit_head"}
    refused = select(AuditRow.actor, AuditRow.actor_id).where(AuditRow.action == "refused").distinct()
    assert [tuple(row) for row in db.session.execute(refused)] == [("staff", person.id)]


def test_no_payment_that_was_begun_is_gone_on_with_by_who_looks_on(app: Flask) -> None:
    client, own = make_client(), Browser(app)
    pay = f"/account/invoices/{make_invoice(client.id, 4000)}/pay"
    own.enter(client)
    own.submit(pay, gateway="sandbox")
    browser, _person = looker(app)
    look(browser, client.id)

    for page in (pay, pay.replace("/pay", "/return")):
        assert "/sandbox/pay/" in own.open(page).html
        assert "/sandbox/pay/" not in browser.open(page).html


ENDS = ["sign-out", "role", "disable", "end sessions", "time", "closed"]


@pytest.mark.parametrize("how", ENDS)
def test_a_look_ends_with(app: Flask, how: str) -> None:
    customer_id = make_client().id
    browser, person = looker(app)
    make_staff()
    look(browser, customer_id)
    cookie = browser.client.get_cookie("account")
    assert cookie is not None
    thief = Browser(app)
    thief.client.set_cookie("account", cookie.value)
    assert thief.open("/account").path == "/account"

    if how == "sign-out":
        browser.sign_out()
    elif how == "role":  # even where nothing but the row has changed
        change(update(Staff).where(Staff.id == person.id).values(role="auditor"))
    elif how == "disable":
        transact(staff_access.disable, person.id, by=SYSTEM)
    elif how == "end sessions":
        transact(staff_access.end_sessions, person.id, by=SYSTEM)
    elif how == "time":
        change(
            update(LogInSession).where(LogInSession.views_customer_id.is_not(None)).values(ends_at=datetime.now(UTC))
        )
    else:
        close_customer(customer_id)

    assert thief.open("/account").path == "/account/sign-in"


def test_a_look_opens_nothing_at_the_desk_and_a_session_of_the_desk_nothing_here(app: Flask) -> None:
    client = make_client()
    browser, _person = looker(app)
    look(browser, client.id)
    tokens = {}
    for name, path in (("session", "/"), ("account", "/account")):
        with browser.client.session_transaction(path) as inside:
            tokens[name] = inside["_user_id"]
    stranger = Browser(app)

    for path, token, page in (("/", tokens["account"], "/admin/users"), ("/account", tokens["session"], "/account")):
        with stranger.client.session_transaction(path) as inside:
            inside["_user_id"] = token
        assert stranger.open(page).path.endswith("/sign-in"), page


def test_nobody_looks_at_who_is_closed_and_an_auditor_at_nobody(app: Flask) -> None:
    gone, there = make_customer(), make_customer()
    browser, _person = looker(app, Role.ADMIN)
    token = dict(browser.open(f"/admin/users/{there}").form("/sign-out").values)["csrf_token"]
    close_customer(gone)

    page = browser.post(f"/admin/users/{gone}/view-as", {"csrf_token": token})
    assert page.path == f"/admin/users/{gone}"
    assert page.flashes != []
    assert "View as customer" not in page.buttons
    auditor, _person = looker(app, Role.AUDITOR)
    assert auditor.client.post(f"/admin/users/{there}/view-as").status_code == 403
    assert db.session.scalars(select(LogInSession.views_customer_id)).all() == [None, None]


def test_a_customer_sees_and_ends_own_sessions_and_a_copied_cookie_ends_with_the_password(app: Flask) -> None:
    client, first, second, thief = make_client(), Browser(app), Browser(app), Browser(app)
    first.enter(client)
    second.enter(client)
    cookie = first.client.get_cookie("account")
    assert cookie is not None
    thief.client.set_cookie("account", cookie.value)

    page = first.submit("/account/profile", form="End all others")

    assert len(page.rows("sessions")) == 1
    assert [one.open("/account").path for one in (first, second, thief)] == [
        "/account",
        "/account/sign-in",
        "/account/sign-in",
    ]
    cookie = first.client.get_cookie("account")
    assert cookie is not None
    thief.client.set_cookie("account", cookie.value)
    new = "eleven quiet rivers run"
    first.submit("/account/password", old_password=client.password, password=new, password_again=new)
    assert [one.open("/account").path for one in (first, thief)] == ["/account", "/account/sign-in"]
