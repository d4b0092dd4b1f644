"""Batches as their preparation leaves them, and the job that goes on with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from creditapp.db import db, transact
from creditapp.jobs import batches as job
from creditapp.models import Batch, BatchLine, CreditEntry, Incident, PolicyMethod
from creditapp.services import batches
from creditapp.services.actor import Actor
from creditapp.services.batches import BatchRow
from creditapp.services.downtime.reckoning import Outage
from creditapp.services.downtime.terms import Terms
from creditapp.services.downtime_lines import Basis
from tests.factories import actor, make_subscription, new_key

STARTS, ENDS = datetime(2026, 3, 2, 8, 0, tzinfo=UTC), datetime(2026, 3, 2, 11, 20, tzinfo=UTC)
PRO_RATA = Basis("Pro rata", Terms(method=PolicyMethod.PRO_RATA), Outage(STARTS, ENDS), prices_include_tax=False)
Lines = Sequence[tuple[int, int]]
"""Customer and amount."""


def make_incident(title: str = "web07 down") -> int:
    """Make an incident of 3 h 20 min that names no subscriptions; return its id."""
    return transact(_insert_incident, title)


def make_batch(lines: Lines, *, incident_id: int | None = None, **fields: Any) -> int:  # noqa: ANN401  (columns)
    """Make a batch of downtime credit that can be issued, with a subscription for each line; return its id."""
    incident_id = incident_id or make_incident()
    rows = [(customer_id, make_subscription(customer_id), amount_minor) for customer_id, amount_minor in lines]
    return transact(_insert_batch, incident_id, rows, fields)


def preview_again(batch_id: int) -> int:
    """Make another batch of the same lines, as if the first had not been there; return its id."""
    return transact(_insert_copy, batch_id)


def issue(batch_id: int, count: int, *, run: bool = True, by: Actor | None = None, key: str | None = None) -> None:
    """Issue the batch as an administrator, and let the job go on with it."""
    transact(batches.issue, batch_id, count=count, by=by or actor(), key=key or new_key())
    if run:
        job.run_one(batch_id)


def take_back(batch_id: int, count: int, *, bill_spent_too: bool = False) -> int:
    """Take the batch back as an administrator, let the job do it, and return the reversal's number."""
    reversal_id = transact(
        batches.reverse, batch_id, count=count, bill_spent_too=bill_spent_too, by=actor(), key=new_key()
    )
    job.run_one(reversal_id)
    return reversal_id


def look(batch_id: int) -> BatchRow:
    return transact(batches.find, batch_id)


def lines_of(batch_id: int) -> Sequence[Any]:
    """Return the lines of the batch, in order."""
    db.session.rollback()
    return db.session.scalars(select(BatchLine).where(BatchLine.batch_id == batch_id).order_by(BatchLine.line)).all()


def entries_of(batch_id: int) -> list[tuple[int, int, str]]:
    """Return customer, amount and description of what a batch posted, in the order of customers."""
    db.session.rollback()
    e = CreditEntry
    rows = db.session.execute(
        select(e.customer_id, e.amount_minor, e.description)
        .where(e.batch_id == batch_id)
        .order_by(e.customer_id, e.seq)
    )
    return [(row.customer_id, row.amount_minor, row.description) for row in rows]


def _insert_incident(session: Session, title: str) -> int:
    values = {
        "title": title,
        "reference": "",
        "starts_at": STARTS,
        "ends_at": ENDS,
        "time_zone": "UTC",
        "customer_note": "",
        "note": "",
        "search_key": title.casefold(),
        "credit_round": 1,
        "version": 1,
        "created_at": ENDS,
        "updated_at": ENDS,
    }
    return session.execute(insert(Incident).values(values).returning(Incident.id)).scalar_one()


def _insert_batch(
    session: Session, incident_id: int, lines: Sequence[tuple[int, int, int]], fields: dict[str, Any]
) -> int:
    values = {
        "kind": "downtime",
        "status": "ready",
        "title": session.get_one(Incident, incident_id).title,
        "incident_id": incident_id,
        "credit_round": session.get_one(Incident, incident_id).credit_round,
        "terms": PRO_RATA.to_json(),
        "customer_note": "Sorry for the outage",
        "note": "",
        "problem": "",
        "source_name": "",
        "source_digest": "",
        "spent_choice": "",
        "lines": len(lines),
        **dict.fromkeys(("expected", "prepared_customer", "prepared_item", "to_post", "to_post_minor"), 0),
        **dict.fromkeys(("done_line", "posted", "posted_minor", "skipped"), 0),
        "version": 1,
        "created_at": ENDS,
        "updated_at": ENDS,
    } | fields
    batch_id = session.execute(insert(Batch).values(values).returning(Batch.id)).scalar_one()
    for number, (customer_id, subscription_id, amount_minor) in enumerate(sorted(lines), start=1):
        session.add(
            BatchLine(
                batch_id=batch_id,
                line=number,
                customer_id=customer_id,
                subscription_id=subscription_id,
                label=f"Hosting web{number}.example",
                price_minor=2400,
                months=1,
                tax_bp=0,
                down_seconds=12_000,
                computed_minor=amount_minor,
                amount_minor=amount_minor,
                changed_why="",
                is_included=True,
                flag="",
                problem="",
                outcome="",
                note="",
                customer_note="",
                ticket_ref="",
                entry_key="",
            )
        )
    session.flush()
    return int(batch_id)


def _insert_copy(session: Session, batch_id: int) -> int:
    b, line = Batch.__table__.c, BatchLine.__table__.c
    row = session.execute(select(*(c for c in b if c.name != "id")).where(b.id == batch_id)).one()._asdict()
    fresh = {"status": "ready", "issued_at": None, "issued_by": None, "finished_at": None}
    counts = dict.fromkeys(("done_line", "posted", "posted_minor", "skipped"), 0)
    copy_id = session.execute(insert(Batch).values(row | fresh | counts).returning(Batch.id)).scalar_one()
    others = [c for c in line if c.name != "batch_id"]
    for each in session.execute(select(*others).where(line.batch_id == batch_id)).all():
        session.execute(insert(BatchLine).values(each._asdict() | {"batch_id": copy_id, "outcome": ""}))
    return int(copy_id)
