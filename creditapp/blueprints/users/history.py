"""One customer's credit history as a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from creditapp.blueprints.users import bp
from creditapp.blueprints.users.finding import profile_or_404
from creditapp.db import snapshot
from creditapp.models import CreditEntry
from creditapp.permissions import Permission, requires
from creditapp.queries import entries, merged
from creditapp.services import ledger
from creditapp.web.exports import Number, csv_response, record_export
from creditapp.web.filters import plain, utc
from creditapp.web.throttle import EXPORTS, limiter

HEADINGS = (
    *("Entry", "Posted at (UTC)", "Effective on", "Description", "Reason", "Amount", "Balance after"),
    *("Note", "Line the customer sees", "Ticket", "By", "Reverses", "Reversed by"),
)


@bp.route("/admin/users/<id:customer_id>/credit/history.csv")
@requires(Permission.HISTORY_EXPORT)
@limiter.limit(EXPORTS)
def export_history(customer_id: int) -> ResponseReturnValue:
    profile_or_404(customer_id)
    folded = request.args.get("folded") == "1"
    record_export("history", customer_id, {"folded": folded})
    return csv_response(f"credit-history-{customer_id}.csv", HEADINGS, _lines(customer_id, folded=folded))


def _lines(customer_id: int, *, folded: bool) -> Iterator[tuple[Any, ...]]:
    with snapshot() as session:
        absorbed = merged.family_of(session, customer_id)[1:]
        wanted = entries.select_history(customer_id, folded=folded, absorbed=absorbed).subquery()
        e = CreditEntry
        order = (e.posted_at.desc(), e.customer_id.desc(), e.seq.desc()) if absorbed else (e.seq.desc(),)
        statement = entries.select_history_rows(wanted).order_by(*order)
        for row in session.execute(statement.execution_options(yield_per=1000)):
            yield (
                ledger.reference(row.customer_id, row.seq),
                utc(row.posted_at),
                row.effective_on.isoformat(),
                row.description,
                row.reason,
                Number(plain(row.amount_minor)),
                Number(plain(row.balance_after_minor)),
                row.note,
                row.customer_note,
                row.ticket_ref,
                row.staff_name or row.actor.capitalize(),
                ledger.reference(row.customer_id, row.reversed_seq) if row.reversed_seq else None,
                ledger.reference(row.customer_id, row.reversed_by) if row.reversed_by else None,
            )
