"""Products: the catalogue of what is sold."""

from flask import Blueprint

bp = Blueprint("products", __name__)

from creditapp.blueprints.products import routes as _routes  # noqa: E402, F401  (views register themselves)
