"""Whether the desk can be used: for who sends visitors here, and says nothing about the installation."""

from flask import Blueprint

bp = Blueprint("health", __name__)

from creditapp.blueprints.health import routes  # noqa: E402, F401  (views register themselves)
