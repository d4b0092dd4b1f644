"""Users: the customers of the panel, and their credit."""

from flask import Blueprint

bp = Blueprint("users", __name__)

from creditapp.blueprints.users import (  # noqa: E402  (views register themselves)
    balance,  # noqa: F401
    client_area,  # noqa: F401
    credit,  # noqa: F401
    deleting,  # noqa: F401
    downtime,  # noqa: F401
    entries,  # noqa: F401
    freezing,  # noqa: F401
    history,  # noqa: F401
    merging,  # noqa: F401
    routes,  # noqa: F401
    subscriptions,  # noqa: F401
    transactions,  # noqa: F401
    transferring,  # noqa: F401
    viewing,  # noqa: F401
)
