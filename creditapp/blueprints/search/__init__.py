"""One box that finds customers and entries."""

from flask import Blueprint

bp = Blueprint("search", __name__)

from creditapp.blueprints.search import routes as _routes  # noqa: E402, F401  (views register themselves)
