"""What customers change about themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from creditapp.models import LogIn, MailEvent, OneTimeLink
from creditapp.services import customers, mails
from creditapp.services.actor import Actor
from creditapp.services.client_access.log_ins import lock_customer, lock_log_in, unfit
from creditapp.services.customers import CustomerFields
from creditapp.services.staff import email_key

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Profile:
    """What customers may change about themselves."""

    name: str
    company: str
    email: str


def edit_profile(session: Session, customer_id: int, wanted: Profile, *, version: int, by: Actor) -> None:
    """Save what the customer changed; `version` is the one the form was opened on.

    The log-in follows the e-mail, and the address before is told.

    Raises:
        CustomerNotFoundError, CustomerClosedError: there is nobody to edit, or no longer.
        StaleFormError: somebody else saved the profile meanwhile.
        AddressUnfitError: another customer signs in with the address.
    """
    person = lock_customer(session, customer_id)
    saved = CustomerFields(
        name=person.name,
        company=person.company,
        email=person.email,
        joined_on=person.joined_on,
        external_id=person.external_id,
        status=person.status,
        automatic_credit=person.automatic_credit,
    )
    fields = replace(saved, name=wanted.name, company=wanted.company, email=wanted.email)
    if fields.email != saved.email:
        log_in_id = lock_log_in(session, customer_id)
        own = update(LogIn).where(LogIn.id == log_in_id)
        old = session.execute(select(LogIn.email).where(LogIn.id == log_in_id)).scalar_one()
        try:
            session.execute(own.values(email=fields.email, email_key=email_key(fields.email)))
        except IntegrityError as error:
            raise unfit(error) from error
        session.execute(delete(OneTimeLink).where(OneTimeLink.log_in_id == log_in_id))
        if email_key(old) != email_key(fields.email):
            _tell_old_address(session, customer_id, old, fields.email, version=version)
    customers.edit(session, customer_id, fields, version=version, by=by)


def _tell_old_address(session: Session, customer_id: int, old: str, new: str, *, version: int) -> None:
    event, key = MailEvent.ADDRESS_CHANGED, f"address_changed:{customer_id}:{version}"
    mails.queue(session, event, customer_id=customer_id, key=key, facts={"email": new}, recipient=old)
