"""Batches as pages show them: with the people, the incident and the other batch they are linked to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from creditapp.bulk import pairs
from creditapp.models import Batch, BatchLine, BatchStatus, CreditEntry, Customer, Incident, Staff, downtime_key
from creditapp.queries import merged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Row
    from sqlalchemy.orm import Session

LINES_AT_ONCE = 500
POSTED = "posted"
SKIPPED = "skipped"
SPENT = "spent"
SHOWS = {"": "All", POSTED: "Posted", SKIPPED: "Skipped", SPENT: "Spent before"}
"""Which lines of a batch that has been issued."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was dealt with, its user, and the entry that it became; minor units."""

    line: int
    customer_id: int | None
    customer: str
    label: str
    amount_minor: int
    spent_minor: int
    """Of a reversal: what could not be taken back, for it had been spent."""
    outcome: str
    invoice_id: int | None
    seq: int | None
    """None: it became none."""


def select_batches() -> Select[*tuple[Any, ...]]:
    """Select the batches that were not dropped, in no order, with who made and who issued them."""
    maker, issuer = aliased(Staff), aliased(Staff)
    b = Batch
    return (
        select(b.id, b.kind, b.status, b.title, b.lines, b.to_post, b.posted, b.posted_minor, b.created_at, b.issued_at)
        .add_columns(maker.name.label("maker"), issuer.name.label("issuer"))
        .outerjoin(maker, maker.id == b.made_by)
        .outerjoin(issuer, issuer.id == b.issued_by)
        .where(b.status != str(BatchStatus.DROPPED))
    )


def find(session: Session, batch_id: int) -> Row[Any] | None:
    """Return one batch with everything around it; None: there is none."""
    maker, issuer = aliased(Staff), aliased(Staff)
    b, taken_back_by = Batch.__table__, aliased(Batch)
    statement = (
        select(b, maker.name.label("maker"), issuer.name.label("issuer"))
        .add_columns(taken_back_by.id.label("reversed_by_id"), Incident.title.label("incident_title"))
        .outerjoin(maker, maker.id == b.c.made_by)
        .outerjoin(issuer, issuer.id == b.c.issued_by)
        .outerjoin(taken_back_by, taken_back_by.reverses_id == b.c.id)
        .outerjoin(Incident, Incident.id == b.c.incident_id)
        .where(b.c.id == batch_id)
    )
    return session.execute(statement).first()


def select_lines(batch: Row[Any], show: str) -> Select[*tuple[Any, ...]]:
    """Select the lines that were dealt with, in no order; `show` is a key of `SHOWS`."""
    c = BatchLine
    statement = select(
        *(c.line, c.customer_id, c.subscription_id, c.label, c.amount_minor, c.computed_minor, c.outcome, c.invoice_id),
        c.entry_key,
    ).where(c.batch_id == batch.id, c.is_included, c.line <= batch.done_line)
    if show == POSTED:
        return statement.where(c.outcome == "", c.amount_minor != 0)
    if show == SKIPPED:
        return statement.where(c.outcome != "")
    if show == SPENT:
        return statement.where(c.computed_minor < c.amount_minor)
    return statement


def with_names(session: Session, batch: Row[Any], lines: Select[*tuple[Any, ...]], *, descending: bool) -> list[Line]:
    """Return the lines of a page with their users and what they posted."""
    page = lines.subquery("page")
    order = page.c.line.desc() if descending else page.c.line.asc()
    named = select(page, Customer.name.label("customer")).outerjoin(Customer, Customer.id == page.c.customer_id)
    rows = session.execute(named.order_by(order)).all()
    keys = [(row.customer_id, _key(batch, row)) for row in rows if row.customer_id is not None]
    posted = _posted(session, keys)
    return [_line(row, *posted.get((row.customer_id, _key(batch, row)), (row.customer_id, None))) for row in rows]


def each_line(session: Session, batch: Row[Any], show: str) -> Iterator[Line]:
    """Yield every line of the batch that was dealt with, in order, as `with_names` returns them."""
    after = 0
    while True:
        lines = select_lines(batch, show).where(BatchLine.line > after).order_by(BatchLine.line).limit(LINES_AT_ONCE)
        found = with_names(session, batch, lines, descending=False)
        yield from found
        if len(found) < LINES_AT_ONCE:
            return
        after = found[-1].line


def spent(session: Session, batch_id: int) -> tuple[int, int]:
    """Return for how many lines of a reversal something had been spent that no invoice asks for, and how much."""
    c = BatchLine
    lines, minor = session.execute(
        select(func.count(), func.coalesce(func.sum(c.amount_minor - c.computed_minor), 0)).where(
            c.batch_id == batch_id, c.computed_minor < c.amount_minor, c.invoice_id.is_(None), c.outcome == ""
        )
    ).one()
    return int(lines), int(minor)


def _line(row: Row[Any], customer_id: int | None, seq: int | None) -> Line:
    return Line(
        row.line,
        customer_id,
        row.customer or "",
        row.label,
        row.amount_minor,
        max(0, row.amount_minor - row.computed_minor),
        row.outcome,
        row.invoice_id,
        None if row.outcome else seq,
    )


def _key(batch: Row[Any], row: Row[Any]) -> str:
    return row.entry_key or downtime_key(batch.incident_id, row.subscription_id, batch.credit_round)


def _posted(session: Session, keys: list[tuple[int, str]]) -> dict[tuple[int, str], tuple[int, int]]:
    """Return the entries under these keys, by customer and key, each as its customer and number.

    That is another customer where the one of the line had been merged by then.
    """
    if not keys:
        return {}
    relatives = merged.relatives_among(session, {customer_id for customer_id, _key in keys})
    elsewhere = {(other, key): (one, key) for one, key in keys for other in relatives.get(one, ())}
    wanted, e = pairs(session, {*keys, *elsewhere}), CreditEntry.__table__.c
    its_own = (e.customer_id == wanted.c.number) & (e.key == wanted.c.word)
    statement = select(e.customer_id, e.key, e.seq).select_from(wanted.join(CreditEntry.__table__, its_own))
    found = {(row.customer_id, row.key): (row.customer_id, row.seq) for row in session.execute(statement)}
    return {elsewhere[named]: entry for named, entry in found.items() if named in elsewhere} | found
