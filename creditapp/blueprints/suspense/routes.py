"""The list of what waits, and one of it: given to a customer, or dismissed with a note."""

from __future__ import annotations

from typing import Any

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.suspense import bp
from creditapp.blueprints.suspense.forms import AssignForm, DismissForm
from creditapp.db import db, transact
from creditapp.errors import CustomerNotFoundError, DomainError, InvoiceNotFoundError, InvoiceStateError
from creditapp.models import GatewayEvent
from creditapp.money import currency
from creditapp.permissions import Permission, requires
from creditapp.services import numbers, suspense
from creditapp.services.suspense import Held
from creditapp.web import urls
from creditapp.web.fields import refuse
from creditapp.web.forms import Form
from creditapp.web.gateways import gateways
from creditapp.web.lists import Column, Sort, link, make_page, read_cursor, select_page
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor

COLUMNS = (
    Column("Received"),
    Column("Gateway"),
    Column("Why it waits"),
    Column("Amount", numeric=True),
    Column("Reference"),
)
SORT = Sort((GatewayEvent.__table__.c.id,), read=urls.each(urls.whole))
"""The oldest first: what waits longest is settled first."""


@bp.get("/admin/billing/suspense")
@requires(Permission.PAYMENT_READ)
def index() -> ResponseReturnValue:
    cursor = read_cursor(request.args, SORT)
    found = db.session.execute(select_page(suspense.select_waiting(), SORT, cursor))
    return render_page(
        "suspense/index.html",
        crumbs=[*_crumbs()[:-1], ("Suspense", None)],
        page=make_page(
            [suspense.held(row) for row in found],
            cursor,
            key_of=lambda one: (one.id,),
            url=lambda **place: link(url_for("suspense.index"), place),
            noun="waiting",
        ),
        columns=COLUMNS,
        **_words(),
    )


@bp.get("/admin/billing/suspense/<id:event_id>")
@requires(Permission.PAYMENT_READ)
def show(event_id: int) -> ResponseReturnValue:
    return _page(_held_or_404(event_id), AssignForm(sent=False), DismissForm(sent=False))


@bp.route("/admin/billing/suspense/<id:event_id>/assignment", methods=["GET", "POST"])
@requires(Permission.PAYMENT_WRITE)
def assign(event_id: int) -> ResponseReturnValue:
    form, status = AssignForm(), 200
    if form.validate_on_submit():
        try:
            payment_id = transact(
                suspense.assign,
                event_id,
                form.customer.number or 0,
                form.invoice.number,
                payment_id=transact(numbers.reserve, "payments"),
                clawback_id=transact(numbers.reserve, "invoices"),
                by=current_actor(),
                key=form.submission.key,
            )
        except CustomerNotFoundError as error:
            refuse(form.customer, error)
        except (InvoiceNotFoundError, InvoiceStateError) as error:
            refuse(form.invoice, error)
        except DomainError as error:
            status = place(form, error)
        else:
            notify(f"Recorded as payment #{payment_id}.")
            return redirect(url_for("payments.show", payment_id=payment_id), 303)
    return _page(_held_or_404(event_id), form, DismissForm(sent=False), sent=form, status=status)


@bp.route("/admin/billing/suspense/<id:event_id>/dismissal", methods=["GET", "POST"])
@requires(Permission.PAYMENT_WRITE)
def dismiss(event_id: int) -> ResponseReturnValue:
    form, status = DismissForm(), 200
    if form.validate_on_submit():
        try:
            transact(suspense.dismiss, event_id, form.note.text, by=current_actor(), key=form.submission.key)
        except DomainError as error:
            status = place(form, error)
        else:
            notify("Dismissed.", "It is not on the list any more.")
            return redirect(url_for("suspense.index"), 303)
    return _page(_held_or_404(event_id), AssignForm(sent=False), form, sent=form, status=status)


def _page(
    held: Held, assigning: AssignForm, dismissing: DismissForm, *, sent: Form | None = None, status: int = 200
) -> ResponseReturnValue:
    if not assigning.is_submitted() and held.intent_customer_id:
        assigning.customer.data = str(held.intent_customer_id)
    return render_page(
        "suspense/show.html",
        sent,
        status=status,
        crumbs=[*_crumbs(), (f"#{held.id}", None)],
        one=held,
        assigning=assigning,
        dismissing=dismissing,
        **_words(),
    )


def _held_or_404(event_id: int) -> Held:
    held = suspense.find(db.session(), event_id)
    if held is None:
        abort(404)
    return held


def _words() -> dict[str, Any]:
    labels = {name: one.label for name, one in gateways().items()}
    return {
        "label_of": lambda name: labels.get(name, name.capitalize()),
        "amount_of": _amount,
        "kind_of": lambda kind: kind.replace("_", " ").capitalize(),
    }


def _amount(minor: int, code: str) -> str:
    """Return an amount in whichever currency the gateway names, which may be none that is known."""
    try:
        return currency(code).format(minor)
    except ValueError:
        return f"{minor} {code}"


def _crumbs() -> list[tuple[str, str | None]]:
    return [("Admin", None), ("Billing", None), ("Suspense", url_for("suspense.index"))]
