"""Who was merged into whom. Chains are flat: whoever was merged points at somebody who was not."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import ScalarSelect, Select, or_, select

from creditapp.bulk import among
from creditapp.models import Customer, Invoice

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session


def family(customer_id: int | ColumnElement[int]) -> Select[int]:
    """Select the customer's id, and those of all who were merged into them."""
    c = Customer
    return select(c.id).where(or_(c.id == customer_id, c.merged_into_id == customer_id))


def absorbed(customer_id: int) -> Select[int]:
    """Select the ids of all who were merged into this customer."""
    return select(Customer.id).where(Customer.merged_into_id == customer_id)


def survivor_of(customer_id: int | ColumnElement[int]) -> ScalarSelect[int]:
    """Select whom this customer was merged into; NULL where nobody."""
    c = Customer
    return select(c.merged_into_id).where(c.id == customer_id).scalar_subquery()


def family_of(session: Session, customer_id: int) -> list[int]:
    """Return the customer's id first, then those of all who were merged into them, by rising id."""
    merged = select(Customer.id).where(Customer.merged_into_id == customer_id).order_by(Customer.id)
    return [customer_id, *session.execute(merged).scalars()]


def is_of(session: Session, whose: Any, customer_id: int) -> ColumnElement[bool]:  # noqa: ANN401  (a column of any table)
    """Return that a row is the customer's, or of somebody who was merged into them.

    Of nearly everybody it is a plain comparison, so that an index in the order of the list serves it.
    """
    found = family_of(session, customer_id)
    condition: ColumnElement[bool] = whose == customer_id if len(found) == 1 else whose.in_(found)
    return condition


def people_of(session: Session, customer_id: int) -> list[int]:
    """Return all who are one person with this customer by now: the survivor first, and all who were merged."""
    into = session.execute(select(Customer.merged_into_id).where(Customer.id == customer_id)).scalar_one_or_none()
    return family_of(session, customer_id if into is None else into)


def survivors_among(session: Session, customer_ids: Collection[int]) -> dict[int, int]:
    """Return whom those of these customers were merged into who were."""
    if not customer_ids:
        return {}
    c = Customer.__table__.c
    rows = session.connection().execute(
        select(c.id, c.merged_into_id).where(among(session, c.id, customer_ids), c.merged_into_id.is_not(None))
    )
    return {row[0]: row[1] for row in rows}


def relatives_among(session: Session, customer_ids: Collection[int]) -> dict[int, list[int]]:
    """Return of those of these customers who were merged all others who are the same person by now."""
    owners = survivors_among(session, customer_ids)
    together: dict[int, list[int]] = {owner: [owner] for owner in owners.values()}
    for each, owner in absorbed_by(session, set(owners.values())).items():
        together[owner].append(each)
    return {one: [each for each in together[owner] if each != one] for one, owner in owners.items()}


def absorbed_by(session: Session, customer_ids: Collection[int]) -> dict[int, int]:
    """Return all who were merged into one of these customers, each with that one."""
    if not customer_ids:
        return {}
    c = Customer.__table__.c
    rows = session.connection().execute(
        select(c.id, c.merged_into_id).where(among(session, c.merged_into_id, customer_ids)).order_by(c.id)
    )
    return {row[0]: row[1] for row in rows}


def periods_invoiced(
    session: Session, customer_ids: Collection[int], subscription_ids: Collection[int]
) -> set[tuple[date, int, int]]:
    """Return which periods of these subscriptions were invoiced before their customers' accounts were merged.

    Each as its first day, the customer now, and the subscription. What was open moved, and is found as any other.
    """
    absorbed = absorbed_by(session, customer_ids)
    if not absorbed:
        return set()
    i = Invoice.__table__.c
    rows = session.connection().execute(
        select(i.period_start, i.customer_id, i.subscription_id).where(
            among(session, i.customer_id, absorbed),
            among(session, i.subscription_id, subscription_ids),
            i.moved_to_id.is_(None),
        )
    )
    return {(row[0], absorbed[row[1]], row[2]) for row in rows}
