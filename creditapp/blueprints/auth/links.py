"""Staff's links: invitations, and passwords that were forgotten. Each opens one form, once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from flask import redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.auth import bp
from creditapp.blueprints.auth.forms import ForgottenForm
from creditapp.blueprints.auth.password_forms import PasswordForm
from creditapp.db import db, transact
from creditapp.errors import LinkError, TakenError
from creditapp.permissions import public
from creditapp.services import passwords, staff_access
from creditapp.services.client_access import LinkFacts
from creditapp.web.addresses import address_of, sends_links
from creditapp.web.fields import refuse_form
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.throttle import by_account, by_address, limiter

LINKS = "60 per hour"
"""So often an address may open or use a link; guessing one would take longer than the world has."""
_GONE = 404


@bp.route("/forgotten", methods=["GET", "POST"])
@public
@limiter.limit("20 per hour", key_func=by_address, methods=["POST"])
@limiter.limit("5 per hour", key_func=by_account, methods=["POST"])
def forgotten() -> ResponseReturnValue:
    """Send a link to whoever it is. The answer is the same whether anybody is known by the address."""
    form, is_sent = ForgottenForm(), sends_links()
    if form.validate_on_submit():
        passwords.verify(None, "")  # beside a hash nobody can tell by the clock whether a mail was written
        transact(staff_access.ask_reset, form.email.text, link=reset_link, address=request.remote_addr or "")
        if is_sent:
            notify("If you work here with this address, a mail is on its way.", "Its link works for 30 minutes.")
        else:
            notify("No mails are sent from here at the moment.", "Ask an admin for a link, please.", kind="warning")
        return redirect(url_for("auth.sign_in"))
    return render_page("auth/forgotten.html", form, sends_mail=is_sent)


@bp.route("/invitations/<token>", methods=["GET", "POST"])
@public
@limiter.limit(LINKS, key_func=by_address)
def invitation(token: str) -> ResponseReturnValue:
    found = staff_access.find_invitation(db.session(), token, datetime.now(UTC))
    if found is None:
        return _over()
    person = LinkFacts(found.email, found.name, "")
    return _choose_password(token, person, staff_access.accept, role=found.role.label)


@bp.route("/resets/<token>", methods=["GET", "POST"])
@public
@limiter.limit(LINKS, key_func=by_address)
def reset(token: str) -> ResponseReturnValue:
    found = staff_access.find_reset(db.session(), token, datetime.now(UTC))
    if found is None:
        return _over()
    person = LinkFacts(found.email, found.name, "")
    return _choose_password(token, person, staff_access.reset, has_factor=found.has_factor)


def reset_link(token: str) -> str | None:
    """Return the whole address of a link for a new password; None where nobody has said how we are reached."""
    return address_of("auth.reset", token=token)


def invitation_link(token: str) -> str | None:
    """Return the whole address of an invitation; None where nobody has said how we are reached."""
    return address_of("auth.invitation", token=token)


def _choose_password(
    token: str, person: LinkFacts, use: Callable[..., int], *, role: str = "", has_factor: bool = False
) -> ResponseReturnValue:
    """Ask for a password; opening the page does not use the link up, or the first mail scanner would."""
    form = PasswordForm()
    if form.validate_on_submit() and form.check(person, current_panel().company_name, has_factor=has_factor):
        password_hash = passwords.hash_password(form.password.data or "")
        try:
            transact(use, token, password_hash, address=request.remote_addr or "")
        except LinkError:
            return _over()
        except TakenError as error:
            refuse_form(form, error)
        else:
            session.clear()
            notify("Your password is set.", "Sign in with it now.")
            return redirect(url_for("auth.sign_in"))
    least = passwords.CHARS_MIN_BESIDE_A_FACTOR if has_factor else passwords.CHARS_MIN
    return render_page("auth/choose_password.html", form, person=person, role=role, least=least)


def _over() -> ResponseReturnValue:
    return render_page("auth/link_over.html", status=_GONE)
