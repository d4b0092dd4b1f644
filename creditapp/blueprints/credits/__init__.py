"""Credits: all credit activity across the panel."""

from flask import Blueprint

bp = Blueprint("credits", __name__)

from creditapp.blueprints.credits import routes as _routes  # noqa: E402, F401  (views register themselves)
