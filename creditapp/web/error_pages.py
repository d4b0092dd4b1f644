"""Error pages: a clear sentence, a way on, and never a trace. The 500 page touches neither database nor session."""

from __future__ import annotations

import secrets
import sqlite3
import sys
from typing import Any
from urllib.parse import quote

import structlog
from flask import Flask, Response, render_template, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException, InternalServerError, RequestEntityTooLarge

from creditapp.db import db
from creditapp.errors import (
    BusyError,
    CommitUnknownError,
    CustomerNotFoundError,
    DomainError,
    EntryNotFoundError,
    InvoiceNotFoundError,
    OwnAccountError,
)
from creditapp.permissions import CLIENT_AREA, at_client_door
from creditapp.web import refused
from creditapp.web.fields import showable
from creditapp.web.logs import shown_path
from creditapp.web.panel import current_panel

log = structlog.get_logger(__name__)

SENTENCES = {
    400: ("This request makes no sense", "Go back, reload the page and try again."),
    403: ("You may not do this", "Your role does not include it. Ask an administrator."),
    404: ("There is nothing here", "Check the address, or search for what you need."),
    405: ("This cannot be done this way", "Go back and use the page's own buttons."),
    409: ("This could not be done", "Go back, reload the page and look at how things stand now."),
    413: ("That is too large", "Nothing was saved. Send less at once."),
    429: ("Too many tries", "Wait a minute and try again."),
    500: ("Something went wrong", "The reference below leads to the details in the log."),
    503: ("The system is busy", "Try again in a moment."),
}
NOTHING_SAVED = "Nothing was saved. Try again in a moment."
LOOK_FIRST = "Look whether it was saved before you try again."
SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
RETRY_AFTER_S = 5


def init_error_pages(app: Flask) -> None:
    """Answer every refusal and every fault with a page."""
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DomainError, _refusal)
    app.register_error_handler(Exception, _unexpected)


def is_trouble(error: BaseException) -> bool:
    """Return whether the database could not answer now: locked, full, too slow, gone. Mistakes of ours are none."""
    if isinstance(error, PoolTimeoutError | BusyError):
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.OperationalError):  # which says “no such table” too, under the code for mistakes
        return getattr(cause, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR
    psycopg = sys.modules.get("psycopg")  # its errors come from nowhere else, and beside SQLite it may be missing
    return psycopg is not None and isinstance(cause, psycopg.OperationalError)


def _http_error(error: HTTPException) -> Any:  # noqa: ANN401  (a response)
    if error.code is None or error.code < 400:  # noqa: PLR2004  (a redirect is no error)
        return error.get_response()
    if isinstance(error, InternalServerError):  # what broke while a page, or another error's page, was drawn
        return _unexpected(error.original_exception or error)
    if error.code == 403:  # noqa: PLR2004  (forbidden)
        refused.note_page()
    return _page(error.code, headers=_kept_headers(error))


def _kept_headers(error: HTTPException) -> dict[str, str]:
    return {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}}


def _refusal(error: DomainError) -> Any:  # noqa: ANN401  (a response)
    if isinstance(error, CustomerNotFoundError | EntryNotFoundError | InvoiceNotFoundError):
        return _page(404)
    if isinstance(error, BusyError):
        return _busy(NOTHING_SAVED)
    if isinstance(error, CommitUnknownError):
        return _page(500, sentence=error.sentence(str), plain=True)
    db.session.rollback()
    if isinstance(error, OwnAccountError):
        refused.note_own_account(error)
    return _page(409, sentence=error.sentence(current_panel().currency.format))


def _unexpected(error: BaseException) -> Any:  # noqa: ANN401  (a response)
    if isinstance(error, DomainError):
        return _refusal(error)
    if is_trouble(error):
        log.warning("database_unavailable", path=shown_path(), cause=str(getattr(error, "orig", error)))
        return _busy(None if request.method in SAFE_METHODS else LOOK_FIRST)
    return _fault(error)


def _busy(sentence: str | None) -> Any:  # noqa: ANN401  (a response)
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    return _page(503, sentence=sentence, headers=headers, plain=True, sent=_sent_fields())


def _fault(error: BaseException) -> Any:  # noqa: ANN401  (a response)
    reference = secrets.token_hex(6)
    log.error("fault", reference=reference, method=request.method, path=shown_path(), exc_info=error)
    sentence = None if request.method in SAFE_METHODS else f"{LOOK_FIRST} {SENTENCES[500][1]}"
    return _page(500, sentence=sentence, reference=reference, plain=True)


def _page(
    code: int,
    *,
    sentence: str | None = None,
    reference: str | None = None,
    headers: dict[str, str] | None = None,
    plain: bool = False,
    sent: list[tuple[str, str]] | None = None,
) -> Response:
    """Make the page; a `plain` one stands on its own, since what it would ask may be what is broken."""
    title, hint = SENTENCES.get(code, SENTENCES[400])
    template = "errors/plain.html" if plain else "errors/error.html"
    context = {"code": code, "title": title, "hint": sentence or hint, "reference": reference}
    context |= {"path": quote(request.path), "sent": sent, "start": CLIENT_AREA if at_client_door() else "/"}
    body = _render_alone(template, context) if plain else render_template(template, **context)
    return Response(body, code, headers or {}, mimetype="text/html")


def _sent_fields() -> list[tuple[str, str]] | None:
    """Return what was sent, for a button that sends it again: nothing typed is lost, and its key makes it safe.

    None where that cannot be: nothing was sent, or a file or a password was.
    """
    try:
        if request.method != "POST" or request.files or any("password" in name for name in request.form):
            return None
        return [(showable(name), showable(value)) for name, value in request.form.items(multi=True)]
    except RequestEntityTooLarge:
        return None


def _render_alone(template: str, context: dict[str, Any]) -> str:
    from flask import current_app  # noqa: PLC0415  (nothing else here needs it)

    return current_app.jinja_env.get_template(template).render(**context)
