"""The whole access matrix: every view, every role, every method, in one table.

A new route without a line here fails, and so does a line that the application does not keep.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask, url_for
from sqlalchemy import select
from werkzeug.exceptions import MethodNotAllowed

from creditapp.db import Base, db
from creditapp.models import AuditDetails, AuditRow, Role
from creditapp.permissions import ROLES, SIGNED_IN, Permission
from tests.browser import Browser
from tests.factories import (
    give,
    make_client,
    make_customer,
    make_incident,
    make_invoice,
    make_mail,
    make_payment,
    make_preview,
    make_product,
    make_promo,
    make_refund,
    make_staff,
    make_subscription,
    new_key,
    reason_named,
)
from tests.services.gateways.far_end import hold_money

EVERYBODY = frozenset(Role)
ADMIN = frozenset({Role.ADMIN})
WRITERS = frozenset({Role.ADMIN, Role.MANAGER, Role.AGENT})
LEADERS = frozenset({Role.ADMIN, Role.MANAGER})
EXPORTERS = frozenset({Role.ADMIN, Role.MANAGER, Role.AUDITOR})
SETTINGS = frozenset({Role.ADMIN, Role.AUDITOR})
PUBLIC = None
CLIENT: frozenset[Role] = frozenset()
"""Open to customers alone: staff, whatever their role, are asked to sign in at the customers' door."""

