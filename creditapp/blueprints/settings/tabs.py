"""The tabs of the settings: one page each."""

from __future__ import annotations

from flask import request, url_for

TABS = (
    ("Panel", "settings.show"),
    ("Deposits and codes", "settings.deposits"),
    ("Downtime", "settings.downtime"),
    ("Gateways", "settings.gateways"),
    ("Mail", "settings.mail"),
)


def tabs() -> list[tuple[str, str, bool]]:
    """Return each tab with its URL, and whether it is the page that is shown."""
    urls = [(label, url_for(endpoint)) for label, endpoint in TABS]
    shown = max((url for _label, url in urls if request.path.startswith(url)), key=len)
    return [(label, url, url == shown) for label, url in urls]
