"""Deleting a customer: a page that says what goes and what stays, settles the balance, and asks for the number."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.users import bp
from creditapp.blueprints.users.deletion_form import DeleteForm
from creditapp.blueprints.users.finding import profile_or_404
from creditapp.blueprints.users.forms import BY_HAND
from creditapp.db import db, transact
from creditapp.errors import CustomerNotFoundError, DomainError, StaleFormError, TransferError
from creditapp.permissions import Permission, dangerous, requires
from creditapp.queries import deletion, refunds
from creditapp.queries.customers import Profile
from creditapp.queries.merged import family_of
from creditapp.services import customer_life, numbers
from creditapp.services import refunds as refunding
from creditapp.services.customer_life import Deleted, Forecast
from creditapp.web.fields import refuse
from creditapp.web.filters import money
from creditapp.web.gateways import gateways
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refunding import Sent, send
from creditapp.web.refusals import INVALID, place
from creditapp.web.sessions import current_actor

SAID_MAX = 3
"""A notice travels in a cookie: it names so many refunds."""


@bp.route("/admin/users/<id:customer_id>/deletion", methods=["GET", "POST"])
@requires(Permission.CUSTOMER_DELETE)
@dangerous
def delete_customer(customer_id: int) -> ResponseReturnValue:
    customer = profile_or_404(customer_id)
    if customer.merged_into_id is not None:
        return redirect(url_for("users.delete_customer", customer_id=customer.merged_into_id))
    found = _forecast(customer_id)
    form, status = _form(customer, found), 200
    if form.validate_on_submit():
        try:
            done = _delete(customer, found, form)
        except DomainError as error:
            status = _refuse(form, error)
            customer, found = profile_or_404(customer_id), _forecast(customer_id)
        else:
            _announce(done)
            return redirect(url_for("users.index"), 303)
    return _page(customer, found, form, status)


def _form(customer: Profile, found: Forecast) -> DeleteForm:
    return DeleteForm(customer, found, refunds_allowed=refunds.is_credit_refundable(db.session()))


def _forecast(customer_id: int) -> Forecast:
    return customer_life.forecast(db.session(), customer_id, datetime.now(UTC))


def _delete(customer: Profile, found: Forecast, form: DeleteForm) -> Deleted:
    """Delete the customer, and ask gateways for the refunds right after the commit; the worker asks them again."""
    parts = sum(1 for minor in found.refundable.values() if minor)
    first = transact(numbers.reserve, "refunds", parts) if parts else 0
    done = transact(
        customer_life.delete,
        customer.id,
        form.choices,
        version=form.version.number,
        seen_minor=form.seen_minor,
        cancel_invoices=form.cancel_invoices.data,
        refund_ids=range(first, first + parts),
        by=current_actor(),
        key=form.submission.key,
    )
    for asked in done.refunds:
        one = refunding.find_due(db.session(), customer.id, asked.refund_id) if asked.gateway else None
        outcome = send(one, gateways()) if one else None
        if outcome is not None and outcome.sent == Sent.FAILED:
            words = f"{outcome.words} It is on the balance of #{customer.id} again: delete once more to settle it."
            notify(f"Refund #{asked.refund_id} could not be sent.", words, kind="error")
    return done


def _refuse(form: DeleteForm, error: DomainError) -> int:
    """Put the sentence beside its box; who opens the form anew sees what has changed."""
    if isinstance(error, TransferError | CustomerNotFoundError):
        refuse(form.to, error)
        return INVALID
    status = place(form, error)
    if isinstance(error, StaleFormError):
        form.form_errors = [*form.form_errors, "Open this page anew: it shows what has changed."]
    return status


def _announce(done: Deleted) -> None:
    if done.replayed:
        notify(f"User #{done.customer_id} had been deleted already.", kind="info")
        return
    said = ["Every personal word is gone; the numbers stay"]
    if done.transferred_minor:
        said.append(f"{money(done.transferred_minor)} was transferred")
    if done.expired_minor:
        said.append(f"{money(done.expired_minor)} has expired")
    by_hand = [one for one in done.refunds if not one.gateway]
    if done.refunds:
        said.append(f"{money(sum(one.amount_minor for one in done.refunds))} goes back")
    links = [
        (f"Mark refund #{one.refund_id} as sent", url_for("refunds.sent", refund_id=one.refund_id))
        for one in by_hand[:SAID_MAX]
    ]
    notify(f"User #{done.customer_id} deleted.", f"{'. '.join(said)}.", links=links)


def _page(customer: Profile, found: Forecast, form: DeleteForm, status: int) -> ResponseReturnValue:
    session = db.session()
    people = family_of(session, customer.id)
    back_url = url_for("users.show", customer_id=customer.id)
    return render_page(
        "users/delete.html",
        form,
        status=status,
        crumbs=[("Admin", None), ("Users", url_for("users.index")), (customer.name, back_url), ("Delete", None)],
        customer=customer,
        merged=people[1:],
        found=found,
        counts=deletion.count(session, people),
        bills=customer_life.open_invoices(session, customer.id),
        underway=customer_life.underway(session, people),
        is_gone=customer.status not in BY_HAND,
        back_url=back_url,
    )
