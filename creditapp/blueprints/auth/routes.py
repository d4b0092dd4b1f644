from __future__ import annotations

from flask import redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from flask_login import current_user

from creditapp.blueprints.auth import bp
from creditapp.blueprints.auth.forms import HOME, SignInForm
from creditapp.db import db, transact
from creditapp.permissions import public, signed_in
from creditapp.services import passwords
from creditapp.services import sign_in as sign_ins
from creditapp.services.actor import staff
from creditapp.web import sessions, throttle
from creditapp.web.forms import BareForm
from creditapp.web.pages import render_page
from creditapp.web.throttle import sign_in_limits

SIGN_IN_BODY_MAX = 64 * 1024
_WRONG = "This email and password do not belong together."


@bp.before_request
def _keep_it_small() -> None:
    request.max_content_length = SIGN_IN_BODY_MAX


@bp.route("/")
@bp.route("/admin")
@public
def home() -> ResponseReturnValue:
    return redirect(HOME)


@bp.route("/healthz")
@public
def healthy() -> ResponseReturnValue:
    return "ok\n", {"Content-Type": "text/plain"}


@bp.route("/sign-in", methods=["GET", "POST"])
@public
@sign_in_limits
def sign_in() -> ResponseReturnValue:
    form = SignInForm()
    if request.method == "GET":
        form.next.data = request.args.get("next", "")
        if current_user.is_authenticated:
            return redirect(form.destination)
    elif form.validate_on_submit():
        token = _check(form.email.text, form.password.data or "")
        if token is not None:
            sessions.start(token)
            return redirect(form.destination)
        form.form_errors = [_WRONG]
    return render_page("auth/sign_in.html", form)


@bp.route("/sign-out", methods=["POST"])
@signed_in
def sign_out() -> ResponseReturnValue:
    form = BareForm()
    if not form.validate_on_submit():
        return render_page("auth/sign_out.html", form)
    transact(sign_ins.close_session, current_user.token, by=sessions.current_actor())
    session.clear()
    return redirect(url_for("auth.sign_in"))


@bp.errorhandler(RateLimitExceeded)
def _too_many(_error: RateLimitExceeded) -> ResponseReturnValue:
    form = SignInForm()
    wait_s, sentence = throttle.wait()
    form.form_errors = [sentence]
    page, status = render_page("auth/sign_in.html", form, status=429)
    return page, status, {"Retry-After": str(wait_s)}


def _check(email: str, password: str) -> str | None:
    """Return the token of a new session; None for every kind of mismatch, after the same work."""
    address = request.remote_addr or ""
    found = sign_ins.find_staff_log_in(db.session(), email)
    right = passwords.verify(found.password_hash if found else None, password)
    if found is None or not right or found.disabled_at is not None:
        transact(sign_ins.record_failure, staff_id=found.staff_id if found else None, address=address)
        return None
    new_hash = passwords.hash_password(password) if passwords.needs_rehash(found.password_hash) else None
    browser = request.headers.get("User-Agent", "")[:200]
    return transact(
        sign_ins.open_session,
        found.log_in_id,
        by=staff(found.staff_id, address),
        browser=browser,
        new_hash=new_hash,
        instead_of=session.get("_user_id", ""),
    )
