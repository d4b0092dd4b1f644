"""Freezing a balance, and releasing it: each a small page that says what that means."""

from __future__ import annotations

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.users import bp
from creditapp.blueprints.users.finding import profile_or_404
from creditapp.blueprints.users.forms import BY_HAND
from creditapp.db import transact
from creditapp.errors import CustomerClosedError, DomainError
from creditapp.permissions import Permission, requires
from creditapp.services import freezing
from creditapp.services.freezing import REASON_CHARS_MAX
from creditapp.web.arrived import use_at_once
from creditapp.web.fields import LineField, SubmissionField
from creditapp.web.forms import Form
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor


class ReleaseForm(Form):
    """The button that releases a balance."""

    submission = SubmissionField()


class FreezeForm(ReleaseForm):
    """Why a balance is frozen."""

    reason = LineField("Reason", chars_max=REASON_CHARS_MAX, required="Say why the balance is frozen.")


@bp.route("/admin/users/<id:customer_id>/credit/freeze", methods=["GET", "POST"])
@requires(Permission.CUSTOMER_FREEZE)
def freeze(customer_id: int) -> ResponseReturnValue:
    form, status = FreezeForm(), 200
    if form.validate_on_submit():
        try:
            transact(freezing.freeze, customer_id, form.reason.text, by=current_actor())
        except DomainError as error:
            status = place(form, error)
        else:
            notify("Balance frozen.", "It takes what arrives, and nothing of it is used until it is released.")
            return redirect(url_for("users.show", customer_id=customer_id), 303)
    return _ask(customer_id, form, status, releases=False)


@bp.route("/admin/users/<id:customer_id>/credit/release", methods=["GET", "POST"])
@requires(Permission.CUSTOMER_FREEZE)
def release(customer_id: int) -> ResponseReturnValue:
    form, status = ReleaseForm(), 200
    if form.validate_on_submit():
        try:
            transact(freezing.release, customer_id, by=current_actor())
        except DomainError as error:
            status = place(form, error)
        else:
            notify("Balance released.", "It can be used again.")
            use_at_once(customer_id)
            return redirect(url_for("users.show", customer_id=customer_id), 303)
    return _ask(customer_id, form, status, releases=True)


def _ask(customer_id: int, form: ReleaseForm, status: int, *, releases: bool) -> ResponseReturnValue:
    customer = profile_or_404(customer_id)
    if customer.status not in BY_HAND:
        raise CustomerClosedError(customer_id)
    back_url = url_for("users.show", customer_id=customer_id)
    crumbs = [
        ("Admin", None),
        ("Users", url_for("users.index")),
        (customer.name, back_url),
        ("Release" if releases else "Freeze", None),
    ]
    return render_page(
        "users/freeze.html",
        form,
        status=status,
        crumbs=crumbs,
        customer=customer,
        releases=releases,
        back_url=back_url,
    )
