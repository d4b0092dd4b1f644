"""The client area: what a customer sees and does. Nobody sees anything of another customer."""

from flask import Blueprint

bp = Blueprint("account", __name__, url_prefix="/account")

from creditapp.blueprints.account import (  # noqa: E402  (views register themselves)
    funds,  # noqa: F401
    invoices,  # noqa: F401
    ordering,  # noqa: F401
    paying,  # noqa: F401
    profile,  # noqa: F401
    routes,  # noqa: F401
    signing,  # noqa: F401
    statements,  # noqa: F401
    viewed,  # noqa: F401
)
