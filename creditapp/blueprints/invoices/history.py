"""All that happened to an invoice, page by page."""

from __future__ import annotations

from flask import request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.invoices import bp, words
from creditapp.blueprints.invoices.detail import HISTORY_COLUMNS
from creditapp.blueprints.invoices.finding import crumbs, invoice_or_404
from creditapp.db import db
from creditapp.models import InvoiceEvent
from creditapp.permissions import Permission, requires
from creditapp.queries import invoice as queries
from creditapp.queries.invoice import InvoiceFacts
from creditapp.services import ledger
from creditapp.web import lists, urls
from creditapp.web.lists import Page, Sort
from creditapp.web.pages import render_page

_BY_SEQ = Sort((InvoiceEvent.__table__.c.seq,), descending=True, read=urls.each(urls.whole))


@bp.route("/admin/billing/invoices/<id:invoice_id>/history")
@requires(Permission.INVOICE_READ)
def history(invoice_id: int) -> ResponseReturnValue:
    invoice = invoice_or_404(invoice_id)
    return render_page(
        "invoices/history.html",
        crumbs=crumbs(invoice_id, "History"),
        invoice=invoice,
        page=_page(invoice, url_for("invoices.history", invoice_id=invoice_id)),
        columns=HISTORY_COLUMNS,
        event_words=words.event_words,
        reference=ledger.reference,
    )


def _page(invoice: InvoiceFacts, path: str) -> Page:
    session, key = db.session(), (invoice.customer_id, invoice.id)
    cursor = lists.read_cursor(request.args, _BY_SEQ)
    rows = session.execute(lists.select_page(queries.select_history(*key), _BY_SEQ, cursor))
    return lists.make_page(
        queries.happenings(rows),
        cursor,
        key_of=lambda one: (one.seq,),
        url=lambda **place: lists.link(path, place),
        noun="events",
        total=lists.counted(queries.count_history(session, *key)),
    )
