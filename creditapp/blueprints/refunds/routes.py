"""Asking for refunds: a page that says what goes where, and then it goes."""

from __future__ import annotations

from typing import Any

from flask import abort, redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.invoices.finding import invoice_or_404
from creditapp.blueprints.payments.words import method_words
from creditapp.blueprints.refunds import bp
from creditapp.blueprints.refunds.forms import RefundCreditForm, RefundInvoiceForm
from creditapp.blueprints.refunds.words import announce, way_words
from creditapp.db import db, transact
from creditapp.errors import DomainError
from creditapp.models import InvoiceKind, InvoiceStatus
from creditapp.permissions import Permission, dangerous, requires
from creditapp.queries import payments, refunds
from creditapp.queries.invoice import InvoiceFacts
from creditapp.queries.payments import PaymentFacts
from creditapp.queries.refunds import Part
from creditapp.services import numbers
from creditapp.services import refunds as services
from creditapp.services.bills import moved_by
from creditapp.services.refunds import Asked
from creditapp.web.filters import plain
from creditapp.web.gateways import gateways
from creditapp.web.lists import Column
from creditapp.web.pages import render_page
from creditapp.web.refunding import send
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor

PART_COLUMNS = (Column("Payment"), Column("Goes back by"), Column("Paid", numeric=True), Column("Left", numeric=True))


@bp.route("/admin/billing/invoices/<id:invoice_id>/refunds/new", methods=["GET", "POST"])
@requires(Permission.REFUND_WRITE)
@dangerous
def of_invoice(invoice_id: int) -> ResponseReturnValue:
    invoice = invoice_or_404(invoice_id)
    form, status = RefundInvoiceForm(), 200
    form.offer(_offered(invoice))
    if form.validate_on_submit():
        try:
            asked = transact(
                services.request_for_invoice,
                invoice.customer_id,
                transact(numbers.reserve, "refunds"),
                invoice_id,
                form.amount.minor,
                int(form.payment.data or 0),
                by=current_actor(),
                key=form.submission.key,
                undo_renewals=form.undo_renewals.data,
            )
        except DomainError as error:
            invoice, status = invoice_or_404(invoice_id), place(form, error)
        else:
            return _done(invoice.customer_id, asked)
    return _ask_of_invoice(invoice, form, status)


@bp.route("/admin/billing/payments/<id:payment_id>/refunds/new", methods=["GET", "POST"])
@requires(Permission.REFUND_WRITE)
@dangerous
def of_credit(payment_id: int) -> ResponseReturnValue:
    payment = _payment_or_404(payment_id)
    form, status = RefundCreditForm(), 200
    if form.validate_on_submit():
        try:
            asked = transact(
                services.request_of_credit,
                payment.customer_id,
                transact(numbers.reserve, "refunds"),
                payment_id,
                form.amount.minor,
                by=current_actor(),
                key=form.submission.key,
            )
        except DomainError as error:
            payment, status = _payment_or_404(payment_id), place(form, error)
        else:
            return _done(payment.customer_id, asked)
    return _ask_of_credit(payment, form, status)


def _done(customer_id: int, asked: Asked) -> ResponseReturnValue:
    """Ask the gateway right after the commit, where there is one; what it does not answer, the worker asks again."""
    one = services.find_due(db.session(), customer_id, asked.refund_id) if asked.gateway else None
    announce(asked, send(one, gateways()) if one else None)
    return redirect(url_for("payments.show", payment_id=asked.payment_id))


def _ask_of_invoice(invoice: InvoiceFacts, form: RefundInvoiceForm, status: int) -> ResponseReturnValue:
    session, parts = db.session(), refunds.parts_of(db.session(), invoice.customer_id, invoice.id)
    offered = _offered(invoice)
    if offered and not form.is_submitted() and not form.from_draft:
        form.amount.data = plain(offered[0].left_minor)
    return render_page(
        "refunds/of_invoice.html",
        form,
        status=status,
        crumbs=_crumbs("Invoices", "invoices.index", f"#{invoice.id}", "invoices.show", {"invoice_id": invoice.id}),
        invoice=invoice,
        parts=parts,
        part_columns=PART_COLUMNS,
        offered=offered,
        method_words=method_words,
        way_words=way_words,
        moved=moved_by(session, invoice.customer_id, invoice.id) if offered else [],
    )


def _ask_of_credit(payment: PaymentFacts, form: RefundCreditForm, status: int) -> ResponseReturnValue:
    session = db.session()
    left_minor = refunds.credit_left(session, payment.customer_id, payment.id)
    if left_minor and not form.is_submitted() and not form.from_draft:
        form.amount.data = plain(left_minor)
    return render_page(
        "refunds/of_credit.html",
        form,
        status=status,
        crumbs=_crumbs("Payments", "payments.index", f"#{payment.id}", "payments.show", {"payment_id": payment.id}),
        payment=payment,
        left_minor=left_minor,
        is_allowed=refunds.is_credit_refundable(session),
        way=way_words(payment.method, refunds.gateway_of(session, payment.customer_id, payment.id)),
    )


def _offered(invoice: InvoiceFacts) -> list[Part]:
    """Return the payments of which something can go back, if the invoice is in a state for it."""
    if invoice.status != InvoiceStatus.PAID or invoice.kind == InvoiceKind.ADD_FUNDS:
        return []
    return [one for one in refunds.parts_of(db.session(), invoice.customer_id, invoice.id) if one.left_minor > 0]


def _payment_or_404(payment_id: int) -> PaymentFacts:
    found = payments.find(db.session(), payment_id)
    if found is None:
        abort(404)
    return found


def _crumbs(group: str, index: str, name: str, show: str, ids: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [
        ("Admin", None),
        ("Billing", None),
        (group, url_for(index)),
        (name, url_for(show, **ids)),
        ("Refund", None),
    ]
