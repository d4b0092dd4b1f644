"""Settings from the environment, validated at start. The only place that reads it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECRET_BYTES_MIN = 32
_QUIET = {"hide_parameters": True}
"""Errors of the database go to the log, and with them no value of a statement."""
_EXAMPLES = {"dev", "secret", "changeme", "change-me", "insecure"}


class ConfigError(Exception):
    """The environment says something the application cannot start with."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything an installation may set. `from_environment` reads it; tests build their own."""

    database_url: str
    secret_key: str
    ledger_key: bytes
    instance_path: Path
    secret_key_fallbacks: tuple[str, ...] = ()
    https: bool = False
    """Served over TLS: cookies are `Secure` with the `__Host-` prefix, and HSTS is sent."""
    trusted_hosts: tuple[str, ...] = ()
    proxies: int = 0
    """How many proxies in front set `X-Forwarded-For`; 0 believes none."""
    isolation: str | None = None
    """`SERIALIZABLE`, or the engine's default."""
    pool_size: int = 10
    public_url: str = ""
    """Where customers and gateways reach us, without a slash at the end; empty: as the request says."""
    sandbox_key: bytes = b""
    """Signs what the sandbox gateway tells us."""
    sandbox_allowed: bool = True
    """The sandbox moves no money: over HTTPS, where customers are real, it must be asked for."""
    stripe_secret_key: str = ""
    stripe_webhook_secret: str = ""
    stripe_account: str = ""
    """The account that call-backs must be about; empty where there is only one."""
    stripe_api_url: str = ""
    """Another address of Stripe's interface; empty: Stripe's own."""
    smtp_url: str = ""
    """`smtp://user:password@host:port`, `smtps://` for TLS from the start, `?tls=1` for STARTTLS; empty: no mail."""
    testing: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Config:
        """Read the environment. Keys that are not given are made once and kept in the instance folder.

        Raises:
            ConfigError: a value is malformed, too short or an example somebody forgot to change.
        """
        given = os.environ if environment is None else environment
        instance = Path(given.get("CREDITAPP_INSTANCE", "") or ROOT / "instance").resolve()
        instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret_key = given.get("CREDITAPP_SECRET_KEY", "") or _kept(instance / "secret-key")
        ledger_key = given.get("CREDITAPP_LEDGER_KEY", "") or _kept(instance / "ledger-key")
        for name, value in (("CREDITAPP_SECRET_KEY", secret_key), ("CREDITAPP_LEDGER_KEY", ledger_key)):
            if len(value.encode()) < SECRET_BYTES_MIN or value.lower() in _EXAMPLES:
                raise ConfigError(f"{name} must be random and at least {SECRET_BYTES_MIN} bytes long.")
        return cls(
            database_url=normal_url(given.get("DATABASE_URL", "") or f"sqlite:///{instance / 'creditapp.db'}"),
            secret_key=secret_key,
            secret_key_fallbacks=tuple(_words(given.get("CREDITAPP_SECRET_KEY_FALLBACKS", ""))),
            ledger_key=ledger_key.encode(),
            instance_path=instance,
            https=_flag(given, "CREDITAPP_HTTPS"),
            trusted_hosts=tuple(_words(given.get("CREDITAPP_TRUSTED_HOSTS", ""))),
            proxies=_number(given, "CREDITAPP_PROXIES", default=0, most=5),
            isolation=_isolation(given.get("CREDITAPP_ISOLATION", "")),
            pool_size=_number(given, "CREDITAPP_POOL_SIZE", default=10, most=200),
            public_url=_url(given, "CREDITAPP_PUBLIC_URL", ("http://", "https://")).rstrip("/"),
            sandbox_key=_kept(instance / "sandbox-key").encode(),
            sandbox_allowed=_flag(given, "CREDITAPP_SANDBOX") or not _flag(given, "CREDITAPP_HTTPS"),
            stripe_secret_key=given.get("STRIPE_SECRET_KEY", ""),
            stripe_webhook_secret=given.get("STRIPE_WEBHOOK_SECRET", ""),
            stripe_account=given.get("STRIPE_ACCOUNT", ""),
            stripe_api_url=_url(given, "STRIPE_API_URL", ("http://", "https://")).rstrip("/"),
            smtp_url=_url(given, "CREDITAPP_SMTP_URL", ("smtp://", "smtps://")),
        )

    def flask(self) -> dict[str, Any]:
        """Return what Flask and its extensions read."""
        return {
            "SECRET_KEY": self.secret_key,
            "SECRET_KEY_FALLBACKS": list(self.secret_key_fallbacks),
            "LEDGER_KEY": self.ledger_key,
            "HTTPS": self.https,
            "TESTING": self.testing,
            "PUBLIC_URL": self.public_url,
            "SANDBOX_KEY": self.sandbox_key,
            "SANDBOX_ALLOWED": self.sandbox_allowed,
            "STRIPE_SECRET_KEY": self.stripe_secret_key,
            "STRIPE_WEBHOOK_SECRET": self.stripe_webhook_secret,
            "STRIPE_ACCOUNT": self.stripe_account,
            "STRIPE_API_URL": self.stripe_api_url,
            "SMTP_URL": self.smtp_url,
            "TRUSTED_HOSTS": list(self.trusted_hosts) or None,
            "SQLALCHEMY_DATABASE_URI": self.database_url,
            "SQLALCHEMY_ENGINE_OPTIONS": self._engine_options(),
            "SESSION_COOKIE_NAME": "__Host-session" if self.https else "session",
            "CLIENT_COOKIE_NAME": "__Host-account" if self.https else "account",
            "SESSION_COOKIE_SECURE": self.https,
            "SESSION_COOKIE_HTTPONLY": True,
            "SESSION_COOKIE_SAMESITE": "Lax",
            "MAX_CONTENT_LENGTH": 1024 * 1024,
            "MAX_FORM_MEMORY_SIZE": 1024 * 1024,
            "MAX_FORM_PARTS": 200,
            "WTF_CSRF_TIME_LIMIT": None,
            "WTF_CSRF_CHECK_DEFAULT": False,
            **self.extra,
        }

    def _engine_options(self) -> dict[str, Any]:
        if self.database_url.startswith("sqlite"):
            return {**_QUIET, "pool_size": self.pool_size, "max_overflow": 20, "pool_timeout": 15}
        from creditapp.db import POSTGRES_OPTIONS, SERIALIZABLE_OPTIONS  # noqa: PLC0415  (db.py needs no configuration to be imported)

        options: dict[str, Any] = {
            **_QUIET,
            "pool_size": self.pool_size,
            "max_overflow": 10,
            "pool_timeout": 5,
            "connect_args": {"options": POSTGRES_OPTIONS},
        }
        if self.isolation is not None:
            options["isolation_level"] = self.isolation
            options["connect_args"] = {"options": f"{POSTGRES_OPTIONS} {SERIALIZABLE_OPTIONS}"}
        return options


