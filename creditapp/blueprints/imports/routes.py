from __future__ import annotations

import json
from typing import Any, BinaryIO

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.exceptions import RequestEntityTooLarge

from creditapp.blueprints.imports import bp, uploads
from creditapp.blueprints.imports.forms import UploadForm
from creditapp.blueprints.imports.listing import SHOWN_MAX, Lists
from creditapp.db import db, transact
from creditapp.errors import ImportCrossedError, ImportFileError
from creditapp.permissions import Permission, requires
from creditapp.queries.imports import select_result
from creditapp.services import imports
from creditapp.services.imports import PAGE_BYTES_MAX, ImportRefusedError, Outcome
from creditapp.web.fields import refuse, refuse_form
from creditapp.web.forms import BareForm
from creditapp.web.lists import Column
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.sessions import current_actor
from creditapp.web.throttle import IMPORTS, limiter

BODY_BYTES_MAX = PAGE_BYTES_MAX + 1_000_000
"""The file, and what stands around it in a form: a little more, so that the import itself can say it is too large."""
COLUMNS = [Column("Line", numeric=True), *map(Column, ("Id", "Name", "Verdict")), Column("Opening", numeric=True)]


@bp.before_request
def _let_files_in() -> None:
    request.max_content_length = request.max_form_memory_size = BODY_BYTES_MAX


@bp.route("/admin/users/import", methods=["GET", "POST"])
@requires(Permission.CUSTOMER_IMPORT)
@limiter.limit(IMPORTS, methods=["POST"])
def upload() -> ResponseReturnValue:
    form = UploadForm()
    if form.validate_on_submit():
        try:
            imports.check(db.session(), form.content, bytes_max=PAGE_BYTES_MAX)
        except ImportFileError as error:
            refuse(form.box, error)
        else:
            token = uploads.keep(form.content, current_user.id)
            return redirect(url_for("imports.review", token=token), 303)
    return _upload_page(form)


@bp.get("/admin/users/import/<token>")
@requires(Permission.CUSTOMER_IMPORT)
def review(token: str) -> ResponseReturnValue:
    content = uploads.find(token, current_user.id)
    if content is None:
        return _gone(token)
    with content:
        return _review_page(BareForm(), token, content)


@bp.post("/admin/users/import/<token>")
@requires(Permission.CUSTOMER_IMPORT)
@limiter.limit(IMPORTS)
def confirm(token: str) -> ResponseReturnValue:
    content = uploads.find(token, current_user.id)
    if content is None:
        return _gone(token)
    form = BareForm()
    with content:
        if form.validate():
            try:
                transact(imports.post, content, by=current_actor(), key=token, bytes_max=PAGE_BYTES_MAX)
            except (ImportRefusedError, ImportCrossedError) as error:
                refuse_form(form, error)
            else:
                uploads.drop(token, current_user.id)
                return redirect(url_for("imports.result", token=token), 303)
        return _review_page(form, token, content)


@bp.get("/admin/users/import/<token>/result")
@requires(Permission.CUSTOMER_IMPORT)
def result(token: str) -> ResponseReturnValue:
    facts = _result(token)
    if facts is None:
        abort(404)
    return render_page("imports/result.html", crumbs=_crumbs("Result"), facts=facts)


@bp.errorhandler(RequestEntityTooLarge)
def _too_large(_error: RequestEntityTooLarge) -> ResponseReturnValue:
    form = UploadForm(sent=False)
    form.file.errors = [f"The file is larger than {PAGE_BYTES_MAX // 1_000_000} MB. Split it, or use the command line."]
    return _upload_page(form, status=413)


def _upload_page(form: UploadForm, *, status: int = 200) -> ResponseReturnValue:
    return render_page("imports/upload.html", form, crumbs=_crumbs(), status=status)


def _review_page(form: BareForm, token: str, content: BinaryIO) -> ResponseReturnValue:
    lists = Lists()
    report = imports.check(db.session(), content, bytes_max=PAGE_BYTES_MAX, told=lists.add)
    shown = lists.choose(request.args.get("show", ""))
    url = url_for("imports.review", token=token)
    tabs = [
        (f"{words} ({count:,})", f"{url}?show={outcome.name.lower()}", outcome is shown)
        for outcome, words, count in (
            (Outcome.REFUSED, "Problems", report.refused),
            (Outcome.NEW, "New", report.new),
            (Outcome.UNCHANGED, "Already there", report.unchanged),
        )
    ]
    return render_page(
        "imports/review.html",
        form,
        crumbs=_crumbs("Check"),
        report=report,
        tabs=tabs,
        columns=COLUMNS,
        verdicts=lists.of[shown],
        shown_max=SHOWN_MAX,
        token=token,
    )


def _gone(token: str) -> ResponseReturnValue:
    """Lead to what the import came to, or back to the first step when the upload is no longer there."""
    if _result(token) is not None:
        return redirect(url_for("imports.result", token=token), 303)
    notify("This upload is no longer here.", "Files are kept for an hour. Choose it again.", kind="warning")
    return redirect(url_for("imports.upload"), 303)


def _result(token: str) -> Any:  # noqa: ANN401  (the facts of a report, or None)
    kept = db.session.execute(select_result(token)).scalar_one_or_none()
    return None if kept is None else json.loads(kept)


def _crumbs(last: str | None = None) -> list[tuple[str, str | None]]:
    crumbs = [("Admin", None), ("Users", url_for("users.index")), ("Import", url_for("imports.upload"))]
    return [*crumbs, (last, None)] if last else crumbs
