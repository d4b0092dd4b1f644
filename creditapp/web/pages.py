"""Pages: what every template gets, and the one way to render one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import Flask, render_template, request, url_for
from flask_login import current_user

from creditapp.permissions import CLIENT_AREA, Permission, at_client_door, can
from creditapp.web.forms import BareForm, Form
from creditapp.web.notices import pending_notices
from creditapp.web.panel import current_panel
from creditapp.web.statics import static_url

INVALID = 422
_CLIENT_SECTIONS = {"statement": "credit", "invoice": "invoices", "pay": "invoices", "order": "products"}
"""Pages of the client area that are part of another one."""


@dataclass(slots=True)
class NavItem:
    """One line of the sidebar."""

    label: str
    url: str | None
    icon: str = ""
    current: bool = False
    children: list[NavItem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads the page, as the sidebar shows it."""

    name: str
    role_label: str
    zone: str


def render_page(template: str, form: Form | None = None, *, status: int = 200, **context: Any) -> tuple[str, int]:  # noqa: ANN401
    """Render a page; with a form that has errors it says so at the top, keeps what was typed, and answers 422."""
    problems = form.problems if form is not None else []
    if problems and status == 200:  # noqa: PLR2004  (nothing else was asked for)
        status = INVALID
    page = render_template(template, form=form, form_errors=problems, has_errors=bool(problems), **context)
    return page, status


def init_pages(app: Flask) -> None:
    """Give every template the skeleton's values."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(static_url=static_url, can=can, Permission=Permission)
    app.context_processor(_skeleton)


def _skeleton() -> dict[str, Any]:
    base: dict[str, Any] = {
        "form_errors": [],
        "has_errors": False,
        "request_path": request.path,
        "company_name": current_panel().company_name,
        "today": current_panel().today(),
        "home_url": CLIENT_AREA if at_client_door() else "/",
    }
    if not current_user.is_authenticated:
        return {**base, "nav": [], "viewer": None, "notices": pending_notices()}
    panel = current_panel()
    if current_user.is_customer:
        return {
            **base,
            "nav": _client_navigation(),
            "viewer": Reader(current_user.name, "", str(panel.zone)),
            "currency": panel.currency,
            "credits_enabled": panel.credits_enabled,
            "notices": pending_notices(),
            "sign_out_url": url_for("account.sign_out"),
            "sign_out_form": BareForm(sent=False),
            "viewed_by": current_user.viewed_by.name if current_user.viewed_by else "",
        }
    return {
        **base,
        "nav": _navigation(),
        "viewer": Reader(current_user.name, current_user.role_label, str(panel.zone)),
        "currency": panel.currency,
        "credits_enabled": panel.credits_enabled,
        "notices": pending_notices(),
        "search_url": url_for("search.find"),
        "sign_out_url": url_for("auth.sign_out"),
        "profile_url": url_for("profile.show"),
        "sign_out_form": BareForm(sent=False),
    }


def _navigation() -> list[NavItem]:
    billing = NavItem("Billing", None, "receipt", children=[_item("Credits", "credits.index")])
    if can(Permission.INVOICE_READ):
        billing.children.append(_item("Invoices", "invoices.index"))
    if can(Permission.INCIDENT_READ):
        billing.children.append(_item("Incidents", "incidents.index", beside="batches"))
    if can(Permission.PAYMENT_READ):
        billing.children.append(_item("Payments", "payments.index"))
        billing.children.append(_item("Suspense", "suspense.index"))
    if can(Permission.PRODUCT_READ):
        billing.children.append(_item("Products", "products.index"))
    if can(Permission.PROMO_READ):
        billing.children.append(_item("Promo codes", "promos.index"))
    if can(Permission.SETTINGS_READ):
        billing.children.append(_item("Settings", "settings.show"))
    pages = [_item("Users", "users.index", "users"), billing]
    if can(Permission.STAFF_READ):
        pages.append(_item("Staff", "staff.index", "shield-check"))
    if can(Permission.AUDIT_READ):
        pages.append(_item("Audit log", "audit.index", "scroll-text"))
    return pages


def _client_navigation() -> list[NavItem]:
    names = {"Home": "home", "Credit": "credit", "Add funds": "funds", "Invoices": "invoices"} | {
        "Order": "products",
        "Profile": "profile",
    }
    here = (request.endpoint or "").removeprefix("account.")
    return [
        NavItem(label, url_for(f"account.{name}"), current=_CLIENT_SECTIONS.get(here, here) == name)
        for label, name in names.items()
    ]


def _item(label: str, endpoint: str, icon: str = "", *, beside: str = "") -> NavItem:
    """Return an entry that is current on the pages of its blueprint, and of the one beside it."""
    blueprint = endpoint.partition(".")[0]
    return NavItem(label, url_for(endpoint), icon, current=request.blueprint in {blueprint, beside})
