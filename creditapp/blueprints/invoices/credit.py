"""Credit on one invoice: applied by hand, and removed again."""

from __future__ import annotations

from typing import Any

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.invoices import bp
from creditapp.blueprints.invoices.detail import render_invoice
from creditapp.blueprints.invoices.finding import crumbs, invoice_or_404
from creditapp.blueprints.invoices.forms import ApplyForm, RemoveForm
from creditapp.blueprints.invoices.words import state_words
from creditapp.db import db, transact
from creditapp.errors import DomainError
from creditapp.permissions import Permission, requires
from creditapp.queries.invoice import InvoiceFacts
from creditapp.services import credits
from creditapp.services.bills import moved_by
from creditapp.services.ledger import Entry
from creditapp.web.filters import money, plain
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor


@bp.route("/admin/billing/invoices/<id:invoice_id>/credit", methods=["GET", "POST"])
@requires(Permission.INVOICE_APPLY)
def apply(invoice_id: int) -> ResponseReturnValue:
    invoice = invoice_or_404(invoice_id)
    form, status = ApplyForm(), 200
    if form.validate_on_submit():
        act: dict[str, Any] = {"by": current_actor(), "key": form.submission.key}
        try:
            applied = transact(credits.apply, invoice.customer_id, invoice_id, form.amount.minor, **act)
        except DomainError as error:
            invoice, status = invoice_or_404(invoice_id), place(form, error)
        else:
            return _done(invoice_id, applied.entry, "applied")
    return render_invoice(invoice, form, status=status)


@bp.route("/admin/billing/invoices/<id:invoice_id>/credit/removal", methods=["GET", "POST"])
@requires(Permission.INVOICE_APPLY)
def remove(invoice_id: int) -> ResponseReturnValue:
    invoice = invoice_or_404(invoice_id)
    form, status = RemoveForm(), 200
    if form.validate_on_submit():
        act: dict[str, Any] = {
            "by": current_actor(),
            "key": form.submission.key,
            "undo_renewals": form.undo_renewals.data,
        }
        try:
            entry = transact(credits.unapply, invoice.customer_id, invoice_id, form.amount.minor, **act)
        except DomainError as error:
            invoice, status = invoice_or_404(invoice_id), place(form, error)
        else:
            return _done(invoice_id, entry, "removed")
    return _ask(invoice, form, status)


def _done(invoice_id: int, entry: Entry | None, verb: str) -> ResponseReturnValue:
    """Say what was done, and where the invoice stands; the same form sent again did nothing."""
    invoice = invoice_or_404(invoice_id)
    links = []
    lead = f"Credit {verb}."
    if entry is not None:
        lead = f"{money(abs(entry.amount_minor))} of credit {verb}."
        lead = f"{lead.removesuffix('.')} before; nothing was posted twice." if entry.replayed else lead
        links = [(entry.reference, url_for("users.entry", customer_id=entry.customer_id, seq=entry.seq))]
    notify(lead, state_words(invoice), links=links)
    return redirect(url_for("invoices.show", invoice_id=invoice_id))


def _ask(invoice: InvoiceFacts, form: RemoveForm, status: int) -> ResponseReturnValue:
    """Render the page that says what removing credit would do, and asks how much."""
    if not form.is_submitted() and not form.from_draft:
        form.amount.data = plain(invoice.credit_minor)
    return render_page(
        "invoices/remove.html",
        form,
        status=status,
        crumbs=crumbs(invoice.id, "Remove credit"),
        invoice=invoice,
        moved=moved_by(db.session(), invoice.customer_id, invoice.id) if invoice.status == "paid" else [],
    )
