"""Settings of the panel, with the managed list of reasons."""

from flask import Blueprint

bp = Blueprint("settings", __name__)

from creditapp.blueprints.settings import deposits as _deposits  # noqa: E402  (views register themselves)
from creditapp.blueprints.settings import downtime as _downtime  # noqa: E402
from creditapp.blueprints.settings import gateways as _gateways  # noqa: E402
from creditapp.blueprints.settings import mail as _mail  # noqa: E402
from creditapp.blueprints.settings import reasons as _reasons  # noqa: E402
from creditapp.blueprints.settings import routes as _routes  # noqa: E402

__all__ = ["_deposits", "_downtime", "_gateways", "_mail", "_reasons", "_routes", "bp"]
