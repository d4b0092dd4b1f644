"""Invitations: staff make one, and the customer's answer makes the log-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from creditapp.errors import HasLogInError, LinkError, NoAddressError
from creditapp.models import LinkPurpose, LogIn, MailEvent, OneTimeLink
from creditapp.services import audit, request_keys
from creditapp.services.actor import Actor, customer
from creditapp.services.audit import Action
from creditapp.services.client_access.links import INVITATION_LIFE, Linker, make_link, send, take_link
from creditapp.services.client_access.log_ins import lock_customer, make_log_in, refuse_taken

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def invite(session: Session, customer_id: int, *, link: Linker, by: Actor, key: str) -> str | None:
    """Invite the customer to the client area by mail, and return the token of the link; earlier invitations end.

    The token is shown only here: asked again under the same key, it returns None and makes no other link.

    Raises:
        CustomerNotFoundError, CustomerClosedError: there is nobody to invite, or no longer.
        HasLogInError: they can sign in already.
        NoAddressError, AddressUnfitError: they have no e-mail address, or another customer signs in with it.
        FormReusedError: the key has invited somebody else.
    """
    if request_keys.claim(session, "invitation", key, (customer_id, by.kind, by.id)) is not None:
        return None
    person = lock_customer(session, customer_id)
    if "@" not in person.email:
        raise NoAddressError
    if session.scalar(select(LogIn.id).where(LogIn.customer_id == customer_id)) is not None:
        raise HasLogInError
    refuse_taken(session, person.email)
    its_own = (OneTimeLink.customer_id == customer_id, OneTimeLink.purpose == LinkPurpose.INVITATION)
    session.execute(delete(OneTimeLink).where(*its_own))
    token = make_link(session, LinkPurpose.INVITATION, person.email, INVITATION_LIFE, customer_id=customer_id)
    request_keys.keep(session, "invitation", key, "made")
    send(session, MailEvent.INVITATION, customer_id, person.email, link(token), token)
    audit.record(session, Action.CLIENT_INVITED, by, "customer", customer_id, after={"email": person.email})
    return token


def accept(session: Session, token: str, password_hash: str, *, address: str) -> int:
    """Make the log-in that the invitation is for, and return the customer's id. The link is used up.

    Raises:
        LinkError: it does not work any more.
        AddressUnfitError: another customer has signed up with the address meanwhile.
    """
    link = take_link(session, token, LinkPurpose.INVITATION)
    customer_id = link.customer_id
    if session.scalar(select(LogIn.id).where(LogIn.customer_id == customer_id)) is not None:
        raise LinkError
    make_log_in(session, customer_id, link.email, password_hash)
    by = customer(customer_id, address)
    audit.record(session, Action.CLIENT_LOG_IN_MADE, by, "customer", customer_id, after={"email": link.email})
    return customer_id
