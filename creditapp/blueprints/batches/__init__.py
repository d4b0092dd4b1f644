"""Batches: looked at, issued, watched, stopped, and taken back."""

from flask import Blueprint

bp = Blueprint("batches", __name__)

from creditapp.blueprints.batches import imported as _imported  # noqa: E402  (views register themselves)
from creditapp.blueprints.batches import preview as _preview  # noqa: E402
from creditapp.blueprints.batches import report as _report  # noqa: E402
from creditapp.blueprints.batches import reversing as _reversing  # noqa: E402
from creditapp.blueprints.batches import routes as _routes  # noqa: E402

__all__ = ["_imported", "_preview", "_report", "_reversing", "_routes", "bp"]
