"""Users: the customers of the panel, and their credit."""

from flask import Blueprint

bp = Blueprint("users", __name__)

from creditapp.blueprints.users import routes as _routes  # noqa: E402, F401  (views register themselves)
