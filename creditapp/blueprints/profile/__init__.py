"""One's own profile, for who works here: name, sessions, password, second factor."""

from flask import Blueprint

bp = Blueprint("profile", __name__, url_prefix="/admin/profile")

from creditapp.blueprints.profile import factor, routes  # noqa: E402, F401  (views register themselves)
