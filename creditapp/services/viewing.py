"""Looking at the client area as a customer sees it: a session of its own, with which nothing can be done."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from creditapp.errors import CustomerClosedError, CustomerNotFoundError, StaffDisabledError
from creditapp.models import Customer, LogInSession, Staff
from creditapp.services import audit, sign_in
from creditapp.services.audit import Action
from creditapp.services.customers import BY_HAND

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

VIEW_MAX = timedelta(minutes=30)


def begin(session: Session, customer_id: int, *, by: Actor, browser: str) -> str:
    """Let who asks look at the client area of this customer, and return the token of the session that does.

    An earlier look of the same person ends. The customer needs no log-in.

    Raises:
        StaffDisabledError: who asks has been disabled meanwhile.
        CustomerNotFoundError, CustomerClosedError: there is nobody to look at, or no longer.
    """
    own = select(Staff.log_in_id).where(Staff.id == by.id, Staff.disabled_at.is_(None))
    log_in_id = session.scalar(own.with_for_update(key_share=True))
    if log_in_id is None:
        raise StaffDisabledError
    status = session.scalar(select(Customer.status).where(Customer.id == customer_id))
    if status is None:
        raise CustomerNotFoundError(customer_id)
    if status not in BY_HAND:
        raise CustomerClosedError(customer_id)
    s = LogInSession
    session.execute(delete(s).where(s.log_in_id == log_in_id, s.views_customer_id.is_not(None)))
    token = sign_in.insert_session(
        session, log_in_id, by=by, browser=browser, lasts=VIEW_MAX, views_customer_id=customer_id
    )
    audit.record(session, Action.VIEW_BEGUN, by, "customer", customer_id)
    return token


def end(session: Session, token: str, customer_id: int, *, by: Actor) -> None:
    """Look no longer. Safe to repeat."""
    sign_in.end(session, token)
    audit.record(session, Action.VIEW_ENDED, by, "customer", customer_id)
