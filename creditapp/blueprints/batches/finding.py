"""Finding a batch, and what people may do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import abort, url_for

from creditapp.db import db
from creditapp.models import BatchKind, BatchStatus
from creditapp.permissions import Permission, can
from creditapp.queries import batches as queries

if TYPE_CHECKING:
    from sqlalchemy import Row

KINDS = {
    BatchKind.DOWNTIME: "Downtime credit",
    BatchKind.IMPORT: "Adjustments from a file",
    BatchKind.REVERSAL: "Taking back",
}
TAGS = {
    BatchStatus.PREPARING: ("Being worked out", "info"),
    BatchStatus.READY: ("Not issued", "open"),
    BatchStatus.ISSUING: ("Being issued", "info"),
    BatchStatus.STOPPED: ("Stopped", "waiting"),
    BatchStatus.DONE: ("Done", "done"),
    BatchStatus.DROPPED: ("Dropped", "system"),
    BatchStatus.FAILED: ("Failed", "wrong"),
}


def batch_or_404(batch_id: int) -> Row[Any]:
    """Return the batch of this page, read anew."""
    found = queries.find(db.session(), batch_id)
    if found is None:
        abort(404)
    return found


def may_issue(batch: Row[Any]) -> bool:
    """Return whether this person may issue, stop and drop batches of this kind."""
    wanted = {
        BatchKind.DOWNTIME: Permission.INCIDENT_WRITE,
        BatchKind.IMPORT: Permission.CREDIT_IMPORT,
        BatchKind.REVERSAL: Permission.BATCH_REVERSE,
    }
    return can(wanted[BatchKind(batch.kind)])


def changeable_or_404(batch_id: int) -> Row[Any]:
    """Return the batch that this person is about to change; who may not is refused."""
    batch = batch_or_404(batch_id)
    if not may_issue(batch):
        abort(403)
    return batch


def crumbs(batch: Row[Any], here: str = "") -> list[tuple[str, str | None]]:
    """Return the way to a page about a batch."""
    way: list[tuple[str, str | None]] = [("Admin", None), ("Billing", None)]
    if batch.incident_id is not None:
        way.append(("Incidents", url_for("incidents.index")))
        way.append((batch.incident_title, url_for("incidents.show", incident_id=batch.incident_id)))
    else:
        way.append(("Batches", url_for("batches.index")))
    name = f"Batch #{batch.id}"
    return [*way, (name, url_for("batches.show", batch_id=batch.id)), (here, None)] if here else [*way, (name, None)]


def tag_of(status: str) -> tuple[str, str]:
    """Return how a batch's status is written and drawn."""
    return TAGS[BatchStatus(status)]


def kind_words(kind: str) -> str:
    return KINDS[BatchKind(kind)]
