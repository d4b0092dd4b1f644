"""Forgotten passwords: a link goes to the address of the log-in, and sets a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creditapp.models import LinkPurpose, MailEvent
from creditapp.services import audit
from creditapp.services.actor import SYSTEM, Actor, customer
from creditapp.services.audit import Action
from creditapp.services.client_access.links import RESET_LIFE, Linker, forget_older_resets, make_link, send, take_link
from creditapp.services.client_access.log_ins import find_log_in, set_password

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def ask_reset(session: Session, email: str, *, link: Linker, address: str) -> str | None:
    """Send a link for a new password to whoever signs in with this e-mail, and return its token; None for nobody.

    Whether there is somebody must not be told: it is written down in either case, and the view takes its time.
    """
    found = find_log_in(session, email)
    token = None
    if found is not None and found.is_open:
        token = make_link(
            session, LinkPurpose.RESET, email, RESET_LIFE, customer_id=found.customer_id, log_in_id=found.log_in_id
        )
        forget_older_resets(session, found.log_in_id)
        send(session, MailEvent.PASSWORD_RESET, found.customer_id, found.email, link(token), token)
    by = Actor(SYSTEM.kind, None, address)
    audit.record(session, Action.RESET_ASKED, by, "customer", found.customer_id if found else None)
    return token


def reset(session: Session, token: str, password_hash: str, *, address: str) -> int:
    """Set the password that was chosen by the link, end all sessions of the log-in, and return the customer's id.

    Raises:
        LinkError: the link does not work any more.
    """
    link = take_link(session, token, LinkPurpose.RESET)
    set_password(session, link.log_in_id, password_hash)
    by = customer(link.customer_id, address)
    audit.record(session, Action.PASSWORD_CHANGED, by, "customer", link.customer_id, after={"by_mail": True})
    return link.customer_id
