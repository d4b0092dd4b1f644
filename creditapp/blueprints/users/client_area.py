"""A customer's log-in to the client area, as staff manage it: inviting, and ending the log-in."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.users import bp
from creditapp.blueprints.users.finding import profile_or_404
from creditapp.db import db, transact
from creditapp.errors import DomainError
from creditapp.permissions import Permission, requires
from creditapp.queries import account
from creditapp.services import client_access
from creditapp.web.addresses import address_of
from creditapp.web.fields import SubmissionField
from creditapp.web.forms import BareForm, Form
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor


class InviteForm(Form):
    """The button that invites."""

    submission = SubmissionField()


@bp.route("/admin/users/<id:customer_id>/client-area", methods=["GET", "POST"])
@requires(Permission.CUSTOMER_INVITE)
def client_area(customer_id: int) -> ResponseReturnValue:
    """Say how the customer signs in; inviting shows the link once, here and nowhere else."""
    customer, form, status = profile_or_404(customer_id), InviteForm(), 200
    link = None
    if form.validate_on_submit():
        try:
            token = transact(
                client_access.invite, customer_id, link=_address, by=current_actor(), key=form.submission.key
            )
        except DomainError as error:
            status = place(form, error)
        else:
            link = _link(token)
            form = InviteForm(sent=False, formdata=None)
    crumbs = [
        ("Admin", None),
        ("Users", url_for("users.index")),
        (customer.name, url_for("users.show", customer_id=customer_id)),
        ("Client area", None),
    ]
    return render_page(
        "users/client_area.html",
        form,
        status=status,
        crumbs=crumbs,
        customer=customer,
        access=account.find_access(db.session(), customer_id, datetime.now(UTC)),
        link=link,
        was_sent=request.method == "POST" and not form.problems,
        end_form=BareForm(sent=False),
    )


@bp.route("/admin/users/<id:customer_id>/client-area/end", methods=["POST"])
@requires(Permission.CUSTOMER_INVITE)
def end_client_area(customer_id: int) -> ResponseReturnValue:
    customer, form = profile_or_404(customer_id), BareForm()
    back = url_for("users.client_area", customer_id=customer_id)
    if not form.validate_on_submit():
        notify("Nothing was changed.", "The page had expired; press the button again.", kind="warning")
        return redirect(back, 303)
    try:
        transact(client_access.end, customer_id, by=current_actor())
    except DomainError as error:
        notify(error.sentence(str), kind="warning")
    else:
        notify("Log-in ended.", f"{customer.name} cannot sign in to the client area any more.")
    return redirect(back, 303)


def _link(token: str | None) -> str | None:
    """Return the address of an invitation; without a known address of ours, where it is on our server."""
    if token is None:
        return None
    return _address(token) or url_for("account.invitation", token=token)


def _address(token: str) -> str | None:
    return address_of("account.invitation", token=token)
