"""The preview of an incident's credit: every line with its arithmetic, to be left out, included or changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from flask import abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.batches import bp
from creditapp.blueprints.batches.finding import batch_or_404, crumbs, may_issue
from creditapp.blueprints.batches.forms import GoForm, IssueForm
from creditapp.blueprints.batches.shown_lines import (
    BY_LINE,
    COLUMNS,
    FLAGS,
    SHOWS,
    TONES,
    Asked,
    Shower,
    all_lines,
    figure,
    read_page,
)
from creditapp.blueprints.incidents import words
from creditapp.db import db, snapshot, transact
from creditapp.errors import DomainError
from creditapp.models import BatchKind, BatchStatus
from creditapp.permissions import Permission, can, requires
from creditapp.queries import batch_lines as queries
from creditapp.services import batch_lines
from creditapp.web.exports import Number, csv_response, record_export
from creditapp.web.fields import AmountField, LineField
from creditapp.web.filters import money, plain
from creditapp.web.lists import link, sortable
from creditapp.web.notices import notify
from creditapp.web.pages import render_page
from creditapp.web.panel import current_panel
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor
from creditapp.web.throttle import EXPORTS, limiter

if TYPE_CHECKING:
    from sqlalchemy import Row

HEADINGS = (
    *("line", "customer_id", "customer", "company", "email", "subscription_id", "subscription", "price", "months"),
    *("tax_percent", "monthly_fee", "down_seconds", "uptime", "share", "computed", "credit", "currency", "included"),
    *("flag", "problem", "changed_why", "changed_by", "arithmetic"),
)
_ACT = re.compile(r"(tick|untick) (all|[1-9][0-9]{0,8})", re.ASCII)


class ChangeForm(GoForm):
    """Another amount for one line, and why."""

    amount = AmountField("Credit")
    why = LineField(
        "Why", chars_max=batch_lines.WHY_CHARS_MAX, required="Say why the amount differs from what the policy gives."
    )


def page(batch: Row[Any], form: IssueForm, status: int = 200) -> ResponseReturnValue:
    """Show what issuing the batch would do; `form` confirms it by its count."""
    session, path = db.session(), url_for("batches.show", batch_id=batch.id)
    asked, shower = Asked.read(request.args), Shower(batch.terms, str(current_panel().zone))
    totals = queries.totals(session, batch.id)
    found = read_page(session, batch.id, asked, request.args, path)
    may = may_issue(batch)
    export_url = link(url_for("batches.export_lines", batch_id=batch.id), asked.args)
    return render_page(
        "batches/preview.html",
        form,
        status=status,
        crumbs=crumbs(batch),
        batch=batch,
        outage=shower.basis.outage,
        policy=shower.basis.policy,
        words=words,
        totals=totals,
        figure=figure(session, batch.id, totals),
        asked=asked,
        chips=asked.chips(path),
        path=path,
        page=found,
        lines=[shower.show(row) for row in found.rows],
        columns=sortable(COLUMNS if may else COLUMNS[:-1], asked.sort, BY_LINE, path, asked.args, anchor="lines"),
        flags=FLAGS,
        tones=TONES,
        flag_choices=[("", "Any"), *((str(flag) or "none", label) for flag, label in FLAGS.items())],
        show_choices=[("", "All"), *SHOWS.items()],
        may=may,
        lines_url=link(url_for("batches.tick_lines", batch_id=batch.id), asked.args),
        lines_form=GoForm(sent=False),
        export_url=export_url if can(Permission.CREDIT_EXPORT) else None,
    )


@bp.post("/admin/billing/batches/<id:batch_id>/lines")
@requires(Permission.INCIDENT_WRITE)
def tick_lines(batch_id: int) -> ResponseReturnValue:
    _preview_or_404(batch_id)
    form, asked = GoForm(), Asked.read(request.args)
    act = _ACT.fullmatch(request.form.get("act", ""))
    if not form.validate() or act is None:
        notify("This form had expired.", "Nothing was saved; press the button again.", kind="error")
        return redirect(_back(batch_id, asked), 303)
    turn = batch_lines.tick if act[1] == "tick" else batch_lines.untick
    wanted = asked.wanted if act[2] == "all" else int(act[2])
    try:
        turned = transact(turn, batch_id, wanted, by=current_actor(), key=form.submission.key)
    except DomainError as error:
        notify("Nothing was changed.", error.sentence(money), kind="error")
    else:
        if act[2] == "all":
            lines = f"{turned:,} line{'' if turned == 1 else 's'}"
            notify(f"{lines} {'included' if act[1] == 'tick' else 'left out'}.")
    return redirect(_back(batch_id, asked, "lines" if act[2] == "all" else f"line-{act[2]}"), 303)


@bp.route("/admin/billing/batches/<id:batch_id>/lines/<id:line>", methods=["GET", "POST"])
@requires(Permission.INCIDENT_WRITE)
def change_line(batch_id: int, line: int) -> ResponseReturnValue:
    batch = _preview_or_404(batch_id)
    row = queries.find_line(db.session(), batch_id, line) or abort(404)
    form = ChangeForm(data={"amount": plain(row.amount_minor) if row.amount_minor else "", "why": row.changed_why})
    asked, status = Asked.read(request.args), 200
    if form.validate_on_submit():
        act: dict[str, Any] = {"why": form.why.text, "by": current_actor(), "key": form.submission.key}
        try:
            transact(batch_lines.change, batch_id, line, form.amount.minor, **act)
        except DomainError as error:
            status = place(form, error)
        else:
            notify(f"Line {line} changed.", f"{row.customer} gets {money(form.amount.minor)}.")
            return redirect(_back(batch_id, asked, f"line-{line}"), 303)
    return render_page(
        "batches/line.html",
        form,
        status=status,
        crumbs=crumbs(batch, f"Line {line}"),
        batch=batch,
        line=Shower(batch.terms, str(current_panel().zone)).show(row),
        flags=FLAGS,
        back_url=_back(batch_id, asked, f"line-{line}"),
        action=link(request.path, asked.args),
    )


@bp.get("/admin/billing/batches/<id:batch_id>/lines.csv")
@requires(Permission.CREDIT_EXPORT)
@limiter.limit(EXPORTS)
def export_lines(batch_id: int) -> ResponseReturnValue:
    batch = batch_or_404(batch_id)
    if batch.kind != BatchKind.DOWNTIME or batch.status in {BatchStatus.PREPARING, BatchStatus.DROPPED}:
        abort(404)
    asked = Asked.read(request.args)
    record_export("batch_lines", batch_id, {name: value for name, value in asked.args.items() if value})
    return csv_response(f"lines-of-batch-{batch_id}.csv", HEADINGS, _rows(batch, asked))


def _preview_or_404(batch_id: int) -> Row[Any]:
    """Return the preview with this number, issued meanwhile or not: then the service says so."""
    batch = batch_or_404(batch_id)
    return batch if batch.kind == BatchKind.DOWNTIME else abort(404)


def _back(batch_id: int, asked: Asked, anchor: str = "lines") -> str:
    """Return where somebody was before: the page of the list, with its filters."""
    kept = {name: request.args.get(name, "") for name in ("after", "before")}
    return link(url_for("batches.show", batch_id=batch_id), {**asked.args, **kept}, anchor)


def _rows(batch: Row[Any], asked: Asked) -> Iterator[Sequence[Any]]:
    """Yield the lines of one moment of the database."""
    shower, code = Shower(batch.terms, str(current_panel().zone)), current_panel().currency.code
    with snapshot() as session:
        for row in all_lines(session, batch.id, asked):
            shown = shower.show(row)
            yield (
                *(row.line, row.customer_id, row.customer, row.company, row.email, row.subscription_id, row.label),
                Number(plain(row.price_minor)),
                row.months,
                Number(f"{row.tax_bp // 100}.{row.tax_bp % 100:02d}"),
                shown.credit and Number(plain(shown.credit.monthly_minor)),
                *(row.down_seconds, shown.uptime, shown.share),
                *(Number(plain(row.computed_minor)), Number(plain(row.amount_minor)), code),
                *("yes" if row.is_included else "no", row.flag, row.problem, row.changed_why, row.changer),
                shown.arithmetic,
            )
