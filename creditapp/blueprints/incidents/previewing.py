"""Making the preview of an incident's credit: at once where few were hit, otherwise by the worker."""

from __future__ import annotations

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from creditapp.db import db, transact
from creditapp.queries import incidents as queries
from creditapp.services import downtime_lines
from creditapp.web.sessions import current_actor


def go_to_preview(incident_id: int, key: str) -> ResponseReturnValue:
    """Make the preview and lead to it.

    Raises:
        DomainError: there is nothing to preview.
    """
    batch_id = transact(downtime_lines.prepare, incident_id, by=current_actor(), key=key)
    if queries.expected_lines(db.session(), batch_id) <= downtime_lines.AT_ONCE_MAX:
        while transact(downtime_lines.prepare_chunk, batch_id):
            pass
    return redirect(url_for("batches.show", batch_id=batch_id), 303)
