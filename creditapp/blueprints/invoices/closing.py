"""Ending an invoice: cancelled, voided or refunded to credit. Each is a page that says what comes back, and asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.invoices import bp
from creditapp.blueprints.invoices.finding import crumbs, invoice_or_404
from creditapp.blueprints.invoices.forms import CloseForm
from creditapp.db import db, transact
from creditapp.errors import DomainError
from creditapp.models import InvoiceStatus
from creditapp.permissions import Permission, requires
from creditapp.queries import invoice as queries
from creditapp.queries.invoice import InvoiceFacts
from creditapp.services import invoices
from creditapp.services.bills import moved_by
from creditapp.services.ledger import Entry
from creditapp.web.filters import money
from creditapp.web.lists import Column
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor

LOT_COLUMNS = (Column("Lot"), Column("Class"), Column("Expires"), Column("Comes back", numeric=True))


@dataclass(frozen=True, slots=True)
class Way:
    """One way to end an invoice."""

    verb: str
    title: str
    """What the page is called, with the number after the word *invoice*."""
    button: str
    done: str
    from_states: tuple[InvoiceStatus, ...]
    service: Callable[..., list[Entry]]


CANCEL = Way(
    "cancel",
    "Cancel invoice",
    "Cancel invoice",
    "cancelled",
    (InvoiceStatus.DRAFT, InvoiceStatus.UNPAID),
    invoices.cancel,
)
VOID = Way("void", "Void invoice", "Void invoice", "voided", (InvoiceStatus.UNPAID, InvoiceStatus.PAID), invoices.void)
REFUND = Way(
    "refund",
    "Refund invoice to credit",
    "Refund to credit",
    "refunded to credit",
    (InvoiceStatus.PAID,),
    invoices.refund_to_credit,
)


@bp.route("/admin/billing/invoices/<id:invoice_id>/cancellation", methods=["GET", "POST"])
@requires(Permission.INVOICE_WRITE)
def cancel(invoice_id: int) -> ResponseReturnValue:
    return _close(CANCEL, invoice_id)


@bp.route("/admin/billing/invoices/<id:invoice_id>/void", methods=["GET", "POST"])
@requires(Permission.INVOICE_VOID)
def void(invoice_id: int) -> ResponseReturnValue:
    return _close(VOID, invoice_id)


@bp.route("/admin/billing/invoices/<id:invoice_id>/refund", methods=["GET", "POST"])
@requires(Permission.INVOICE_VOID)
def refund(invoice_id: int) -> ResponseReturnValue:
    return _close(REFUND, invoice_id)


def _close(way: Way, invoice_id: int) -> ResponseReturnValue:
    invoice = invoice_or_404(invoice_id)
    form, status = CloseForm(), 200
    if form.validate_on_submit():
        try:
            entries = transact(way.service, invoice.customer_id, invoice_id, **_act(way, form))
        except DomainError as error:
            invoice, status = invoice_or_404(invoice_id), place(form, error)
        else:
            return _done(way, invoice, entries)
    return _ask(way, invoice, form, status)


def _act(way: Way, form: CloseForm) -> dict[str, Any]:
    act: dict[str, Any] = {"by": current_actor(), "key": form.submission.key}
    return act if way is CANCEL else {**act, "undo_renewals": form.undo_renewals.data}


def _done(way: Way, invoice: InvoiceFacts, entries: list[Entry]) -> ResponseReturnValue:
    back_minor = sum(entry.amount_minor for entry in entries)
    text = f"{money(back_minor)} came back as credit." if back_minor else ""
    links = [
        (entry.reference, url_for("users.entry", customer_id=entry.customer_id, seq=entry.seq)) for entry in entries
    ]
    notify(f"Invoice #{invoice.id} {way.done}.", text, links=links)
    return redirect(url_for("invoices.show", invoice_id=invoice.id))


def _ask(way: Way, invoice: InvoiceFacts, form: CloseForm, status: int) -> ResponseReturnValue:
    session = db.session()
    is_paid = invoice.status == InvoiceStatus.PAID
    return render_page(
        "invoices/close.html",
        form,
        status=status,
        crumbs=crumbs(invoice.id, way.title),
        way=way,
        allowed=invoice.status in way.from_states,
        invoice=invoice,
        lots=queries.lots_on(session, invoice.customer_id, invoice.id) if invoice.has_credit else [],
        lot_columns=LOT_COLUMNS,
        money_back_minor=invoice.paid_minor - invoice.refunded_minor,
        moved=moved_by(session, invoice.customer_id, invoice.id) if is_paid and way is not CANCEL else [],
    )
