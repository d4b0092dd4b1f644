"""Crediting one of a customer's subscriptions for downtime: the amount is worked out and shown before it is applied."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from creditapp.blueprints.users import bp
from creditapp.blueprints.users.detail import limit_words
from creditapp.blueprints.users.downtime_forms import QUICK, DowntimeCreditForm
from creditapp.blueprints.users.finding import profile_or_404
from creditapp.blueprints.users.subscribed import ALL_MAX
from creditapp.db import db, transact
from creditapp.errors import AlreadyCreditedError, DomainError, DowntimeRepeatedError
from creditapp.permissions import Permission, requires
from creditapp.queries import authority, subscriptions
from creditapp.queries.customers import Profile
from creditapp.services.downtime import arithmetic, crediting
from creditapp.services.downtime.crediting import Worth
from creditapp.web import urls
from creditapp.web.arrived import use_at_once
from creditapp.web.filters import money
from creditapp.web.notices import announce
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor

UPDATE = "update"


@bp.route("/admin/users/<id:customer_id>/credit/downtime", methods=["GET", "POST"])
@requires(Permission.CREDIT_ADJUST)
def credit_downtime(customer_id: int) -> ResponseReturnValue:
    customer = profile_or_404(customer_id)
    form = _form(customer_id)
    status, worth, alike = 200, None, ""
    if form.validate_on_submit():
        try:
            worth = crediting.work_out(db.session(), customer_id, form.ask)
            if request.form.get("act") != UPDATE:
                return _apply(customer, form)
        except DomainError as error:
            customer, status = profile_or_404(customer_id), place(form, error)
            alike = error.reference if isinstance(error, AlreadyCreditedError | DowntimeRepeatedError) else ""
    return _page(customer, form, worth, status=status, alike=alike)


def _apply(customer: Profile, form: DowntimeCreditForm) -> ResponseReturnValue:
    entry = transact(
        crediting.credit,
        customer.id,
        form.ask,
        seen_minor=form.seen_minor,
        note=form.note.text,
        customer_note=form.customer_note.text,
        ticket_ref=form.ticket.text,
        repeat_ok=form.repeat_ok.data,
        by=current_actor(),
        key=form.submission.key,
    )
    announce(entry, customer.name)
    use_at_once(customer.id)
    return redirect(url_for("users.show", customer_id=customer.id), 303)


def _form(customer_id: int) -> DowntimeCreditForm:
    """Return the form, begun with what the address names."""
    owned = subscriptions.of_customer(db.session(), customer_id, most=ALL_MAX)
    named = {name: request.args.get(name, "") for name in ("subscription", "incident")}
    known = {name: str(urls.number(typed) or "") for name, typed in named.items()}
    begun = {name: number for name, number in known.items() if number}
    return DowntimeCreditForm(owned, data={"on": current_panel().today(), **begun})


def _page(
    customer: Profile, form: DowntimeCreditForm, worth: Worth | None, *, status: int, alike: str
) -> ResponseReturnValue:
    back_url = url_for("users.show", customer_id=customer.id)
    crumbs = [("Admin", None), ("Users", url_for("users.index")), (customer.name, back_url), ("Downtime credit", None)]
    # Whoever sends the form again has seen what it says now.
    form.seen.data = str(worth.credit.amount_minor) if worth else ""
    return render_page(
        "users/downtime.html",
        form,
        status=status,
        crumbs=crumbs,
        customer=customer,
        back_url=back_url,
        quick=QUICK,
        worth=_shown(customer, worth),
        alike=(alike, _entry_url(alike)) if alike else None,
        limit_words=limit_words(authority.of_role(db.session(), current_user.role)),
    )


def _shown(customer: Profile, worth: Worth | None) -> dict[str, Any] | None:
    if worth is None:
        return None
    return {
        "arithmetic": arithmetic(worth.credit, worth.terms, worth.fee, money),
        "after": money(customer.balance_minor + worth.credit.amount_minor),
    }


def _entry_url(reference: str) -> str:
    customer_id, _, seq = reference.removeprefix("CR-").partition("-")
    return url_for("users.entry", customer_id=int(customer_id), seq=int(seq))
