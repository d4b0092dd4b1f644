"""Staff: who works here, as what, and who is invited."""

from flask import Blueprint

bp = Blueprint("staff", __name__, url_prefix="/admin/staff")

from creditapp.blueprints.staff import acting, inviting, routes  # noqa: E402, F401  (views register themselves)
