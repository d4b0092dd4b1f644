"""Credits: all credit activity across the panel."""

from flask import Blueprint

bp = Blueprint("credits", __name__)

from creditapp.blueprints.credits import importing as _importing  # noqa: E402  (views register themselves)
from creditapp.blueprints.credits import routes as _routes  # noqa: E402

__all__ = ["_importing", "_routes", "bp"]
