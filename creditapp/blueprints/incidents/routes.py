"""The list of incidents, one of them, and its buttons."""

from __future__ import annotations

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.batches.finding import kind_words, tag_of
from creditapp.blueprints.incidents import bp, words
from creditapp.blueprints.incidents.finding import crumbs, incident_or_404
from creditapp.blueprints.incidents.listing import COLUMNS, STATE_CHOICES, Asked, read_page
from creditapp.blueprints.incidents.previewing import go_to_preview
from creditapp.db import db, transact
from creditapp.errors import DomainError
from creditapp.models import BatchKind, BatchStatus
from creditapp.permissions import Permission, requires
from creditapp.queries import incidents as queries
from creditapp.queries.incidents import State
from creditapp.services import incidents
from creditapp.web.fields import SubmissionField
from creditapp.web.forms import BareForm, Form
from creditapp.web.lists import Column
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.sessions import current_actor

BATCH_COLUMNS = (
    Column("Batch"),
    Column("Status"),
    Column("When"),
    Column("By"),
    Column("Lines", numeric=True),
    Column("Credit", numeric=True),
)


class PreviewForm(Form):
    """The button that works the credit out."""

    submission = SubmissionField()


@bp.get("/admin/billing/incidents")
@requires(Permission.INCIDENT_READ)
def index() -> ResponseReturnValue:
    path = url_for("incidents.index")
    asked = Asked.read(request.args)
    return render_page(
        "incidents/index.html",
        crumbs=crumbs(),
        asked=asked,
        page=read_page(asked, request.args, path),
        columns=COLUMNS,
        chips=asked.chips(path),
        state_choices=STATE_CHOICES,
        path=path,
        state_of=State,
        words=words,
    )


@bp.get("/admin/billing/incidents/<id:incident_id>")
@requires(Permission.INCIDENT_READ)
def show(incident_id: int) -> ResponseReturnValue:
    incident = incident_or_404(incident_id)
    session = db.session()
    batches = queries.batches_of(session, incident_id)
    waiting = {BatchStatus.PREPARING, BatchStatus.READY}
    return render_page(
        "incidents/show.html",
        crumbs=crumbs(incident),
        incident=incident,
        state=State(incident.state),
        hit=queries.hit(session, incident_id),
        words=words,
        batches=batches,
        columns=BATCH_COLUMNS,
        preview=next((one for one in batches if one.kind == BatchKind.DOWNTIME and one.status in waiting), None),
        tag_of=tag_of,
        kind_words=kind_words,
        is_elsewhere=incident.time_zone != str(current_panel().zone),
        preview_form=PreviewForm(sent=False),
        dismiss_form=BareForm(sent=False),
    )


@bp.post("/admin/billing/incidents/<id:incident_id>/preview")
@requires(Permission.INCIDENT_WRITE)
def preview(incident_id: int) -> ResponseReturnValue:
    incident_or_404(incident_id)
    form = PreviewForm()
    if form.validate():
        try:
            return go_to_preview(incident_id, form.submission.key)
        except DomainError as error:
            notify("No preview was made.", str(error), kind="error")
    else:
        notify("This form had expired.", "Nothing was saved; press the button again.", kind="error")
    return redirect(url_for("incidents.show", incident_id=incident_id), 303)


@bp.post("/admin/billing/incidents/<id:incident_id>/dismiss")
@requires(Permission.INCIDENT_WRITE)
def dismiss(incident_id: int) -> ResponseReturnValue:
    return _put_away(incident_id, dismissed=True, lead="Incident dismissed.", text="Nothing is credited for it.")


@bp.post("/admin/billing/incidents/<id:incident_id>/take-up")
@requires(Permission.INCIDENT_WRITE)
def take_up(incident_id: int) -> ResponseReturnValue:
    return _put_away(incident_id, dismissed=False, lead="Incident taken up again.", text="")


def _put_away(incident_id: int, *, dismissed: bool, lead: str, text: str) -> ResponseReturnValue:
    incident_or_404(incident_id)
    if BareForm().validate():
        try:
            transact(incidents.dismiss, incident_id, by=current_actor(), dismissed=dismissed)
        except DomainError as error:
            notify("Nothing was changed.", str(error), kind="error")
        else:
            notify(lead, text)
    else:
        notify("This form had expired.", "Nothing was saved; press the button again.", kind="error")
    return redirect(url_for("incidents.show", incident_id=incident_id), 303)