def normal_url(url: str) -> str:
    """Return the database URL with the driver that is used here spelled out."""
    for short in ("postgres://", "postgresql://"):
        if url.startswith(short):
            return f"postgresql+psycopg://{url.removeprefix(short)}"
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ConfigError("DATABASE_URL must begin with sqlite:/// or postgresql://.")
    return url


def _kept(path: Path) -> str:
    """Return the key in this file, made at the first start; nobody else on the machine may read it."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()


def _words(value: str) -> list[str]:
    return [word for word in value.replace(",", " ").split() if word]


def _flag(given: Mapping[str, str], name: str) -> bool:
    value = given.get(name, "").lower()
    if value not in {"", "0", "1", "false", "true", "no", "yes"}:
        raise ConfigError(f"{name} must be 1 or 0.")
    return value in {"1", "true", "yes"}


def _url(given: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str:
    value = given.get(name, "").strip()
    if value and not value.startswith(schemes):
        raise ConfigError(f"{name} must begin with {' or '.join(schemes)}.")
    return value


def _number(given: Mapping[str, str], name: str, *, default: int, most: int) -> int:
    value = given.get(name, "")
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or int(value) > most:
        raise ConfigError(f"{name} must be a whole number from 0 to {most}.")
    return int(value)


def _isolation(value: str) -> str | None:
    if value.upper() not in {"", "SERIALIZABLE"}:
        raise ConfigError("CREDITAPP_ISOLATION can only be SERIALIZABLE, or be left out.")
    return value.upper() or None
