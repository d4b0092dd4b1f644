"""Adjusting a customer's credit."""

from __future__ import annotations

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.users import bp
from creditapp.blueprints.users.detail import WayOut, render_customer
from creditapp.blueprints.users.finding import profile_or_404
from creditapp.blueprints.users.forms import AdjustCreditForm
from creditapp.db import transact
from creditapp.errors import BalanceLimitError, DomainError, DuplicateAdjustmentError, InsufficientCreditError
from creditapp.permissions import Permission, requires
from creditapp.services import credits
from creditapp.web.arrived import use_at_once
from creditapp.web.filters import money, plain
from creditapp.web.notices import announce
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor


@bp.route("/admin/users/<id:customer_id>/credit", methods=["GET", "POST"])
@requires(Permission.CREDIT_ADJUST)
def adjust(customer_id: int) -> ResponseReturnValue:
    customer = profile_or_404(customer_id)
    form = AdjustCreditForm()
    status, way_out = 200, WayOut()
    if form.validate_on_submit():
        try:
            entry = transact(
                credits.adjust,
                customer_id,
                form.amount_minor,
                reason_id=form.reason_id,
                note=form.note.text,
                customer_note=form.customer_note.text,
                ticket_ref=form.ticket.text,
                duplicates_ok=form.repeat_ok.data,
                by=current_actor(),
                key=form.submission.key,
            )
        except DomainError as error:
            customer, status, way_out = profile_or_404(customer_id), place(form, error), _way_out(error)
        else:
            announce(entry, customer.name)
            if entry.amount_minor > 0:
                use_at_once(customer_id)
            return redirect(url_for("users.show", customer_id=customer_id))
    return render_customer(customer, form, status=status, way_out=way_out)


def _way_out(error: DomainError) -> WayOut:
    """Return what the page offers beside the sentence: an amount that fits, or the entry that this looks like."""
    if isinstance(error, InsufficientCreditError) and error.available_minor > 0:
        minor = error.available_minor
        return WayOut(most=(plain(-minor), f"Remove {money(minor)}"))
    if isinstance(error, BalanceLimitError) and error.limit_minor > error.balance_minor:
        minor = error.limit_minor - error.balance_minor
        return WayOut(most=(plain(minor), f"Add {money(minor)}"))
    if isinstance(error, DuplicateAdjustmentError):
        customer_id, _, seq = error.reference.removeprefix("CR-").partition("-")
        url = url_for("users.entry", customer_id=int(customer_id), seq=int(seq))
        return WayOut(repeat_of=(error.reference, url))
    return WayOut()
