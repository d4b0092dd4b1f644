"""Add Funds: an amount becomes an invoice, and the invoice is paid with money."""

from __future__ import annotations

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.account import bp
from creditapp.blueprints.account.finding import own_invoice_or_404, own_profile
from creditapp.blueprints.account.forms import CancelFundsForm, FundsForm
from creditapp.db import db, transact
from creditapp.errors import DomainError, TopUpRangeError
from creditapp.permissions import customer_only
from creditapp.services import numbers, top_ups
from creditapp.web.clients import current_client
from creditapp.web.fields import refuse
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor


@bp.route("/funds", methods=["GET", "POST"])
@customer_only
def funds() -> ResponseReturnValue:
    form, status = FundsForm(), 200
    if form.validate_on_submit():
        try:
            asked = transact(
                top_ups.ask,
                current_client().id,
                transact(numbers.reserve, "invoices"),
                form.amount.minor,
                by=current_actor(),
                key=form.submission.key,
            )
        except TopUpRangeError as error:
            refuse(form.amount, error)
        except DomainError as error:
            status = place(form, error)
        else:
            if asked.replayed:
                notify("This invoice had been made already.", kind="info")
            return redirect(url_for("account.pay", invoice_id=asked.invoice_id), 303)
    return _page(form, status=status)


@bp.route("/funds/<id:invoice_id>/cancellation", methods=["POST"])
@customer_only
def cancel_funds(invoice_id: int) -> ResponseReturnValue:
    """Cancel what was asked for and is not going to be paid: another amount can be chosen then."""
    invoice, form = own_invoice_or_404(invoice_id), CancelFundsForm()
    if not form.validate_on_submit():
        return _page(FundsForm(sent=False), form)
    try:
        transact(top_ups.give_up, invoice.customer_id, invoice.id, by=current_actor(), key=form.submission.key)
    except DomainError as error:
        return _page(FundsForm(sent=False), form, status=place(form, error))
    notify(f"Invoice #{invoice_id} was cancelled.", "Nothing is to be paid for it.")
    return redirect(url_for("account.funds"), 303)


def _page(form: FundsForm, cancelling: CancelFundsForm | None = None, *, status: int = 200) -> ResponseReturnValue:
    return render_page(
        "account/funds.html",
        cancelling or form,
        status=status,
        funds_form=form,
        cancel_form=cancelling or CancelFundsForm(sent=False),
        customer=own_profile(),
        limits=top_ups.limits(db.session(), current_client().id),
    )
