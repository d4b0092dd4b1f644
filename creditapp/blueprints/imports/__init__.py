"""Customers from a file: uploaded, looked at, then imported whole or not at all."""

from flask import Blueprint

bp = Blueprint("imports", __name__)

from creditapp.blueprints.imports import routes as _routes  # noqa: E402, F401  (views register themselves)
