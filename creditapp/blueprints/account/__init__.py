"""The client area: what a customer sees and does. Nobody sees anything of another customer."""

from flask import Blueprint

bp = Blueprint("account", __name__, url_prefix="/account")

from creditapp.blueprints.account import funds, invoices, ordering, paying, profile, routes, signing, statements  # noqa: E402, F401  (views register themselves)
