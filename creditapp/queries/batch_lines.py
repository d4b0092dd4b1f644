"""The lines of a batch before it is issued: filtered, sorted, a page at a time, and what they come to.

What is shown is chosen by keys from an index of the batch, and limited, before anything is joined to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, cast, func, select, text

from creditapp.models import BatchLine, Customer, LineFlag, Staff, Subscription
from creditapp.queries import search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

LINES = BatchLine.__table__
BUCKETS = 12
"""How many bars the distribution of the amounts has at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFilter:
    """Which lines are meant; what is empty does not matter."""

    flag: LineFlag | None = None
    """With `NONE`: those that nothing is the matter with."""
    included: bool | None = None
    changed: bool = False
    """Only those whose amount somebody has changed."""
    least_minor: int | None = None
    most_minor: int | None = None
    text: str = ""
    """A user's name, number, company or e-mail."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What the lines of a batch come to; minor units, of the included ones."""

    lines: int
    included: int
    sum_minor: int
    largest_minor: int
    average_minor: int
    """Rounded half up; for the eye alone."""
    flagged: dict[str, int]
    """How many lines have each flag."""


def select_keys(session: Session, batch_id: int, wanted: LineFilter) -> Select[*tuple[Any, ...]]:
    """Return `line` and `amount_minor` of the lines that fit, to be ordered and limited."""
    return select(LINES.c.line, LINES.c.amount_minor).where(*conditions(session, batch_id, wanted))


def with_names(
    batch_id: int, keys: Select[*tuple[Any, ...]], order: Sequence[str], *, descending: bool
) -> Select[*tuple[Any, ...]]:
    """Return the lines of these keys as they are read: with the user, who changed it, and the subscription's days."""
    page, b, c, s = keys.subquery("shown"), BatchLine, Customer, Subscription
    columns = [page.c[name].desc() if descending else page.c[name].asc() for name in order]
    return (
        select(*[LINES.c[name] for name in _SHOWN], c.name.label("customer"), c.company, c.email)
        .add_columns(s.started_on, s.cancelled_on, Staff.name.label("changer"))
        .join_from(page, b, (b.batch_id == batch_id) & (b.line == page.c.line))
        .outerjoin(c, c.id == b.customer_id)
        .outerjoin(s, (s.customer_id == b.customer_id) & (s.id == b.subscription_id))
        .outerjoin(Staff, Staff.id == b.changed_by)
        .order_by(*columns)
    )


def find_line(session: Session, batch_id: int, line: int) -> Any:  # noqa: ANN401  (a row or None)
    """Return one line as the pages show it."""
    keys = select(LINES.c.line).where(LINES.c.batch_id == batch_id, LINES.c.line == line)
    return session.execute(with_names(batch_id, keys, ("line",), descending=False)).one_or_none()


def count(session: Session, batch_id: int, wanted: LineFilter, *, most: int) -> int:
    """Return how many lines fit; counting stops at `most` and one more."""
    some = select_keys(session, batch_id, wanted).order_by(LINES.c.line).limit(most + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one()


def totals(session: Session, batch_id: int) -> Totals:
    """Return what the lines of the batch come to."""
    c = LINES.c
    total = cast(func.coalesce(func.sum(c.amount_minor), 0), BigInteger)
    columns = (c.flag, c.is_included, func.count(), total, func.max(c.amount_minor))
    groups = session.execute(select(*columns).where(c.batch_id == batch_id).group_by(c.flag, c.is_included)).all()
    included = [row for row in groups if row[1]]
    lines, sum_minor = sum(row[2] for row in included), sum(row[3] for row in included)
    flagged: dict[str, int] = {}
    for flag, _is_included, many, *_rest in groups:
        flagged[flag] = flagged.get(flag, 0) + many
    return Totals(
        sum(row[2] for row in groups),
        lines,
        sum_minor,
        max((row[4] for row in included), default=0),
        (2 * sum_minor + lines) // (2 * lines) if lines else 0,
        flagged,
    )


def distribution(session: Session, batch_id: int, step_minor: int) -> list[int]:
    """Return how many included lines come to how much: to at most one step, more than that and at most two, and so on.

    What is beyond the last bar is in it.
    """
    c = LINES.c
    bucket = case((c.amount_minor > step_minor * BUCKETS, BUCKETS - 1), else_=(c.amount_minor - 1) // step_minor)
    statement = (
        select(bucket.label("bucket"), func.count())
        .where(c.batch_id == batch_id, c.is_included, c.amount_minor > 0)
        .group_by(bucket)
    )
    counts = [0] * BUCKETS
    for place, many in session.execute(statement):
        counts[int(place)] += many
    return counts


def conditions(session: Session, batch_id: int, wanted: LineFilter) -> list[ColumnElement[bool]]:
    """Return what a line must fulfil."""
    c = LINES.c
    found: list[ColumnElement[bool]] = [c.batch_id == batch_id]
    if wanted.flag is not None:
        found.append(c.flag == str(wanted.flag))
        if wanted.flag is not LineFlag.NONE:
            found.append(text("flag <> ''"))  # type: ignore[arg-type]  # in the words of the index of flagged lines
    if wanted.included is not None:
        found.append(c.is_included if wanted.included else ~c.is_included)
    if wanted.changed:
        found.append(c.changed_why != "")
    if wanted.least_minor is not None:
        found.append(c.amount_minor >= wanted.least_minor)
    if wanted.most_minor is not None:
        found.append(c.amount_minor <= wanted.most_minor)
    if wanted.text:
        named = select(Customer.id).where(search.customers_matching(session, wanted.text))
        found.append(c.customer_id.in_(named))
    return found


_SHOWN = (
    *("line", "customer_id", "subscription_id", "label", "price_minor", "months", "tax_bp", "down_seconds"),
    *("computed_minor", "amount_minor", "changed_why", "is_included", "flag", "problem"),
)
