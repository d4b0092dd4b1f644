"""Paying an invoice: with credit at once, and what is left through a gateway or by bank transfer."""

from __future__ import annotations

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.account import bp, ways
from creditapp.blueprints.account.finding import own_invoice_or_404, own_profile
from creditapp.blueprints.account.forms import PayForm
from creditapp.blueprints.account.ways import Way
from creditapp.blueprints.invoices.detail import is_overdue
from creditapp.db import db, transact
from creditapp.errors import DomainError
from creditapp.gateways import GatewayError
from creditapp.models import InvoiceStatus
from creditapp.permissions import customer_only
from creditapp.queries import account
from creditapp.queries import invoice as queries
from creditapp.queries.invoice import InvoiceFacts
from creditapp.services import credits
from creditapp.services.credits import Decision, Why
from creditapp.web import paying
from creditapp.web.clients import current_client
from creditapp.web.filters import money
from creditapp.web.forms import BareForm
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.paying import send_to_gateway
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor

_NO_CREDIT = {
    Why.DISABLED: "Credits are switched off at the moment.",
    Why.FROZEN: "Your balance is frozen: it cannot be used. Write to us, please.",
    Why.ADD_FUNDS: "Funds are added with money, not with credit.",
    Why.PAYING: "A payment is under way: no credit is used meanwhile.",
    Why.NOTHING_USABLE: "You have no credit that can be used.",
}


@bp.route("/invoices/<id:invoice_id>/pay", methods=["GET", "POST"])
@customer_only
def pay(invoice_id: int) -> ResponseReturnValue:
    invoice = own_invoice_or_404(invoice_id)
    form, choices = PayForm(), ways.offered()
    decision = _decision(invoice)
    ways_on = [(way.name, way.label) for way in choices]
    form.offer(decision.amount_minor, ways_on, is_rest=decision.amount_minor + invoice.credit_minor > 0)
    if request.method == "GET" or not form.validate():
        return redirect(_url(invoice)) if invoice.status != InvoiceStatus.UNPAID else _page(invoice, form)
    is_new = invoice.status == InvoiceStatus.UNPAID
    if is_new and form.credit_minor < invoice.due_minor and not form.chosen:
        form.gateway.errors = ["Choose how to pay the rest." if choices else "There is no way to pay the rest online."]
        return _page(invoice, form)
    try:
        _use_credit(invoice, form)
    except DomainError as error:
        status = place(form, error)
        form.credit.data = str(decision.amount_minor)
        return _page(own_invoice_or_404(invoice_id), form, status=status)
    return _pay_rest(own_invoice_or_404(invoice_id), next((w for w in choices if w.name == form.chosen), None), form)


@bp.route("/invoices/<id:invoice_id>/transfer")
@customer_only
def transfer(invoice_id: int) -> ResponseReturnValue:
    invoice = own_invoice_or_404(invoice_id)
    if invoice.status != InvoiceStatus.UNPAID:
        return redirect(_url(invoice))
    return render_page("account/transfer.html", invoice=invoice, customer=own_profile(), details=ways.bank_details())


@bp.route("/invoices/<id:invoice_id>/pay/cancellation", methods=["POST"])
@customer_only
def give_up(invoice_id: int) -> ResponseReturnValue:
    """Close the page of a payment that was begun, so that the invoice can be paid in another way."""
    invoice, form = own_invoice_or_404(invoice_id), BareForm()
    back = redirect(url_for("account.pay", invoice_id=invoice.id), 303)
    if not form.validate_on_submit():
        notify("Nothing was changed.", "The page had expired; press the button again.", kind="warning")
        return back
    try:
        is_free = paying.give_up(current_client().id, invoice.id, by=current_actor())
    except GatewayError:
        notify("Nothing was changed.", "The payment page did not answer; try again in a moment.", kind="warning")
        return back
    if is_free:
        notify("The payment was cancelled.", "Choose how to pay.")
        return back
    return redirect(url_for("account.returned", invoice_id=invoice.id), 303)


@bp.route("/invoices/<id:invoice_id>/return")
@customer_only
def returned(invoice_id: int) -> ResponseReturnValue:
    """Say what has become of a payment by what the books say; what the gateway put into the address is not read."""
    invoice = own_invoice_or_404(invoice_id)
    intent = account.newest_intent(db.session(), invoice.customer_id, invoice.id)
    return render_page("account/returned.html", invoice=invoice, intent=intent, customer=own_profile())


def _decision(invoice: InvoiceFacts) -> Decision:
    return queries.verdict(db.session(), invoice).by_hand


def _use_credit(invoice: InvoiceFacts, form: PayForm) -> None:
    if form.credit_minor:
        transact(
            credits.apply,
            current_client().id,
            invoice.id,
            form.credit_minor,
            by=current_actor(),
            key=form.submission.key,
        )


def _pay_rest(invoice: InvoiceFacts, way: Way | None, form: PayForm) -> ResponseReturnValue:
    """Go where the rest is paid; there may be none, or somebody may have paid it meanwhile."""
    used = f"{money(form.credit_minor)} of your credit was used." if form.credit_minor else ""
    if invoice.status != InvoiceStatus.UNPAID or way is None:
        notify(f"Invoice #{invoice.id} is {invoice.status}.", used)
        return redirect(_url(invoice), 303)
    if used:
        notify(used, f"{money(invoice.due_minor)} is left to pay.")
    if not way.has_page:
        return redirect(url_for("account.transfer", invoice_id=invoice.id), 303)
    try:
        return send_to_gateway(
            current_client().id,
            invoice.id,
            way.name,
            by=current_actor(),
            key=form.submission.key,
            return_url=url_for("account.returned", invoice_id=invoice.id),
        )
    except DomainError as error:
        notify("No payment was begun.", error.sentence(money), kind="warning")
        return redirect(url_for("account.pay", invoice_id=invoice.id), 303)


def _page(invoice: InvoiceFacts, form: PayForm, *, status: int = 200) -> ResponseReturnValue:
    decision = _decision(invoice)
    most_minor = decision.amount_minor
    return render_page(
        "account/pay.html",
        form,
        status=status,
        invoice=invoice,
        customer=own_profile(),
        most_minor=most_minor,
        rest_minor=invoice.due_minor - most_minor,
        is_late=is_overdue(invoice.status, invoice.due_on),
        why_not="" if most_minor else _NO_CREDIT.get(decision.why[0], "No credit can be used on this invoice."),
        underway=account.newest_intent(db.session(), invoice.customer_id, invoice.id)
        if invoice.payment_started_at
        else None,
        give_up_form=BareForm(sent=False),
    )


def _url(invoice: InvoiceFacts) -> str:
    return url_for("account.invoice", invoice_id=invoice.id)