MATRIX: dict[tuple[str, str], frozenset[Role] | None] = {
    ("auth.home", "GET"): PUBLIC,
    ("auth.healthy", "GET"): PUBLIC,
    ("health.ready", "GET"): PUBLIC,
    ("auth.sign_in", "GET"): PUBLIC,
    ("auth.sign_in", "POST"): PUBLIC,
    ("auth.sign_out", "POST"): EVERYBODY,
    ("auth.code", "GET"): PUBLIC,
    ("auth.code", "POST"): PUBLIC,
    ("auth.confirm", "GET"): EVERYBODY,
    ("auth.confirm", "POST"): EVERYBODY,
    ("auth.forgotten", "GET"): PUBLIC,
    ("auth.forgotten", "POST"): PUBLIC,
    ("auth.invitation", "GET"): PUBLIC,
    ("auth.invitation", "POST"): PUBLIC,
    ("auth.reset", "GET"): PUBLIC,
    ("auth.reset", "POST"): PUBLIC,
    ("profile.show", "GET"): EVERYBODY,
    ("profile.show", "POST"): EVERYBODY,
    ("profile.end_session", "POST"): EVERYBODY,
    ("profile.end_others", "POST"): EVERYBODY,
    ("profile.email", "GET"): EVERYBODY,
    ("profile.email", "POST"): EVERYBODY,
    ("profile.password", "GET"): EVERYBODY,
    ("profile.password", "POST"): EVERYBODY,
    ("profile.set_up_factor", "GET"): EVERYBODY,
    ("profile.set_up_factor", "POST"): EVERYBODY,
    ("profile.factor_image", "GET"): EVERYBODY,
    ("profile.switch_off_factor", "GET"): EVERYBODY,
    ("profile.switch_off_factor", "POST"): EVERYBODY,
    ("profile.recovery_codes", "GET"): EVERYBODY,
    ("profile.recovery_codes", "POST"): EVERYBODY,
    ("staff.index", "GET"): SETTINGS,
    ("staff.show", "GET"): SETTINGS,
    ("staff.edit", "GET"): ADMIN,
    ("staff.edit", "POST"): ADMIN,
    ("staff.roles", "GET"): ADMIN,
    ("staff.roles", "POST"): ADMIN,
    ("staff.invite", "GET"): ADMIN,
    ("staff.invite", "POST"): ADMIN,
    ("staff.invite_again", "POST"): ADMIN,
    ("staff.withdraw", "POST"): ADMIN,
    ("staff.disable", "POST"): ADMIN,
    ("staff.enable", "POST"): ADMIN,
    ("staff.end_sessions", "POST"): ADMIN,
    ("staff.reset_factor", "POST"): ADMIN,
    ("staff.send_link", "POST"): ADMIN,
    ("users.view_as", "POST"): WRITERS,
    ("sandbox.pay", "GET"): PUBLIC,
    ("sandbox.pay", "POST"): PUBLIC,
    ("webhooks.receive", "POST"): PUBLIC,
    ("static", "GET"): PUBLIC,
    ("account.sign_in", "GET"): PUBLIC,
    ("account.sign_in", "POST"): PUBLIC,
    ("account.sign_out", "POST"): CLIENT,
    ("account.forgotten", "GET"): PUBLIC,
    ("account.forgotten", "POST"): PUBLIC,
    ("account.invitation", "GET"): PUBLIC,
    ("account.invitation", "POST"): PUBLIC,
    ("account.reset", "GET"): PUBLIC,
    ("account.reset", "POST"): PUBLIC,
    ("account.home", "GET"): CLIENT,
    ("account.credit", "GET"): CLIENT,
    ("account.export_credit", "GET"): CLIENT,
    ("account.statement", "GET"): CLIENT,
    ("account.statement_pdf", "GET"): CLIENT,
    ("account.invoices", "GET"): CLIENT,
    ("account.invoice", "GET"): CLIENT,
    ("account.invoice_pdf", "GET"): CLIENT,
    ("account.pay", "GET"): CLIENT,
    ("account.pay", "POST"): CLIENT,
    ("account.give_up", "POST"): CLIENT,
    ("account.make_referral_code", "POST"): CLIENT,
    ("account.transfer", "GET"): CLIENT,
    ("account.returned", "GET"): CLIENT,
    ("account.funds", "GET"): CLIENT,
    ("account.funds", "POST"): CLIENT,
    ("account.cancel_funds", "POST"): CLIENT,
    ("account.products", "GET"): CLIENT,
    ("account.order", "GET"): CLIENT,
    ("account.order", "POST"): CLIENT,
    ("account.profile", "GET"): CLIENT,
    ("account.profile", "POST"): CLIENT,
    ("account.password", "GET"): CLIENT,
    ("account.password", "POST"): CLIENT,
    ("account.end_session", "POST"): CLIENT,
    ("account.end_others", "POST"): CLIENT,
    ("account.stop_viewing", "POST"): CLIENT,
    ("settings.show", "GET"): SETTINGS,
    ("settings.save", "POST"): ADMIN,
    ("settings.deposits", "GET"): SETTINGS,
    ("settings.save_deposits", "POST"): ADMIN,
    ("settings.mail", "GET"): SETTINGS,
    ("settings.save_mail", "POST"): ADMIN,
    ("settings.test_mail", "POST"): ADMIN,
    ("settings.mail_text", "GET"): SETTINGS,
    ("settings.save_mail_text", "POST"): ADMIN,
    ("settings.restore_mail_text", "POST"): ADMIN,
    ("mails.index", "GET"): EVERYBODY,
    ("mails.show", "GET"): EVERYBODY,
    ("mails.send_again", "POST"): WRITERS,
    ("settings.gateways", "GET"): SETTINGS,
    ("settings.save_gateways", "POST"): ADMIN,
    ("settings.limits", "GET"): ADMIN,
    ("settings.limits", "POST"): ADMIN,
    ("settings.new_reason", "GET"): ADMIN,
    ("settings.new_reason", "POST"): ADMIN,
    ("settings.edit_reason", "GET"): ADMIN,
    ("settings.edit_reason", "POST"): ADMIN,
    ("settings.order_reasons", "POST"): ADMIN,
    ("settings.downtime", "GET"): SETTINGS,
    ("settings.new_policy", "GET"): ADMIN,
    ("settings.new_policy", "POST"): ADMIN,
    ("settings.edit_policy", "GET"): ADMIN,
    ("settings.edit_policy", "POST"): ADMIN,
    ("settings.order_policies", "POST"): ADMIN,
    ("imports.upload", "GET"): ADMIN,
    ("imports.upload", "POST"): ADMIN,
    ("imports.review", "GET"): ADMIN,
    ("imports.confirm", "POST"): ADMIN,
    ("imports.result", "GET"): ADMIN,
    ("search.find", "GET"): EVERYBODY,
    ("credits.index", "GET"): EVERYBODY,
    ("credits.export_adjustments", "GET"): EXPORTERS,
    ("credits.export_balances", "GET"): EXPORTERS,
    ("credits.import_adjustments", "GET"): LEADERS,
    ("credits.import_adjustments", "POST"): LEADERS,
    ("credits.import_template", "GET"): LEADERS,
    ("batches.index", "GET"): EVERYBODY,
    ("batches.show", "GET"): EVERYBODY,
    ("batches.issue", "POST"): WRITERS,
    ("batches.stop", "POST"): WRITERS,
    ("batches.resume", "POST"): WRITERS,
    ("batches.drop", "POST"): WRITERS,
    ("batches.bill", "POST"): LEADERS,
    ("batches.reverse", "GET"): LEADERS,
    ("batches.reverse", "POST"): LEADERS,
    ("batches.file", "GET"): EXPORTERS,
    ("batches.export_refused", "GET"): EXPORTERS,
    ("batches.export_lines", "GET"): EXPORTERS,
    ("batches.tick_lines", "POST"): WRITERS,
    ("batches.change_line", "GET"): WRITERS,
    ("batches.change_line", "POST"): WRITERS,
    ("incidents.index", "GET"): EVERYBODY,
    ("incidents.show", "GET"): EVERYBODY,
    ("incidents.create", "GET"): WRITERS,
    ("incidents.create", "POST"): WRITERS,
    ("incidents.edit", "GET"): WRITERS,
    ("incidents.edit", "POST"): WRITERS,
    ("incidents.preview", "POST"): WRITERS,
    ("incidents.dismiss", "POST"): WRITERS,
    ("incidents.take_up", "POST"): WRITERS,
    ("users.index", "GET"): EVERYBODY,
    ("users.export", "GET"): EXPORTERS,
    ("users.create", "GET"): WRITERS,
    ("users.create", "POST"): WRITERS,
    ("users.show", "GET"): EVERYBODY,
    ("users.edit", "GET"): WRITERS,
    ("users.edit", "POST"): WRITERS,
    ("users.credit_downtime", "GET"): WRITERS,
    ("users.credit_downtime", "POST"): WRITERS,
    ("users.adjust", "GET"): WRITERS,
    ("users.adjust", "POST"): WRITERS,
    ("users.set_balance", "GET"): LEADERS,
    ("users.set_balance", "POST"): LEADERS,
    ("users.transfer", "GET"): LEADERS,
    ("users.transfer", "POST"): LEADERS,
    ("users.take_transfer_back", "GET"): LEADERS,
    ("users.take_transfer_back", "POST"): LEADERS,
    ("users.merge", "GET"): ADMIN,
    ("users.merge", "POST"): ADMIN,
    ("users.freeze", "GET"): LEADERS,
    ("users.freeze", "POST"): LEADERS,
    ("users.release", "GET"): LEADERS,
    ("users.release", "POST"): LEADERS,
    ("users.entry", "GET"): EVERYBODY,
    ("users.reverse", "GET"): WRITERS,
    ("users.reverse", "POST"): WRITERS,
    ("users.void", "GET"): WRITERS,
    ("users.void", "POST"): WRITERS,
    ("users.delete", "GET"): WRITERS,
    ("users.delete", "POST"): WRITERS,
    ("users.export_history", "GET"): EVERYBODY,
    ("users.client_area", "GET"): LEADERS,
    ("users.client_area", "POST"): LEADERS,
    ("users.end_client_area", "POST"): LEADERS,
    ("users.new_subscription", "GET"): WRITERS,
    ("users.new_subscription", "POST"): WRITERS,
    ("users.edit_subscription", "GET"): WRITERS,
    ("users.edit_subscription", "POST"): WRITERS,
    ("users.cancel_subscription", "GET"): WRITERS,
    ("users.cancel_subscription", "POST"): WRITERS,
    ("invoices.index", "GET"): EVERYBODY,
    ("invoices.export", "GET"): EXPORTERS,
    ("invoices.show", "GET"): EVERYBODY,
    ("invoices.history", "GET"): EVERYBODY,
    ("invoices.create", "GET"): LEADERS,
    ("invoices.create", "POST"): LEADERS,
    ("invoices.edit", "GET"): LEADERS,
    ("invoices.edit", "POST"): LEADERS,
    ("invoices.issue", "POST"): LEADERS,
    ("invoices.apply", "GET"): WRITERS,
    ("invoices.apply", "POST"): WRITERS,
    ("invoices.remove", "GET"): WRITERS,
    ("invoices.remove", "POST"): WRITERS,
    ("invoices.open_payment", "POST"): LEADERS,
    ("invoices.give_up_payment", "POST"): LEADERS,
    ("invoices.cancel", "GET"): LEADERS,
    ("invoices.cancel", "POST"): LEADERS,
    ("invoices.void", "GET"): LEADERS,
    ("invoices.void", "POST"): LEADERS,
    ("invoices.refund", "GET"): LEADERS,
    ("invoices.refund", "POST"): LEADERS,
    ("orders.create", "GET"): WRITERS,
    ("orders.create", "POST"): WRITERS,
    ("payments.index", "GET"): EVERYBODY,
    ("payments.export", "GET"): EXPORTERS,
    ("payments.create", "GET"): LEADERS,
    ("payments.create", "POST"): LEADERS,
    ("payments.show", "GET"): EVERYBODY,
    ("payments.void", "GET"): ADMIN,
    ("payments.void", "POST"): ADMIN,
    ("users.transactions", "GET"): EVERYBODY,
    ("users.delete_customer", "GET"): ADMIN,
    ("users.delete_customer", "POST"): ADMIN,
    ("users.export_transactions", "GET"): EXPORTERS,
    ("suspense.index", "GET"): EVERYBODY,
    ("suspense.show", "GET"): EVERYBODY,
    ("suspense.assign", "GET"): LEADERS,
    ("suspense.assign", "POST"): LEADERS,
    ("suspense.dismiss", "GET"): LEADERS,
    ("suspense.dismiss", "POST"): LEADERS,
    ("refunds.of_invoice", "GET"): LEADERS,
    ("refunds.of_invoice", "POST"): LEADERS,
    ("refunds.of_credit", "GET"): LEADERS,
    ("refunds.of_credit", "POST"): LEADERS,
    ("refunds.sent", "GET"): LEADERS,
    ("refunds.sent", "POST"): LEADERS,
    ("refunds.call_off", "GET"): LEADERS,
    ("refunds.call_off", "POST"): LEADERS,
    ("audit.index", "GET"): EVERYBODY,
    ("audit.show", "GET"): EVERYBODY,
    ("audit.verify", "POST"): SETTINGS,
    ("audit.export", "GET"): SETTINGS,
    ("products.index", "GET"): EVERYBODY,
    ("products.create", "GET"): LEADERS,
    ("products.create", "POST"): LEADERS,
    ("products.edit", "GET"): LEADERS,
    ("products.edit", "POST"): LEADERS,
    ("promos.index", "GET"): EVERYBODY,
    ("promos.show", "GET"): EVERYBODY,
    ("promos.create", "GET"): LEADERS,
    ("promos.create", "POST"): LEADERS,
    ("promos.edit", "GET"): LEADERS,
    ("promos.edit", "POST"): LEADERS,
    ("promos.switch_off", "POST"): LEADERS,
    ("promos.export_uses", "GET"): EXPORTERS,
    ("promos.make_referral_code", "POST"): WRITERS,
    ("invoices.add_funds", "GET"): LEADERS,
    ("invoices.add_funds", "POST"): LEADERS,
}
TESTED_APART = {
    "auth.sign_in",
    "auth.code",
    "auth.invitation",
    "auth.reset",
    "account.stop_viewing",
    "account.sign_in",
    "account.invitation",
    "account.reset",
    "sandbox.pay",
    "webhooks.receive",
}
EXPORTS = {name for name, _method in MATRIX if name.split(".")[-1].startswith("export")} | {"batches.file"}
EXPORTS -= {"account.export_credit"}
"""Each is written down: who takes rows away. What customers take is their own."""
DOORS = {"/sign-in", "/account/sign-in"}
ANONYMOUS = "anonymous"
VISITORS = [*Role, ANONYMOUS]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE")
NOWHERE = 10**9
VOLATILE = {"rate_windows", "log_in_sessions", "form_drafts"}
"""What may change without anybody having done anything."""
TYPED = {
    "amount": "1.00",
    "balance": "7.00",
    "target": "7.00",
    "note": "A note",
    "name": "Somebody New",
    "email": "new@customer.example",
    "company_name": "Kite Hosting",
    "agent_add": "50",
    "price": "12.50",
    "tax": "19",
    "next_due_on": "2099-01-01",
    "anchor_day": "1",
    "move": "down 1",
    "pasted": "external_id,name,email,opening_balance,joined_on\nP-1,Ana,a@b.example,1,2024-05-31",
}
"""What makes a form acceptable but for its token."""


