"""The sandbox's own pages: what a customer would see at a gateway."""

from flask import Blueprint

bp = Blueprint("sandbox", __name__)

from creditapp.blueprints.sandbox import routes as _routes  # noqa: E402  (views register themselves)

__all__ = ["_routes", "bp"]
