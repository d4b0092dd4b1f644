from __future__ import annotations

from flask.typing import ResponseReturnValue

from creditapp.blueprints.search import bp
from creditapp.permissions import Permission, requires
from creditapp.web.pages import render_page


@bp.route("/admin/search")
@requires(Permission.CUSTOMER_READ)
def find() -> ResponseReturnValue:
    return render_page("search/find.html", crumbs=[("Admin", None)])
