"""Refunds that a person sends: marked as sent under a reference, or called off."""

from __future__ import annotations

from typing import Any

from flask import abort, redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.refunds import bp
from creditapp.blueprints.refunds.forms import CallOffForm, SentForm
from creditapp.blueprints.refunds.words import state_tag, way_words
from creditapp.db import db, transact
from creditapp.errors import DomainError
from creditapp.permissions import Permission, dangerous, requires
from creditapp.queries import refunds
from creditapp.queries.refunds import RefundFacts
from creditapp.services import refunds as services
from creditapp.web.arrived import use_at_once
from creditapp.web.filters import money
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor


@bp.route("/admin/billing/refunds/<id:refund_id>/sent", methods=["GET", "POST"])
@requires(Permission.REFUND_WRITE)
@dangerous
def sent(refund_id: int) -> ResponseReturnValue:
    refund = _refund_or_404(refund_id)
    form, status = SentForm(), 200
    if form.validate_on_submit():
        act: dict[str, Any] = {"by": current_actor(), "key": form.submission.key}
        try:
            transact(services.done_by_hand, refund.customer_id, refund_id, form.reference.text, **act)
        except DomainError as error:
            refund, status = _refund_or_404(refund_id), place(form, error)
        else:
            notify(f"Refund #{refund_id} marked as sent.", f"{money(refund.amount_minor)} has gone back.")
            return redirect(url_for("payments.show", payment_id=refund.payment_id))
    return _ask("refunds/sent.html", "Mark as sent", refund, form, status)


@bp.route("/admin/billing/refunds/<id:refund_id>/cancellation", methods=["GET", "POST"])
@requires(Permission.REFUND_WRITE)
@dangerous
def call_off(refund_id: int) -> ResponseReturnValue:
    refund = _refund_or_404(refund_id)
    form, status = CallOffForm(), 200
    if form.validate_on_submit():
        act: dict[str, Any] = {"by": current_actor(), "key": form.submission.key}
        try:
            transact(services.call_off, refund.customer_id, refund_id, **act)
        except DomainError as error:
            refund, status = _refund_or_404(refund_id), place(form, error)
        else:
            notify(f"Refund #{refund_id} called off.", "The books are as they were before.")
            use_at_once(refund.customer_id)
            return redirect(url_for("payments.show", payment_id=refund.payment_id))
    return _ask("refunds/call_off.html", "Call off", refund, form, status)


def _ask(template: str, title: str, refund: RefundFacts, form: SentForm | CallOffForm, status: int) -> tuple[str, int]:
    return render_page(
        template,
        form,
        status=status,
        crumbs=[
            ("Admin", None),
            ("Billing", None),
            ("Payments", url_for("payments.index")),
            (f"#{refund.payment_id}", url_for("payments.show", payment_id=refund.payment_id)),
            (title, None),
        ],
        refund=refund,
        tag_of=state_tag,
        way=way_words(refund.method, refund.gateway),
    )


def _refund_or_404(refund_id: int) -> RefundFacts:
    found = refunds.find(db.session(), refund_id)
    if found is None:
        abort(404)
    return found
