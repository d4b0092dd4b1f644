"""The customers' door: signing in and out, invitations, forgotten passwords."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from flask_login import current_user

from creditapp.blueprints.account import bp
from creditapp.blueprints.account.forms import ClientSignInForm
from creditapp.blueprints.auth.forms import ForgottenForm
from creditapp.blueprints.auth.password_forms import PasswordForm
from creditapp.db import db, transact
from creditapp.errors import AddressUnfitError, LinkError, WrongPasswordError
from creditapp.models import LinkPurpose
from creditapp.permissions import customer_only, public
from creditapp.services import client_access, passwords
from creditapp.services import sign_in as sign_ins
from creditapp.services.actor import customer
from creditapp.services.client_access import SESSION_MAX
from creditapp.services.sign_in import Checked
from creditapp.web import sessions, throttle
from creditapp.web.addresses import address_of, sends_links
from creditapp.web.fields import refuse_form
from creditapp.web.forms import BareForm
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.throttle import by_account, by_address, limiter, sign_in_limits

BODY_MAX = 64 * 1024
LINKS = "60 per hour"
"""So often an address may open or use a link; guessing one would take longer than the world has."""
_WRONG = "This email and password do not belong together."
_GONE = 404


@bp.before_request
def _keep_it_small() -> None:
    request.max_content_length = BODY_MAX


@bp.route("/sign-in", methods=["GET", "POST"])
@public
@sign_in_limits
def sign_in() -> ResponseReturnValue:
    form = ClientSignInForm()
    if request.method == "GET":
        form.next.data = request.args.get("next", "")
        if current_user.is_authenticated:
            return redirect(form.destination)
    elif form.validate_on_submit():
        try:
            token = _check(form.email.text, form.password.data or "")
        except WrongPasswordError:  # it was changed while it was being checked
            token = None
        if token is not None:
            sessions.start(token)
            return redirect(form.destination)
        form.form_errors = [_WRONG]
    return render_page("account/sign_in.html", form)


@bp.route("/sign-out", methods=["POST"])
@customer_only
def sign_out() -> ResponseReturnValue:
    form = BareForm()
    if not form.validate_on_submit():
        return render_page("account/sign_out.html", form)
    transact(sign_ins.close_session, current_user.token, by=sessions.current_actor())
    session.clear()
    return redirect(url_for("account.sign_in"))


@bp.route("/forgotten", methods=["GET", "POST"])
@public
@limiter.limit("20 per hour", key_func=by_address, methods=["POST"])
@limiter.limit("5 per hour", key_func=by_account, methods=["POST"])
def forgotten() -> ResponseReturnValue:
    """Send a link to whoever it is. The answer is the same whether anybody is known by the address."""
    form, is_sent = ForgottenForm(), sends_links()
    if form.validate_on_submit():
        passwords.verify(None, "")  # beside a hash nobody can tell by the clock whether a mail was written
        transact(client_access.ask_reset, form.email.text, link=_reset_link, address=request.remote_addr or "")
        if is_sent:
            notify("If you have a log-in with this address, a mail is on its way.", "Its link works for 30 minutes.")
        else:
            notify("No mails are sent from here at the moment.", "Ask us for a new link, please.", kind="warning")
        return redirect(url_for("account.sign_in"))
    return render_page("account/forgotten.html", form, sends_mail=is_sent)


@bp.route("/invitations/<token>", methods=["GET", "POST"])
@public
@limiter.limit(LINKS, key_func=by_address)
def invitation(token: str) -> ResponseReturnValue:
    return _choose_password(token, LinkPurpose.INVITATION)


@bp.route("/resets/<token>", methods=["GET", "POST"])
@public
@limiter.limit(LINKS, key_func=by_address)
def reset(token: str) -> ResponseReturnValue:
    return _choose_password(token, LinkPurpose.RESET)


def _reset_link(token: str) -> str | None:
    return address_of("account.reset", token=token)


def _choose_password(token: str, purpose: LinkPurpose) -> ResponseReturnValue:
    """Ask for a password; opening the page does not use the link up, or the first mail scanner would."""
    person = client_access.find_link(db.session(), token, purpose, datetime.now(UTC))
    if person is None:
        return render_page("account/link_over.html", status=_GONE)
    form = PasswordForm()
    if form.validate_on_submit() and form.check(person, current_panel().company_name):
        use = client_access.accept if purpose == LinkPurpose.INVITATION else client_access.reset
        password_hash = passwords.hash_password(form.password.data or "")
        try:
            transact(use, token, password_hash, address=request.remote_addr or "")
        except LinkError:
            return render_page("account/link_over.html", status=_GONE)
        except AddressUnfitError as error:
            refuse_form(form, error)
        else:
            session.clear()
            notify("Your password is set.", "Sign in with it now.")
            return redirect(url_for("account.sign_in"))
    return render_page("account/choose_password.html", form, person=person, is_new=purpose == LinkPurpose.INVITATION)


@bp.errorhandler(RateLimitExceeded)
def _too_many(_error: RateLimitExceeded) -> ResponseReturnValue:
    wait_s, sentence = throttle.wait()
    forms = {"account.sign_in": ClientSignInForm, "account.forgotten": ForgottenForm}
    kind = forms.get(request.endpoint or "")
    if kind is None:
        page, status = render_page("errors/error.html", status=429, code=429, title="Too many tries", hint=sentence)
    else:
        form = kind()
        form.form_errors = [sentence]
        template = f"{(request.endpoint or '').replace('.', '/')}.html"
        page, status = render_page(template, form, status=429, sends_mail=True)
    return page, status, {"Retry-After": str(wait_s)}


def _check(email: str, password: str) -> str | None:
    """Return the token of a new session; None for every kind of mismatch, after the same work."""
    address = request.remote_addr or ""
    found = client_access.find_log_in(db.session(), email)
    right = passwords.verify(found.password_hash if found else None, password)
    if found is None or not right or not found.is_open:
        transact(client_access.record_failure, customer_id=found.customer_id if found else None, address=address)
        return None
    new_hash = passwords.hash_password(password) if passwords.needs_rehash(found.password_hash) else None
    return transact(
        sign_ins.open_session,
        found.log_in_id,
        by=customer(found.customer_id, address),
        browser=request.headers.get("User-Agent", "")[:200],
        checked=Checked(found.password_hash, new_hash),
        instead_of=session.get("_user_id", ""),
        lasts=SESSION_MAX,
    )
