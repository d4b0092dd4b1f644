"""Staff's door: signing in and out, invitations, forgotten passwords, the password once more."""

from flask import Blueprint

bp = Blueprint("auth", __name__)

from creditapp.blueprints.auth import links, proving, routes  # noqa: E402, F401  (views register themselves)
