"""Customers: opening an account for one, and editing the profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from creditapp.db import now
from creditapp.errors import CustomerNotFoundError, StaleFormError, TakenError
from creditapp.models import Customer, CustomerStatus, Setting
from creditapp.services import audit, ledger, request_keys, survivors
from creditapp.services.audit import Action
from creditapp.text import fold

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

BY_HAND = {CustomerStatus.ACTIVE, CustomerStatus.INACTIVE}
"""The statuses a person may choose; merging and deleting set the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFields:
    """A profile, as a form or a file has it: cleaned and within its lengths. `external_id` is None or not empty."""

    name: str
    email: str
    joined_on: date
    company: str = ""
    external_id: str | None = None
    status: CustomerStatus = CustomerStatus.ACTIVE
    automatic_credit: bool | None = None
    """Whether credit is used by itself on this customer's invoices; None: as the settings say."""

    def columns(self) -> dict[str, Any]:
        """Return what the row holds of the profile, with what searches look into."""
        return {
            "name": self.name,
            "email": self.email,
            "joined_on": self.joined_on,
            "company": self.company,
            "external_id": self.external_id,
            "status": str(self.status),
            "automatic_credit": self.automatic_credit,
            **search_keys(self.name, self.company, self.email, self.external_id),
        }


def create(session: Session, fields: CustomerFields, *, by: Actor, key: str) -> int:
    """Make a customer with an empty credit account, and return the id. The same key again makes no second one.

    Raises:
        TakenError: another customer has the external id.
        FormReusedError: the key has made another customer.
    """
    _check_status(fields)
    lock_settings(session)
    content = (*(None if value is None else str(value) for value in asdict(fields).values()), by.kind, by.id)
    earlier = request_keys.claim(session, "customer", key, content)
    if earlier is not None:
        return int(earlier)
    moment = now(session)
    row = insert(Customer).values(**fields.columns(), version=1, created_at=moment, updated_at=moment)
    try:
        customer_id: int = session.execute(row.returning(Customer.id)).scalar_one()
    except IntegrityError as error:
        raise _taken(error, fields) from error
    ledger.create_accounts(session, [customer_id])
    request_keys.keep(session, "customer", key, str(customer_id))
    audit.record(session, Action.CUSTOMER_CREATED, by, "customer", customer_id, after=asdict(fields))
    return customer_id


def create_many(session: Session, many: Sequence[CustomerFields]) -> list[int]:
    """Make customers with empty credit accounts, and return their ids in the same order. Auditing is the caller's.

    Each has an external id; by that the rows are told apart.

    Raises:
        IntegrityError: an external id is taken, or named twice.
    """
    moment = now(session)
    common = {"version": 1, "created_at": moment, "updated_at": moment}
    rows = [fields.columns() | common for fields in many]
    statement = insert(Customer).returning(Customer.external_id, Customer.id)
    made = dict(session.execute(statement, rows).all())
    customer_ids = [made[fields.external_id] for fields in many]
    ledger.create_accounts(session, customer_ids)
    return customer_ids


def edit(session: Session, customer_id: int, fields: CustomerFields, *, version: int, by: Actor) -> None:
    """Save the profile; `version` is the one the form was opened on. Nothing is written when nothing differs.

    Raises:
        CustomerNotFoundError, CustomerClosedError: there is nobody to edit, or no longer.
        StaleFormError: somebody else saved the profile meanwhile.
        TakenError: another customer has the external id.
    """
    _check_status(fields)
    c = Customer.__table__.c
    names = list(asdict(fields))
    saved = session.execute(
        select(c.version, *[c[name] for name in names]).where(c.id == customer_id).with_for_update(key_share=True)
    ).one_or_none()
    if saved is None:
        raise CustomerNotFoundError(customer_id)
    if saved.status not in BY_HAND:
        raise survivors.closed_error(session, customer_id)
    if saved.version != version:
        raise StaleFormError("this user")
    before, after = {name: getattr(saved, name) for name in names}, asdict(fields)
    if before == after:
        return
    row = (
        update(Customer)
        .where(c.id == customer_id)
        .values(**fields.columns(), version=version + 1, updated_at=now(session))
    )
    try:
        session.execute(row)
    except IntegrityError as error:
        raise _taken(error, fields) from error
    audit.record(session, Action.CUSTOMER_EDITED, by, "customer", customer_id, before, after)


def search_keys(name: str, company: str, email: str, external_id: str | None) -> dict[str, str]:
    """Return the columns that sorting and searching look into, folded: `name_key`, `email_key`, `search_key`."""
    return {
        "name_key": fold(name),
        "email_key": fold(email),
        "search_key": fold(" ".join(filter(None, (name, company, email, external_id)))),
    }


def lock_settings(session: Session) -> None:
    """Hold the settings as they are until the commit; the first lock of a transaction that depends on them."""
    session.execute(select(Setting.id).where(Setting.id == 1).with_for_update(read=True)).one()


def _check_status(fields: CustomerFields) -> None:
    if fields.status not in BY_HAND:
        raise ValueError(f"The status {fields.status} is not set by hand.")


def _taken(error: IntegrityError, fields: CustomerFields) -> Exception:
    """Return the refusal that a broken unique key means, or the error itself when it is another one."""
    if "external_id" in str(error.orig) and fields.external_id is not None:
        return TakenError("external id", fields.external_id)
    return error
