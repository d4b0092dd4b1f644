"""Taking back what a batch gave, and what becomes of the part that has been spent."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, insert, select, update

from creditapp.db import now, whole_or_nothing
from creditapp.errors import BatchCountError, BatchStateError, DomainError
from creditapp.models import BatchKind, BatchStatus, Incident
from creditapp.services import audit, invoices, request_keys
from creditapp.services.actor import Actor
from creditapp.services.audit import Action
from creditapp.services.batches.batch import BATCHES, LINES, BatchRow, expect, lock, may_be_reversed, says, write
from creditapp.services.credits import Trigger
from creditapp.services.credits.applying import apply_automatically
from creditapp.services.invoices import Line
from creditapp.services.mails import issued as mails

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

INVOICES_AT_ONCE = 50
"""How many invoices for spent credit one transaction raises."""


def reverse(
    session: Session, batch_id: int, *, count: int, bill_spent_too: bool, note: str = "", by: Actor, key: str
) -> int:
    """Have a job take back what a batch gave, as far as it is unspent, and return the number of the new batch.

    `count` is what the person typed to confirm: how many lines the batch had posted. With `bill_spent_too`, an invoice
    is raised for what has been spent; without, it is left and listed. Safe to repeat with the same key.

    Raises:
        BatchNotFoundError: there is none of this number.
        BatchStateError: it is not issued, is still being issued, or has been taken back before.
        BatchCountError: another number of lines was posted.
    """
    earlier = request_keys.claim(session, "batch.reverse", key, (batch_id, count, bill_spent_too, note, by.kind, by.id))
    if earlier is not None:
        return int(earlier)
    batch = lock(session, batch_id)
    if not may_be_reversed(batch) or not batch.posted:
        raise BatchStateError(batch_id, "has nothing that could be taken back, or is still being issued.")
    before = session.execute(select(BATCHES.c.id).where(BATCHES.c.reverses_id == batch_id)).scalar()
    if before is not None:
        raise BatchStateError(batch_id, f"is taken back already, by batch #{before}.")
    if count != batch.posted:
        raise BatchCountError(typed=count, lines=batch.posted)
    reversal_id = session.execute(
        insert(BATCHES).returning(BATCHES.c.id).values(_reversal(session, batch, bill_spent_too, note, by))
    ).scalar_one()
    request_keys.keep(session, "batch.reverse", key, str(reversal_id))
    after = {"reversal": reversal_id, "lines": batch.posted, "posted_minor": batch.posted_minor}
    audit.record(session, Action.BATCH_REVERSED, by, "batch", batch_id, after=after)
    return int(reversal_id)


def spent_lines(session: Session, reversal_id: int) -> int:
    """Return for how many lines of a reversal something had been spent that no invoice asks for.

    Counting stops at `INVOICES_AT_ONCE`.
    """
    some = select(LINES.c.line).where(LINES.c.batch_id == reversal_id, *_SPENT).limit(INVOICES_AT_ONCE).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one()


def want_bills(session: Session, reversal_id: int, *, by: Actor, key: str) -> None:
    """Have a job raise invoices for all that had been spent, after all. Safe to repeat with the same key.

    Raises:
        BatchStateError: nothing is left to ask for, or the taking back is not done.
    """
    if request_keys.claim(session, "batch.bill", key, (reversal_id, by.kind, by.id)) is not None:
        return
    batch = lock(session, reversal_id)
    expect(batch, BatchStatus.DONE)
    if batch.kind != BatchKind.REVERSAL or not spent_lines(session, reversal_id):
        raise BatchStateError(reversal_id, "has nothing left that an invoice could ask for.")
    write(session, batch, spent_choice="invoice", status=str(BatchStatus.ISSUING))
    audit.record(session, Action.BATCH_BILLED, by, "batch", reversal_id)


def bill_line(session: Session, reversal_id: int, line: int, invoice_id: int, *, by: Actor, key: str) -> None:
    """Raise an invoice, under this reserved number, for what had been spent of one line. Safe to repeat with the key.

    Raises:
        BatchStateError: the line has nothing to ask for, or the taking back is not done.
        CustomerClosedError: nothing is charged to this user any more.
    """
    if request_keys.claim(session, "batch.bill_line", key, (reversal_id, line, by.kind, by.id)) is not None:
        return
    batch = lock(session, reversal_id)
    expect(batch, BatchStatus.DONE)
    found = session.execute(_select_spent(reversal_id).where(LINES.c.line == line)).first()
    if found is None:
        raise BatchStateError(reversal_id, f"has nothing on line {line} that an invoice could ask for.")
    _bill(session, batch, found, invoice_id, by)
    its_own = (LINES.c.batch_id == reversal_id, LINES.c.line == line)
    session.execute(update(LINES).where(*its_own).values(invoice_id=invoice_id))


def bill_spent(session: Session, reversal_id: int, invoice_ids: Collection[int]) -> int:
    """Raise an invoice for what had been spent of the next lines, under these reserved numbers; return how many.

    Whom no invoice can be made for is told on the line, and the others go on. Safe to repeat: a line has one invoice.
    """
    batch = lock(session, reversal_id)
    if batch.kind != BatchKind.REVERSAL or batch.spent_choice != "invoice" or batch.status != BatchStatus.ISSUING:
        return 0
    c = LINES.c
    lines = session.execute(_select_spent(reversal_id).order_by(c.customer_id, c.line).limit(len(invoice_ids))).all()
    by = Actor("staff", batch.issued_by)
    for line, invoice_id in zip(lines, invoice_ids, strict=False):
        values: dict[str, object] = {"invoice_id": invoice_id}
        try:
            with whole_or_nothing(session):
                _bill(session, batch, line, invoice_id, by)
        except DomainError as refusal:
            values = {"outcome": says(session, refusal)}
        session.execute(update(LINES).where(c.batch_id == reversal_id, c.line == line.line).values(values))
    return len(lines)


def end(session: Session, batch: BatchRow) -> None:
    """Begin a new round of the incident: what has been taken back can be given again, and rightly this time."""
    if batch.kind == BatchKind.REVERSAL and batch.incident_id is not None:
        session.execute(
            update(Incident)
            .where(Incident.id == batch.incident_id, Incident.credit_round == batch.credit_round)
            .values(credit_round=Incident.credit_round + 1)
        )


_SPENT = (
    LINES.c.computed_minor < LINES.c.amount_minor,
    LINES.c.invoice_id.is_(None),
    LINES.c.outcome == "",
)
"""Of a reversal's lines: more was to be taken than was there, and nobody has asked for it."""


