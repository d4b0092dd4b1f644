"""Signing in and out."""

from flask import Blueprint

bp = Blueprint("auth", __name__)

from creditapp.blueprints.auth import routes as _routes  # noqa: E402, F401  (views register themselves)
