"""The customers' door: invitations, log-ins, forgotten passwords. A link opens one form, once.

Passwords are hashed outside of transactions. Of a link only the digest is kept: whoever reads the database opens
nothing with it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from creditapp.db import now
from creditapp.errors import (
    AddressUnfitError,
    CustomerClosedError,
    CustomerNotFoundError,
    HasLogInError,
    LinkError,
    NoAddressError,
    NoLogInError,
)
from creditapp.models import Customer, FormDraft, LinkPurpose, LogIn, LogInKind, LogInSession, MailEvent, OneTimeLink
from creditapp.services import audit, customers, mails, request_keys
from creditapp.services.actor import SYSTEM, Actor, customer
from creditapp.services.audit import Action
from creditapp.services.customers import BY_HAND, CustomerFields
from creditapp.services.sign_in import TOKEN_BYTES, token_digest
from creditapp.services.staff import email_key

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

IDLE_MAX = timedelta(hours=2)
"""Customers who do nothing for so long have to sign in again."""
SESSION_MAX = timedelta(days=14)
"""Customers sign in anew after this, however busy."""
INVITATION_LIFE = timedelta(days=7)
RESET_LIFE = timedelta(minutes=30)
RESETS_MAX = 3
"""So many links of one log-in work at a time: who asks on somebody's behalf cannot take theirs away at once."""

Linker = Callable[[str], str | None]
"""Makes the address of a page from a link's token; None where nobody knows how we are reached: nothing is mailed."""


@dataclass(frozen=True, slots=True)
class CustomerLogIn:
    """What a sign-in is checked against."""

    log_in_id: int
    password_hash: str
    customer_id: int
    email: str
    """As it was written for the log-in; where links go."""
    is_open: bool
    """The customer is neither closed nor merged."""


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """Whom a link is for: what a password must not be made of."""

    email: str
    name: str
    company: str


@dataclass(frozen=True, slots=True)
class _Taken:
    """A link that has just been used up."""

    customer_id: int
    log_in_id: int | None
    email: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What customers may change about themselves."""

    name: str
    company: str
    email: str


def find_log_in(session: Session, email: str) -> CustomerLogIn | None:
    """Return the log-in of the customer who signs in with this e-mail."""
    statement = (
        select(LogIn.id, LogIn.password_hash, Customer.id, LogIn.email, Customer.status.in_(BY_HAND))
        .join(Customer, Customer.id == LogIn.customer_id)
        .where(LogIn.kind == LogInKind.CUSTOMER, LogIn.email_key == email_key(email))
    )
    row = session.execute(statement).one_or_none()
    return CustomerLogIn(*row) if row is not None else None


def record_failure(session: Session, *, customer_id: int | None, address: str) -> None:
    """Write down that somebody tried to sign in and failed; `customer_id` where the e-mail is somebody's."""
    audit.record(session, Action.SIGN_IN_FAILED, Actor(SYSTEM.kind, None, address), "customer", customer_id)


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
    person = _lock_customer(session, customer_id)
    if "@" not in person.email:
        raise NoAddressError
    if session.scalar(select(LogIn.id).where(LogIn.customer_id == customer_id)) is not None:
        raise HasLogInError
    _refuse_taken(session, person.email)
    its_own = (OneTimeLink.customer_id == customer_id, OneTimeLink.purpose == LinkPurpose.INVITATION)
    session.execute(delete(OneTimeLink).where(*its_own))
    token = _make_link(session, LinkPurpose.INVITATION, person.email, INVITATION_LIFE, customer_id=customer_id)
    request_keys.keep(session, "invitation", key, "made")
    _send(session, MailEvent.INVITATION, customer_id, person.email, link(token), token)
    audit.record(session, Action.CLIENT_INVITED, by, "customer", customer_id, after={"email": person.email})
    return token


def find_link(session: Session, token: str, purpose: LinkPurpose, moment: datetime) -> LinkFacts | None:
    """Return whom the link is for, if it still works; opening its page does not use it up."""
    link = _find_link(session, token, purpose, moment)
    if link is None:
        return None
    statement = select(Customer.email, Customer.name, Customer.company).where(Customer.id == link.customer_id)
    row = session.execute(statement.where(Customer.status.in_(BY_HAND))).one_or_none()
    if row is None or not _still_goes_there(purpose, link.email, row.email):
        return None
    return LinkFacts(link.email, row.name, row.company)


def accept(session: Session, token: str, password_hash: str, *, address: str) -> int:
    """Make the log-in that the invitation is for, and return the customer's id. The link is used up.

    Raises:
        LinkError: it does not work any more.
        AddressUnfitError: another customer has signed up with the address meanwhile.
    """
    link = _take_link(session, token, LinkPurpose.INVITATION)
    customer_id = link.customer_id
    if session.scalar(select(LogIn.id).where(LogIn.customer_id == customer_id)) is not None:
        raise LinkError
    make_log_in(session, customer_id, link.email, password_hash)
    by = customer(customer_id, address)
    audit.record(session, Action.CLIENT_LOG_IN_MADE, by, "customer", customer_id, after={"email": link.email})
    return customer_id


