"""What stands between a person who has signed in, and may, and the page: one check each, for every view there is.

Who looks on as a customer does nothing; who lacks a second factor, or has too short a password, sees to that first;
and what is dangerous asks for the password again where it was given a while ago.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from creditapp.permissions import PUBLIC, at_client_door
from creditapp.web import refused, sessions
from creditapp.web.notices import notify
from creditapp.web.pages import render_page

FRESH_MAX = timedelta(minutes=10)
"""So long after the password was given, what is dangerous does not ask for it again."""
STOP_VIEWING = "account.stop_viewing"
_SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}


def init_gates(app: Flask) -> None:
    """Let every request pass the gates, after it was found out that the person may."""
    for gate in (_look_only, _first_things_first, _ask_again):
        app.before_request(gate)


def _look_only() -> ResponseReturnValue | None:
    """Refuse whatever would change something to who looks on as a customer."""
    if not at_client_door() or request.method in _SAFE or request.endpoint == STOP_VIEWING:
        return None
    if not current_user.is_authenticated or current_user.viewed_by is None:
        return None
    refused.note_page()
    return render_page("account/look_only.html", status=403)


def _first_things_first() -> ResponseReturnValue | None:
    """Send who lacks a second factor that the role asks for, or has too short a password, where that is put right."""
    if not _is_staff() or _declares("__before_set_up__") or _declares("__permission__") == PUBLIC:
        return None
    if current_user.needs_factor and not current_user.has_factor:
        return redirect(url_for("profile.set_up_factor"), 303)
    if sessions.has_short_password() and not current_user.has_factor:
        return redirect(url_for("profile.password"), 303)
    return None


def _ask_again() -> ResponseReturnValue | None:
    """Ask for the password where the view is dangerous and it was given too long ago; what was typed is kept."""
    if not _is_staff() or not _declares("__asks_again__"):
        return None
    if datetime.now(UTC) - current_user.proved_at <= FRESH_MAX:
        return None
    if request.method in _SAFE:
        return redirect(url_for("auth.confirm", next=sessions.asked_for()))
    if not sessions.can_be_opened(request.path):
        notify("Nothing was changed yet.", "After the password, press the button again.", kind="info")
        return redirect(url_for("auth.confirm", next=_came_from()), 303)
    back, _is_kept = sessions.keep_what_was_sent()
    return redirect(url_for("auth.confirm", next=back), 303)


def _is_staff() -> bool:
    if request.endpoint in {None, "static"} or at_client_door():
        return False
    return bool(current_user.is_authenticated and not current_user.is_customer)


def _declares(name: str) -> Any:  # noqa: ANN401  (what the view carries)
    return getattr(current_app.view_functions[request.endpoint or ""], name, None)


def _came_from() -> str:
    """Return the page of ours on which the button was; none where it was on what a form was answered with."""
    referrer = urlsplit(request.referrer or "")
    is_page = referrer.netloc == request.host and sessions.can_be_opened(referrer.path)
    return referrer.path if is_page else ""
