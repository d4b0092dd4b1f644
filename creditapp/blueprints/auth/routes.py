"""Signing in, in one step or two, and out."""

from __future__ import annotations

from flask import redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from flask_login import current_user

from creditapp.blueprints.auth import bp
from creditapp.blueprints.auth.forms import HOME, CodeForm, ConfirmForm, ForgottenForm, SignInForm
from creditapp.db import db, transact
from creditapp.errors import LinkError, WrongCodeError, WrongPasswordError
from creditapp.permissions import before_set_up, public, signed_in
from creditapp.services import passwords, second_factor
from creditapp.services import sign_in as sign_ins
from creditapp.services.actor import staff
from creditapp.services.sign_in import Checked, Half, StaffLogIn
from creditapp.web import sessions, throttle
from creditapp.web.fields import refuse
from creditapp.web.forms import BareForm, Form
from creditapp.web.pages import render_page
from creditapp.web.throttle import code_limits, sign_in_limits

SIGN_IN_BODY_MAX = 64 * 1024
_GONE = 404
_WRONG = "This email and password do not belong together."
_FORMS: dict[str, tuple[type[Form], str]] = {
    "auth.sign_in": (SignInForm, "auth/sign_in.html"),
    "auth.code": (CodeForm, "auth/code.html"),
    "auth.confirm": (ConfirmForm, "auth/confirm.html"),
    "auth.forgotten": (ForgottenForm, "auth/forgotten.html"),
}
"""What is shown again when it was tried too often."""


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
        found = _check(form.email.text, form.password.data or "")
        if found is not None and _let_in(*found, form.password.data or ""):
            return redirect(form.destination if not sessions.half_token() else _second_step(form))
        form.form_errors = [_WRONG]
    return render_page("auth/sign_in.html", form)


@bp.route("/sign-in/code", methods=["GET", "POST"])
@public
@code_limits
def code() -> ResponseReturnValue:
    """Ask for a code of the second factor; nobody is signed in before it was right."""
    half, form = sessions.half_signed_in(), CodeForm()
    if half is None:
        return _begin_anew()
    if request.method == "GET":
        form.next.data = request.args.get("next", "")
    elif form.validate_on_submit():
        try:
            token = _complete(half, form.code.text)
        except WrongCodeError as error:
            address = request.remote_addr or ""
            transact(sign_ins.record_failure, staff_id=half.staff_id, address=address, step="code")
            refuse(form.code, error)
        except LinkError:
            return _begin_anew()
        else:
            sessions.start(token)
            return redirect(form.destination)
    return render_page("auth/code.html", form)


@bp.route("/sign-out", methods=["POST"])
@signed_in
@before_set_up
def sign_out() -> ResponseReturnValue:
    form = BareForm()
    if not form.validate_on_submit():
        return render_page("auth/sign_out.html", form)
    transact(sign_ins.close_session, current_user.token, by=sessions.current_actor())
    session.clear()
    return redirect(url_for("auth.sign_in"))


@bp.errorhandler(RateLimitExceeded)
def _too_many(_error: RateLimitExceeded) -> ResponseReturnValue:
    wait_s, sentence = throttle.wait()
    known = _FORMS.get(request.endpoint or "")
    if known is None:
        page, status = render_page("errors/error.html", status=429, code=429, title="Too many tries", hint=sentence)
    else:
        form = known[0]()
        form.form_errors = [sentence]
        page, status = render_page(known[1], form, status=429, sends_mail=True)
    return page, status, {"Retry-After": str(wait_s)}


def browser() -> str:
    """Return what the browser says it is, as a session keeps it."""
    return request.headers.get("User-Agent", "")[:200]


def _check(email: str, password: str) -> tuple[StaffLogIn, Checked] | None:
    """Return whose password it is; None for every kind of mismatch, after the same work."""
    found = sign_ins.find_staff_log_in(db.session(), email)
    right = passwords.verify(found.password_hash if found else None, password)
    if found is None or not right or found.disabled_at is not None:
        address = request.remote_addr or ""
        transact(sign_ins.record_failure, staff_id=found.staff_id if found else None, address=address)
        return None
    new_hash = passwords.hash_password(password) if passwords.needs_rehash(found.password_hash) else None
    return found, Checked(found.password_hash, new_hash)


def _let_in(found: StaffLogIn, checked: Checked, password: str) -> bool:
    """Sign in, or half of it where a code is asked for; False where the password was changed in between."""
    by = staff(found.staff_id, request.remote_addr or "")
    opening = {"by": by, "browser": browser(), "checked": checked, "instead_of": session.get("_user_id", "")}
    try:
        if found.totp_since is not None:
            sessions.start_half(transact(sign_ins.open_half, found.log_in_id, **opening))
        else:
            token = transact(sign_ins.open_session, found.log_in_id, **opening)
            sessions.start(token, is_short=not passwords.is_long_enough(password))
    except WrongPasswordError:
        return False
    return True


def _second_step(form: SignInForm) -> str:
    return url_for("auth.code", next=form.next.data or None)


def _complete(half: Half, code: str) -> str:
    by = staff(half.staff_id, request.remote_addr or "")
    return transact(second_factor.complete, sessions.half_token(), code, by=by, browser=browser())


def _begin_anew() -> ResponseReturnValue:
    return render_page("auth/too_late.html", status=_GONE)
