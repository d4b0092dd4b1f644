"""Adjustments from a file: uploaded or pasted, judged line by line, and then a batch like any other."""

from __future__ import annotations

from flask import current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge
from wtforms import BooleanField

from creditapp.blueprints.credits import bp
from creditapp.blueprints.imports.forms import UploadForm
from creditapp.db import transact
from creditapp.errors import FormReusedError, ImportFileError
from creditapp.jobs import batches as jobs
from creditapp.permissions import Permission, requires
from creditapp.services import adjustment_files
from creditapp.services.imports import PAGE_BYTES_MAX as PASTED_BYTES_MAX
from creditapp.web.exports import Number, csv_response
from creditapp.web.fields import SubmissionField, refuse, refuse_form
from creditapp.web.lists import Column
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.sessions import current_actor
from creditapp.web.throttle import IMPORTS, limiter

FILE_BYTES_MAX = 100_000_000
BODY_BYTES_MAX = FILE_BYTES_MAX + 1_000_000
"""The file, and what stands around it in a form: a little more, so that the check itself can say it is too large."""
COLUMNS = [Column(heading, numeric=heading == "amount") for heading in adjustment_files.HEADINGS]
LINES_AT_ONCE = 2000
"""So many lines are judged while the page is waited for; the worker judges longer files."""


class AdjustmentsForm(UploadForm):
    """Either a file of adjustments or pasted lines."""

    again = BooleanField("Post lines again that have been posted before")
    submission = SubmissionField()

    @property
    def name(self) -> str:
        """What the file is called where it comes from, without folders; empty for pasted lines."""
        sent = "" if self._upload is None else self._upload.filename or ""
        return sent.replace("\\", "/").rpartition("/")[2]


@bp.before_request
def _let_files_in() -> None:
    if request.endpoint == "credits.import_adjustments":
        request.max_content_length = BODY_BYTES_MAX
        request.max_form_memory_size = PASTED_BYTES_MAX + 1_000_000


@bp.route("/admin/billing/credits/import", methods=["GET", "POST"])
@requires(Permission.CREDIT_IMPORT)
@limiter.limit(IMPORTS, methods=["POST"])
def import_adjustments() -> ResponseReturnValue:
    form = AdjustmentsForm()
    if form.validate_on_submit():
        try:
            batch_id = _judge(form)
        except ImportFileError as error:
            refuse(form.box, error)
        except FormReusedError as error:
            refuse_form(form, error)
        else:
            return redirect(url_for("batches.show", batch_id=batch_id), 303)
    return _page(form)


@bp.get("/admin/billing/credits/import/template.csv")
@requires(Permission.CREDIT_IMPORT)
def import_template() -> ResponseReturnValue:
    rows = [[who, Number(amount), *rest] for who, amount, *rest in adjustment_files.example(current_panel().currency)]
    return csv_response("adjustments.csv", adjustment_files.HEADINGS, rows)


@bp.errorhandler(RequestEntityTooLarge)
def _too_large(_error: RequestEntityTooLarge) -> ResponseReturnValue:
    form = AdjustmentsForm(sent=False)
    told = f"The file is larger than {FILE_BYTES_MAX // 1_000_000} MB, or what was pasted is very long."
    form.file.errors = [f"{told} Split it, or use the command line."]
    return _page(form, status=413)


def _judge(form: AdjustmentsForm) -> int:
    """Keep what was sent, judge it if it is short, and return its batch."""
    shape = adjustment_files.check(form.content, bytes_max=FILE_BYTES_MAX)
    batch_id = transact(
        adjustment_files.upload,
        form.content,
        shape,
        name=form.name,
        by=current_actor(),
        key=form.submission.key,
        again=form.again.data,
    )
    if shape.lines > LINES_AT_ONCE:
        jobs.nudge(current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001  (Flask's documented way)
        return batch_id
    while transact(adjustment_files.prepare_chunk, batch_id):
        pass
    return batch_id


def _page(form: AdjustmentsForm, *, status: int = 200) -> ResponseReturnValue:
    crumbs = [("Admin", None), ("Billing", None), ("Credits", url_for("credits.index")), ("Import", None)]
    return render_page(
        "credits/import.html",
        form,
        status=status,
        crumbs=crumbs,
        columns=COLUMNS,
        example=adjustment_files.example(current_panel().currency),
    )
