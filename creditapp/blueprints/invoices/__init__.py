"""Invoices: the list, one invoice with the credit on it, drafts, and undoing."""

from flask import Blueprint

bp = Blueprint("invoices", __name__)

from creditapp.blueprints.invoices import (  # noqa: E402  (views register themselves)
    closing,
    credit,
    editing,
    funds,
    history,
    paying,
    routes,
)

__all__ = ["bp", "closing", "credit", "editing", "funds", "history", "paying", "routes"]
