"""One's own second factor: set up, switched off, and the codes that stand in for it."""

from __future__ import annotations

import io

import segno
from flask import Response, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from pyotp.utils import build_uri

from creditapp.blueprints.profile import bp
from creditapp.blueprints.profile.finding import crumbs, knows_it, own_facts
from creditapp.blueprints.profile.forms import FirstCodeForm, OwnPasswordForm
from creditapp.db import db, transact
from creditapp.errors import DomainError
from creditapp.permissions import before_set_up, dangerous, signed_in
from creditapp.queries import staff as queries
from creditapp.services import passwords, second_factor
from creditapp.web import sessions
from creditapp.web.forms import BareForm
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor
from creditapp.web.throttle import by_person, limiter

TRIES = "10 per minute; 60 per hour"
GROUP_CHARS = 4
_TOO_SHORT = "Without a second factor your password is too short: change it to one of at least 15 characters first."


@bp.route("/second-factor", methods=["GET", "POST"])
@signed_in
@before_set_up
@dangerous
@limiter.limit(TRIES, key_func=by_person, methods=["POST"])
def set_up_factor() -> ResponseReturnValue:
    """Show what the phone has to know, and switch the second factor on with a first code of it."""
    if current_user.has_factor:
        return redirect(url_for("profile.show"), 303)
    if request.method == "POST" and "begin" in request.form:
        return _begin()
    form, status = FirstCodeForm(), 200
    if form.validate_on_submit():
        try:
            fresh, codes = transact(
                second_factor.confirm,
                current_user.log_in_id,
                form.code.text,
                token=current_user.token,
                by=current_actor(),
            )
        except DomainError as error:
            status = place(form, error)
        else:
            sessions.go_on(fresh)
            return _show_codes(codes, is_new=True)
    return _set_up_page(form, status)


@bp.route("/second-factor/code.svg")
@signed_in
@before_set_up
@dangerous
def factor_image() -> ResponseReturnValue:
    """Draw what the phone has to know; nothing keeps the picture."""
    secret = _pending_secret()
    if secret is None:
        abort(404)
    uri = build_uri(secret, own_facts().email, issuer=current_panel().company_name)
    image = io.BytesIO()
    segno.make(uri, error="m").save(image, kind="svg", scale=5, border=4, dark="#000", light="#fff", svgclass=None)
    return Response(image.getvalue(), mimetype="image/svg+xml")


@bp.route("/second-factor/off", methods=["GET", "POST"])
@signed_in
@dangerous
@limiter.limit(TRIES, key_func=by_person, methods=["POST"])
def switch_off_factor() -> ResponseReturnValue:
    """Switch the second factor off; a password that is short beside it has to be changed before."""
    form, status = OwnPasswordForm(), 200
    if form.validate_on_submit() and knows_it(form) and _is_long_enough(form):
        try:
            fresh = transact(
                second_factor.switch_off, current_user.log_in_id, token=current_user.token, by=current_actor()
            )
        except DomainError as error:
            status = place(form, error)
        else:
            sessions.go_on(fresh)
            notify("The second factor is off.", "Your password alone signs you in.")
            return redirect(url_for("profile.show"), 303)
    return render_page("profile/switch_off.html", form, status=status, crumbs=crumbs("Second factor"))


@bp.route("/second-factor/recovery-codes", methods=["GET", "POST"])
@signed_in
@limiter.limit(TRIES, key_func=by_person, methods=["POST"])
def recovery_codes() -> ResponseReturnValue:
    """Make ten new codes; those there were stand in for nothing any more."""
    form, status = OwnPasswordForm(), 200
    if form.validate_on_submit() and knows_it(form):
        try:
            codes = transact(second_factor.make_recovery_codes, current_user.log_in_id, by=current_actor())
        except DomainError as error:
            status = place(form, error)
        else:
            return _show_codes(codes, is_new=False)
    left = queries.count_recovery_codes(db.session(), current_user.log_in_id)
    return render_page("profile/make_codes.html", form, status=status, crumbs=crumbs("Recovery codes"), codes_left=left)


def _begin() -> ResponseReturnValue:
    form = BareForm()
    if not form.validate_on_submit():
        return _set_up_page(FirstCodeForm(sent=False), 422, begin_form=form)
    transact(second_factor.begin, current_user.log_in_id)
    return redirect(url_for("profile.set_up_factor"), 303)


def _set_up_page(form: FirstCodeForm, status: int, *, begin_form: BareForm | None = None) -> ResponseReturnValue:
    secret = _pending_secret() or ""
    return render_page(
        "profile/set_up.html",
        begin_form or form,
        status=status,
        crumbs=crumbs("Second factor"),
        code_form=form,
        begin_form=begin_form or BareForm(sent=False),
        secret=" ".join(secret[start : start + GROUP_CHARS] for start in range(0, len(secret), GROUP_CHARS)),
        must_set_up=current_user.needs_factor,
    )


def _show_codes(codes: list[str], *, is_new: bool) -> ResponseReturnValue:
    return render_page("profile/codes.html", crumbs=crumbs("Recovery codes"), codes=codes, is_new=is_new)


def _pending_secret() -> str | None:
    salt = queries.find_salt(db.session(), current_user.log_in_id)
    key: bytes = current_app.config["LEDGER_KEY"]
    return second_factor.secret_of(key, current_user.log_in_id, salt) if salt is not None else None


def _is_long_enough(form: OwnPasswordForm) -> bool:
    if passwords.is_long_enough(form.old_password.data or ""):
        return True
    form.old_password.errors = [*form.old_password.errors, _TOO_SHORT]
    return False
