"""Invoices: the list, one invoice with the credit on it, drafts, and undoing."""

from flask import Blueprint

bp = Blueprint("invoices", __name__)

from creditapp.blueprints.invoices import closing, credit, editing, history, paying, routes  # noqa: E402, F401  (views register themselves)
