"""Deleting a customer: one transaction that settles what is owed, closes the account and erases the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from creditapp.db import now
from creditapp.errors import (
    CustomerNotFoundError,
    InvoicesOpenError,
    MergedError,
    MoneyUnderwayError,
    StaleFormError,
)
from creditapp.models import (
    Capture,
    Customer,
    CustomerStatus,
    InvoiceStatus,
    Subscription,
    SubscriptionStatus,
)
from creditapp.queries.merged import family_of
from creditapp.services import audit, customers, days, invoices, ledger, request_keys, self_dealing, survivors
from creditapp.services.audit import Action
from creditapp.services.customer_life import erasing
from creditapp.services.customer_life.settling import Choices, settle
from creditapp.services.customer_life.standing import open_invoices, underway
from creditapp.services.ledger import Chunk
from creditapp.services.refunds import Asked

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

SCOPE = "customer.delete"
WHAT = "this user"


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a deletion came to: refunds to be sent, minor units moved and lapsed, and how much of what was closed.

    `replayed`: it had been done before.
    """

    customer_id: int
    refunds: tuple[Asked, ...] = ()
    transferred_minor: int = 0
    expired_minor: int = 0
    invoices: tuple[int, ...] = ()
    subscriptions: int = 0
    erased: dict[str, int] = field(default_factory=dict)
    """How many rows lost their words, by what they are."""
    replayed: bool = False


def pseudonym(customer_id: int) -> str:
    """Return what a customer is called who was deleted."""
    return f"Deleted user #{customer_id}"


def delete(  # noqa: PLR0913  (what a person has said, and what was reserved for it)
    session: Session,
    customer_id: int,
    choices: Choices,
    *,
    version: int,
    seen_minor: int,
    cancel_invoices: bool,
    refund_ids: Sequence[int],
    by: Actor,
    key: str,
) -> Deleted:
    """Close a customer for good, and take every personal word out, of those who were merged into them, too.

    Drafts go, open invoices are cancelled if that was said, subscriptions end, and the balance, with what comes back
    from those invoices, is settled as was chosen. `version` and `seen_minor` are the profile and the balance that the
    page showed. Who has gone already is settled once more, where something has come back since. The same key works
    once.

    Raises:
        CustomerNotFoundError, MergedError: there is nobody, or they are somebody else by now.
        StaleFormError: somebody else saved the profile, or the balance has moved.
        MoneyUnderwayError: a payment or a refund is on its way.
        InvoicesOpenError: something is owed, and nobody has said that it is not any more.
        What `settling.settle` raises, and OwnAccountError.
        FormReusedError: the key has deleted somebody else.
    """
    customers.lock_settings(session)
    self_dealing.refuse(session, by, customer_id)
    content = (customer_id, cancel_invoices, *choices.said(by))
    if request_keys.claim(session, SCOPE, key, content) is not None:
        return Deleted(customer_id, replayed=True)
    people = family_of(session, customer_id)
    _lock_captures(session, people)
    ids = {*people, choices.to_id} if choices.to_id is not None else set(people)
    account = Chunk(session, ids, (), ()).accounts.get(customer_id)
    person = _lock_people(session, customer_id, people)
    if account is None or person is None:
        raise CustomerNotFoundError(customer_id)
    if person.merged_into_id is not None:
        raise MergedError(customer_id, person.merged_into_id)
    if person.erased_at is not None and account.balance_minor == 0:
        return Deleted(customer_id, replayed=True)
    if (person.version, account.balance_minor) != (version, seen_minor):
        raise StaleFormError(WHAT)
    _check_underway(session, people)
    with survivors.passing(session, customer_id):  # who has gone takes no entries otherwise
        closed = _cancel_invoices(session, customer_id, all_of_them=cancel_invoices, by=by, key=key)
        ledger.set_frozen(session, people, None, None)  # why it was frozen goes with everything else
        settled = settle(session, customer_id, choices, refund_ids=refund_ids, by=by, key=key)
    ended = _end_subscriptions(session, people, days.today(session))
    erased = erasing.erase(session, people) if person.erased_at is None else erasing.Erased()
    _close(session, people)
    done = Deleted(
        customer_id,
        settled.refunds,
        settled.transferred_minor,
        settled.expired_minor,
        tuple(closed),
        ended,
        erased.counts,
    )
    _record(session, done, people[1:], erased.invoice_words, by=by)
    return done


def _lock_captures(session: Session, people: Sequence[int]) -> None:
    """Lock what gateways know of the payments: refunds move it, and it is locked before accounts."""
    c = Capture
    its_own = select(c.ref).where(c.customer_id.in_(people)).order_by(c.gateway, c.ref)
    session.execute(its_own.with_for_update()).all()


def _lock_people(session: Session, customer_id: int, people: Sequence[int]) -> Any:  # noqa: ANN401  (a row, or None)
    c = Customer
    columns = select(c.id, c.version, c.status, c.merged_into_id, c.erased_at)
    rows = session.execute(columns.where(c.id.in_(people)).order_by(c.id).with_for_update(key_share=True)).all()
    return next((row for row in rows if row.id == customer_id), None)


def _check_underway(session: Session, people: Sequence[int]) -> None:
    found = underway(session, people)
    if found.is_any:
        raise MoneyUnderwayError(payments=found.payments, refunds=found.refunds)


def _cancel_invoices(session: Session, customer_id: int, *, all_of_them: bool, by: Actor, key: str) -> list[int]:
    """Cancel drafts, and what is unpaid if that was said; return which those were, by rising number."""
    bills = open_invoices(session, customer_id)
    unpaid = [bill.id for bill in bills if bill.status == InvoiceStatus.UNPAID]
    if unpaid and not all_of_them:
        raise InvoicesOpenError(unpaid)
    for bill in bills:
        invoices.cancel(session, customer_id, bill.id, by=by, key=f"{key}:invoice:{bill.id}")
    return [bill.id for bill in bills]


def _end_subscriptions(session: Session, people: Sequence[int], today: date) -> int:
    s = Subscription
    live = update(s).where(s.customer_id.in_(people), s.status != SubscriptionStatus.CANCELLED)
    ended = {"status": str(SubscriptionStatus.CANCELLED), "cancelled_on": today, "updated_at": now(session)}
    return int(session.execute(live.values(**ended, version=s.version + 1)).rowcount)  # type: ignore[attr-defined]


def _close(session: Session, people: Sequence[int]) -> None:
    """Put the pseudonyms where the people were, and close their accounts; who was merged stays merged."""
    c, moment = Customer, now(session)
    for customer_id in people:
        name = pseudonym(customer_id)
        nobody: dict[str, Any] = {"name": name, "company": "", "email": "", "external_id": None}
        session.execute(
            update(c)
            .where(c.id == customer_id)
            .values(
                **nobody,
                **customers.search_keys(**nobody),
                automatic_credit=None,
                referral_code=None,
                erased_at=moment,
                version=c.version + 1,
                updated_at=moment,
            )
        )
    session.execute(update(c).where(c.id == people[0]).values(status=str(CustomerStatus.CLOSED)))
    ledger.close(session, people[0])


def _record(session: Session, done: Deleted, merged: Sequence[int], invoice_words: str, *, by: Actor) -> None:
    after = {
        "merged": list(merged),
        "refunds": [one.refund_id for one in done.refunds],
        "transferred_minor": done.transferred_minor,
        "expired_minor": done.expired_minor,
        "invoices": list(done.invoices),
        "subscriptions": done.subscriptions,
        "invoice_words": invoice_words,
        **done.erased,
    }
    audit.record(session, Action.CUSTOMER_DELETED, by, "customer", done.customer_id, after=after)
