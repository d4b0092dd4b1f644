"""Payments that staff record, and the list of all there are."""

from flask import Blueprint

bp = Blueprint("payments", __name__)

from creditapp.blueprints.payments import recording, routes, voiding  # noqa: E402, F401  (views register themselves)
