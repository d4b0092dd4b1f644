"""Slowing down who tries too often: Flask-Limiter, counting in the database so that all workers count together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Flask, request
from flask_limiter import Limiter
from flask_login import current_user
from limits.storage import Storage
from sqlalchemy import case, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from creditapp.db import db, now, transact
from creditapp.models import RateWindow
from creditapp.text import fold

EXPORTS = "30 per minute"
IMPORTS = "20 per minute"


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
    return f"staff:{current_user.id}" if current_user.is_authenticated else f"address:{request.remote_addr}"


def by_address() -> str:
    """Count by address alone."""
    return f"address:{request.remote_addr}"


def by_account() -> str:
    """Count by the e-mail that somebody tries to sign in with, wherever from."""
    return f"account:{fold(request.form.get('email', ''))[:100]}"


def by_account_and_address() -> str:
    """Count by the e-mail and the address: what a person mistyping a password runs into first."""
    return f"{by_account()}:{request.remote_addr}"


limiter = Limiter(by_person, storage_uri="creditapp://", strategy="fixed-window", headers_enabled=False)


def init_throttle(app: Flask) -> None:
    """Let limits count in this application's database."""
    limiter.init_app(app)
