"""The audit log: who did what to what, when and from where, and whether its chain is whole."""

from flask import Blueprint

bp = Blueprint("audit", __name__)

from creditapp.blueprints.audit import chain, routes  # noqa: E402, F401  (views register themselves)
