"""Add Funds: an amount becomes an invoice, and the invoice is paid with money."""

from __future__ import annotations

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.account import bp
from creditapp.blueprints.account.finding import own_profile
from creditapp.blueprints.account.forms import FundsForm
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
    limits = top_ups.limits(db.session(), current_client().id)
    return render_page("account/funds.html", form, status=status, customer=own_profile(), limits=limits)
