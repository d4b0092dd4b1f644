"""The list of customers, and their profiles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.users import bp
from creditapp.blueprints.users.detail import render_customer
from creditapp.blueprints.users.finding import profile_or_404
from creditapp.blueprints.users.forms import AUTOMATIC_CHOICES, AdjustCreditForm, CustomerForm, automatic_choice
from creditapp.blueprints.users.listing import CREDIT_CHOICES, STATUS_CHOICES, Asked, columns, read_page, select_file
from creditapp.db import snapshot, transact
from creditapp.errors import DomainError, StaleFormError
from creditapp.models import CustomerStatus
from creditapp.permissions import Permission, can, requires
from creditapp.queries.customers import Profile
from creditapp.services import customers
from creditapp.web.exports import Number, csv_response, record_export
from creditapp.web.filters import plain, utc
from creditapp.web.lists import link
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor
from creditapp.web.throttle import EXPORTS, limiter

FORM_BODY_MAX = 16 * 1024 * 1024
"""Room for a text that is far too long: it is refused beside its box, with everything else kept."""
HEADINGS = ("ID", "External ID", "Name", "Company", "Email", "Status", "Customer since", "Balance", "Last change")


@bp.before_request
def _take_long_texts() -> None:
    request.max_content_length = FORM_BODY_MAX


@bp.route("/admin/users")
@requires(Permission.CUSTOMER_READ)
def index() -> ResponseReturnValue:
    path = url_for("users.index")
    asked = Asked.read(request.args)
    can_adjust = can(Permission.CREDIT_ADJUST)
    return render_page(
        "users/index.html",
        crumbs=[("Admin", None), ("Users", None)],
        asked=asked,
        page=read_page(asked, request.args, path),
        columns=columns(asked, path, can_adjust=can_adjust),
        chips=asked.chips(path),
        status_choices=STATUS_CHOICES,
        credit_choices=CREDIT_CHOICES,
        path=path,
        export_url=link(url_for("users.export"), asked.args) if can(Permission.CUSTOMER_EXPORT) else None,
        can_adjust=can_adjust,
    )


@bp.route("/admin/users/export.csv")
@requires(Permission.CUSTOMER_EXPORT)
@limiter.limit(EXPORTS)
def export() -> ResponseReturnValue:
    asked = Asked.read(request.args)
    shown = {name: value for name, value in asked.args.items() if value}
    record_export("customers", None, shown)
    return csv_response("users.csv", HEADINGS, _lines(asked))


@bp.route("/admin/users/new", methods=["GET", "POST"])
@requires(Permission.CUSTOMER_WRITE)
def create() -> ResponseReturnValue:
    form = CustomerForm(data={"joined_on": current_panel().today(), "status": CustomerStatus.ACTIVE})
    status = 200
    if form.validate_on_submit():
        try:
            customer_id = transact(customers.create, form.fields, by=current_actor(), key=form.submission.key)
        except DomainError as error:
            status = place(form, error)
        else:
            notify("User added.", form.fields.name)
            return redirect(url_for("users.show", customer_id=customer_id))
    return render_page("users/edit.html", form, status=status, customer=None, saved=None, crumbs=_crumbs("New user"))


@bp.route("/admin/users/<id:customer_id>")
@requires(Permission.CUSTOMER_READ)
def show(customer_id: int) -> ResponseReturnValue:
    customer = profile_or_404(customer_id)
    if customer.merged_into_id is not None and request.args.get("merged") != "1":
        return _to_survivor(customer, customer.merged_into_id)
    form = AdjustCreditForm() if can(Permission.CREDIT_ADJUST) and customer.status in customers.BY_HAND else None
    return render_customer(customer, form)


@bp.route("/admin/users/<id:customer_id>/edit", methods=["GET", "POST"])
@requires(Permission.CUSTOMER_WRITE)
def edit(customer_id: int) -> ResponseReturnValue:
    customer = profile_or_404(customer_id)
    if customer.status not in customers.BY_HAND:
        raise customer.closed_error
    form = CustomerForm(obj=customer, data={"automatic": automatic_choice(customer.automatic_credit)})
    status, saved = 200, None
    if form.validate_on_submit():
        try:
            transact(customers.edit, customer_id, form.fields, version=form.version.number, by=current_actor())
        except StaleFormError as error:
            customer, status = profile_or_404(customer_id), place(form, error)
            saved, form.version.data = _differences(customer, form), str(customer.version)
        except DomainError as error:
            status = place(form, error)
        else:
            notify("Profile saved.", form.fields.name)
            return redirect(url_for("users.show", customer_id=customer_id))
    crumbs = _crumbs("Edit", (customer.name, url_for("users.show", customer_id=customer_id)))
    return render_page("users/edit.html", form, status=status, customer=customer, saved=saved, crumbs=crumbs)


def _to_survivor(customer: Profile, survivor_id: int) -> ResponseReturnValue:
    """Go to whom the customer was merged into, and say so there, with the way to the page as it was left."""
    own_url = url_for("users.show", customer_id=customer.id, merged=1)
    notify(f"User #{customer.id} was merged into this one.", links=[("Its own history", own_url)])
    return redirect(url_for("users.show", customer_id=survivor_id))


def _crumbs(here: str, *between: tuple[str, str]) -> list[tuple[str, str | None]]:
    return [("Admin", None), ("Users", url_for("users.index")), *between, (here, None)]


def _differences(saved: Profile, form: CustomerForm) -> list[tuple[str, str]]:
    """Return what is saved now where it differs from what was typed, by the label of its box."""
    names = ("name", "company", "email", "external_id", "joined_on", "status")
    pairs = [(form[name].label.text, getattr(saved, name), getattr(form.fields, name)) for name in names]
    automatic = automatic_choice(saved.automatic_credit)
    pairs.append((form.automatic.label.text, AUTOMATIC_CHOICES[automatic], AUTOMATIC_CHOICES[form.automatic.data]))
    return [(label, str(now or "–")) for label, now, typed in pairs if now != typed]


def _lines(asked: Asked) -> Iterator[tuple[Any, ...]]:
    with snapshot() as session:
        for statement in select_file(session, asked):
            for row in session.execute(statement.execution_options(yield_per=1000)):
                changed_at = utc(row.changed_at) if row.changed_at else None
                yield (*row[:7], Number(plain(row.balance_minor)), changed_at)
