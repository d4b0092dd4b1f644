"""Settings, *Deposits and codes*: how funds are added, refunds of credit, referrals."""

from __future__ import annotations

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.settings import bp
from creditapp.blueprints.settings.deposit_forms import DepositsForm
from creditapp.blueprints.settings.tabs import tabs
from creditapp.db import db, transact
from creditapp.errors import StaleFormError
from creditapp.permissions import Permission, requires
from creditapp.services import deposits as service
from creditapp.web.fields import refuse_form
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.sessions import current_actor


@bp.get("/admin/billing/settings/deposits")
@requires(Permission.SETTINGS_READ)
def deposits() -> ResponseReturnValue:
    return _page(_form())


@bp.post("/admin/billing/settings/deposits")
@requires(Permission.SETTINGS_WRITE)
def save_deposits() -> ResponseReturnValue:
    form = _form()
    if form.validate():
        try:
            transact(service.save, form.fields, version=form.version.number, by=current_actor())
        except StaleFormError as error:
            refuse_form(form, error)
            form.compare(db.session.execute(service.select_saved()).one())
        else:
            notify("Settings saved.", "They hold from now on.")
            return redirect(url_for("settings.deposits"), 303)
    return _page(form)


def _form() -> DepositsForm:
    return DepositsForm(db.session.execute(service.select_saved()).one())


def _page(form: DepositsForm) -> ResponseReturnValue:
    crumbs = [("Admin", None), ("Billing", None), ("Settings", url_for("settings.show")), ("Deposits and codes", None)]
    saved = db.session.execute(service.select_saved()).one()
    return render_page("settings/deposits.html", form, crumbs=crumbs, tabs=tabs(), setting=saved)
