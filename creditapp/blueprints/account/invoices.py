"""The customer's invoices: the list, and each as a page and as a PDF."""

from __future__ import annotations

from typing import Any

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.account import bp
from creditapp.blueprints.account.finding import own_invoice_or_404
from creditapp.blueprints.account.words import status_tag
from creditapp.blueprints.invoices.detail import is_overdue
from creditapp.blueprints.invoices.words import method_words
from creditapp.db import db
from creditapp.models import Invoice, InvoiceKind, InvoiceStatus
from creditapp.permissions import customer_only
from creditapp.queries import account
from creditapp.queries import invoice as queries
from creditapp.queries.invoice import InvoiceFacts
from creditapp.web import lists, pdf
from creditapp.web.clients import current_client
from creditapp.web.lists import Column, Page, Sort
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.pdf import PDFS
from creditapp.web.throttle import limiter

COLUMNS = (
    Column("Invoice"),
    Column("Status"),
    Column("Issued"),
    Column("Due"),
    Column("Total", numeric=True),
    Column("To pay", numeric=True),
)
LINE_COLUMNS = (
    Column("Description"),
    Column("Quantity", numeric=True),
    Column("Tax", numeric=True),
    Column("Amount", numeric=True),
)
PART_COLUMNS = (Column("Day"), Column("What"), Column("Amount", numeric=True))
_BY_NUMBER = Sort((Invoice.__table__.c.id,), descending=True, read=lambda values: [_whole(values[0])])


@bp.route("/invoices")
@customer_only
def invoices() -> ResponseReturnValue:
    return render_page(
        "account/invoices.html", page=_page(), columns=COLUMNS, status_tag=status_tag, is_overdue=is_overdue
    )


@bp.route("/invoices/<id:invoice_id>")
@customer_only
def invoice(invoice_id: int) -> ResponseReturnValue:
    return render_page("account/invoice.html", **invoice_context(own_invoice_or_404(invoice_id)))


@bp.route("/invoices/<id:invoice_id>.pdf")
@customer_only
@limiter.limit(PDFS)
def invoice_pdf(invoice_id: int) -> ResponseReturnValue:
    facts = own_invoice_or_404(invoice_id)
    if not pdf.is_available():
        abort(404)
    return pdf.pdf_response("account/paper/invoice.html", f"invoice-{invoice_id}.pdf", **invoice_context(facts))


def invoice_context(facts: InvoiceFacts) -> dict[str, Any]:
    """Return what the page about an invoice, and its print, say of it."""
    underway = account.newest_intent(db.session(), facts.customer_id, facts.id) if facts.payment_started_at else None
    return {
        "invoice": facts,
        "kind": InvoiceKind(facts.kind).label,
        "status_tag": status_tag(facts.status, is_overdue=is_overdue(facts.status, facts.due_on)),
        "lines": queries.lines(db.session(), facts.customer_id, facts.id),
        "line_columns": LINE_COLUMNS,
        "parts": queries.paid_parts(db.session(), facts.customer_id, facts.id, zone=current_panel().zone),
        "part_columns": PART_COLUMNS,
        "method_words": method_words,
        "can_pay": facts.status == InvoiceStatus.UNPAID and (underway is None or underway.status != "pending"),
        "underway": underway,
        "pdf_url": url_for("account.invoice_pdf", invoice_id=facts.id) if pdf.is_available() else None,
    }


def _page() -> Page:
    cursor = lists.read_cursor(request.args, _BY_NUMBER)
    wanted = account.select_invoices(db.session(), current_client().id)
    found = db.session.execute(lists.select_page(wanted, _BY_NUMBER, cursor))
    path = url_for("account.invoices")
    return lists.make_page(
        found.all(),
        cursor,
        key_of=lambda row: (row.id,),
        url=lambda **place: lists.link(path, place),
        noun="invoices",
    )


def _whole(value: Any) -> int:  # noqa: ANN401  (what JSON held)
    if type(value) is not int or not 0 <= value <= 2**53:
        raise ValueError("no whole number")
    return value
