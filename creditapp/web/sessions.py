"""Who is signed in: Flask-Login over session rows, and the signed cookie that carries the token.

The cookie is signed but not dated: a clock that steps back must not sign everybody out. How long a session lasts is
the row's to say.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Flask, current_app, g, redirect, request, session, url_for
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_login import LoginManager, current_user
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import bindparam, select
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from creditapp.db import db, transact, transact_soon
from creditapp.errors import BusyError
from creditapp.models import LogIn, LogInSession, Role, RoleRules, Staff
from creditapp.permissions import at_client_door
from creditapp.services import sign_in
from creditapp.services.actor import Actor, staff
from creditapp.services.sign_in import IDLE_MAX, TOUCH_EVERY, Half
from creditapp.statements import Prepared, run
from creditapp.web.clients import ClientViewer, load_client
from creditapp.web.notices import notify

_SECRET_FIELDS = {"password", "password_again", "old_password", "csrf_token", "submission"}
_HALF, _SHORT = "_half", "_short"
_NEXT_CHARS_MAX = 2000
"""A longer address does not fit into another one: after signing in the page opens without its arguments."""
_DRAFT_FIELDS_MAX = 200
_DRAFT_FIELD_CHARS_MAX = 10_000
_DRAFT_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Viewer:
    """The staff member who is signed in, as Flask-Login wants one."""

    id: int
    name: str
    role: str
    log_in_id: int
    token: str
    proved_at: datetime
    """When the password was given last."""
    has_factor: bool
    needs_factor: bool
    """The role asks for a second factor."""
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False
    is_customer: bool = False

    def get_id(self) -> str:
        return self.token

    def actor_from(self, address: str) -> Actor:
        """Return this person as services want to know them."""
        return staff(self.id, address)

    @property
    def role_label(self) -> str:
        return Role(self.role).label


class UndatedCookie(SecureCookieSessionInterface):
    """Flask's signed cookie without a date; the client area has one of its own beside staff's."""

    def get_cookie_name(self, app: Flask) -> str:
        return str(app.config["CLIENT_COOKIE_NAME"]) if at_client_door() else super().get_cookie_name(app)

    def open_session(self, app: Flask, request: Any) -> SecureCookieSession | None:  # noqa: ANN401  (Flask's signature)
        serializer = self._serializer(app)
        value = request.cookies.get(self.get_cookie_name(app))
        if not value:
            return self.session_class()
        try:
            return self.session_class(serializer.loads(value))
        except BadSignature:
            return self.session_class()

    def get_signing_serializer(self, app: Flask) -> Any:  # noqa: ANN401  (Flask expects its dated one)
        return self._serializer(app)

    def _serializer(self, app: Flask) -> URLSafeSerializer:
        keys = [*reversed(app.config["SECRET_KEY_FALLBACKS"]), app.config["SECRET_KEY"]]
        return URLSafeSerializer(
            keys,
            salt=self.salt,
            serializer=self.serializer if hasattr(self, "serializer") else None,
            signer_kwargs={"key_derivation": self.key_derivation, "digest_method": self.digest_method},
        )


def init_sessions(app: Flask) -> None:
    """Let requests know who asks."""
    app.session_interface = UndatedCookie()
    manager = LoginManager(app)
    manager.session_protection = None
    manager.user_loader(load_viewer)
    manager.unauthorized_handler(_ask_to_sign_in)
    app.before_request(_look_for_a_draft)
    app.before_request(_note_use)


def load_viewer(token: str) -> Viewer | ClientViewer | None:
    """Return who the session with this token belongs to; None once it has ended, and at the other door."""
    moment = datetime.now(UTC)
    if at_client_door():
        return load_client(token, moment)
    asked = _VIEWER(token_digest=sign_in.token_digest(token), moment=moment, used_since=moment - IDLE_MAX)
    rows = run(db.session(), asked)[0].rows
    if not rows:
        return None
    staff_id, name, role, log_in_id, seen_at, created_at, proved_at, totp_since, needs_factor = rows[0]
    g.session_is_stale = moment - seen_at > TOUCH_EVERY
    has_factor = totp_since is not None
    return Viewer(staff_id, name, role, log_in_id, token, proved_at or created_at, has_factor, needs_factor)


def current_actor() -> Actor:
    """Return whoever is signed in as services want to know them."""
    actor: Actor = current_user.actor_from(request.remote_addr or "")
    return actor


def start(token: str, *, is_short: bool = False) -> None:
    """Carry the token of a new session in the cookie, and nothing of the old one.

    `is_short`: the password is one that does only beside a second factor, and must be changed first.
    """
    session.clear()
    session["_user_id"] = token
    session["_fresh"] = True
    if is_short:
        session[_SHORT] = True


def go_on(token: str, *, has_long_password: bool = False) -> None:
    """Carry another token of the same session; the forms of its other pages stay good."""
    session["_user_id"] = token
    if has_long_password:
        session.pop(_SHORT, None)


def has_short_password() -> bool:
    """Return whether the password that was signed in with is too short to be the only thing asked for."""
    return bool(session.get(_SHORT))


def start_half(token: str) -> None:
    """Carry the token of a sign-in that waits for its code. It is no session: no page knows anybody by it."""
    session.clear()
    session[_HALF] = token


def half_signed_in() -> Half | None:
    """Return whose sign-in waits for its code in this browser."""
    if "half" not in g:
        token = session.get(_HALF, "")
        g.half = sign_in.find_half(db.session(), token, datetime.now(UTC)) if token else None
    half: Half | None = g.half
    return half


def half_token() -> str:
    """Return the token of the sign-in that waits for its code."""
    return str(session.get(_HALF, ""))


def start_at_client_door(response: Response, token: str) -> None:
    """Have the response carry a session at the customers' door, beside the one at staff's."""
    doors: Any = current_app.session_interface
    value = doors.get_signing_serializer(current_app).dumps({"_user_id": token, "_fresh": True})
    response.set_cookie(
        current_app.config["CLIENT_COOKIE_NAME"],
        value,
        path=doors.get_cookie_path(current_app),
        secure=doors.get_cookie_secure(current_app),
        httponly=doors.get_cookie_httponly(current_app),
        samesite=doors.get_cookie_samesite(current_app),
    )


def _ask_to_sign_in() -> Response:
    """Send to the sign-in page of the door, keeping what was typed where the session has merely run out."""
    sign_in_page = "account.sign_in" if at_client_door() else "auth.sign_in"
    if request.method in {"GET", "HEAD"}:
        return redirect(url_for(sign_in_page, next=asked_for()))
    if not can_be_opened(request.path):
        _say_it_ended(is_kept=False)
        return redirect(url_for(sign_in_page), 303)
    back, is_kept = keep_what_was_sent()
    _say_it_ended(is_kept=is_kept)
    return redirect(url_for(sign_in_page, next=back), 303)


def asked_for() -> str:
    """Return the address of this page, to come back to."""
    asked = request.full_path.rstrip("?")
    return asked if len(asked) <= _NEXT_CHARS_MAX else request.path


def keep_what_was_sent() -> tuple[str, bool]:
    """Keep the form that was sent, secrets apart; return where it can be opened again, and whether it was kept."""
    token, fields = session.get("_user_id", ""), _sent_fields()
    draft_id = transact(sign_in.keep_draft, token, request.path, fields) if token and fields else None
    kept = [("draft", draft_id)] if draft_id else []
    asked = [(name, value) for name, value in request.args.items(multi=True) if name != "draft"]
    back = _this_page([*asked, *kept])
    return (back if len(back) <= _NEXT_CHARS_MAX else _this_page(kept)), bool(kept)


def _this_page(args: list[tuple[str, str]]) -> str:
    return f"{request.path}?{urlencode(args)}" if args else request.path


def _say_it_ended(*, is_kept: bool) -> None:
    kept = "Sign in, and what you typed is there again."
    lost = "Sign in, and look at how things stand before you send it again."
    notify("Your session had ended: nothing was saved.", kept if is_kept else lost, kind="warning")


def can_be_opened(path: str) -> bool:
    """Return whether there is a page under the path, and not only something to send forms to."""
    return current_app.url_map.bind("").test(path, "GET")


def _sent_fields() -> list[list[str]]:
    """Return what was typed, secrets and files apart; nothing when it is too large to be read."""
    try:
        sent = list(request.form.items(multi=True))
    except RequestEntityTooLarge:
        return []
    kept: list[list[str]] = []
    room = _DRAFT_BYTES_MAX
    for name, value in sent[:_DRAFT_FIELDS_MAX]:
        size = len(json.dumps([name, value])) + 2
        if name not in _SECRET_FIELDS and len(value) <= _DRAFT_FIELD_CHARS_MAX and size <= room:
            kept.append([name, value])
            room -= size
    return kept


def _look_for_a_draft() -> None:
    if request.endpoint == "static":
        return
    draft_id = request.args.get("draft", "") if request.method == "GET" else ""
    if not draft_id or not current_user.is_authenticated:
        return
    draft = sign_in.find_draft(db.session(), draft_id, current_user.log_in_id, datetime.now(UTC))
    if draft is not None and draft.path == request.path:
        g.draft = [(name, value) for name, value in draft.fields]


def _note_use() -> None:
    if request.endpoint == "static" or not current_user.is_authenticated or not g.get("session_is_stale"):
        return
    with suppress(BusyError):  # the page does not depend on it; the next one tries again
        transact_soon(sign_in.touch, current_user.token)


_VIEWER = Prepared(
    select(Staff.id, Staff.name, Staff.role, LogInSession.log_in_id, LogInSession.seen_at)
    .add_columns(LogInSession.created_at, LogInSession.proved_at, LogIn.totp_since, RoleRules.totp_required)
    .join(Staff, Staff.log_in_id == LogInSession.log_in_id)
    .join(LogIn, LogIn.id == LogInSession.log_in_id)
    .join(RoleRules, RoleRules.role == Staff.role)
    .where(
        LogInSession.token_digest == bindparam("token_digest"),
        LogInSession.ends_at > bindparam("moment"),
        LogInSession.seen_at > bindparam("used_since"),
        LogInSession.awaits_code.is_(False),
        LogInSession.views_customer_id.is_(None),
        Staff.disabled_at.is_(None),
    )
)
"""Who asks: what each request begins with."""
