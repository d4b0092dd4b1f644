"""Incidents: the list, one of them, and the form that leads to the preview of its credit."""

from flask import Blueprint

bp = Blueprint("incidents", __name__)

from creditapp.blueprints.incidents import editing, routes  # noqa: E402, F401  (views register themselves)
