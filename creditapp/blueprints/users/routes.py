from __future__ import annotations

from flask.typing import ResponseReturnValue

from creditapp.blueprints.users import bp
from creditapp.permissions import Permission, requires
from creditapp.web.pages import render_page


@bp.route("/admin/users")
@requires(Permission.CUSTOMER_READ)
def index() -> ResponseReturnValue:
    return render_page("users/index.html", crumbs=[("Admin", None)])
