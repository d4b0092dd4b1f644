"""The list of acts, its file, and one act with what was so before and after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from creditapp.blueprints.audit import bp, words
from creditapp.blueprints.audit.asking import Asked, Seen, read_seen
from creditapp.blueprints.audit.chain import VerifyForm, read_proofs
from creditapp.blueprints.audit.listing import COLUMNS, HEADINGS, lines, read_page
from creditapp.blueprints.audit.showing import act_of, changes_of
from creditapp.db import db, snapshot
from creditapp.permissions import Permission, can, requires
from creditapp.queries import audit as queries
from creditapp.queries.audit import ACT
from creditapp.web.exports import csv_response, record_export
from creditapp.web.lists import Column, link
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.throttle import EXPORTS, limiter

CHANGE_COLUMNS = (Column("Field"), Column("Before"), Column("After"))


@bp.get("/admin/audit")
@requires(Permission.AUDIT_READ)
def index() -> ResponseReturnValue:
    path, seen = url_for("audit.index"), _seen()
    asked = Asked.read(request.args, seen, current_panel())
    proofs = read_proofs() if can(Permission.AUDIT_VERIFY) else None
    return render_page(
        "audit/index.html",
        VerifyForm(sent=False) if proofs else None,
        crumbs=[("Admin", None), ("Audit log", None)],
        asked=asked,
        page=read_page(db.session(), asked, request.args, path, act_of),
        columns=COLUMNS,
        chips=asked.chips(path),
        seen=seen,
        what_choices=words.action_choices(),
        object_choices=words.object_choices(),
        proofs=proofs,
        path=path,
        export_url=link(url_for("audit.export"), asked.args) if proofs else None,
    )


@bp.get("/admin/audit/<id:audit_seq>")
@requires(Permission.AUDIT_READ)
def show(audit_seq: int) -> ResponseReturnValue:
    row = queries.find(db.session(), audit_seq, _seen().people)
    if row is None:
        abort(404)
    return render_page(
        "audit/show.html",
        crumbs=[("Admin", None), ("Audit log", url_for("audit.index")), (f"#{audit_seq}", None)],
        act=act_of(ACT, row),
        changes=changes_of(row.details),
        columns=CHANGE_COLUMNS,
        erased_at=row.erased_at,
    )


@bp.get("/admin/audit/export.csv")
@requires(Permission.AUDIT_VERIFY)
@limiter.limit(EXPORTS)
def export() -> ResponseReturnValue:
    asked = Asked.read(request.args, _seen(), current_panel())
    record_export("audit", None, asked.args)
    return csv_response(f"audit-{current_panel().today()}.csv", HEADINGS, _from_snapshot(asked))


def _seen() -> Seen:
    """Return whose acts the person who asks may see."""
    return read_seen(db.session(), current_user.id, current_user.role, everybody=can(Permission.AUDIT_VERIFY))


def _from_snapshot(asked: Asked) -> Iterator[Sequence[Any]]:
    """Yield rows of one moment of the database."""
    panel = current_panel()
    with snapshot() as session:
        yield from lines(session, asked, panel)
