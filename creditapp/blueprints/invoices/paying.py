"""Paying an unpaid invoice through a gateway for a customer, and giving up a payment that is under way."""

from __future__ import annotations

from dataclasses import dataclass

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.invoices import bp
from creditapp.blueprints.invoices.finding import invoice_or_404
from creditapp.db import db
from creditapp.errors import DomainError
from creditapp.gateways import GatewayError
from creditapp.models import InvoiceStatus
from creditapp.permissions import Permission, can, requires
from creditapp.queries.invoice import InvoiceFacts
from creditapp.services import intents
from creditapp.services.intents import Begun
from creditapp.web import paying
from creditapp.web.fields import SubmissionField
from creditapp.web.filters import money
from creditapp.web.forms import Form
from creditapp.web.gateways import gateways, offered
from creditapp.web.notices import notify
from creditapp.web.sessions import current_actor


class PayForm(Form):
    """A button that begins a payment, or gives one up."""

    submission = SubmissionField()


@dataclass(frozen=True, slots=True)
class PaymentPart:
    """What the invoice's page says about gateways: what can be begun, or what is under way."""

    form: PayForm
    end_form: PayForm
    ways: list[tuple[str, str]]
    """Name and label of each gateway with a page."""
    underway: Begun | None
    label: str


def payment_part(invoice: InvoiceFacts) -> PaymentPart | None:
    """Return what the page offers; None where nothing is due, or to who may not record payments."""
    if invoice.status != InvoiceStatus.UNPAID or not can(Permission.PAYMENT_WRITE):
        return None
    underway = intents.open_of(db.session(), invoice.customer_id, invoice.id)
    ways = [] if underway else [(one.name, one.label) for one in offered() if one.has_page]
    label = gateways()[underway.gateway].label if underway and underway.gateway in gateways() else ""
    return PaymentPart(PayForm(sent=False), PayForm(sent=False), ways, underway, label)


@bp.post("/admin/billing/invoices/<id:invoice_id>/payment-page")
@requires(Permission.PAYMENT_WRITE)
def open_payment(invoice_id: int) -> ResponseReturnValue:
    invoice = invoice_or_404(invoice_id)
    form, back = PayForm(), url_for("invoices.show", invoice_id=invoice_id)
    if not form.validate():
        return _refused(back, form.problems[0][0])
    going_on = paying.go_on(invoice.customer_id, invoice_id)
    if going_on is not None:
        return going_on
    chosen = request.form.get("gateway", "")
    actor, key = current_actor(), form.submission.key
    try:
        return paying.send_to_gateway(invoice.customer_id, invoice_id, chosen, by=actor, key=key, return_url=back)
    except DomainError as error:
        return _refused(back, error.sentence(money))


@bp.post("/admin/billing/invoices/<id:invoice_id>/payment-page/end")
@requires(Permission.PAYMENT_WRITE)
def give_up_payment(invoice_id: int) -> ResponseReturnValue:
    invoice = invoice_or_404(invoice_id)
    form, back = PayForm(), url_for("invoices.show", invoice_id=invoice_id)
    if not form.validate():
        return _refused(back, form.problems[0][0])
    try:
        is_free = paying.give_up(invoice.customer_id, invoice_id, by=current_actor())
    except GatewayError:
        return _refused(back, "The gateway did not answer. The payment is still under way; try again in a moment.")
    if is_free:
        notify("The payment was given up.", "Nothing can be paid on its page any more.")
    else:
        notify("It had been paid meanwhile.", "The money is in the books.", kind="info")
    return redirect(back, 303)


def _refused(back: str, sentence: str) -> ResponseReturnValue:
    notify("Nothing has changed.", sentence, kind="error")
    return redirect(back, 303)
