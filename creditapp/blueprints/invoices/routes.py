"""The list of invoices and its file, and the page of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.invoices import bp, listing
from creditapp.blueprints.invoices.detail import is_overdue, render_invoice
from creditapp.blueprints.invoices.finding import crumbs, invoice_or_404
from creditapp.blueprints.invoices.forms import ApplyForm
from creditapp.blueprints.invoices.listing import Asked
from creditapp.blueprints.invoices.words import status_tag
from creditapp.db import db, snapshot
from creditapp.models import InvoiceKind
from creditapp.permissions import Permission, can, requires
from creditapp.web.exports import csv_response, record_export
from creditapp.web.lists import link
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.throttle import EXPORTS, limiter

FORM_BODY_MAX = 16 * 1024 * 1024
"""Room for a text that is far too long: it is refused beside its box, with everything else kept."""


@bp.before_request
def _take_long_texts() -> None:
    request.max_content_length = FORM_BODY_MAX


@bp.route("/admin/billing/invoices")
@requires(Permission.INVOICE_READ)
def index() -> ResponseReturnValue:
    path = url_for("invoices.index")
    asked = Asked.read(request.args)
    page = listing.read_page(db.session(), asked, request.args, path)
    return render_page(
        "invoices/index.html",
        crumbs=[*crumbs()[:-1], ("Invoices", None)],
        asked=asked,
        page=page,
        columns=asked.columns(path),
        chips=asked.chips(path),
        status_choices=listing.STATUS_CHOICES,
        kind_choices=listing.KIND_CHOICES,
        kind_label=lambda kind: InvoiceKind(kind).label,
        tag_of=lambda row: status_tag(row.status, is_overdue=is_overdue(row.status, row.due_on)),
        path=path,
        new_url=link(url_for("invoices.create"), {"customer": asked.wanted.customer_id}),
        export_url=link(url_for("invoices.export"), asked.args) if can(Permission.INVOICE_EXPORT) else None,
    )


@bp.route("/admin/billing/invoices/export.csv")
@requires(Permission.INVOICE_EXPORT)
@limiter.limit(EXPORTS)
def export() -> ResponseReturnValue:
    asked = Asked.read(request.args)
    record_export("invoices", None, asked.args)
    return csv_response(f"invoices-{current_panel().today()}.csv", listing.HEADINGS, _lines(asked))


@bp.route("/admin/billing/invoices/<id:invoice_id>")
@requires(Permission.INVOICE_READ)
def show(invoice_id: int) -> ResponseReturnValue:
    return render_invoice(invoice_or_404(invoice_id), ApplyForm() if can(Permission.INVOICE_APPLY) else None)


def _lines(asked: Asked) -> Iterator[tuple[Any, ...]]:
    with snapshot() as session:
        for line in listing.lines(session, asked):
            yield tuple(line)
