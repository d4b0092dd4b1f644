"""Posting: one entry on a locked account, or a chunk of entries on many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from creditapp.db import now
from creditapp.errors import CustomerNotFoundError, DomainError
from creditapp.services import survivors
from creditapp.services.ledger import plans
from creditapp.services.ledger.accounts import lock_many, read_all_lots, read_lots, read_posted, replay
from creditapp.services.ledger.chain import content_digest
from creditapp.services.ledger.terms import Account, Entry, Panel, Posting
from creditapp.services.ledger.writes import Writes
from creditapp.services.mails import entries as mails
from creditapp.statements import Call, run


def post(session: Session, account: Account, panel: Panel, posting: Posting, *also: Call) -> Entry:
    """Make one entry on a locked account, with everything that follows from it, or refuse and write nothing.

    `also` is written in the same round trip; each of these calls must touch exactly one row.

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
    writes.flush(*also)
    mails.tell(session, panel, [(posting, entry)])
    return entry


class Chunk:
    """Many customers' accounts, locked by rising id, and the entries made on them, written all at once by `write`.

    Keep it to a thousand customers or so: their accounts stay locked until the commit.
    """

    def __init__(
        self,
        session: Session,
        customer_ids: Iterable[int],
        keys: Iterable[tuple[int, str]],
        debtors: Iterable[int] | None = None,
    ) -> None:
        """Lock the accounts and read what entries under these keys, each with its customer, depend on.

        Lots are read of `debtors` alone; None: of all.
        """
        ids = sorted(set(customer_ids))
        self.accounts = lock_many(session, ids)
        read_lots(session, self.accounts, ids if debtors is None else debtors)
        self._posted = read_posted(session, list(keys))
        self._mine: dict[tuple[int, str], tuple[Posting, Entry]] = {}
        self.panel = Panel(*run(session, plans.PANEL())[0].rows[0])
        self._session, self._writes = session, Writes(session)
        self._made: list[tuple[Posting, Entry]] = []

    def account(self, customer_id: int) -> Account:
        """Return the customer's account, as the entries made so far have left it.

        Raises:
            CustomerNotFoundError, CustomerClosedError, MergedError: there is none, or it takes no more entries.
        """
        account = self.accounts.get(customer_id)
        if account is None:
            raise CustomerNotFoundError(customer_id)
        if account.closed_at is not None and not survivors.is_passing(self._session, customer_id):
            raise survivors.closed_error(self._session, customer_id)
        return account

    def earlier(self, customer_id: int, key: str, content: tuple[Any, ...]) -> Entry | None:
        """Return what was posted under this key before; it is one of those that the chunk was opened with.

        Raises:
            KeyReusedError: the key has been used for other content.
        """
        row = self._posted.get((customer_id, key))
        return None if row is None else replay(row, content)

    def post(self, customer_id: int, posting: Posting) -> Entry:
        """Make one entry; what was asked before under the same key is returned as it was.

        Raises:
            What `post` raises, and what `account` does. Nothing is kept of a refused one.
        """
        asked = (customer_id, posting.key)
        earlier = self._posted.get(asked)
        if earlier is not None:
            return replay(earlier, posting.content)
        mine = self._mine.get(asked)
        if mine is not None:
            return replay((*_posted_row(mine[1]), content_digest(mine[0].content)), posting.content)
        entry = self._writes.add(self.account(customer_id), self.panel, posting)
        self._made.append((posting, entry))
        self._mine[asked] = posting, entry
        return entry

    def write(self) -> None:
        """Write every entry made, with one statement for each table, and what their customers are told."""
        self._writes.flush_many()
        mails.tell(self._session, self.panel, self._made)


def post_many(session: Session, postings: Sequence[tuple[int, Posting]]) -> list[Entry | DomainError]:
    """Make many entries, each `(customer_id, posting)`, in one go: accounts are locked by rising id.

    What was asked before under the same key is returned as it was; what is refused comes back as the refusal, in its
    place, and the others go on. Keep a call to a thousand or so: their accounts stay locked until the commit.
    """
    chunk = Chunk(
        session,
        [customer_id for customer_id, _posting in postings],
        [(customer_id, posting.key) for customer_id, posting in postings],
        [c for c, posting in postings if posting.amount_minor < 0 and posting.moves is None],
    )
    results: list[Entry | DomainError] = []
    for customer_id, posting in postings:
        try:
            results.append(chunk.post(customer_id, posting))
        except DomainError as refusal:
            results.append(refusal)
    chunk.write()
    return results


def _posted_row(entry: Entry) -> tuple[Any, ...]:
    return entry.customer_id, entry.seq, entry.kind, entry.amount_minor, entry.balance_after_minor
