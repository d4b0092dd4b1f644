"""Whole addresses of pages, for mails and for what is copied elsewhere."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import current_app, request, url_for

_OWN_MACHINE = {"localhost", "127.0.0.1", "::1"}


def address_of(endpoint: str, **values: Any) -> str | None:  # noqa: ANN401  (of the URL)
    """Return the whole address of a page; None where nobody has said how we are reached.

    A request may claim any host. It is believed only where the configuration names the hosts that are ours, or on
    this very machine: otherwise a stranger could have links mailed that lead to them.
    """
    base = current_app.config["PUBLIC_URL"]
    if base:
        return f"{base}{url_for(endpoint, **values)}"
    is_ours = bool(current_app.config["TRUSTED_HOSTS"]) or urlsplit(request.host_url).hostname in _OWN_MACHINE
    return url_for(endpoint, _external=True, **values) if is_ours else None
