"""The entries that people made by hand, across all customers: filtered, sorted, a page at a time.

What is shown is chosen by keys from indexes alone, and limited, before anything is joined to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ColumnElement, Select, cast, func, select, text

from creditapp.models import ADJUSTMENTS, LOUD_ADJUSTMENTS, CreditEntry, CreditEntryText, Customer, Kind, Reason, Staff
from creditapp.queries.search import EntryKey, notes_matching

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

BY_TIME = ("posted_at", "customer_id", "seq")
BY_AMOUNT = ("amount_minor", "customer_id", "seq")
NEWEST_MAX = 10_000
"""Only so many of the newest are sorted by amount: no index can help there, and nobody reads further."""

_ENTRIES = CreditEntry.__table__


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries are meant; every condition that is given must hold."""

    reason_id: int | None = None
    staff_id: int | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """The first moment that no longer belongs to the period."""
    words: str = ""
    """Searched for in notes and tickets."""
    entry: EntryKey | None = None
    """This one entry, whatever its kind."""
    with_quiet: bool = False


def select_entries(session: Session, filters: Filters) -> Select[*tuple[Any, ...]]:
    """Return the keys of the entries meant by `filters`, in no order; their columns are `BY_TIME`."""
    return select(*[_ENTRIES.c[name] for name in BY_TIME]).where(*_conditions(session, filters))


def newest(entries: Select[*tuple[Any, ...]]) -> Select[Any]:
    """Return the `NEWEST_MAX` newest of the entries, in no order: what can be sorted by amount, `BY_AMOUNT`."""
    pool = entries.order_by(*[_ENTRIES.c[name].desc() for name in BY_TIME]).limit(NEWEST_MAX).subquery()
    e = _ENTRIES.alias("pooled")
    return select(*[e.c[name] for name in BY_AMOUNT]).join_from(
        pool, e, (e.c.customer_id == pool.c.customer_id) & (e.c.seq == pool.c.seq)
    )


def count_entries(session: Session, entries: Select[*tuple[Any, ...]], most: int) -> int:
    """Return how many entries there are, counting no further than one above `most`; in order, an index finds them."""
    some = entries.limit(most + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one()


def with_names(entries: Select[*tuple[Any, ...]], order: Sequence[str], *, descending: bool) -> Select[Any]:
    """Return the entries as they are read, in this order: with customer, reason, texts, maker and what undid them.

    `undone_minor` is what reversals took back, without sign; `undone_seq` the last of them.
    """
    page, e = entries.subquery("shown"), CreditEntry
    shown = page.c
    texts = CreditEntryText
    columns = [shown[name].desc() if descending else shown[name].asc() for name in order]
    return (
        select(
            *[getattr(e, name) for name in _SHOWN],
            Customer.name.label("customer"),
            Customer.company,
            Reason.name.label("reason"),
            Reason.position.label("tone"),
            texts.note,
            texts.ticket_ref,
            Staff.name.label("staff"),
            *_undone(shown),
        )
        .join_from(page, e, (e.customer_id == shown.customer_id) & (e.seq == shown.seq))
        .join(Customer, Customer.id == shown.customer_id)
        .outerjoin(Reason, Reason.id == e.reason_id)
        .outerjoin(texts, (texts.customer_id == shown.customer_id) & (texts.seq == shown.seq))
        .outerjoin(Staff, (Staff.id == e.actor_id) & (e.actor == "staff"))
        .order_by(*columns)
    )


def select_makers() -> Select[*tuple[int, str]]:
    """Return everybody who may have made entries, by name."""
    return select(Staff.id, Staff.name).order_by(Staff.name, Staff.id)


def select_reasons() -> Select[*tuple[int, str]]:
    """Return every reason entries may have, those switched off included, as the settings order them."""
    return select(Reason.id, Reason.name).order_by(Reason.position, Reason.id)


def _conditions(session: Session, filters: Filters) -> list[ColumnElement[bool]]:
    e = _ENTRIES.c
    if filters.entry is not None:
        chosen: list[ColumnElement[bool]] = [e.customer_id == filters.entry.customer_id, e.seq == filters.entry.seq]
    else:
        chosen = [text(ADJUSTMENTS if filters.with_quiet else LOUD_ADJUSTMENTS)]  # type: ignore[list-item]  # a condition in words
    if filters.kind is not None:
        chosen.append(e.kind == filters.kind)
    if filters.reason_id is not None:
        chosen.append(e.reason_id == filters.reason_id)
    if filters.staff_id is not None:
        chosen += [text("actor = 'staff'"), e.actor_id == filters.staff_id]  # type: ignore[list-item]
    if filters.since is not None:
        chosen.append(e.posted_at >= filters.since)
    if filters.until is not None:
        chosen.append(e.posted_at < filters.until)
    if filters.words:
        chosen.append(notes_matching(session, e.customer_id, e.seq, filters.words))
    return chosen


def _undone(shown: Any) -> list[ColumnElement[Any]]:  # noqa: ANN401  (columns of a subquery)
    later = _ENTRIES.alias("later")
    its = (later.c.customer_id == shown.customer_id, later.c.reversed_seq == shown.seq)
    minor = cast(func.coalesce(func.sum(func.abs(later.c.amount_minor)), 0), BigInteger)
    return [
        select(minor).where(*its).scalar_subquery().label("undone_minor"),
        select(minor).where(*its, later.c.kind == Kind.VOID).scalar_subquery().label("voided_minor"),
        select(func.max(later.c.seq)).where(*its).scalar_subquery().label("undone_seq"),
    ]


_SHOWN = (
    "customer_id",
    "seq",
    "kind",
    "amount_minor",
    "balance_after_minor",
    "description",
    "is_quiet",
    "reason_id",
    "reversed_seq",
    "actor",
    "posted_at",
)
