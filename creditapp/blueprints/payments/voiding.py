"""Voiding a payment: a page that says what is taken back, asks why, and does it."""

from __future__ import annotations

from flask import abort, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField

from creditapp.blueprints.payments import bp
from creditapp.blueprints.payments.words import method_words
from creditapp.db import db, transact
from creditapp.errors import DomainError
from creditapp.permissions import Permission, dangerous, requires
from creditapp.queries import customers, payments, refunds
from creditapp.queries.payments import PaymentFacts
from creditapp.services import numbers, payment_voiding
from creditapp.services.bills import moved_by
from creditapp.services.customers import BY_HAND
from creditapp.services.payment_voiding import REASON_CHARS_MAX, Voided
from creditapp.web.fields import LineField, SubmissionField
from creditapp.web.filters import money
from creditapp.web.forms import Form
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor

SAID_MAX = 3
"""A notice travels in a cookie: it names so many invoices."""


class VoidPaymentForm(Form):
    """Why a payment never was."""

    reason = LineField("Reason", chars_max=REASON_CHARS_MAX, required="Say why the payment is void.")
    undo_renewals = BooleanField("Take the renewals back, too")
    submission = SubmissionField()


@bp.route("/admin/billing/payments/<id:payment_id>/void", methods=["GET", "POST"])
@requires(Permission.PAYMENT_VOID)
@dangerous
def void(payment_id: int) -> ResponseReturnValue:
    payment, form, status = _payment_or_404(payment_id), VoidPaymentForm(), 200
    if form.validate_on_submit():
        try:
            done = transact(
                payment_voiding.void,
                payment.customer_id,
                payment_id,
                form.reason.text,
                clawback_id=transact(numbers.reserve, "invoices"),
                undo_renewals=form.undo_renewals.data,
                by=current_actor(),
                key=form.submission.key,
            )
        except DomainError as error:
            payment, status = _payment_or_404(payment_id), place(form, error)
        else:
            _announce(done)
            return redirect(url_for("users.transactions", customer_id=payment.customer_id), 303)
    return _ask(payment, form, status)


def _announce(done: Voided) -> None:
    if done.replayed:
        notify(f"Payment #{done.payment_id} had been voided already; nothing was taken back twice.", kind="info")
        return
    said = []
    if done.reopened:
        count = len(done.reopened)
        said.append("1 invoice is open again" if count == 1 else f"{count} invoices are open again")
    if done.credit_minor:
        said.append(f"{money(done.credit_minor)} was taken off the balance")
    if done.owed_minor:
        said.append(f"{money(done.owed_minor)} is owed on invoice #{done.invoice_id}")
    links = [(f"Invoice #{one}", url_for("invoices.show", invoice_id=one)) for one in done.reopened[:SAID_MAX]]
    notify(f"Payment #{done.payment_id} is void.", f"{', '.join(said)}." if said else "", links=links)


def _ask(payment: PaymentFacts, form: VoidPaymentForm, status: int) -> ResponseReturnValue:
    session = db.session()
    paid = payments.allocations(session, payment.customer_id, payment.id)
    moved = [one for row in paid for one in moved_by(session, payment.customer_id, row.invoice_id)]
    return render_page(
        "payments/void.html",
        form,
        status=status,
        crumbs=[
            ("Admin", None),
            ("Billing", None),
            ("Payments", url_for("payments.index")),
            (f"#{payment.id}", url_for("payments.show", payment_id=payment.id)),
            ("Void", None),
        ],
        payment=payment,
        method=method_words(payment.method),
        paid=paid,
        moved=moved,
        obstacle=obstacle(payment),
        back_url=url_for("payments.show", payment_id=payment.id),
    )


def obstacle(payment: PaymentFacts) -> str:
    """Say why the payment cannot be voided, as far as that can be told before; empty: it can."""
    if payment.voided_at is not None:
        return "It has been voided already."
    if refunds.gateway_of(db.session(), payment.customer_id, payment.id):
        return "It came through a gateway: its money is there. Refund it instead."
    if payment.refunded_minor:
        return "A part of it has gone back, so it did come. Refund the rest instead."
    return _history_obstacle(payment.customer_id)


def _history_obstacle(customer_id: int) -> str:
    """Say why the history of who paid is over: merged or deleted; empty: it goes on."""
    customer = customers.find_profile(db.session(), customer_id)
    if customer is None or customer.status in BY_HAND:
        return ""
    if customer.merged_into_id is not None:
        return f"User #{customer_id} was merged into #{customer.merged_into_id}: what was paid before stays as it is."
    return f"User #{customer_id} was deleted: what was paid before stays as it is."


def _payment_or_404(payment_id: int) -> PaymentFacts:
    found = payments.find(db.session(), payment_id)
    if found is None:
        abort(404)
    return found
