"""What a customer was told by mail."""

from flask import Blueprint

bp = Blueprint("mails", __name__)

from creditapp.blueprints.mails import routes  # noqa: E402, F401  (views register themselves)
