"""The buttons on somebody's page. Each does one thing, and comes back to the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.auth.links import reset_link
from creditapp.blueprints.staff import bp
from creditapp.blueprints.staff.finding import person_or_404
from creditapp.blueprints.staff.routes import show_person
from creditapp.db import transact
from creditapp.errors import DomainError
from creditapp.permissions import Permission, dangerous, requires
from creditapp.services import staff_access
from creditapp.web.addresses import sends_links
from creditapp.web.forms import BareForm
from creditapp.web.notices import notify
from creditapp.web.sessions import current_actor


@bp.post("/<id:staff_id>/disable")
@requires(Permission.STAFF_WRITE)
@dangerous
def disable(staff_id: int) -> ResponseReturnValue:
    return _act(staff_id, staff_access.disable, "{} is disabled.", "Whatever was open is closed.")


@bp.post("/<id:staff_id>/enable")
@requires(Permission.STAFF_WRITE)
@dangerous
def enable(staff_id: int) -> ResponseReturnValue:
    return _act(staff_id, staff_access.enable, "{} can sign in again.")


@bp.post("/<id:staff_id>/end-sessions")
@requires(Permission.STAFF_WRITE)
def end_sessions(staff_id: int) -> ResponseReturnValue:
    return _act(staff_id, staff_access.end_sessions, "{} is signed out everywhere.")


@bp.post("/<id:staff_id>/reset-factor")
@requires(Permission.STAFF_WRITE)
@dangerous
def reset_factor(staff_id: int) -> ResponseReturnValue:
    return _act(staff_id, staff_access.reset_factor, "{} has no second factor any more.", "Sessions have ended, too.")


@bp.post("/<id:staff_id>/send-link")
@requires(Permission.STAFF_WRITE)
@dangerous
def send_link(staff_id: int) -> ResponseReturnValue:
    """Send a link for a new password; where no mail is sent, show it once, here and nowhere else."""
    person = person_or_404(staff_id)
    if not _is_sent():
        return _back(staff_id)
    try:
        token = transact(staff_access.send_reset, staff_id, link=reset_link, by=current_actor())
    except DomainError as error:
        notify(error.sentence(str), kind="warning")
        return _back(staff_id)
    if sends_links():
        notify("A link is on its way.", f"{person.name} chooses a new password with it; it works for 30 minutes.")
        return _back(staff_id)
    return show_person(person, reset_link(token) or url_for("auth.reset", token=token))


def _act(staff_id: int, service: Callable[..., Any], lead: str, text: str = "") -> ResponseReturnValue:
    person = person_or_404(staff_id)
    if _is_sent():
        try:
            transact(service, staff_id, by=current_actor())
        except DomainError as error:
            notify(error.sentence(str), kind="warning")
        else:
            notify(lead.format(person.name), text)
    return _back(staff_id)


def _is_sent() -> bool:
    if BareForm().validate_on_submit():
        return True
    notify("Nothing was changed.", "The page had expired; press the button again.", kind="warning")
    return False


def _back(staff_id: int) -> ResponseReturnValue:
    return redirect(url_for("staff.show", staff_id=staff_id), 303)
