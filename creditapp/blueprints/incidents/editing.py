"""Recording an incident and editing it; one button saves, the other one previews the credit as well."""

from __future__ import annotations

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.incidents import bp
from creditapp.blueprints.incidents.finding import crumbs, incident_or_404
from creditapp.blueprints.incidents.forms import PREVIEW, IncidentForm
from creditapp.blueprints.incidents.previewing import go_to_preview
from creditapp.db import db, transact
from creditapp.errors import DomainError, IncidentError, StaleFormError
from creditapp.permissions import Permission, requires
from creditapp.queries.search import typed_text
from creditapp.services import incidents
from creditapp.web.fields import refuse
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refusals import INVALID, place
from creditapp.web.sessions import current_actor

BODY_BYTES_MAX = 4 * 1024 * 1024
"""A file of all customers that an incident may name, and what stands around it."""


@bp.before_request
def _let_files_in() -> None:
    request.max_content_length = request.max_form_memory_size = BODY_BYTES_MAX


@bp.route("/admin/billing/incidents/new", methods=["GET", "POST"])
@requires(Permission.INCIDENT_WRITE)
def create() -> ResponseReturnValue:
    form, status = IncidentForm(place=typed_text(request.args.get("place", ""))), 200
    form.wants_preview = request.form.get("act", PREVIEW) == PREVIEW
    if form.validate_on_submit():
        try:
            incident_id = transact(incidents.create, form.fields, by=current_actor(), key=form.submission.key)
            if form.wants_preview:
                return go_to_preview(incident_id, form.submission.key)
        except DomainError as error:
            status = _refuse(form, error)
        else:
            notify("Incident saved.", form.fields.title)
            return redirect(url_for("incidents.show", incident_id=incident_id), 303)
    here = "New incident"
    return render_page("incidents/edit.html", form, status=status, crumbs=crumbs(here=here), title=here, incident=None)


@bp.route("/admin/billing/incidents/<id:incident_id>/edit", methods=["GET", "POST"])
@requires(Permission.INCIDENT_WRITE)
def edit(incident_id: int) -> ResponseReturnValue:
    incident = incident_or_404(incident_id)
    form, status = IncidentForm(incidents.read(db.session(), incident_id), version=incident.version), 200
    form.wants_preview = request.form.get("act", PREVIEW) == PREVIEW
    if form.validate_on_submit():
        version, by = form.version.number, current_actor()
        try:
            transact(incidents.edit, incident_id, form.fields, version=version, by=by)
            if form.wants_preview:
                return go_to_preview(incident_id, form.submission.key)
        except DomainError as error:
            status = _refuse(form, error)
            if isinstance(error, StaleFormError):
                form.compare(incidents.read(db.session(), incident_id), incident_or_404(incident_id).version)
        else:
            notify("Incident saved.", form.fields.title)
            return redirect(url_for("incidents.show", incident_id=incident_id), 303)
    title = "Edit incident"
    return render_page(
        "incidents/edit.html", form, status=status, crumbs=crumbs(incident, title), title=title, incident=incident
    )


def _refuse(form: IncidentForm, error: DomainError) -> int:
    if isinstance(error, IncidentError) and error.box in form:
        refuse(form[error.box], error)
        return INVALID
    return place(form, error)
