"""Nobody who works here moves credit on the account they have as a customer.

Whose account is whose: an admin has said so (`staff.own_customer_id`), or the e-mail is the same. It is asked inside
the transaction that would move the credit, and holds for every role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, bindparam, select
from sqlalchemy.orm import aliased

from creditapp.errors import OwnAccountError
from creditapp.models import Customer, LogIn, Staff
from creditapp.services.staff import email_key
from creditapp.statements import Call, Outcome, Prepared, run
from creditapp.text import fold

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor


def call(by: Actor, customer_id: int) -> Call:
    """Return what to ask for `check`."""
    return _OF_BOTH(staff_id=by.id, customer_id=customer_id)


def check(asked: Outcome, customer_id: int) -> None:
    """See that the customer is not who asks.

    Raises:
        OwnAccountError: it is.
    """
    for own_id, survivor_id, own_key, email in asked.rows:
        if customer_id in {own_id, survivor_id} or email_key(email) == own_key:
            raise OwnAccountError(customer_id)


def refuse(session: Session, by: Actor, *customer_ids: int) -> None:
    """See that none of these customers is who asks; for verbs that ask nothing else of a person.

    Raises:
        OwnAccountError: one is.
    """
    if by.kind != "staff":
        return
    for customer_id in customer_ids:
        check(run(session, call(by, customer_id))[0], customer_id)


def own_accounts(session: Session, by: Actor) -> set[int]:
    """Return every customer that is who asks: for what is posted to many at once."""
    if by.kind != "staff":
        return set()
    row = session.execute(_select_own(Staff.id == by.id)).one_or_none()
    if row is None:
        return set()
    alike = select(Customer.id, Customer.email).where(Customer.email_key == fold(row.email_key))
    same = {id_ for id_, email in session.execute(alike) if email_key(email) == row.email_key}
    return same | ({row.own_customer_id, row.merged_into_id} - {None})


def _select_own(whose: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    s, own = Staff, aliased(Customer)
    return (
        select(s.own_customer_id, own.merged_into_id, LogIn.email_key)
        .join(LogIn, LogIn.id == s.log_in_id)
        .outerjoin(own, own.id == s.own_customer_id)
        .where(whose)
    )


_OF_BOTH = Prepared(
    _select_own(Staff.id == bindparam("staff_id"))
    .add_columns(Customer.email)
    .join(Customer, Customer.id == bindparam("customer_id"))
)