def make_log_in(session: Session, customer_id: int, email: str, password_hash: str) -> int:
    """Give the customer a log-in, and return its id. Auditing is the caller's.

    Raises:
        AddressUnfitError: another customer signs in with the address.
    """
    moment = now(session)
    row = insert(LogIn).values(
        kind=str(LogInKind.CUSTOMER),
        email=email,
        email_key=email_key(email),
        password_hash=password_hash,
        password_changed_at=moment,
        customer_id=customer_id,
        created_at=moment,
    )
    try:
        return session.execute(row.returning(LogIn.id)).scalar_one()
    except IntegrityError as error:
        raise _unfit(error) from error


def ask_reset(session: Session, email: str, *, link: Linker, address: str) -> str | None:
    """Send a link for a new password to whoever signs in with this e-mail, and return its token; None for nobody.

    Whether there is somebody must not be told: it is written down in either case, which also takes most of the time.
    """
    found = find_log_in(session, email)
    token = None
    if found is not None and found.is_open:
        token = _make_link(
            session, LinkPurpose.RESET, email, RESET_LIFE, customer_id=found.customer_id, log_in_id=found.log_in_id
        )
        _forget_older_resets(session, found.log_in_id)
        _send(session, MailEvent.PASSWORD_RESET, found.customer_id, found.email, link(token), token)
    by = Actor(SYSTEM.kind, None, address)
    audit.record(session, Action.RESET_ASKED, by, "customer", found.customer_id if found else None)
    return token


def reset(session: Session, token: str, password_hash: str, *, address: str) -> int:
    """Set the password that was chosen by the link, end all sessions of the log-in, and return the customer's id.

    Raises:
        LinkError: the link does not work any more.
    """
    link = _take_link(session, token, LinkPurpose.RESET)
    _set_password(session, link.log_in_id, password_hash)
    by = customer(link.customer_id, address)
    audit.record(session, Action.PASSWORD_CHANGED, by, "customer", link.customer_id, after={"by_mail": True})
    return link.customer_id


def change_password(session: Session, customer_id: int, password_hash: str, *, keep_token: str, by: Actor) -> None:
    """Set a password that was chosen by who knows the old one. All sessions but that of `keep_token` end.

    Raises:
        NoLogInError: the log-in has been ended meanwhile.
    """
    log_in_id = _lock_log_in(session, customer_id)
    _set_password(session, log_in_id, password_hash, keep_token=keep_token)
    audit.record(session, Action.PASSWORD_CHANGED, by, "customer", customer_id)


def edit_profile(session: Session, customer_id: int, wanted: Profile, *, version: int, by: Actor) -> None:
    """Save what the customer changed; `version` is the one the form was opened on.

    The log-in follows the e-mail, and the address before is told.

    Raises:
        CustomerNotFoundError, CustomerClosedError: there is nobody to edit, or no longer.
        StaleFormError: somebody else saved the profile meanwhile.
        AddressUnfitError: another customer signs in with the address.
    """
    person = _lock_customer(session, customer_id)
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
        log_in_id = _lock_log_in(session, customer_id)
        own = update(LogIn).where(LogIn.id == log_in_id)
        old = session.execute(select(LogIn.email).where(LogIn.id == log_in_id)).scalar_one()
        try:
            session.execute(own.values(email=fields.email, email_key=email_key(fields.email)))
        except IntegrityError as error:
            raise _unfit(error) from error
        session.execute(delete(OneTimeLink).where(OneTimeLink.log_in_id == log_in_id))
        if email_key(old) != email_key(fields.email):
            _tell_old_address(session, customer_id, old, fields.email, version=version)
    customers.edit(session, customer_id, fields, version=version, by=by)


def end(session: Session, customer_id: int, *, by: Actor) -> None:
    """Take the customer's log-in away, with its sessions, drafts and links. The same e-mail can be invited again.

    Raises:
        NoLogInError: there is none.
    """
    log_in_id = _lock_log_in(session, customer_id)
    session.execute(delete(LogInSession).where(LogInSession.log_in_id == log_in_id))
    session.execute(delete(FormDraft).where(FormDraft.log_in_id == log_in_id))
    session.execute(delete(OneTimeLink).where(OneTimeLink.log_in_id == log_in_id))
    session.execute(delete(LogIn).where(LogIn.id == log_in_id))
    audit.record(session, Action.CLIENT_LOG_IN_ENDED, by, "customer", customer_id)


