"""The password once more, before what is dangerous."""

from __future__ import annotations

from flask import redirect, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from creditapp.blueprints.auth import bp
from creditapp.blueprints.auth.forms import ConfirmForm
from creditapp.db import db, transact
from creditapp.permissions import before_set_up, signed_in
from creditapp.queries import staff as queries
from creditapp.services import passwords
from creditapp.services import sessions as services
from creditapp.services import sign_in as sign_ins
from creditapp.web import sessions
from creditapp.web.pages import render_page
from creditapp.web.throttle import by_person, limiter

TRIES = "10 per minute; 30 per hour"
_RIGHT = 302
_WRONG = "This is not your password."


@bp.route("/sign-in/again", methods=["GET", "POST"])
@signed_in
@before_set_up
@limiter.limit(TRIES, key_func=by_person, methods=["POST"], deduct_when=lambda response: response.status_code != _RIGHT)
def confirm() -> ResponseReturnValue:
    """Ask for the password, and go on to the page that needs it; what was typed there is kept."""
    form = ConfirmForm()
    if request.method == "GET":
        form.next.data = request.args.get("next", "")
    elif form.validate_on_submit():
        known = queries.find_hash(db.session(), current_user.log_in_id)
        if passwords.verify(known, form.password.data or ""):
            fresh = transact(services.prove, current_user.token, by=sessions.current_actor())
            sessions.go_on(fresh)
            return redirect(form.destination)
        address = request.remote_addr or ""
        transact(sign_ins.record_failure, staff_id=current_user.id, address=address, step="again")
        form.password.errors = [*form.password.errors, _WRONG]
    return render_page("auth/confirm.html", form)
