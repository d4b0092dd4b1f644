"""Who did what, newest first: rows of the audit log and, where asked for, the entries that people made, as one list.

What is shown is chosen by keys from indexes alone (`audit_ranges`), and only then read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, select, tuple_

from creditapp.models import AuditDetails, AuditRow, CreditEntry, Customer, Role, Staff
from creditapp.queries.audit_ranges import ACT, ENTRY, KEY, AuditFilter, Person, Place, select_keys, select_some
from creditapp.services.audit import Action

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

__all__ = ["ACT", "ENTRY", "KEY", "AuditFilter", "Person", "Place", "select_keys"]


def seen_by(session: Session, staff_id: int, role: str) -> tuple[Person, ...]:
    """Return whose acts somebody sees who may not see everybody's: their own, and a manager those of agents, too."""
    others: list[int] = []
    if role == Role.MANAGER:
        agents = select(Staff.id).where(Staff.role == Role.AGENT, Staff.id != staff_id).order_by(Staff.id)
        others = list(session.execute(agents).scalars())
    return tuple(Person("staff", one) for one in (staff_id, *others))


def count(session: Session, wanted: AuditFilter, most: int) -> int:
    """Return how many there are, counting no further than one above `most`."""
    some = select_some(wanted, most + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one()


def acts(session: Session, numbers: Sequence[int]) -> dict[int, Any]:
    """Return these rows of the log with their details and the name of who acted, by number.

    Details can only be missing where somebody took them away; the page that says so must not fail over it.
    """
    r, d = AuditRow, AuditDetails
    statement = (
        select(
            *(r.seq, r.at, r.actor, r.actor_id, r.action, r.object_kind, r.object_id),
            *(d.details, d.erased_at, Staff.name.label("staff"), Customer.name.label("customer")),
        )
        .outerjoin(d, d.seq == r.seq)
        .outerjoin(Staff, (Staff.id == r.actor_id) & (r.actor == "staff"))
        .outerjoin(Customer, (Customer.id == r.actor_id) & (r.actor == "customer"))
        .where(r.seq.in_(numbers))
    )
    return {row.seq: row for row in session.execute(statement)} if numbers else {}


def entries(session: Session, keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Any]:
    """Return these entries with the name of who made them, by customer and sequence."""
    e = CreditEntry
    customers, sequences = {key[0] for key in keys}, {key[1] for key in keys}
    statement = (
        select(
            *(e.customer_id, e.seq, e.posted_at, e.actor, e.actor_id, e.description, e.amount_minor),
            *(Staff.name.label("staff"), Customer.name.label("customer")),
        )
        .outerjoin(Staff, (Staff.id == e.actor_id) & (e.actor == "staff"))
        .outerjoin(Customer, (Customer.id == e.actor_id) & (e.actor == "customer"))
        .where(e.customer_id.in_(customers), e.seq.in_(sequences), tuple_(e.customer_id, e.seq).in_(keys))
    )
    return {(row.customer_id, row.seq): row for row in session.execute(statement)} if keys else {}


def find(session: Session, number: int, people: Sequence[Person] | None) -> Any:  # noqa: ANN401  (a row of acts, or None)
    """Return one row of the log; None where there is none, or none that is by these people."""
    row = acts(session, [number]).get(number)
    if row is None or (people is not None and Person(row.actor, row.actor_id) not in people):
        return None
    return row


def newest_number(session: Session) -> int:
    """Return the number of the newest row; 0 while there is none."""
    return session.execute(select(func.max(AuditRow.seq))).scalar_one() or 0


def last_check(session: Session) -> Any:  # noqa: ANN401  (a row of acts, or None)
    """Return the last time somebody had the chain verified: who, when, and what came of it."""
    r = AuditRow
    newest = select(r.seq).where(r.action == Action.CHAIN_VERIFIED).order_by(r.at.desc(), r.seq.desc()).limit(1)
    number = session.execute(newest).scalar_one_or_none()
    return None if number is None else acts(session, [number])[number]


def select_staff() -> Select[int, str]:
    """Return everybody who works here or did, by name."""
    return select(Staff.id, Staff.name).order_by(Staff.name, Staff.id)
