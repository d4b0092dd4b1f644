"""Settings of the panel."""

from flask import Blueprint

bp = Blueprint("settings", __name__)

from creditapp.blueprints.settings import routes as _routes  # noqa: E402, F401  (views register themselves)
