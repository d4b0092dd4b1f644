"""One walk over all accounts and their entries: sequence, running balance, signs, texts and the chain."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, select

from creditapp.db import ledger_key
from creditapp.models import CreditAccount, CreditEntry, CreditEntryText, Kind
from creditapp.services.ledger import KINDS, ZERO_HASH, entry_hash, text_digest
from creditapp.services.verification.findings import Finding
from creditapp.services.verification.reading import readable, unreadable

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

ROWS_AT_ONCE = 2000

_ACCOUNTS = CreditAccount.__table__
_ENTRIES = CreditEntry.__table__
_TEXTS = CreditEntryText.__table__
_ACCOUNT = {"balance_minor", "entry_seq", "head_hash"}
_TEXT = {"note", "customer_note", "ticket_ref", "salt", "erased_at"}
_WALK = (
    select(
        _ACCOUNTS.c.customer_id.label("account_id"),
        *readable((c for c in _ACCOUNTS.c if c.name in _ACCOUNT), "account_"),
        *readable(_ENTRIES.c),
        _TEXTS.c.customer_id.label("text_customer_id"),
        *readable(c for c in _TEXTS.c if c.name in _TEXT),
    )
    .outerjoin(_ENTRIES, _ENTRIES.c.customer_id == _ACCOUNTS.c.customer_id)
    .outerjoin(_TEXTS, and_(_TEXTS.c.customer_id == _ENTRIES.c.customer_id, _TEXTS.c.seq == _ENTRIES.c.seq))
    .order_by(_ACCOUNTS.c.customer_id, _ENTRIES.c.seq)
)


def check_entries(session: Session) -> Iterator[Finding]:
    """Yield what is wrong inside each customer's history."""
    key = ledger_key(session)
    with session.connection().execute(_WALK, execution_options={"yield_per": ROWS_AT_ONCE}) as rows:
        for customer_id, history in groupby(rows, key=attrgetter("account_id")):
            yield from _check_history(key, customer_id, history)


def _check_history(key: bytes, customer_id: int, history: Iterator[Any]) -> Iterator[Finding]:
    count, balance_minor, before = 0, 0, None
    account: Any = None
    for row in history:
        account = row
        if row.seq is None:
            continue
        count += 1
        balance_minor += row.amount_minor if isinstance(row.amount_minor, int) else 0
        seq = row.seq if isinstance(row.seq, int) else None
        for check, message in _check_entry(key, row, count, balance_minor, before):
            yield Finding(check, customer_id, seq, message)
        before = row
    if account.account_entry_seq != count:
        stored = account.account_entry_seq
        yield Finding("sequence", customer_id, None, f"the account counts {stored} entries, not {count}")
    if account.account_balance_minor != balance_minor:
        stored_minor = account.account_balance_minor
        yield Finding(
            "balance", customer_id, None, f"the balance is {stored_minor}, the entries sum to {balance_minor}"
        )
    if account.account_head_hash != _hash_of(before):
        yield Finding("head", customer_id, None, "the account does not end in the hash of its newest entry")


def _check_entry(key: bytes, row: Any, count: int, balance_minor: int, before: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  (rows of the walk)
    if row.seq != count:
        yield "sequence", f"it is number {count} of its history"
    if row.balance_after_minor != balance_minor:
        yield (
            "running balance",
            f"it says {row.balance_after_minor} afterwards; the entries up to it sum to {balance_minor}",
        )
    if row.kind not in KINDS:
        yield "kind", f"“{row.kind}” is no kind of entry"
    elif not isinstance(row.amount_minor, int):
        yield "whole numbers", f"“{row.amount_minor}” is no whole number"
    elif KINDS[Kind(row.kind)].sign * row.amount_minor < 0:
        yield "sign", f"{row.amount_minor} does not fit “{row.kind}”"
    spoiled = [(name, value) for name, value in unreadable(row) if not name.startswith("account_")]
    for name, value in spoiled:
        yield "unreadable", f"its {name} is “{value}”"
    if spoiled:
        return
    if entry_hash(key, _hash_of(before), row._mapping) != row.hash:  # noqa: SLF001  (the row's public mapping)
        yield "chain", "its content or the entry before it is not what was sealed"
    yield from _check_order(row, before)
    yield from _check_text(row)


def _check_order(row: Any, before: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  (rows of the walk)
    if before is None or unreadable(before):
        return
    if row.posted_at < before.posted_at or row.day < before.day:
        yield "order", "it is dated before the entry before it"


def _hash_of(row: Any) -> bytes:  # noqa: ANN401  (a row of the walk, or None before the first)
    """Return the hash the next entry stands on; one that cannot be read is none."""
    if row is None:
        return ZERO_HASH
    return row.hash if isinstance(row.hash, bytes) else b""


def _check_text(row: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  (a row of the walk)
    if row.text_digest is None:
        if row.text_customer_id is not None:
            yield "text", "it was posted without a text and has one"
    elif row.text_customer_id is None:
        yield "text", "its text is missing"
    elif row.erased_at is None:
        digest = text_digest(row.salt or b"", row.note, row.customer_note, row.ticket_ref)
        if digest != row.text_digest:
            yield "text", "its text is not what was sealed"
