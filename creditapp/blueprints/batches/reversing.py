"""Taking back what a whole batch gave."""

from __future__ import annotations

from flask import current_app, redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.blueprints.batches import bp
from creditapp.blueprints.batches.finding import batch_or_404, crumbs
from creditapp.blueprints.batches.forms import ReverseForm
from creditapp.db import transact
from creditapp.errors import BatchCountError, DomainError
from creditapp.jobs import batches as job
from creditapp.permissions import Permission, requires
from creditapp.services import batches
from creditapp.web.fields import refuse
from creditapp.web.pages import render_page
from creditapp.web.refusals import place
from creditapp.web.sessions import current_actor


@bp.route("/admin/billing/batches/<id:batch_id>/reversal/new", methods=["GET", "POST"])
@requires(Permission.BATCH_REVERSE)
def reverse(batch_id: int) -> ResponseReturnValue:
    form, status = ReverseForm(), 200
    batch = batch_or_404(batch_id)
    if form.validate_on_submit():
        try:
            reversal_id = transact(
                batches.reverse,
                batch_id,
                count=form.count.number or 0,
                bill_spent_too=form.spent.data == "invoice",
                note=form.note.text,
                by=current_actor(),
                key=form.submission.key,
            )
        except BatchCountError as error:
            refuse(form.count, error)
        except DomainError as error:
            status, batch = place(form, error), batch_or_404(batch_id)
        else:
            job.nudge(current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001  (Flask's way)
            return redirect(url_for("batches.show", batch_id=reversal_id), 303)
    return render_page("batches/reverse.html", form, status=status, crumbs=crumbs(batch, "Take back"), batch=batch)