def _lock_customer(session: Session, customer_id: int) -> Row[*tuple[object, ...]]:
    c = Customer
    columns = (c.name, c.company, c.email, c.external_id, c.status, c.joined_on, c.automatic_credit)
    person = session.execute(select(*columns).where(c.id == customer_id).with_for_update(key_share=True)).one_or_none()
    if person is None:
        raise CustomerNotFoundError(customer_id)
    if person.status not in BY_HAND:
        raise CustomerClosedError(customer_id)
    return person


def _lock_log_in(session: Session, customer_id: int) -> int:
    own = (LogIn.kind == LogInKind.CUSTOMER, LogIn.customer_id == customer_id)
    log_in_id = session.scalar(select(LogIn.id).where(*own).with_for_update())
    if log_in_id is None:
        raise NoLogInError
    return log_in_id


def _make_link(
    session: Session,
    purpose: LinkPurpose,
    email: str,
    life: timedelta,
    *,
    customer_id: int,
    log_in_id: int | None = None,
) -> str:
    token, moment = secrets.token_urlsafe(TOKEN_BYTES), now(session)
    session.execute(
        insert(OneTimeLink).values(
            token_digest=token_digest(token),
            purpose=str(purpose),
            customer_id=customer_id,
            log_in_id=log_in_id,
            email=email,
            created_at=moment,
            ends_at=moment + life,
        )
    )
    return token


def _find_link(
    session: Session, token: str, purpose: LinkPurpose, moment: datetime, *, lock: bool = False
) -> OneTimeLink | None:
    link = OneTimeLink
    statement = select(link).where(
        link.token_digest == token_digest(token),
        link.purpose == purpose,
        link.used_at.is_(None),
        link.ends_at > moment,
    )
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalar(statement)


def _take_link(session: Session, token: str, purpose: LinkPurpose) -> _Taken:
    """Lock the customer, then the link, and use it up. Of two who come at once, one gets it."""
    seen = _find_link(session, token, purpose, now(session))
    if seen is None or seen.customer_id is None:
        raise LinkError
    try:
        person = _lock_customer(session, seen.customer_id)
    except (CustomerNotFoundError, CustomerClosedError):
        raise LinkError from None
    link = _find_link(session, token, purpose, now(session), lock=True)
    if link is None or not _still_goes_there(purpose, link.email, person.email):
        raise LinkError
    link.used_at = now(session)
    session.flush()
    return _Taken(seen.customer_id, link.log_in_id, link.email)


def _still_goes_there(purpose: LinkPurpose, sent_to: str, profile_email: str) -> bool:
    """Return whether an invitation was sent to the address that the customer has now.

    Staff who correct a wrong address do not want whoever got the mail there to come in.
    """
    return purpose != LinkPurpose.INVITATION or email_key(sent_to) == email_key(profile_email)


def _send(session: Session, event: MailEvent, customer_id: int, email: str, url: str | None, token: str) -> None:
    """Send the link to the address of the log-in, whatever the profile says: whoever reads the mail gets in."""
    if url is not None:
        key = f"{event}:{token_digest(token).hex()[:32]}"
        mails.queue(session, event, customer_id=customer_id, key=key, facts={"url": url}, recipient=email)


def _tell_old_address(session: Session, customer_id: int, old: str, new: str, *, version: int) -> None:
    event, key = MailEvent.ADDRESS_CHANGED, f"address_changed:{customer_id}:{version}"
    mails.queue(session, event, customer_id=customer_id, key=key, facts={"email": new}, recipient=old)


def _forget_older_resets(session: Session, log_in_id: int) -> None:
    link = OneTimeLink
    newest = select(link.token_digest).where(link.log_in_id == log_in_id)
    newest = newest.order_by(link.created_at.desc(), link.token_digest).limit(RESETS_MAX)
    session.execute(delete(link).where(link.log_in_id == log_in_id, link.token_digest.not_in(newest)))


def _set_password(session: Session, log_in_id: int | None, password_hash: str, *, keep_token: str = "") -> None:
    own = update(LogIn).where(LogIn.id == log_in_id)
    session.execute(own.values(password_hash=password_hash, password_changed_at=now(session)))
    others = LogInSession.token_digest != token_digest(keep_token)
    session.execute(delete(LogInSession).where(LogInSession.log_in_id == log_in_id, others))
    unused = (OneTimeLink.log_in_id == log_in_id, OneTimeLink.used_at.is_(None))
    session.execute(delete(OneTimeLink).where(*unused))


def _refuse_taken(session: Session, email: str) -> None:
    taken = select(LogIn.id).where(LogIn.kind == LogInKind.CUSTOMER, LogIn.email_key == email_key(email))
    if session.scalar(taken) is not None:
        raise AddressUnfitError


def _unfit(error: IntegrityError) -> Exception:
    return AddressUnfitError() if "email_key" in str(error.orig) else error
