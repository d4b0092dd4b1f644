"""Batches: the list, one of them wherever it stands, and what moves it on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.batches import bp, imported, preview, report
from creditapp.blueprints.batches.finding import batch_or_404, changeable_or_404, crumbs, kind_words, may_issue, tag_of
from creditapp.blueprints.batches.forms import BillForm, GoForm, IssueForm
from creditapp.db import db, transact
from creditapp.errors import BatchCountError, DomainError
from creditapp.jobs import batches as job
from creditapp.models import Batch, BatchKind, BatchStatus
from creditapp.permissions import Permission, requires
from creditapp.queries import batches as queries
from creditapp.services import batches, numbers
from creditapp.web import urls
from creditapp.web.fields import refuse
from creditapp.web.lists import Column, Sort, link, make_page, read_cursor, select_page
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor

if TYPE_CHECKING:
    from sqlalchemy import Row

COLUMNS = (
    Column("Batch"),
    Column("What"),
    Column("Status"),
    Column("Made"),
    Column("By"),
    Column("Lines", numeric=True),
    Column("Posted", numeric=True),
)
NEWEST = Sort((Batch.__table__.c.id,), descending=True, read=urls.each(urls.whole))


@bp.get("/admin/billing/batches")
@requires(Permission.INCIDENT_READ)
def index() -> ResponseReturnValue:
    cursor = read_cursor(request.args, NEWEST)
    found = db.session.execute(select_page(queries.select_batches(), NEWEST, cursor)).all()
    page = make_page(
        found, cursor, key_of=lambda row: [row.id], url=lambda **to: link(request.path, to), noun="batches"
    )
    return render_page(
        "batches/index.html",
        crumbs=[("Admin", None), ("Billing", None), ("Batches", None)],
        page=page,
        columns=COLUMNS,
        tag_of=tag_of,
        kind_words=kind_words,
    )


@bp.get("/admin/billing/batches/<id:batch_id>")
@requires(Permission.INCIDENT_READ)
def show(batch_id: int) -> ResponseReturnValue:
    return _page(batch_or_404(batch_id))


@bp.post("/admin/billing/batches/<id:batch_id>/issue")
@requires(Permission.INCIDENT_WRITE)
def issue(batch_id: int) -> ResponseReturnValue:
    batch, form = changeable_or_404(batch_id), IssueForm()
    status = 422
    if form.validate_on_submit():
        try:
            transact(batches.issue, batch_id, count=form.count.number or 0, by=current_actor(), key=form.submission.key)
        except BatchCountError as error:
            refuse(form.count, error)
        except DomainError as error:
            status = place(form, error)
        else:
            _nudge()
            return redirect(url_for("batches.show", batch_id=batch_id), 303)
        batch = batch_or_404(batch_id)
    return _page(batch, form, status)


@bp.post("/admin/billing/batches/<id:batch_id>/stop")
@requires(Permission.INCIDENT_WRITE)
def stop(batch_id: int) -> ResponseReturnValue:
    return _move(batch_id, batches.stop, "Stopped.")


@bp.post("/admin/billing/batches/<id:batch_id>/resume")
@requires(Permission.INCIDENT_WRITE)
def resume(batch_id: int) -> ResponseReturnValue:
    return _move(batch_id, batches.resume, "")


@bp.post("/admin/billing/batches/<id:batch_id>/drop")
@requires(Permission.INCIDENT_WRITE)
def drop(batch_id: int) -> ResponseReturnValue:
    return _move(batch_id, batches.drop, "Dropped. Nothing was posted.")


@bp.post("/admin/billing/batches/<id:batch_id>/bills")
@requires(Permission.BATCH_REVERSE)
def bill(batch_id: int) -> ResponseReturnValue:
    batch, form = changeable_or_404(batch_id), BillForm()
    if not form.line.data:
        return _move(batch_id, batches.want_bills, "")
    status = 422
    if form.validate_on_submit():
        try:
            transact(
                batches.bill_line,
                batch_id,
                form.line.number or 0,
                transact(numbers.reserve, "invoices"),
                by=current_actor(),
                key=form.submission.key,
            )
        except DomainError as error:
            status, batch = place(form, error), batch_or_404(batch_id)
        else:
            notify("An invoice has been raised.")
            return redirect(url_for("batches.show", batch_id=batch_id, show="spent"), 303)
    return _page(batch, form, status)


def _move(batch_id: int, service: Callable[..., None], said: str) -> ResponseReturnValue:
    """Stop a batch, let it go on, or drop it; then show where it stands."""
    batch, form = changeable_or_404(batch_id), GoForm()
    status = 422
    if form.validate_on_submit():
        try:
            transact(service, batch_id, by=current_actor(), key=form.submission.key)
        except DomainError as error:
            status, batch = place(form, error), batch_or_404(batch_id)
        else:
            if said:
                notify(said)
            _nudge()
            return redirect(url_for("batches.show", batch_id=batch_id), 303)
    return _page(batch, form, status)


def _page(batch: Row[Any], form: Any = None, status: int = 200) -> ResponseReturnValue:  # noqa: ANN401  (a form or None)
    """Show the batch as it stands: what it would post, how far it has come, or what it came to."""
    if batch.status == BatchStatus.READY:
        asking = form if isinstance(form, IssueForm) else IssueForm(sent=False)
        show_lines = preview.page if batch.kind == BatchKind.DOWNTIME else imported.page
        return show_lines(batch, asking, status)
    if batch.status in {BatchStatus.PREPARING, BatchStatus.ISSUING}:
        return render_page(
            "batches/progress.html", form or GoForm(sent=False), status=status, crumbs=crumbs(batch), **progress(batch)
        )
    return report.page(batch, form, status)


def progress(batch: Row[Any]) -> dict[str, Any]:
    """Return what the progress bar says."""
    preparing = batch.status == BatchStatus.PREPARING
    done = batch.lines if preparing else batch.posted + batch.skipped
    of = batch.expected if preparing else batch.to_post
    return {
        "batch": batch,
        "preparing": preparing,
        "done": min(done, of) if of else done,
        "of": of,
        "percent": min(100, done * 100 // of) if of else None,
        "may": may_issue(batch),
        "tag_of": tag_of,
        "kind_words": kind_words,
    }


def _nudge() -> None:
    job.nudge(current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001  (Flask's documented way)
