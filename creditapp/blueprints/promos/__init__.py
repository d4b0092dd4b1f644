"""Promo codes: the list, one code with who has used it, and the code that a customer passes on."""

from flask import Blueprint

bp = Blueprint("promos", __name__)

from creditapp.blueprints.promos import referral, routes, uses  # noqa: E402, F401  (views register themselves)
