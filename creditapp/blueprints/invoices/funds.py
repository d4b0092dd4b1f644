"""An Add Funds invoice that staff make for a customer."""

from __future__ import annotations

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.invoices import bp
from creditapp.blueprints.users.finding import profile_or_404
from creditapp.db import db, transact
from creditapp.errors import CustomerClosedError, DomainError
from creditapp.permissions import Permission, requires
from creditapp.services import customers, numbers, top_ups
from creditapp.web.fields import AmountField, SubmissionField
from creditapp.web.filters import money
from creditapp.web.forms import Form
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor


class AddFundsForm(Form):
    """How much is to be added."""

    amount = AmountField("Amount")
    submission = SubmissionField()


@bp.route("/admin/users/<id:customer_id>/add-funds", methods=["GET", "POST"])
@requires(Permission.INVOICE_WRITE)
def add_funds(customer_id: int) -> ResponseReturnValue:
    customer = profile_or_404(customer_id)
    form = AddFundsForm()
    status = 200
    if form.validate_on_submit():
        number = transact(numbers.reserve, "invoices")
        try:
            asked = transact(
                top_ups.ask, customer_id, number, form.amount.minor, by=current_actor(), key=form.submission.key
            )
        except CustomerClosedError:
            raise
        except DomainError as error:
            status = place(form, error)
        else:
            words = "It was made by this form before." if asked.replayed else "Paid, it raises the balance."
            notify(f"Add Funds invoice over {money(asked.amount_minor)} made.", words)
            return redirect(url_for("invoices.show", invoice_id=asked.invoice_id), 303)
    elif customer.status not in customers.BY_HAND:
        raise customer.closed_error
    crumbs = [
        ("Admin", None),
        ("Users", url_for("users.index")),
        (customer.name, url_for("users.show", customer_id=customer_id)),
        ("Add Funds invoice", None),
    ]
    limits = top_ups.limits(db.session(), customer_id, by_staff=True)
    return render_page("invoices/funds.html", form, status=status, crumbs=crumbs, customer=customer, limits=limits)
