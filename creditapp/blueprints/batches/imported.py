"""The dry run of a file of adjustments: a verdict on each line, what they come to, and the lines to be corrected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.batches import bp
from creditapp.blueprints.batches.finding import batch_or_404, crumbs, may_issue
from creditapp.db import db, snapshot
from creditapp.models import BatchKind, BatchLine, BatchStatus, LineFlag
from creditapp.money import AmountError
from creditapp.permissions import Permission, requires
from creditapp.queries import adjustment_files as queries
from creditapp.services import adjustment_files
from creditapp.services.adjustment_files import Terms, Totals
from creditapp.web import urls
from creditapp.web.exports import Number, csv_response, record_export
from creditapp.web.lists import Column, Page, Sort, link, make_page, read_cursor, select_page
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.throttle import EXPORTS, limiter

if TYPE_CHECKING:
    from sqlalchemy import Row

    from creditapp.blueprints.batches.forms import IssueForm

COLUMNS = (
    *(Column("Line", numeric=True), Column("User"), Column("Verdict"), Column("Reason"), Column("Note")),
    Column("Amount", numeric=True),
)
REASON_COLUMNS = (Column("Reason"), *(Column(label, numeric=True) for label in ("Lines", "Added", "Removed")))
CAUSE_COLUMNS = (Column("Refused for"), Column("Lines", numeric=True))
SORT = Sort((BatchLine.__table__.c.line,), read=urls.each(urls.whole))
SHOWS = {"": None, "to-post": LineFlag.NONE, "refused": LineFlag.REFUSED, "repeated": LineFlag.REPEATED}
"""What the URL calls the verdicts."""


def page(batch: Row[Any], form: IssueForm, status: int = 200) -> ResponseReturnValue:
    """Show what posting the file would do; `form` confirms it by its count."""
    session, terms = db.session(), Terms.from_json(batch.terms)
    show = request.args.get("show", "") if request.args.get("show", "") in SHOWS else ""
    return render_page(
        "batches/imported.html",
        form,
        status=status,
        crumbs=crumbs(batch),
        batch=batch,
        totals=terms.totals,
        terms=terms,
        may=may_issue(batch),
        tabs=_tabs(batch.id, show, terms.totals),
        page=_lines(batch.id, show, terms.totals),
        columns=COLUMNS,
        reasons=_by_reason(queries.reason_names(session), terms.totals),
        reason_columns=REASON_COLUMNS,
        causes=sorted(terms.totals.causes.items(), key=lambda one: -one[1]),
        cause_columns=CAUSE_COLUMNS,
        same=queries.same_file(session, batch.id, batch.source_digest),
        refused_url=url_for("batches.export_refused", batch_id=batch.id),
    )


@bp.get("/admin/billing/batches/<id:batch_id>/refused.csv")
@requires(Permission.CREDIT_EXPORT)
@limiter.limit(EXPORTS)
def export_refused(batch_id: int) -> ResponseReturnValue:
    batch = batch_or_404(batch_id)
    if batch.kind != BatchKind.IMPORT or batch.status in {BatchStatus.PREPARING, BatchStatus.DROPPED}:
        abort(404)
    record_export("refused lines", batch_id, {})
    terms = Terms.from_json(batch.terms)
    way = adjustment_files.way_of(terms.table)
    who = {"number": "customer_id"}.get(way, way)
    headings = (who, *adjustment_files.HEADINGS[1:], "line", "problem")
    return csv_response(f"refused-lines-of-batch-{batch_id}.csv", headings, _refused_rows(batch_id, terms, way))


def _lines(batch_id: int, show: str, totals: Totals) -> Page:
    cursor = read_cursor(request.args, SORT)
    found = select_page(queries.select_lines(batch_id, SHOWS[show]), SORT, cursor)
    backwards = cursor is not None and cursor.backwards
    return make_page(
        db.session().execute(queries.with_names(found, descending=backwards)).all(),
        cursor,
        key_of=lambda row: (row.line,),
        url=lambda **to: link(_path(batch_id), {"show": show, **to}, "lines"),
        noun="lines",
        total=f"{_counts(totals)[show]:,}",
    )


def _tabs(batch_id: int, show: str, totals: Totals) -> list[tuple[str, str, bool]]:
    words = {"": "All", "to-post": "To post", "refused": "Refused", "repeated": "Posted before"}
    counts = _counts(totals)
    return [
        (f"{words[one]} ({counts[one]:,})", link(_path(batch_id), {"show": one}, "lines"), one == show)
        for one in SHOWS
        if not one or counts[one]
    ]


def _counts(totals: Totals) -> dict[str, int]:
    return {"": totals.lines, "to-post": totals.to_post, "refused": totals.refused, "repeated": totals.repeated}


def _path(batch_id: int) -> str:
    return url_for("batches.show", batch_id=batch_id)


def _by_reason(names: dict[int, str], totals: Totals) -> list[tuple[str, int, int, int]]:
    """Return each reason's name, lines, and what is added and removed for it; the most lines first."""
    rows = [
        (names.get(int(reason_id), reason_id), lines, added, removed)
        for reason_id, (lines, added, removed) in totals.reasons.items()
    ]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def _refused_rows(batch_id: int, terms: Terms, way: str) -> Iterator[Sequence[Any]]:
    """Yield the refused lines as the file had them, in our order of columns, and what is wrong with each."""
    places = [terms.table.places.get(column) for column in (way, *adjustment_files.HEADINGS[1:])]
    with snapshot() as session:
        for row in queries.refused_lines(session, batch_id):
            cells = dict(enumerate(adjustment_files.cells_of(row.note)))
            who, amount, *rest = ["" if place is None else cells.get(place, "") for place in places]
            yield who, _amount(amount), *rest, row.line, row.problem


def _amount(cell: str) -> str:
    """Return an amount as a number, so that its minus is not taken for a formula; anything else as it is."""
    currency = current_panel().currency
    try:
        return Number(currency.plain(currency.parse(cell.strip())))
    except AmountError:
        return cell