def addresses(app: Flask, *, missing: bool = False, customer_id: int | None = None) -> dict[str, str]:
    """Return a URL of each view: of this customer, of a new one with an entry, or of what is not there."""
    customer_id = customer_id or (NOWHERE if missing else make_customer(credit_minor=1000))
    subscription_id = NOWHERE if missing else make_subscription(customer_id)
    incident_id = NOWHERE if missing else make_incident(customer_ids=(customer_id,))
    values: dict[str, Any] = {
        "customer_id": customer_id,
        "seq": 1,
        "invoice_id": NOWHERE if missing else make_invoice(customer_id),
        "payment_id": NOWHERE if missing else make_payment(customer_id),
        "refund_id": NOWHERE if missing else make_refund(customer_id),
        "subscription_id": subscription_id,
        "incident_id": incident_id,
        "batch_id": NOWHERE if missing else make_preview(incident_id),
        "line": 1,
        "promo_id": NOWHERE if missing else make_promo(f"CODE-{customer_id}"),
        "product_id": NOWHERE if missing else make_product(),
        "reason_id": NOWHERE if missing else reason_named("Courtesy"),
        "audit_seq": NOWHERE if missing else 1,
        "mail_id": NOWHERE if missing else make_mail(customer_id),
        "event": "nothing" if missing else "credit_received",
        "policy_id": NOWHERE if missing else 1,
        "token": "x" * 43,
        "staff_id": NOWHERE if missing else make_staff(Role.AGENT).id,
        "event_id": NOWHERE if missing else hold_money(new_key()).event_id,
        "ref": "ss_1",
        "gateway": "sandbox",
        "filename": "app.css",
    }
    with app.test_request_context():
        return {
            rule.endpoint: urlsplit(url_for(rule.endpoint, **{name: values[name] for name in rule.arguments})).path
            for rule in app.url_map.iter_rules()
        }


