"""Files of adjustments as pages show them: their lines with a verdict each, and other batches of the same file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select, text

from creditapp.models import Batch, BatchKind, BatchLine, BatchStatus, Customer, LineFlag, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Row
    from sqlalchemy.orm import Session

LINES = BatchLine.__table__
SAME_MAX = 3


def select_lines(batch_id: int, flag: LineFlag | None) -> Select[*tuple[Any, ...]]:
    """Select the lines of a file with this verdict, in no order; None: all of them."""
    statement = select(LINES).where(LINES.c.batch_id == batch_id)
    if flag is None:
        return statement
    if flag is LineFlag.NONE:
        return statement.where(LINES.c.flag == "")
    # The index of flagged lines is asked for in its own words: SQLite knows it by nothing else.
    return statement.where(LINES.c.flag == str(flag), text("batch_lines.flag <> ''"))


def with_names(page: Select[*tuple[Any, ...]], *, descending: bool) -> Select[*tuple[Any, ...]]:
    """Return the lines of one page with the names of their users and reasons, in order."""
    shown = page.subquery("shown")
    order = shown.c.line.desc() if descending else shown.c.line.asc()
    return (
        select(shown, Customer.name.label("customer"), Reason.name.label("reason"))
        .outerjoin(Customer, Customer.id == shown.c.customer_id)
        .outerjoin(Reason, Reason.id == shown.c.reason_id)
        .order_by(order)
    )


def refused_lines(session: Session, batch_id: int) -> Iterator[Row[*tuple[Any, ...]]]:
    """Yield number, kept cells and problem of every refused line, in the order of the file."""
    refused = select_lines(batch_id, LineFlag.REFUSED).order_by(LINES.c.line)
    columns = refused.with_only_columns(LINES.c.line, LINES.c.note, LINES.c.problem)
    yield from session.execute(columns, execution_options={"yield_per": 1000})


def reason_names(session: Session) -> dict[int, str]:
    """Return what every reason is called."""
    return {row.id: row.name for row in session.execute(select(Reason.id, Reason.name))}


def same_file(session: Session, batch_id: int, digest: str) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the newest other batches of the same file that somebody may have posted, or may post."""
    b = Batch
    over = (str(BatchStatus.DROPPED), str(BatchStatus.FAILED))
    return session.execute(
        select(b.id, b.status, b.created_at, b.issued_at)
        .where(b.source_digest == digest, b.kind == str(BatchKind.IMPORT), b.id != batch_id, b.status.not_in(over))
        .order_by(b.id.desc())
        .limit(SAME_MAX)
    ).all()
