"""Call-backs of gateways: no page, no session, no form; the signature says who calls."""

from flask import Blueprint

bp = Blueprint("webhooks", __name__)

from creditapp.blueprints.webhooks import routes as _routes  # noqa: E402  (views register themselves)

__all__ = ["_routes", "bp"]
