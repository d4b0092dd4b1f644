"""Suspense: money of gateways that fits nothing, and what staff make of it."""

from flask import Blueprint

bp = Blueprint("suspense", __name__)

from creditapp.blueprints.suspense import routes as _routes  # noqa: E402  (views register themselves)

__all__ = ["_routes", "bp"]