def _select_spent(reversal_id: int) -> Select[*tuple[Any, ...]]:
    c = LINES.c
    spent_minor = (c.amount_minor - c.computed_minor).label("spent_minor")
    return select(c.line, c.customer_id, c.label, spent_minor).where(c.batch_id == reversal_id, *_SPENT)


def _bill(session: Session, batch: BatchRow, line: object, invoice_id: int, by: Actor) -> None:
    customer_id = line.customer_id  # type: ignore[attr-defined]
    text = f"Credit taken back after it was used: {line.label}"[:200]  # type: ignore[attr-defined]
    priced = Line(description=text, unit_minor=line.spent_minor)  # type: ignore[attr-defined]
    key = f"batch:{batch.id}:{line.line}"  # type: ignore[attr-defined]
    invoices.create(session, customer_id, invoice_id, [priced], by=by, key=key)
    apply_automatically(session, customer_id, invoice_id, trigger=Trigger.NEW)
    mails.tell(session, customer_id, invoice_id)


def _reversal(session: Session, batch: BatchRow, bill_spent_too: bool, note: str, by: Actor) -> dict[str, object]:  # noqa: FBT001
    return {
        "kind": str(BatchKind.REVERSAL),
        "status": str(BatchStatus.ISSUING),
        "title": batch.title,
        "incident_id": batch.incident_id,
        "reverses_id": batch.id,
        "credit_round": batch.credit_round,
        "terms": "",
        "reason_id": batch.reason_id,
        "customer_note": "",
        "note": note,
        "problem": "",
        "source_name": "",
        "source_digest": "",
        "spent_choice": "invoice" if bill_spent_too else "leave",
        "lines": batch.posted,
        "expected": batch.posted,
        "prepared_customer": 0,
        "prepared_item": 0,
        "to_post": batch.posted,
        "to_post_minor": -batch.posted_minor,
        "done_line": 0,
        "posted": 0,
        "posted_minor": 0,
        "skipped": 0,
        "made_by": by.id,
        "issued_by": by.id,
        "issued_at": now(session),
        "version": 1,
        "created_at": now(session),
        "updated_at": now(session),
    }
