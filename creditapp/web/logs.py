"""Logs: one JSON object a line, on stderr. No local variables, no bodies, no secrets."""

from __future__ import annotations

import secrets
import sys

import structlog
from flask import Flask, request
from flask_login import current_user


def init_logs(app: Flask) -> None:
    """Write logs as JSON, each line with the request it belongs to."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=lambda *_name: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    app.before_request(_name_the_request)


def shown_path() -> str:
    """Return the path that was asked for without what opens something: a link's token is in no log."""
    token = str((request.view_args or {}).get("token") or "")
    return request.path.replace(token, "…") if token else request.path


def _name_the_request() -> None:
    asked = request.endpoint != "static"  # a style sheet must come even while the database does not answer
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        request_id=secrets.token_hex(8),
        **_who(asked=asked),
        address=request.remote_addr,
    )


def _who(*, asked: bool) -> dict[str, int | None]:
    """Return whose request it is, under the name of the door they came in by."""
    if not asked or not current_user.is_authenticated:
        return {"staff_id": None}
    if current_user.is_customer and current_user.viewed_by:
        return {"staff_id": current_user.viewed_by.id}
    return {"customer_id" if current_user.is_customer else "staff_id": current_user.id}