def browser_of(app: Flask, visitor: Role | str) -> Browser:
    browser = Browser(app)
    if visitor != ANONYMOUS:
        browser.sign_in(make_staff(Role(visitor)))
    return browser


def verdict(browser: Browser, url: str, method: str) -> str:
    """Return what became of the request: yes, no, sign in, or no such method."""
    response = browser.client.open(url, method=method)
    assert response.status_code < 500, f"{method} {url}: {response.status_code}"
    if response.status_code in {302, 303} and urlsplit(response.headers["Location"]).path in DOORS:
        return "sign in"
    return {403: "no", 405: "no such method"}.get(response.status_code, "yes")


def endpoint_of(app: Flask, url: str, method: str) -> str:
    """Return which view answers: two may share a URL, one for each method."""
    try:
        return str(app.url_map.bind("").match(url, method=method)[0])
    except MethodNotAllowed:
        return ""


def expected(endpoint: str, method: str, visitor: Role | str) -> str:
    if not endpoint:
        return "no such method"
    allowed = MATRIX[endpoint, method]
    if allowed is PUBLIC:
        return "yes"
    if visitor == ANONYMOUS or allowed is CLIENT:
        return "sign in"
    return "yes" if visitor in allowed else "no"


def mismatches(app: Flask, visitor: Role | str, *, methods: tuple[str, ...] = METHODS) -> list[tuple[str, str, str]]:
    """Return where the application and the table differ for this visitor."""
    urls = addresses(app)
    found = []
    for method in methods:
        browser = browser_of(app, visitor)
        for url in urls.values():
            endpoint = endpoint_of(app, url, method)
            got = verdict(browser, url, method)
            if got != expected(endpoint, method, visitor):
                found.append((endpoint, method, got))
            if endpoint == "auth.sign_out" and method == "POST":
                browser = browser_of(app, visitor)
    return found


