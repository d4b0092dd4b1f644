"""Whole addresses of pages, for mails and for what is copied elsewhere."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import current_app, has_request_context, request, url_for

from creditapp.db import db
from creditapp.queries import account

_OWN_MACHINE = {"localhost", "127.0.0.1", "::1"}


def own_base() -> str | None:
    """Return where customers and gateways reach us, without a slash at the end; None where nobody has said.

    A request may claim any host. It is believed only where the configuration names the hosts that are ours, or on
    this very machine: otherwise a stranger could have links mailed, and customers sent, to where they like.
    """
    given: str = current_app.config["PUBLIC_URL"]
    if given or not has_request_context():
        return given or None
    is_ours = bool(current_app.config["TRUSTED_HOSTS"]) or urlsplit(request.host_url).hostname in _OWN_MACHINE
    return request.host_url.rstrip("/") if is_ours else None


def address_of(endpoint: str, **values: Any) -> str | None:  # noqa: ANN401  (of the URL)
    """Return the whole address of a page; None where nobody has said how we are reached."""
    base = own_base()
    return None if base is None else f"{base}{url_for(endpoint, **values)}"


def sends_links() -> bool:
    """Return whether a link that is made now goes out by mail: there is a server, a sender, and an address of ours."""
    return own_base() is not None and bool(current_app.config["SMTP_URL"]) and account.sends_mail(db.session())
