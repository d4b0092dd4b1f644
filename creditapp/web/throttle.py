"""Slowing down who tries too often: Flask-Limiter, counting in the database so that all workers count together."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from flask import Flask, Response, request
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter, RequestLimit
from flask_login import current_user
from limits.storage import Storage
from sqlalchemy import case, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from creditapp.db import db, now, transact
from creditapp.models import LogInKind, RateWindow
from creditapp.permissions import at_client_door
from creditapp.services import known_addresses
from creditapp.services.staff import EMAIL_CHARS_MAX, email_key
from creditapp.text import TextError, clean
from creditapp.web.logs import shown_path
from creditapp.web.sessions import half_signed_in

log = structlog.get_logger(__name__)

View = Callable[..., ResponseReturnValue]

EXPORTS = "30 per minute"
IMPORTS = "20 per minute"
SEARCHES = "120 per minute"
"""Of the box that searches everything: two a second are more than anybody types."""
_SIGNED_IN = 302
"""Whoever gets in is sent on."""


class DatabaseStorage(Storage):
    """Counts in `rate_windows`; each hit is one statement."""

    STORAGE_SCHEME = ["creditapp"]  # noqa: RUF012  (how the library finds it)

    @property
    def base_exceptions(self) -> type[Exception]:
        return Exception

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        return transact(_hit, key, expiry, amount)

    def get(self, key: str) -> int:
        row = db.session.execute(select(RateWindow.hits, RateWindow.ends_at).where(RateWindow.key == key)).first()
        return row[0] if row and row[1] > datetime.now(UTC) else 0

    def get_expiry(self, key: str) -> float:
        ends_at = db.session.scalar(select(RateWindow.ends_at).where(RateWindow.key == key))
        return (ends_at or datetime.now(UTC)).timestamp()

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        return transact(_forget_all)

    def clear(self, key: str) -> None:
        transact(_forget, key)


def _hit(session: Session, key: str, expiry: float, amount: int) -> int:
    moment = now(session)
    engine = session.connection().dialect.name
    row = (postgresql.insert if engine == "postgresql" else sqlite.insert)(RateWindow)
    over = RateWindow.ends_at <= moment
    ends_at = moment + timedelta(seconds=expiry)
    statement = (
        row.values(key=key, hits=amount, ends_at=ends_at)
        .on_conflict_do_update(
            index_elements=[RateWindow.key],
            set_={
                "hits": case((over, amount), else_=RateWindow.hits + amount),
                "ends_at": case((over, row.excluded.ends_at), else_=RateWindow.ends_at),
            },
        )
        .returning(RateWindow.hits)
    )
    return session.execute(statement).scalar_one()


def _forget(session: Session, key: str) -> None:
    session.execute(delete(RateWindow).where(RateWindow.key == key))


def _forget_all(session: Session) -> int:
    return int(session.execute(delete(RateWindow)).rowcount)  # type: ignore[attr-defined]


def by_person() -> str:
    """Count by who is signed in, or by address."""
    if not current_user.is_authenticated:
        return f"address:{request.remote_addr}"
    if current_user.is_customer and current_user.viewed_by:
        return f"staff:{current_user.viewed_by.id}"
    return f"{'customer' if current_user.is_customer else 'staff'}:{current_user.id}"


def by_address() -> str:
    """Count by address alone."""
    return f"address:{request.remote_addr}"


def by_account() -> str:
    """Count by the e-mail that somebody tries to sign in with, wherever from; each door counts for itself."""
    return f"{'client' if at_client_door() else 'account'}:{hashlib.sha256(email_key(_email()).encode()).hexdigest()}"


def by_account_and_address() -> str:
    """Count by the e-mail and the address: what a person mistyping a password runs into first."""
    return f"{by_account()}:{request.remote_addr}"


def from_a_known_address() -> bool:
    """Return whether the owner of the e-mail has signed in from here before."""
    email, address = _email(), request.remote_addr or ""
    kind = LogInKind.CUSTOMER if at_client_door() else LogInKind.STAFF
    return bool(email) and known_addresses.is_known(db.session(), email, address, datetime.now(UTC), kind=kind)


def sign_in_limits(view: View) -> View:
    """Slow down who tries passwords at a door: by address, by account from unknown addresses, and by both.

    Who gets in costs nothing of it.
    """
    for limit in (
        limiter.limit("100 per hour", key_func=by_address, methods=["POST"], deduct_when=_failed),
        limiter.limit(
            "1000 per day", key_func=by_account, methods=["POST"], deduct_when=_failed, exempt_when=from_a_known_address
        ),
        limiter.limit(
            "10 per minute; 30 per hour", key_func=by_account_and_address, methods=["POST"], deduct_when=_failed
        ),
    ):
        view = limit(view)
    return view


def code_limits(view: View) -> View:
    """Slow down who tries codes of somebody's second factor, whose password they know: as `sign_in_limits` does."""
    for limit in (
        limiter.limit("100 per hour", key_func=by_address, methods=["POST"], deduct_when=_failed),
        limiter.limit(
            "100 per day", key_func=_by_half, methods=["POST"], deduct_when=_failed, exempt_when=_half_at_known_address
        ),
        limiter.limit(
            "5 per minute; 20 per hour", key_func=_by_half_and_address, methods=["POST"], deduct_when=_failed
        ),
    ):
        view = limit(view)
    return view


def wait() -> tuple[int, str]:
    """Return for how many seconds the limit that was just hit holds, and the sentence that says so."""
    limit = limiter.current_limit
    wait_s = min(max(1, math.ceil(limit.reset_at - time.time())), limit.limit.get_expiry()) if limit else 60
    minutes = math.ceil(wait_s / 60)
    return wait_s, f"Too many tries. Wait {'a minute' if minutes == 1 else f'{minutes} minutes'}, then try again."


def _failed(response: ResponseReturnValue) -> bool:
    return getattr(response, "status_code", 0) != _SIGNED_IN


def _by_half() -> str:
    half = half_signed_in()
    return f"code:{half.log_in_id if half else 0}"


def _by_half_and_address() -> str:
    return f"{_by_half()}:{request.remote_addr}"


def _half_at_known_address() -> bool:
    half = half_signed_in()
    address = request.remote_addr or ""
    return half is not None and known_addresses.is_known(db.session(), half.email, address, datetime.now(UTC))


def _email() -> str:
    """Return the e-mail as the form will read it; what it will refuse is nobody's and counts as one."""
    try:
        return clean(request.form.get("email"), chars_max=EMAIL_CHARS_MAX)
    except TextError:
        return ""


def _note_breach(breach: RequestLimit) -> Response | None:
    log.warning("throttled", path=shown_path(), method=request.method, limit=str(breach.limit))
    return None


limiter = Limiter(by_person, storage_uri="creditapp://", strategy="fixed-window", on_breach=_note_breach)


def init_throttle(app: Flask) -> None:
    """Let limits count in this application's database."""
    limiter.init_app(app)
