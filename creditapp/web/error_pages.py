"""Error pages: a clear sentence, a way on, and never a trace. The 500 page touches neither database nor session."""

from __future__ import annotations

import secrets
from typing import Any

import structlog
from flask import Flask, Response, render_template, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException, InternalServerError, RequestEntityTooLarge

from creditapp.db import db
from creditapp.errors import BusyError, CommitUnknownError, CustomerNotFoundError, DomainError, EntryNotFoundError
from creditapp.web.panel import current_panel

log = structlog.get_logger(__name__)

SENTENCES = {
    400: ("This request makes no sense", "Go back, reload the page and try again."),
    403: ("You may not do this", "Your role does not include it. Ask an administrator."),
    404: ("There is nothing here", "Check the address, or search for what you need."),
    405: ("This cannot be done this way", "Go back and use the page's own buttons."),
    409: ("This could not be done", "Go back, reload the page and look at what is so now."),
    413: ("That is too large", "Nothing was saved. Send less at once."),
    429: ("Too many tries", "Wait a minute and try again."),
    500: ("Something went wrong", "Nothing was saved. The reference below leads to the details in the log."),
    503: ("The system is busy", "Nothing was saved. Try again in a moment."),
}
RETRY_AFTER_S = 5


def init_error_pages(app: Flask) -> None:
    """Answer every refusal and every fault with a page."""
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DomainError, _refusal)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(PoolTimeoutError, _database_error)
    app.register_error_handler(Exception, _fault)


def _http_error(error: HTTPException) -> Any:  # noqa: ANN401  (a response)
    if error.code is None or error.code < 400:  # noqa: PLR2004  (a redirect is no error)
        return error.get_response()
    if isinstance(error, InternalServerError):  # what broke while a page, or another error's page, was drawn
        return _database_error(error.original_exception or error)
    return _page(error.code, headers=_kept_headers(error))


def _kept_headers(error: HTTPException) -> dict[str, str]:
    return {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}}


def _refusal(error: DomainError) -> Any:  # noqa: ANN401  (a response)
    if isinstance(error, CustomerNotFoundError | EntryNotFoundError):
        return _page(404)
    if isinstance(error, BusyError):
        return _busy()
    code = 500 if isinstance(error, CommitUnknownError) else 409
    db.session.rollback()
    return _page(code, sentence=error.sentence(current_panel().currency.format))


def _database_error(error: BaseException) -> Any:  # noqa: ANN401  (a response)
    cause = getattr(error, "orig", error)
    if isinstance(error, PoolTimeoutError | BusyError) or type(cause).__name__ == "OperationalError":
        log.warning("database_unavailable", path=request.path, cause=str(cause))
        return _busy()
    return _fault(error)


def _busy() -> Any:  # noqa: ANN401  (a response)
    return _page(503, headers={"Retry-After": str(RETRY_AFTER_S)}, plain=True, sent=_sent_fields())


def _fault(error: BaseException) -> Any:  # noqa: ANN401  (a response)
    reference = secrets.token_hex(6)
    log.error("fault", reference=reference, method=request.method, path=request.path, exc_info=error)
    return _page(500, reference=reference, plain=True)


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
    context |= {"path": request.path, "sent": sent}
    body = _render_alone(template, context) if plain else render_template(template, **context)
    return Response(body, code, headers or {}, mimetype="text/html")


def _sent_fields() -> list[tuple[str, str]] | None:
    """Return what was sent, for a button that sends it again: nothing typed is lost, and its key makes it safe.

    None where that cannot be: nothing was sent, or a file or a password was.
    """
    try:
        if request.method != "POST" or request.files or "password" in request.form:
            return None
        return list(request.form.items(multi=True))
    except RequestEntityTooLarge:
        return None


def _render_alone(template: str, context: dict[str, Any]) -> str:
    from flask import current_app  # noqa: PLC0415  (nothing else here needs it)

    return current_app.jinja_env.get_template(template).render(**context)
