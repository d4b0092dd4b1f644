"""Orders that staff place for customers."""

from flask import Blueprint

bp = Blueprint("orders", __name__)

from creditapp.blueprints.orders import routes  # noqa: E402, F401  (views register themselves)
