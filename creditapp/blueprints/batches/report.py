"""What a batch came to: posted, skipped and why, spent before it was taken back; and the file of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.batches import bp
from creditapp.blueprints.batches.finding import batch_or_404, crumbs, kind_words, may_issue, tag_of
from creditapp.blueprints.batches.forms import BillForm, GoForm
from creditapp.db import db
from creditapp.models import BatchKind, BatchLine, BatchStatus
from creditapp.permissions import Permission, can, requires
from creditapp.queries import batches as queries
from creditapp.services.ledger import reference
from creditapp.web import urls
from creditapp.web.exports import Number, csv_response, record_export
from creditapp.web.lists import Column, Page, Sort, link, make_page, read_cursor
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.throttle import EXPORTS, limiter

if TYPE_CHECKING:
    from sqlalchemy import Row

    from creditapp.queries.batches import Line

ROWS = 50
BY_LINE = Sort((BatchLine.__table__.c.line,), read=urls.each(urls.whole))
COLUMNS = (
    Column("Line", numeric=True),
    Column("User"),
    Column("For"),
    Column("What became of it"),
    Column("Amount", numeric=True),
)
HEADINGS = ("Line", "User", "Name", "For", "Amount", "Entry", "Skipped because", "Spent before", "Invoice")


def page(batch: Row[Any], form: Any = None, status: int = 200) -> ResponseReturnValue:  # noqa: ANN401  (a form or None)
    """Show the report of a batch that has ended or was stopped."""
    show = _show()
    spent = queries.spent(db.session(), batch.id) if batch.kind == BatchKind.REVERSAL else (0, 0)
    return render_page(
        "batches/report.html",
        form or GoForm(sent=False),
        bill_form=BillForm(sent=False),
        status=status,
        crumbs=crumbs(batch),
        batch=batch,
        page=_lines(batch, show),
        columns=COLUMNS,
        tabs=_tabs(batch, show),
        spent=spent,
        may=may_issue(batch),
        may_reverse=_may_reverse(batch),
        csv_url=url_for("batches.file", batch_id=batch.id, show=show or None),
        reference=reference,
        tag_of=tag_of,
        kind_words=kind_words,
    )


@bp.get("/admin/billing/batches/<id:batch_id>/report.csv")
@requires(Permission.CREDIT_EXPORT)
@limiter.limit(EXPORTS)
def file(batch_id: int) -> ResponseReturnValue:
    batch, show = batch_or_404(batch_id), _show()
    record_export("batch", batch_id, {"show": show})
    return csv_response(f"batch-{batch_id}.csv", HEADINGS, _rows(batch, show))


def _rows(batch: Row[Any], show: str) -> Iterator[Sequence[Any]]:
    plain = current_panel().currency.plain
    for line in queries.each_line(db.session(), batch, show):
        yield (
            line.line,
            line.customer_id,
            line.customer,
            line.label,
            Number(plain(line.amount_minor)),
            reference(line.customer_id, line.seq) if line.seq and line.customer_id else "",
            line.outcome,
            Number(plain(line.spent_minor)) if line.spent_minor else "",
            line.invoice_id,
        )


def _show() -> str:
    show = request.args.get("show", "")
    return show if show in queries.SHOWS else ""


def _lines(batch: Row[Any], show: str) -> Page:
    cursor = read_cursor(request.args, BY_LINE)
    backwards = cursor is not None and cursor.backwards
    lines, c = queries.select_lines(batch, show), BatchLine
    if cursor is not None:
        lines = lines.where(c.line < cursor.values[0] if backwards else c.line > cursor.values[0])
    lines = lines.order_by(c.line.desc() if backwards else c.line).limit(ROWS + 1)
    return make_page(
        queries.with_names(db.session(), batch, lines, descending=backwards),
        cursor,
        key_of=_line_number,
        url=lambda **to: link(request.path, {"show": show, **to}, "lines"),
        noun="lines",
        rows=ROWS,
    )


def _line_number(line: Line) -> list[int]:
    return [line.line]


def _tabs(batch: Row[Any], show: str) -> list[tuple[str, str, bool]]:
    path = url_for("batches.show", batch_id=batch.id)
    kept = dict(queries.SHOWS)
    if batch.kind != BatchKind.REVERSAL:
        del kept[queries.SPENT]
    return [(label, link(path, {"show": key}, "lines"), key == show) for key, label in kept.items()]


def _may_reverse(batch: Row[Any]) -> bool:
    is_over = batch.status in {BatchStatus.DONE, BatchStatus.STOPPED}
    return (
        is_over
        and batch.kind != BatchKind.REVERSAL
        and bool(batch.posted)
        and batch.reversed_by_id is None
        and can(Permission.BATCH_REVERSE)
    )
