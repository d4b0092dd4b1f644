from __future__ import annotations

from flask.typing import ResponseReturnValue

from creditapp.blueprints.settings import bp
from creditapp.permissions import Permission, requires
from creditapp.web.pages import render_page


@bp.route("/admin/billing/settings")
@requires(Permission.SETTINGS_READ)
def show() -> ResponseReturnValue:
    return render_page("settings/show.html", crumbs=[("Admin", None)])
