"""Refunds to where money came from: of invoices, of unspent credit, and those that a person sends."""

from flask import Blueprint

bp = Blueprint("refunds", __name__)

from creditapp.blueprints.refunds import by_hand, routes  # noqa: E402, F401  (views register themselves)
