from __future__ import annotations

from flask.typing import ResponseReturnValue

from creditapp.blueprints.credits import bp
from creditapp.permissions import Permission, requires
from creditapp.web.pages import render_page


@bp.route("/admin/billing/credits")
@requires(Permission.CREDIT_READ)
def index() -> ResponseReturnValue:
    return render_page("credits/index.html", crumbs=[("Admin", None)])
