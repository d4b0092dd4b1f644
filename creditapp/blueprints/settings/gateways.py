"""Settings, *Gateways*: which are offered to customers, why one is not, and where bank transfers go."""

from __future__ import annotations

from typing import Any

from flask import redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField

from creditapp.blueprints.settings import bp
from creditapp.blueprints.settings.tabs import tabs
from creditapp.db import db, transact
from creditapp.errors import StaleFormError
from creditapp.gateways import Gateway
from creditapp.permissions import Permission, dangerous, requires
from creditapp.services import gateway_settings as service
from creditapp.web.fields import NoteField, VersionField, refuse_form, tell_saved
from creditapp.web.forms import Form
from creditapp.web.gateways import gateways as all_gateways
from creditapp.web.gateways import problem_of
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.sessions import current_actor


class _GatewaysForm(Form):
    """Which gateways are offered; there is a box `offer_<name>` for each."""

    bank_details = NoteField("Bank details", chars_max=service.DETAILS_CHARS_MAX)
    version = VersionField()

    @property
    def chosen(self) -> list[str]:
        return [name for name in all_gateways() if self[f"offer_{name}"].data]

    def compare(self, saved: Any) -> None:  # noqa: ANN401  (a row of the settings)
        """Say beside each field what somebody else has saved; sending the form once more overwrites it knowingly."""
        for name in all_gateways():
            is_on = name in saved.gateways.split(",")
            tell_saved(self[f"offer_{name}"], "offered" if is_on else "not offered", is_on)
        tell_saved(self.bank_details, saved.bank_details or "nothing", saved.bank_details)
        self.version.data = str(saved.version)


@bp.get("/admin/billing/settings/gateways")
@requires(Permission.SETTINGS_READ)
def gateways() -> ResponseReturnValue:
    return _page(_form())


@bp.post("/admin/billing/settings/gateways")
@requires(Permission.SETTINGS_WRITE)
@dangerous
def save_gateways() -> ResponseReturnValue:
    form = _form()
    if form.validate():
        details = form.bank_details.text
        try:
            transact(service.save, form.chosen, details, version=form.version.number, by=current_actor())
        except StaleFormError as error:
            refuse_form(form, error)
            form.compare(db.session.execute(service.select_saved()).one())
        else:
            notify("Settings saved.", "They hold from now on; payments that have been begun go on.")
            return redirect(url_for("settings.gateways"), 303)
    return _page(form)


def _form() -> _GatewaysForm:
    saved = db.session.execute(service.select_saved()).one()
    boxes = {f"offer_{name}": BooleanField(one.label) for name, one in all_gateways().items()}
    form_class = type("GatewaysForm", (_GatewaysForm,), boxes)
    data = {f"offer_{name}": name in saved.gateways.split(",") for name in all_gateways()}
    made: _GatewaysForm = form_class(data={**data, "bank_details": saved.bank_details, "version": saved.version})
    return made


def _page(form: _GatewaysForm) -> ResponseReturnValue:
    crumbs = [("Admin", None), ("Billing", None), ("Settings", url_for("settings.show")), ("Gateways", None)]
    saved = db.session.execute(service.select_saved()).one()
    on = saved.gateways.split(",")
    rows = [(one, form[f"offer_{name}"], _state(one, is_on=name in on)) for name, one in all_gateways().items()]
    return render_page("settings/gateways.html", form, crumbs=crumbs, tabs=tabs(), rows=rows, setting=saved)


def _state(gateway: Gateway, *, is_on: bool) -> str:
    """Say whether it is offered now, and why not."""
    problem = problem_of(gateway)
    if problem:
        return f"Not offered. {problem}"
    if not is_on:
        return "Not offered. It is switched off."
    return "Offered. For trying things out: no money moves." if gateway.name == "sandbox" else "Offered."
