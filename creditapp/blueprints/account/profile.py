"""What customers change about themselves: profile and password."""

from __future__ import annotations

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.account import bp
from creditapp.blueprints.account.finding import own_profile
from creditapp.blueprints.account.forms import ProfileForm
from creditapp.blueprints.auth.password_forms import ChangePasswordForm
from creditapp.db import db, transact
from creditapp.errors import AddressUnfitError, DomainError
from creditapp.permissions import customer_only
from creditapp.queries import account
from creditapp.queries.customers import Profile
from creditapp.services import client_access, passwords, referrals, sessions
from creditapp.services.client_access import IDLE_MAX, LinkFacts
from creditapp.web.clients import current_client
from creditapp.web.fields import refuse
from creditapp.web.forms import BareForm
from creditapp.web.notices import notify
from creditapp.web.own_sessions import COLUMNS, EndSessionForm, OwnSession, own_sessions
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.refusals import INVALID, place
from creditapp.web.sessions import current_actor, go_on
from creditapp.web.throttle import by_person, limiter

TRIES = "10 per minute; 60 per hour"
_WRONG = "This is not your current password."


@bp.route("/profile", methods=["GET", "POST"])
@customer_only
@limiter.limit(TRIES, key_func=by_person, methods=["POST"])
def profile() -> ResponseReturnValue:
    customer, status = own_profile(), 200
    form = ProfileForm(obj=customer)
    if form.validate_on_submit() and _may_change_address(form, customer):
        wanted = client_access.Profile(form.name.text, form.company.text, form.email.text)
        by = current_actor()
        try:
            transact(client_access.edit_profile, customer.id, wanted, version=form.version.number, by=by)
        except AddressUnfitError as error:
            refuse(form.email, error)
        except DomainError as error:
            status, customer = place(form, error), own_profile()
            form.version.data = str(customer.version)
        else:
            notify("Profile saved.")
            return redirect(url_for("account.profile"), 303)
    return render_page(
        "account/profile.html",
        form,
        status=status,
        customer=customer,
        sign_in_email=account.find_email(db.session(), customer.id),
        referral=account.find_referral(db.session(), customer.id),
        referral_form=BareForm(sent=False),
        sessions=_sessions(),
        session_columns=COLUMNS,
        others_form=BareForm(sent=False),
    )


@bp.post("/sessions/end")
@customer_only
def end_session() -> ResponseReturnValue:
    form = EndSessionForm()
    if form.validate_on_submit():
        handle, by = str(form.handle.data or ""), current_actor()
        if transact(sessions.end_one, current_client().log_in_id, handle, by=by):
            notify("Session ended.")
    return redirect(url_for("account.profile", _anchor="sessions"), 303)


@bp.post("/sessions/end-others")
@customer_only
def end_others() -> ResponseReturnValue:
    if BareForm().validate_on_submit():
        viewer = current_client()
        go_on(transact(sessions.end_others, viewer.log_in_id, viewer.token, by=current_actor()))
        notify("Everywhere else you are signed out.")
    return redirect(url_for("account.profile", _anchor="sessions"), 303)


@bp.route("/referral-code", methods=["POST"])
@customer_only
def make_referral_code() -> ResponseReturnValue:
    """Make the code that the customer passes on; the second time it is the same one."""
    form = BareForm()
    if form.validate_on_submit() and account.find_referral(db.session(), current_client().id).is_on:
        transact(referrals.code_of, current_client().id)
    return redirect(url_for("account.profile"), 303)


@bp.route("/password", methods=["GET", "POST"])
@customer_only
@limiter.limit(TRIES, key_func=by_person, methods=["POST"])
def password() -> ResponseReturnValue:
    customer, form = own_profile(), ChangePasswordForm()
    person = LinkFacts(account.find_email(db.session(), customer.id), customer.name, customer.company)
    if form.validate_on_submit() and _knows_it(form) and form.check(person, current_panel().company_name):
        fresh = transact(
            client_access.change_password,
            customer.id,
            passwords.hash_password(form.password.data or ""),
            keep_token=current_client().token,
            by=current_actor(),
        )
        go_on(fresh)
        notify("Your password is changed.", "Everywhere else you are signed out.")
        return redirect(url_for("account.profile"), 303)
    return render_page("account/password.html", form, status=INVALID if request.method == "POST" else 200)


def _sessions() -> list[OwnSession]:
    """Return where the customer is signed in; who looks on as one is not told."""
    viewer = current_client()
    return [] if viewer.viewed_by else own_sessions(viewer.log_in_id, viewer.token, idle_max=IDLE_MAX)


def _may_change_address(form: ProfileForm, customer: Profile) -> bool:
    """Return whether who sends this may choose where links for new passwords go to."""
    return form.email.text == customer.email or _knows_it(form)


def _knows_it(form: ProfileForm | ChangePasswordForm) -> bool:
    """Return whether the current password was typed; the form says so if not."""
    own_hash = account.find_hash(db.session(), current_client().id)
    if passwords.verify(own_hash, form.old_password.data or ""):
        return True
    form.old_password.errors = [*form.old_password.errors, _WRONG]
    return False
