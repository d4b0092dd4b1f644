"""The customer who is signed in to the client area."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from flask import g
from flask_login import current_user
from sqlalchemy import select

from creditapp.db import db
from creditapp.models import Customer, LogIn, LogInKind, LogInSession
from creditapp.services import customers, sign_in
from creditapp.services.actor import Actor, customer
from creditapp.services.client_access import IDLE_MAX
from creditapp.services.sign_in import TOUCH_EVERY


@dataclass(frozen=True, slots=True)
class ClientViewer:
    """A customer who is signed in, as Flask-Login wants one. No role: nothing that staff may do is open to them."""

    id: int
    name: str
    log_in_id: int
    token: str
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False
    is_customer: bool = True

    def get_id(self) -> str:
        return self.token

    def actor_from(self, address: str) -> Actor:
        """Return this person as services want to know them."""
        return customer(self.id, address)


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
        return None
    g.session_is_stale = moment - row[3] > TOUCH_EVERY
    return ClientViewer(row[0], row[1], row[2], token)


def current_client() -> ClientViewer:
    """Return the customer who asks; for views that are `@customer_only`."""
    return cast("ClientViewer", current_user)
