"""Posting: one entry on a locked account, or a chunk of entries on many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from creditapp.db import now
from creditapp.errors import CustomerClosedError, CustomerNotFoundError, DomainError
from creditapp.services.ledger import plans
from creditapp.services.ledger.accounts import lock_many, read_all_lots, read_lots, read_posted, replay
from creditapp.services.ledger.chain import content_digest
from creditapp.services.ledger.terms import Account, Entry, Panel, Posting
from creditapp.services.ledger.writes import Writes
from creditapp.statements import run


def post(session: Session, account: Account, panel: Panel, posting: Posting) -> Entry:
    """Make one entry on a locked account, with everything that follows from it, or refuse and write nothing.

    Raises:
        AmountRangeError: zero, or more than one entry may be.
        InsufficientCreditError: a debit of more than there is to draw on.
        BalanceLimitError: the balance would be above the largest one.
    """
    if account.has_more_lots and posting.moves is None:
        drawable = account.drawable(account.moment(now(session)), expired_too=posting.draws_expired)
        if sum(lot.remaining_minor for lot in drawable) < -posting.amount_minor:
            read_all_lots(session, account)
    writes = Writes(session)
    entry = writes.add(account, panel, posting)
    writes.flush()
    return entry


def post_many(session: Session, postings: Sequence[tuple[int, Posting]]) -> list[Entry | DomainError]:
    """Make many entries, each `(customer_id, posting)`, in one go: accounts are locked by rising id.

    What was asked before under the same key is returned as it was; what is refused comes back as the refusal, in its
    place, and the others go on. Keep a call to a thousand or so: their accounts stay locked until the commit.
    """
    customer_ids = sorted({customer_id for customer_id, _posting in postings})
    accounts = lock_many(session, customer_ids)
    debtors = [c for c, posting in postings if posting.amount_minor < 0 and posting.moves is None]
    read_lots(session, accounts, debtors)
    posted = read_posted(session, customer_ids, [posting.key for _customer_id, posting in postings])
    panel = Panel(*run(session, plans.PANEL())[0].rows[0])
    writes = Writes(session)
    results: list[Entry | DomainError] = []
    for customer_id, posting in postings:
        try:
            results.append(_post_one(writes, accounts.get(customer_id), panel, customer_id, posting, posted))
        except DomainError as refusal:
            results.append(refusal)
    writes.flush_many()
    return results


def _post_one(
    writes: Writes,
    account: Account | None,
    panel: Panel,
    customer_id: int,
    posting: Posting,
    posted: dict[tuple[int, str], tuple[Any, ...]],
) -> Entry:
    if account is None:
        raise CustomerNotFoundError(customer_id)
    earlier = posted.get((customer_id, posting.key))
    if earlier is not None:
        return replay(earlier, posting.content)
    if account.closed_at is not None:
        raise CustomerClosedError(customer_id)
    entry = writes.add(account, panel, posting)
    posted[customer_id, posting.key] = (*_posted_row(entry), content_digest(posting.content))
    return entry


def _posted_row(entry: Entry) -> tuple[Any, ...]:
    return entry.customer_id, entry.seq, entry.kind, entry.amount_minor, entry.balance_after_minor
