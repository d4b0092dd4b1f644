from __future__ import annotations

from flask import abort, redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.settings import bp
from creditapp.blueprints.settings.reason_forms import MoveForm, ReasonForm
from creditapp.db import db, transact
from creditapp.errors import LastReasonError, StaleFormError, TakenError
from creditapp.models import Reason
from creditapp.permissions import Permission, requires
from creditapp.queries import settings as queries
from creditapp.services import reasons
from creditapp.web.fields import refuse, refuse_form
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.sessions import current_actor


@bp.route("/admin/billing/settings/reasons/new", methods=["GET", "POST"])
@requires(Permission.SETTINGS_WRITE)
def new_reason() -> ResponseReturnValue:
    form = ReasonForm()
    if form.validate_on_submit():
        try:
            transact(reasons.create, form.fields, by=current_actor(), key=form.submission.key)
        except TakenError as error:
            refuse(form.name, error)
        else:
            notify("Reason added.", f"“{form.name.text}” can be chosen from now on.")
            return redirect(_list_url(), 303)
    return _page(form, "Add reason")


@bp.route("/admin/billing/settings/reasons/<id:reason_id>", methods=["GET", "POST"])
@requires(Permission.SETTINGS_WRITE)
def edit_reason(reason_id: int) -> ResponseReturnValue:
    reason = db.session.get(Reason, reason_id) or abort(404)
    form = ReasonForm(reason)
    if form.validate_on_submit():
        try:
            transact(reasons.edit, reason_id, form.fields, version=form.version.number, by=current_actor())
        except StaleFormError as error:
            refuse_form(form, error)
            form.compare(db.session.get_one(Reason, reason_id, populate_existing=True))
        except TakenError as error:
            refuse(form.name, error)
        except LastReasonError as error:
            refuse(form.is_active, error)
        else:
            notify("Reason saved.", f"“{form.name.text}” stands in the list.")
            return redirect(_list_url(), 303)
    return _page(form, reason.name, reason=reason)


@bp.post("/admin/billing/settings/reasons/order")
@requires(Permission.SETTINGS_WRITE)
def order_reasons() -> ResponseReturnValue:
    form = MoveForm()
    if form.validate() and db.session.get(Reason, form.reason_id) is not None:
        transact(reasons.move, form.reason_id, up=form.up, by=current_actor())
        return redirect(url_for("settings.show", _anchor=_button(form.reason_id, up=form.up)), 303)
    notify("Nothing was moved.", "The page had expired; try again.", kind="warning")
    return redirect(_list_url(), 303)


def _page(form: ReasonForm, title: str, *, reason: Reason | None = None) -> ResponseReturnValue:
    crumbs = [("Admin", None), ("Billing", None), ("Settings", url_for("settings.show")), (title, None)]
    return render_page("settings/reason.html", form, crumbs=crumbs, title=title, reason=reason, list_url=_list_url())


def _button(reason_id: int, *, up: bool) -> str:
    """Return the id of the button that moves the reason on; at the end of the list, of the one that moves it back."""
    order = [reason.id for reason in db.session.execute(queries.select_reasons()).scalars()]
    is_at_end = reason_id == order[0 if up else -1]
    return f"move-{'up' if up != is_at_end else 'down'}-{reason_id}"


def _list_url() -> str:
    return url_for("settings.show", _anchor="reasons")
