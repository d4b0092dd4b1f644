from __future__ import annotations

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from creditapp.blueprints.auth.password_forms import ChangePasswordForm
from creditapp.blueprints.profile import bp
from creditapp.blueprints.profile.finding import CRUMBS, crumbs, knows_it, own_facts
from creditapp.blueprints.profile.forms import EmailForm, NameForm
from creditapp.db import db, transact
from creditapp.errors import DomainError
from creditapp.permissions import before_set_up, dangerous, signed_in
from creditapp.queries import staff as queries
from creditapp.services import passwords, staff_access
from creditapp.services import sessions as services
from creditapp.services.client_access import LinkFacts
from creditapp.services.sign_in import IDLE_MAX
from creditapp.web import sessions
from creditapp.web.forms import BareForm
from creditapp.web.notices import notify
from creditapp.web.own_sessions import COLUMNS, EndSessionForm, own_sessions
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor
from creditapp.web.throttle import by_person, limiter

TRIES = "10 per minute; 60 per hour"


@bp.route("", methods=["GET", "POST"])
@signed_in
def show() -> ResponseReturnValue:
    person, status = own_facts(), 200
    form = NameForm(obj=person)
    if form.validate_on_submit():
        try:
            transact(staff_access.rename, person.id, form.name.text, version=form.version.number, by=current_actor())
        except DomainError as error:
            status, person = place(form, error), own_facts()
            form.version.data = str(person.version)
        else:
            notify("Profile saved.")
            return redirect(url_for("profile.show"), 303)
    return render_page(
        "profile/show.html",
        form,
        status=status,
        crumbs=CRUMBS,
        person=person,
        codes_left=queries.count_recovery_codes(db.session(), person.log_in_id),
        sessions=own_sessions(person.log_in_id, current_user.token, idle_max=IDLE_MAX),
        session_columns=COLUMNS,
        others_form=BareForm(sent=False),
    )


@bp.post("/sessions/end")
@signed_in
def end_session() -> ResponseReturnValue:
    form = EndSessionForm()
    if not form.validate_on_submit():
        notify("Nothing was changed.", "The page had expired; press the button again.", kind="warning")
    elif transact(services.end_one, current_user.log_in_id, str(form.handle.data or ""), by=current_actor()):
        notify("Session ended.")
    return redirect(url_for("profile.show", _anchor="sessions"), 303)


@bp.post("/sessions/end-others")
@signed_in
def end_others() -> ResponseReturnValue:
    if not BareForm().validate_on_submit():
        notify("Nothing was changed.", "The page had expired; press the button again.", kind="warning")
    else:
        fresh = transact(services.end_others, current_user.log_in_id, current_user.token, by=current_actor())
        sessions.go_on(fresh)
        notify("Everywhere else you are signed out.")
    return redirect(url_for("profile.show", _anchor="sessions"), 303)


@bp.route("/email", methods=["GET", "POST"])
@signed_in
@dangerous
@limiter.limit(TRIES, key_func=by_person, methods=["POST"])
def email() -> ResponseReturnValue:
    person, form, status = own_facts(), EmailForm(obj=own_facts()), 200
    if form.validate_on_submit():
        try:
            fresh = transact(
                staff_access.change_email, person.id, form.email.text, token=current_user.token, by=current_actor()
            )
        except DomainError as error:
            status = place(form, error)
        else:
            sessions.go_on(fresh)
            notify("You sign in with another address now.", "Everywhere else you are signed out.")
            return redirect(url_for("profile.show"), 303)
    return render_page("profile/email.html", form, status=status, crumbs=crumbs("Email"), person=person)


@bp.route("/password", methods=["GET", "POST"])
@signed_in
@before_set_up
@dangerous
@limiter.limit(TRIES, key_func=by_person, methods=["POST"])
def password() -> ResponseReturnValue:
    person, form = own_facts(), ChangePasswordForm()
    facts, has_factor = LinkFacts(person.email, person.name, ""), person.totp_since is not None
    is_good = form.validate_on_submit() and knows_it(form)
    if is_good and form.check(facts, current_panel().company_name, has_factor=has_factor):
        fresh = transact(
            staff_access.change_password,
            person.id,
            passwords.hash_password(form.password.data or ""),
            token=current_user.token,
            by=current_actor(),
        )
        sessions.go_on(fresh, has_long_password=True)
        notify("Your password is changed.", "Everywhere else you are signed out.")
        return redirect(url_for("profile.show"), 303)
    least = passwords.CHARS_MIN_BESIDE_A_FACTOR if has_factor else passwords.CHARS_MIN
    return render_page(
        "profile/password.html",
        form,
        status=422 if request.method == "POST" else 200,
        crumbs=crumbs("Password"),
        least=least,
        must_change=sessions.has_short_password() and not has_factor,
    )
