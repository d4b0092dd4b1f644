"""Users: the customers of the panel, and their credit."""

from flask import Blueprint

bp = Blueprint("users", __name__)

from creditapp.blueprints.users import balance, client_area, credit, downtime, entries, history, routes, subscriptions  # noqa: E402, F401  (views register themselves)