def dump() -> dict[str, list[tuple[object, ...]]]:
    """Return everything there is, sessions and counters apart."""
    db.session.rollback()
    return {
        table.name: sorted((tuple(row) for row in db.session.execute(select(table))), key=repr)
        for table in Base.metadata.sorted_tables
        if table.name not in VOLATILE
    }


def post_routes() -> Iterator[str]:
    yield from (endpoint for endpoint, method in MATRIX if method == "POST" and endpoint not in TESTED_APART)


def test_every_route_has_a_line_and_every_line_a_route(app: Flask) -> None:
    known = {
        (rule.endpoint, method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert known == set(MATRIX)


@pytest.mark.parametrize("visitor", VISITORS)
def test_each_view_is_open_to_whom_the_table_says(app: Flask, visitor: Role | str) -> None:
    assert mismatches(app, visitor) == []


def test_a_permission_given_by_mistake_is_found(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROLES, Role.AGENT, ROLES[Role.AGENT] | {Permission.SETTINGS_WRITE})

    found = mismatches(app, Role.AGENT, methods=("GET", "POST"))

    assert {endpoint for endpoint, _method, got in found if got == "yes"} == {
        "settings.save",
        "settings.save_deposits",
        "settings.save_gateways",
        "settings.save_mail",
        "settings.test_mail",
        "settings.save_mail_text",
        "settings.restore_mail_text",
        "settings.limits",
        "settings.new_reason",
        "settings.edit_reason",
        "settings.order_reasons",
        "settings.new_policy",
        "settings.edit_policy",
        "settings.order_policies",
    }


def test_a_permission_taken_by_mistake_is_found(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROLES, Role.MANAGER, ROLES[Role.MANAGER] - {Permission.CREDIT_SET_BALANCE})

    found = mismatches(app, Role.MANAGER, methods=("GET",))

    assert found == [("users.set_balance", "GET", "no")]


@pytest.mark.parametrize(
    ("declared", "visitor", "got"),
    [(SIGNED_IN, Role.AGENT, "yes"), ("public", ANONYMOUS, "yes"), (None, Role.ADMIN, "no")],
)
def test_a_declaration_taken_off_a_view_is_found(
    app: Flask, monkeypatch: pytest.MonkeyPatch, declared: str | None, visitor: Role | str, got: str
) -> None:
    view = app.view_functions["settings.limits"]

    def undeclared(**values: Any) -> Any:  # noqa: ANN401  (what the view takes and answers)
        return view(**values)

    undeclared.__permission__ = declared  # type: ignore[attr-defined]
    monkeypatch.setitem(app.view_functions, "settings.limits", undeclared)

    assert mismatches(app, visitor, methods=("GET",)) == [("settings.limits", "GET", got)]


def test_a_customer_opens_the_client_area_and_nothing_else(app: Flask) -> None:
    client = make_client(1000)
    browser, urls = Browser(app), addresses(app, customer_id=client.id)
    browser.enter(client)
    found = []

    for (endpoint, method), allowed in MATRIX.items():
        wanted = "yes" if allowed is PUBLIC or allowed is CLIENT else "sign in"
        got = verdict(browser, urls[endpoint], method)
        if got != wanted:
            found.append((endpoint, method, got))

    assert found == []


def test_what_is_anothers_is_to_a_customer_as_if_it_were_not_there(app: Flask) -> None:
    client, other = make_client(1000), make_client(1000)
    mine, anothers = (addresses(app, customer_id=one.id) for one in (client, other))
    missing = addresses(app, missing=True)
    browser = Browser(app)
    browser.enter(client)
    token = dict(browser.open("/account/profile").forms[-1].values)["csrf_token"]
    owned = [name for name in mine if name.startswith("account.") and mine[name] != anothers[name]]
    owned.remove("account.order")  # products are everybody's
    assert len(owned) >= 4, owned

    def answer(url: str, method: str) -> tuple[int, str]:
        sent = browser.client.open(url, method=method, data={"csrf_token": token} if method == "POST" else None)
        return sent.status_code, re.sub(r"\d+", "N", sent.text.partition("<main")[2])

    for endpoint, method in MATRIX:
        if endpoint in owned:
            assert answer(anothers[endpoint], method) == answer(missing[endpoint], method), endpoint
            assert answer(anothers[endpoint], method)[0] == 404, endpoint
            assert browser.client.open(mine[endpoint], method="GET").status_code in {200, 303, 405}, endpoint


def test_a_view_without_a_declaration_keeps_the_application_from_starting(app: Flask) -> None:
    from creditapp.permissions import init_permissions  # noqa: PLC0415  (what this test alone calls)

    fresh = Flask("fresh")
    fresh.add_url_rule("/open", "open", lambda: "to everybody?")

    with pytest.raises(RuntimeError, match="open"):
        init_permissions(fresh)


@pytest.mark.parametrize("visitor", [Role.ADMIN, ANONYMOUS])
def test_a_view_that_comes_late_and_undeclared_is_refused(app: Flask, visitor: Role | str) -> None:
    app.add_url_rule("/late", "late", lambda: "to everybody?")

    assert browser_of(app, visitor).client.get("/late").status_code == 403


def test_who_is_refused_a_page_is_in_the_audit_log(app: Flask) -> None:
    browser_of(app, ANONYMOUS).client.get("/admin/billing/settings")
    browser_of(app, Role.AGENT).client.post("/admin/billing/settings")

    refused = select(AuditRow.actor, AuditRow.object_kind, AuditDetails.details).join(AuditDetails)
    [row] = db.session.execute(refused.where(AuditRow.action == "refused"))
    assert (row.actor, row.object_kind) == ("staff", "page")
    assert row.details["after"] == {"method": "POST", "path": "/admin/billing/settings"}


@pytest.mark.parametrize("visitor", list(Role))
def test_what_is_not_there_is_not_found_by_who_may_and_forbidden_to_who_may_not(app: Flask, visitor: Role) -> None:
    browser = browser_of(app, visitor)
    missing = {name: url for name, url in addresses(app, missing=True).items() if str(NOWHERE) in url}
    assert len(missing) >= 10

    got = {
        (name, method): browser.client.open(url, method=method).status_code
        for name, url in missing.items()
        for method in ("GET", "POST")
        if (name, method) in MATRIX and MATRIX[name, method] is not CLIENT
    }

    assert got == {key: 404 if expected(*key, visitor) == "yes" else 403 for key in got}


@pytest.mark.parametrize(
    "number", ["0", "-1", "00", "1e3", "9007199254740993", "99999999999999999999", "1%00", "\u0661"]
)
def test_a_number_that_is_none_is_not_found(app: Flask, number: str) -> None:
    browser = browser_of(app, Role.ADMIN)
    for url in (
        f"/admin/users/{number}",
        f"/admin/users/{number}/credit/1",
        f"/admin/billing/settings/reasons/{number}",
        f"/admin/billing/products/{number}",
        f"/admin/billing/promo-codes/{number}",
        f"/admin/billing/incidents/{number}",
        f"/admin/users/1/subscriptions/{number}",
    ):
        assert browser.client.get(url).status_code == 404, url


@pytest.mark.parametrize("blueprint", sorted({endpoint.partition(".")[0] for endpoint in post_routes()}))
def test_a_form_without_its_token_changes_nothing(app: Flask, blueprint: str) -> None:
    staff, customer, client = browser_of(app, Role.ADMIN), Browser(app), make_client(1000)
    urls = addresses(app, customer_id=client.id)
    customer.enter(client)
    product = str(make_product())
    typed = {**TYPED, "reason": str(reason_named("Courtesy")), "product": product}
    more = {
        "orders.create": {"act": "place", "product_1": product},
        "credits.import_adjustments": {"pasted": f"customer_id,amount,reason\n{client.id},1,Courtesy"},
    }

    for endpoint in post_routes():
        if endpoint.partition(".")[0] == blueprint:
            browser = customer if MATRIX[endpoint, "POST"] is CLIENT else staff
            fields = {**filled_in(browser, endpoint, urls[endpoint]), **typed, **more.get(endpoint, {})}
            before = dump()
            for token in (None, "", "forged", "x" * 300):
                sent = fields if token is None else {**fields, "csrf_token": token}
                answer = browser.client.post(urls[endpoint], data=sent)
                assert answer.status_code in {303, 409, 422}, (endpoint, token, answer.status_code)
                assert urlsplit(answer.headers.get("Location", "")).path not in DOORS, endpoint
            assert dump() == before, endpoint


def filled_in(browser: Browser, endpoint: str, url: str) -> dict[str, str]:
    """Return what the page's form would send there, but for its token."""
    if (endpoint, "GET") not in MATRIX:
        return {}
    forms = [form for form in browser.open(url).forms if urlsplit(form.action).path == url]
    return {name: value for name, value in forms[0].values if name != "csrf_token"} if forms else {}


def test_only_asking_about_an_export_is_not_written_down(app: Flask) -> None:
    browser, urls = browser_of(app, Role.ADMIN), addresses(app)
    before = dump()

    for name in EXPORTS - {"batches.export_refused"}:  # of a file, of which there is none
        assert browser.client.head(urls[name]).status_code == 200, name

    assert dump() == before


def test_a_customer_who_looks_changes_nothing(app: Flask) -> None:
    client = make_client(1000)
    browser, urls = Browser(app), addresses(app, customer_id=client.id)
    browser.enter(client)
    before = dump()

    for endpoint, method in MATRIX:
        if endpoint.startswith("account.") and method == "GET":
            for _twice in range(2):
                browser.client.get(urls[endpoint])

    assert dump() == before


@pytest.mark.parametrize("visitor", VISITORS)
def test_looking_changes_nothing(app: Flask, visitor: Role | str) -> None:
    urls = addresses(app)
    give(make_customer(), 500)
    browser = browser_of(app, visitor)
    before = dump()

    for endpoint, url in urls.items():
        if (endpoint, "GET") in MATRIX and expected(endpoint, "GET", visitor) == "no" and visitor != ANONYMOUS:
            continue  # a refusal is written down
        if (endpoint, "GET") in MATRIX and endpoint not in EXPORTS:  # and so is an export
            browser.client.get(url)
            browser.client.head(url)

    assert dump() == before
