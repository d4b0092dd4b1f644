"""The customer who is signed in to the client area."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from flask import g
from flask_login import current_user
from sqlalchemy import select

from creditapp.db import db
from creditapp.models import Customer, LogIn, LogInKind, LogInSession, Role, Staff
from creditapp.permissions import ROLES, Permission
from creditapp.services import customers, sign_in
from creditapp.services.actor import Actor, customer, staff
from creditapp.services.client_access import IDLE_MAX
from creditapp.services.sign_in import TOUCH_EVERY


@dataclass(frozen=True, slots=True)
class Looker:
    """A member of the staff who looks at the client area as a customer sees it."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class ClientViewer:
    """A customer who is signed in, as Flask-Login wants one. No role: nothing that staff may do is open to them."""

    id: int
    name: str
    log_in_id: int
    token: str
    viewed_by: Looker | None = None
    """Who of the staff looks at it as this customer."""
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False
    is_customer: bool = True

    def get_id(self) -> str:
        return self.token

    def actor_from(self, address: str) -> Actor:
        """Return this person as services want to know them: who looks on as a customer is still themselves."""
        return staff(self.viewed_by.id, address) if self.viewed_by else customer(self.id, address)


def load_client(token: str, moment: datetime) -> ClientViewer | None:
    """Return the customer this session belongs to; None once it has ended, or the customer was closed or merged."""
    statement = (
        select(Customer.id, Customer.name, LogInSession.log_in_id, LogInSession.seen_at)
        .join(LogIn, LogIn.id == LogInSession.log_in_id)
        .join(Customer, Customer.id == LogIn.customer_id)
        .where(
            LogInSession.token_digest == sign_in.token_digest(token),
            LogInSession.ends_at > moment,
            LogInSession.seen_at > moment - IDLE_MAX,
            LogIn.kind == LogInKind.CUSTOMER,
            Customer.status.in_(customers.BY_HAND),
        )
    )
    row = db.session.execute(statement).one_or_none()
    if row is None:
        return _load_looker(token, moment)
    g.session_is_stale = moment - row[3] > TOUCH_EVERY
    return ClientViewer(row[0], row[1], row[2], token)


def _load_looker(token: str, moment: datetime) -> ClientViewer | None:
    """Return the customer whose client area somebody of the staff looks at with this session."""
    c = Customer
    row = db.session.execute(
        select(c.id, c.name, LogInSession.log_in_id, Staff.id, Staff.name, Staff.role)
        .join(Staff, Staff.log_in_id == LogInSession.log_in_id)
        .join(c, c.id == LogInSession.views_customer_id)
        .where(
            LogInSession.token_digest == sign_in.token_digest(token),
            LogInSession.ends_at > moment,
            c.status.in_(customers.BY_HAND),
            Staff.disabled_at.is_(None),
        )
    ).one_or_none()
    if row is None or Permission.CUSTOMER_VIEW_AS not in ROLES[Role(row[5])]:
        return None
    return ClientViewer(row[0], row[1], row[2], token, Looker(row[3], row[4]))


def current_client() -> ClientViewer:
    """Return the customer who asks; for views that are `@customer_only`."""
    return cast("ClientViewer", current_user)
