"""The merge itself: one transaction, both accounts locked by rising id before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from creditapp.db import now
from creditapp.errors import CustomerNotFoundError, MergedError, MergeMovedError, MergeRefusedError
from creditapp.models import CreditAccount, Customer, CustomerStatus
from creditapp.services import audit, customers, request_keys, self_dealing
from creditapp.services.audit import Action
from creditapp.services.ledger import Account, Chunk
from creditapp.services.merging import belongings, bills, lots

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

_SCOPE = "merge"
_REASON_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """A customer as the page showed it: the profile's version, and the balance in minor units."""

    version: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge came to: the balance that moved, and how many open invoices and live subscriptions went along.

    Credit that is on open invoices is on them again, and counts for none of it; minor units.

    `replayed`: it had been done before under the same key, and the counts are not told again.
    """

    customer_id: int
    survivor_id: int
    moved_minor: int = 0
    invoices: int = 0
    subscriptions: int = 0
    replayed: bool = False


def merge(
    session: Session,
    customer_id: int,
    *,
    into: int,
    by: Actor,
    key: str,
    seen: Mapping[int, Seen] | None = None,
) -> Merged:
    """Merge a customer into another one, whose profile is kept, and return what moved.

    Balance (each lot with its class and expiry), open invoices, subscriptions, payments under way and the log-in are
    the survivor's afterwards; entries, closed invoices and payments stay where they are. A frozen account freezes the
    survivor's. `seen` is how the page showed both: what has changed since is refused. The same key merges once.

    Raises:
        MergeRefusedError: they are the same, or one of them is closed.
        MergedError: one of them was merged before.
        MergeMovedError: a profile or a balance is no longer as it was shown.
        BalanceLimitError: together they would hold more than an account may.
        CustomerNotFoundError, OwnAccountError: one of them is not there, or is who asks.
        FormReusedError: the key has merged others.
    """
    if customer_id == into:
        raise MergeRefusedError("These are one and the same user: choose another one to merge with.")
    self_dealing.refuse(session, by, customer_id, into)
    customers.lock_settings(session)
    if request_keys.claim(session, _SCOPE, key, (customer_id, into, by.kind, by.id)) is not None:
        return Merged(customer_id, into, replayed=True)
    belongings.name_in_incidents(session, customer_id, into)
    chunk = Chunk(session, (customer_id, into), ())
    giver, taker = _lock_people(session, customer_id, into)
    for person in (giver, taker):
        _check(person, chunk.accounts[person.id], (seen or {}).get(person.id))
    balances = {f"balance_minor_{each}": chunk.accounts[each].balance_minor for each in (customer_id, into)}
    moved_minor = chunk.accounts[customer_id].balance_minor
    today = chunk.panel.day_of(now(session))
    subscriptions = belongings.move_subscriptions(session, customer_id, into, today)
    moving = bills.leave(session, chunk, customer_id, into, by=by)
    arrived = lots.move(chunk, customer_id, into, by=by)
    bills.issue_again(session, chunk, moving, arrived, customer_id, into, by=by)
    invoice_ids = [one.id for one in moving]
    belongings.move_intents(session, customer_id, into, invoice_ids)
    belongings.move_promises(session, customer_id, into, invoice_ids)
    log_in = belongings.move_log_in(session, customer_id, into)
    _close(session, customer_id, into)
    chunk.write()
    _freeze_too(session, customer_id, into)
    request_keys.keep(session, _SCOPE, key, str(into))
    after = {
        "merged_into": into,
        "external_id": giver.external_id,
        "moved_minor": moved_minor,
        "invoices": invoice_ids,
        "subscriptions": subscriptions,
        "log_in_was": log_in,
    }
    audit.record(session, Action.CUSTOMER_MERGED, by, "customer", customer_id, before=balances, after=after)
    return Merged(customer_id, into, moved_minor, len(moving), subscriptions)


def _lock_people(session: Session, *customer_ids: int) -> list[Any]:
    """Lock both profiles by rising id, and return them in the order in which they were named."""
    c = Customer
    rows = session.execute(
        select(c.id, c.status, c.version, c.merged_into_id, c.external_id)
        .where(c.id.in_(customer_ids))
        .order_by(c.id)
        .with_for_update(key_share=True)
    )
    people: dict[int, Any] = {row.id: row for row in rows}
    for customer_id in customer_ids:
        if customer_id not in people:
            raise CustomerNotFoundError(customer_id)
    return [people[customer_id] for customer_id in customer_ids]


def _check(person: Any, account: Account, seen: Seen | None) -> None:  # noqa: ANN401  (a row)
    """Refuse who was merged or closed before, and what is no longer as it was shown."""
    if person.merged_into_id is not None:
        raise MergedError(person.id, person.merged_into_id)
    if person.status not in customers.BY_HAND or account.closed_at is not None:
        raise MergeRefusedError(f"User #{person.id} is closed, and cannot be merged.")
    if seen is not None and (seen.version, seen.balance_minor) != (person.version, account.balance_minor):
        raise MergeMovedError(person.id, shown_minor=seen.balance_minor, balance_minor=account.balance_minor)


def _close(session: Session, customer_id: int, into: int) -> None:
    """Let the customer, and all who were merged into them before, lead to the survivor, and their account end."""
    c, a, moment = Customer, CreditAccount, now(session)
    merged = {"merged_into_id": into, "updated_at": moment}
    session.execute(update(c).where(c.merged_into_id == customer_id).values(**merged))
    status = str(CustomerStatus.MERGED)
    session.execute(update(c).where(c.id == customer_id).values(status=status, version=c.version + 1, **merged))
    session.execute(update(a).where(a.customer_id == customer_id).values(closed_at=moment))


def _freeze_too(session: Session, customer_id: int, into: int) -> None:
    """Freeze the survivor's balance where the other one was frozen: what was unusable does not become usable so."""
    a = CreditAccount
    frozen = session.execute(select(a.frozen_at, a.frozen_reason).where(a.customer_id == customer_id)).one()
    if frozen.frozen_at is None:
        return
    reason = f"User #{customer_id}, merged into this one: {frozen.frozen_reason}"[:_REASON_CHARS_MAX]
    values = {"frozen_at": frozen.frozen_at, "frozen_reason": reason}
    session.execute(update(a).where(a.customer_id == into, a.frozen_at.is_(None)).values(**values))
