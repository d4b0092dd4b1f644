from __future__ import annotations

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.settings import bp
from creditapp.blueprints.settings.forms import LimitsForm, SettingsForm, listed
from creditapp.blueprints.settings.reason_forms import MoveForm
from creditapp.blueprints.settings.tabs import tabs
from creditapp.db import db, transact
from creditapp.errors import AmountsKeptError, SettingLockedError, StaleFormError
from creditapp.permissions import Permission, can, requires
from creditapp.queries import settings as queries
from creditapp.services import settings
from creditapp.web.fields import refuse, refuse_form
from creditapp.web.lists import Column
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.panel import forget_panel
from creditapp.web.sessions import current_actor

CRUMBS = [("Admin", None), ("Billing", None), ("Settings", None)]
LIMIT_COLUMNS = [
    Column("Role"),
    Column("Adds at most"),
    Column("Removes at most"),
    Column("Reverses only own, same day"),
]
REASON_COLUMNS = [
    *map(Column, ("Reason", "For", "Class", "Expires after", "Rules", "Line the customer sees")),
]


@bp.get("/admin/billing/settings")
@requires(Permission.SETTINGS_READ)
def show() -> ResponseReturnValue:
    return _page()


@bp.post("/admin/billing/settings")
@requires(Permission.SETTINGS_WRITE)
def save() -> ResponseReturnValue:
    form = _settings_form()
    if form.validate():
        try:
            transact(settings.save, form.fields, version=form.version.number, by=current_actor())
        except StaleFormError as error:
            refuse_form(form, error)
            form.compare(db.session.execute(queries.select_settings()).one())
        except (SettingLockedError, AmountsKeptError) as error:
            refuse(form.time_zone if _is_about_time(error) else form.currency, error)
        else:
            forget_panel()
            notify("Settings saved.")
            return redirect(url_for("settings.show"), 303)
    return _page(general=form)


@bp.route("/admin/billing/settings/limits", methods=["GET", "POST"])
@requires(Permission.SETTINGS_WRITE)
def limits() -> ResponseReturnValue:
    form = _limits_form()
    if form.validate_on_submit():
        try:
            transact(settings.save_limits, form.limits, version=form.version.number, by=current_actor())
        except StaleFormError as error:
            refuse_form(form, error)
            form.compare(_limits_form(sent=False))
        else:
            notify("Limits saved.", "They bind from the next entry on.")
            return redirect(url_for("settings.show", _anchor="limits"), 303)
    return _page(limits=form)


def _page(general: SettingsForm | None = None, limits: LimitsForm | None = None) -> ResponseReturnValue:
    """Draw the whole page; the form that was sent as it was typed, the others as they are saved."""
    sent = general or limits
    setting = db.session.execute(queries.select_settings()).one()
    return render_page(
        "settings/show.html",
        sent,
        crumbs=CRUMBS,
        tabs=tabs(),
        limit_columns=LIMIT_COLUMNS,
        reason_columns=[*REASON_COLUMNS, Column("")] if can(Permission.SETTINGS_WRITE) else REASON_COLUMNS,
        general=general or _settings_form(sent=limits is None),
        limits=limits or _limits_form(sent=False),
        reasons=db.session.execute(queries.select_reasons()).scalars().all(),
        move_form=MoveForm(sent=False),
        setting=setting,
        automatic_kinds=listed(setting.automatic_kinds),
    )


def _settings_form(*, sent: bool = True) -> SettingsForm:
    saved = db.session.execute(queries.select_settings()).one()
    return SettingsForm(saved, locked=settings.has_money(db.session()), sent=sent)


def _limits_form(*, sent: bool = True) -> LimitsForm:
    version = db.session.execute(queries.select_settings()).one().version
    return LimitsForm(db.session.execute(queries.select_limits()), version, sent=sent)


def _is_about_time(error: SettingLockedError | AmountsKeptError) -> bool:
    return isinstance(error, SettingLockedError) and error.label == "time zone"
