"""Invoices made by hand: new ones, drafts that are edited, and the button that issues one."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.invoices import bp
from creditapp.blueprints.invoices.finding import crumbs, invoice_or_404
from creditapp.blueprints.invoices.forms import BLANK_LINES, DraftForm, IssueForm, rows_of
from creditapp.blueprints.invoices.words import state_words
from creditapp.db import db, transact
from creditapp.errors import DomainError, InvoiceStateError, StaleFormError
from creditapp.models import InvoiceStatus
from creditapp.permissions import Permission, requires
from creditapp.queries import invoice as queries
from creditapp.queries.customers import Profile
from creditapp.queries.invoice import InvoiceFacts
from creditapp.services import invoices, numbers
from creditapp.services.invoices import Issued
from creditapp.web.choosing import ask_for_customer, chosen_customer, customer_or_404
from creditapp.web.filters import money
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor

ADD_LINE, ISSUE = "line", "issue"


@bp.route("/admin/billing/invoices/new", methods=["GET", "POST"])
@requires(Permission.INVOICE_WRITE)
def create() -> ResponseReturnValue:
    customer = chosen_customer()
    if customer is None:
        lead = "Whom is it for? Choose the user here, or open one and begin there."
        return ask_for_customer("New invoice", lead, path=url_for("invoices.create"), crumbs=crumbs(here="New invoice"))
    form, status = DraftForm(), 200
    if not _adds_a_line() and form.validate_on_submit():
        try:
            number = transact(numbers.reserve, "invoices")
            issued = transact(invoices.create_with_credit, customer.id, number, form.charges, **_fields(form))
        except DomainError as error:
            status = place(form, error)
        else:
            return _done(issued)
    return _render(form, customer, status=status)


@bp.route("/admin/billing/invoices/<id:invoice_id>/edit", methods=["GET", "POST"])
@requires(Permission.INVOICE_WRITE)
def edit(invoice_id: int) -> ResponseReturnValue:
    invoice = invoice_or_404(invoice_id)
    if request.method == "GET" and invoice.status != InvoiceStatus.DRAFT:
        raise InvoiceStateError(invoice_id, "is no draft any more: what has been issued is not edited.")
    form, status = DraftForm(data=_saved(invoice)), 200
    if not _adds_a_line() and form.validate_on_submit():
        act = _fields(form) | {"version": form.version.number}
        try:
            issued = transact(invoices.revise, invoice.customer_id, invoice_id, form.charges, **act)
        except StaleFormError as error:
            invoice, status = invoice_or_404(invoice_id), place(form, error)
            form.version.data = str(invoice.version)
        except DomainError as error:
            status = place(form, error)
        else:
            return _done(issued)
    return _render(form, customer_or_404(invoice.customer_id), invoice, status=status)


@bp.route("/admin/billing/invoices/<id:invoice_id>/issue", methods=["POST"])
@requires(Permission.INVOICE_WRITE)
def issue(invoice_id: int) -> ResponseReturnValue:
    invoice = invoice_or_404(invoice_id)
    form = IssueForm()
    if not form.validate_on_submit():
        return _render(
            DraftForm(sent=False, data=_saved(invoice)),
            customer_or_404(invoice.customer_id),
            invoice,
            problems=form.problems,
        )
    version = form.version.number
    return _done(
        transact(invoices.issue_with_credit, invoice.customer_id, invoice_id, by=current_actor(), version=version)
    )


def _adds_a_line() -> bool:
    return request.method == "POST" and request.form.get("act") == ADD_LINE


def _fields(form: DraftForm) -> dict[str, Any]:
    return {
        "due_on": form.due_on.data,
        "note": form.note.text,
        "is_draft": request.form.get("act") != ISSUE,
        "by": current_actor(),
        "key": form.submission.key,
    }


def _saved(invoice: InvoiceFacts) -> dict[str, Any]:
    return {
        "lines": rows_of(queries.lines(db.session(), invoice.customer_id, invoice.id)),
        "due_on": invoice.due_on,
        "note": invoice.note,
        "version": str(invoice.version),
    }


def _done(issued: Issued) -> ResponseReturnValue:
    invoice = invoice_or_404(issued.id)
    if invoice.status == InvoiceStatus.DRAFT:
        notify(f"Draft #{invoice.id} saved.", "It is owed once it is issued.")
        return redirect(url_for("invoices.show", invoice_id=invoice.id))
    used_minor = issued.applied.decision.amount_minor if issued.applied else 0
    used = f"{money(used_minor)} of credit was applied. " if used_minor else ""
    notify(f"Invoice #{invoice.id} issued.", f"{used}{state_words(invoice)}")
    return redirect(url_for("invoices.show", invoice_id=invoice.id))


def _render(
    form: DraftForm,
    customer: Profile,
    invoice: InvoiceFacts | None = None,
    *,
    status: int = 200,
    problems: list[tuple[str, str | None]] | None = None,
) -> ResponseReturnValue:
    """Render the form, with rows to spare."""
    if _adds_a_line():
        form.fill()
        form.offer_rows(BLANK_LINES)
    elif form.is_submitted():
        form.offer_rows(1)
    if problems:
        form.form_errors = [*form.form_errors, *(text for text, _box in problems)]
    return render_page(
        "invoices/edit.html",
        form,
        status=status,
        crumbs=crumbs(invoice.id, "Edit") if invoice else crumbs(here="New invoice"),
        customer=customer,
        invoice=invoice,
    )
