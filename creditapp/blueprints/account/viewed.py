"""The way back for who of the staff looks on as a customer."""

from __future__ import annotations

from flask import abort, redirect, session, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.account import bp
from creditapp.db import transact
from creditapp.permissions import customer_only
from creditapp.services import viewing
from creditapp.web.clients import current_client
from creditapp.web.forms import BareForm
from creditapp.web.sessions import current_actor


@bp.post("/stop-viewing")
@customer_only
def stop_viewing() -> ResponseReturnValue:
    """End the look, and go back to the user's page."""
    viewer = current_client()
    if viewer.viewed_by is None:
        abort(404)
    if not BareForm().validate_on_submit():
        return redirect(url_for("account.home"), 303)
    transact(viewing.end, viewer.token, viewer.id, by=current_actor())
    session.clear()
    return redirect(url_for("users.show", customer_id=viewer.id), 303)
