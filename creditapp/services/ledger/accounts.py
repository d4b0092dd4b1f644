"""Opening accounts: lock first, then read what an entry depends on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from creditapp.bulk import among, insert_rows, pairs
from creditapp.errors import CustomerNotFoundError, KeyReusedError
from creditapp.services import survivors
from creditapp.services.ledger import plans
from creditapp.services.ledger.chain import ZERO_HASH, content_digest
from creditapp.services.ledger.terms import Account, Entry, Lot, Panel
from creditapp.statements import Call, Outcome, run

LOTS_AT_ONCE = 32
"""How many open lots a debit reads first; all of them only when these do not cover it."""
LOTS_MAX = 2**31


def open_account(
    session: Session,
    customer_id: int,
    posting_key: str,
    content: tuple[Any, ...],
    *also: Call,
    debit: bool = True,
    first: Sequence[Call] = (),
    closed_too: bool = False,
) -> tuple[Account, Panel, list[Outcome]]:
    """Lock one customer's account, then read what an entry depends on; return it with the outcomes of the other calls.

    `first` runs before the lock (what is locked before accounts, in the order of locks), `also` after it. With
    `debit`, the open lots are read too. If the key has posted before, `Account.posted` says what. `closed_too` is for
    money that had left and comes back: it is owed again, whether or not the account was closed meanwhile.

    Raises:
        CustomerNotFoundError, CustomerClosedError: there is no account, or it takes no more entries.
        MergedError: it takes none because the customer was merged into another.
        KeyReusedError: the key has been used for other content.
    """
    calls = [
        *first,
        plans.LOCK(customer_id=customer_id),
        plans.POSTED(customer_id=customer_id, posted_key=posting_key),
        plans.PANEL(),
        *also,
    ]
    if debit:
        calls.append(plans.OPEN_LOTS(customer_id=customer_id, most=LOTS_AT_ONCE))
    outcomes = run(session, *calls)
    before = outcomes[: len(first)]
    locked, posted, panel, *rest = outcomes[len(first) :]
    if not locked.rows:
        raise CustomerNotFoundError(customer_id)
    account = Account(*locked.rows[0])
    if posted.rows:
        account.posted = replay(posted.rows[0], content)
    elif account.closed_at is not None and not closed_too and not survivors.is_passing(session, customer_id):
        raise survivors.closed_error(session, customer_id)
    if debit:
        account.lots = [Lot(*row) for row in rest.pop().rows]
        account.has_more_lots = len(account.lots) == LOTS_AT_ONCE
    return account, Panel(*panel.rows[0]), before + rest


def read_all_lots(session: Session, account: Account) -> None:
    """Read every open lot of a locked account on which nothing has been posted yet."""
    rows = run(session, plans.OPEN_LOTS(customer_id=account.customer_id, most=LOTS_MAX))[0].rows
    account.lots, account.has_more_lots = [Lot(*row) for row in rows], False


def create_accounts(session: Session, customer_ids: Iterable[int]) -> None:
    """Open an empty account for each of these new customers."""
    rows = [
        {"customer_id": customer_id, "balance_minor": 0, "entry_seq": 0, "head_hash": ZERO_HASH}
        for customer_id in customer_ids
    ]
    insert_rows(session, plans.ACCOUNTS, rows)


def replay(row: tuple[Any, ...], content: tuple[Any, ...]) -> Entry:
    *facts, digest = row
    entry = Entry(*facts)
    if digest != content_digest(content):
        raise KeyReusedError(entry.reference)
    return entry._replace(replayed=True)


def lock_many(session: Session, customer_ids: list[int]) -> dict[int, Account]:
    statement = (
        plans.select_account()
        .where(among(session, plans.ACCOUNTS.c.customer_id, customer_ids))
        .order_by(plans.ACCOUNTS.c.customer_id)
    ).with_for_update()
    return {row[0]: Account(*row) for row in session.connection().execute(statement).all()}


def read_lots(session: Session, accounts: dict[int, Account], customer_ids: Iterable[int]) -> None:
    wanted = {one for one in customer_ids if one in accounts and accounts[one].balance_minor}
    if not wanted:
        return
    statement = (
        select(plans.LOTS.c.customer_id, *plans.LOT_COLUMNS)
        .where(among(session, plans.LOTS.c.customer_id, wanted), plans.LOTS.c.remaining_minor > 0)
        .order_by(plans.LOTS.c.customer_id, *plans.DRAWDOWN)
    )
    for customer_id, seq, class_, remaining_minor, expires_at in session.connection().execute(statement).all():
        accounts[customer_id].lots.append(Lot(seq, class_, remaining_minor, expires_at))


def posted_seqs(session: Session, asked: Collection[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """Return which entries these customers posted under these keys."""
    return {which: row[1] for which, row in read_posted(session, asked).items()}


def read_posted(session: Session, asked: Collection[tuple[int, str]]) -> dict[tuple[int, str], tuple[Any, ...]]:
    """Return what these customers posted under these keys, by both."""
    if not asked:
        return {}
    wanted, c = pairs(session, set(asked)), plans.ENTRIES.c
    its_own = and_(c.customer_id == wanted.c.number, c.key == wanted.c.word)
    customers = among(session, c.customer_id, {customer_id for customer_id, _key in asked})
    statement = select(*plans.POSTED_COLUMNS, c.key).select_from(wanted.join(plans.ENTRIES, its_own)).where(customers)
    return {(row[0], row[-1]): tuple(row[:-1]) for row in session.connection().execute(statement).all()}
