"""Searching: what a typed text may mean, and the conditions that find it by index on both engines.

Three letters and up go through the trigram index (pg_trgm, FTS5), fewer are the beginning of a name or an e-mail.
A rare text is looked up; a common one is met soon enough on the way through the list's own order, and looking all of
its rows up would be the slower way. PostgreSQL chooses by its statistics; SQLite keeps none, so its index is asked
first whether there are more than `RARE_MAX`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    column,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    table,
    tuple_,
    union,
)

from creditapp.models import CreditAccount, CreditEntry, CreditEntryText, Customer, Invoice
from creditapp.text import fold

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

TYPED_CHARS_MAX = 200
"""What people type into a search box is shorter; the rest is cut off."""
TRIGRAM = 3
LETTERS_MIN = 2
CUSTOMERS_MAX = 25
RARE_MAX = 2000
ID_MAX = 2**53
_REFERENCE = re.compile(r"(?:CR-)?([1-9][0-9]{0,15})-([1-9][0-9]{0,15})", re.ASCII | re.IGNORECASE)
_INVOICE = re.compile(r"(?:inv(?:oice)?\s*)?#?([1-9][0-9]{0,15})", re.ASCII | re.IGNORECASE)
_NUMBER = re.compile(r"(#?)([1-9][0-9]{0,15})", re.ASCII)
_LAST = "\U0010ffff"
_CUSTOMER_INDEX = table("customer_search", column("rowid", Integer), column("customer_search", Text))
_NOTE_INDEX = table("note_search", column("rowid", Integer), column("note_search", Text))


class Rank(IntEnum):
    """How well a customer fits what was typed, the best first; nobody has two ranks."""

    NUMBER = 0
    """The number is theirs."""
    BEGINS = 1
    """The name begins so."""
    HOLDS = 2
    """The words are somewhere in name, company, e-mail or external id."""


@dataclass(frozen=True, slots=True)
class EntryKey:
    """An entry by its reference."""

    customer_id: int
    seq: int


def typed_text(value: str) -> str:
    """Return what was typed without what no name holds: NUL, broken characters, ends, and more than anybody types."""
    return value.replace("\x00", "").encode(errors="ignore").decode().strip()[:TYPED_CHARS_MAX].strip()


def read_reference(typed: str) -> EntryKey | None:
    """Return the entry that `CR-1108-17` or `1108-17` names."""
    match = _REFERENCE.fullmatch(typed)
    if match is None or max(int(match[1]), int(match[2])) > ID_MAX:
        return None
    return EntryKey(int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class Found:
    """What a text in the search box leads to."""

    customers: Sequence[Any] = ()
    """Rows of id, name, company, email, status and balance: by `Rank`, then by name."""
    has_more: bool = False
    entry: EntryKey | None = None
    """The entry whose reference it is."""
    invoice_id: int | None = None
    """The invoice whose number it is; a user may have the same number."""
    is_exact: bool = False
    """It is the mark of one row, `#1108` or `CR-1108-17`, whether there is such a row or not."""
    is_too_short: bool = False
    may_be_noted: bool = False
    """It may stand in notes and tickets."""

    @property
    def only_customer(self) -> int | None:
        """The one customer it can mean."""
        is_alone = len(self.customers) == 1 and self.entry is None and self.invoice_id is None
        return self.customers[0].id if is_alone else None

    @property
    def only_invoice(self) -> int | None:
        """The one invoice it can mean."""
        return None if self.customers else self.invoice_id


def find(
    session: Session, typed: str, *, with_entries: bool, with_invoices: bool = False, most: int = CUSTOMERS_MAX
) -> Found:
    """Return what `typed` (see `typed_text`) may mean: an entry or an invoice by its number, or customers."""
    reference = read_reference(typed) if with_entries else None
    if reference is not None and _exists(session, reference):
        return Found(entry=reference, is_exact=True)
    is_marked = _number(typed)[1]
    invoice_id = _invoice(session, typed) if with_invoices else None
    if len(fold(typed)) < LETTERS_MIN and not is_marked:
        return Found(invoice_id=invoice_id, is_too_short=True)
    rows = _best_first(session, typed, most + 1)
    return Found(
        customers=rows[:most],
        has_more=len(rows) > most,
        invoice_id=invoice_id,
        is_exact=is_marked or reference is not None,
        may_be_noted=with_entries and reference is None and not is_marked and can_search_notes(typed),
    )


def customers_matching(session: Session, typed: str) -> ColumnElement[bool]:
    """Return the condition for the customers that `typed` may mean: number, name, company, e-mail, external id.

    Every word must be there, in any order. Put it into a SELECT that is ordered by an index and limited.
    """
    number, is_marked = _number(typed)
    has_number = false() if number is None else Customer.id == number
    words = fold(typed).split()
    if is_marked or not words:
        return has_number
    if all(len(word) < TRIGRAM for word in words):
        return _beginning_with(session, " ".join(words), number)
    is_like = and_(*[_holds(Customer.search_key, word) for word in words])
    if _is_rare(session, _CUSTOMER_INDEX, words):
        is_like = and_(Customer.id.in_(_found(_CUSTOMER_INDEX, words)), is_like)
    return or_(has_number, is_like) if number else is_like


def customers_of_rank(session: Session, typed: str, rank: Rank) -> ColumnElement[bool]:
    """Return the condition for the customers that `typed` may mean and that have this rank."""
    number, is_marked = _number(typed)
    has_number = false() if number is None else Customer.id == number
    if rank is Rank.NUMBER or is_marked:
        return has_number if rank is Rank.NUMBER else false()
    start = fold(typed)
    begins = and_(Customer.name_key >= start, Customer.name_key < start + _LAST) if start else false()
    if rank is Rank.BEGINS:
        return begins if number is None else and_(begins, not_(has_number))
    better = begins if number is None else or_(begins, has_number)
    return and_(customers_matching(session, typed), not_(better))


def notes_matching(
    session: Session, customer_id: ColumnElement[int], seq: ColumnElement[int], typed: str
) -> ColumnElement[bool]:
    """Return the condition for entries, named by two columns, whose note or ticket holds every word of `typed`.

    `can_search_notes` says whether there are letters enough.
    """
    words = fold(typed).split()
    t = CreditEntryText.__table__.alias("searched")
    is_like = and_(*[_holds(t.c.search_key, word) for word in words])
    keys = select(t.c.customer_id, t.c.seq).where(is_like)
    if session.get_bind().dialect.name == "postgresql":
        return tuple_(customer_id, seq).in_(keys)
    if _is_rare(session, _NOTE_INDEX, words):
        rowid: ColumnElement[int] = literal_column("searched.rowid")
        return tuple_(customer_id, seq).in_(keys.where(rowid.in_(_found(_NOTE_INDEX, words))))
    on_the_way = select(literal(1)).select_from(t).where(t.c.customer_id == customer_id, t.c.seq == seq, is_like)
    return on_the_way.exists()


def can_search_notes(typed: str) -> bool:
    """Return whether there are letters enough to search notes for."""
    return any(len(word) >= TRIGRAM for word in fold(typed).split())


def _exists(session: Session, key: EntryKey) -> bool:
    e = CreditEntry
    statement = select(e.seq).where(e.customer_id == key.customer_id, e.seq == key.seq)
    return session.execute(statement).first() is not None


def _invoice(session: Session, typed: str) -> int | None:
    """Return the number of the invoice that `#1234`, `1234` or `invoice 1234` names, if there is one."""
    match = _INVOICE.fullmatch(typed)
    if match is None or int(match[1]) > ID_MAX:
        return None
    return session.execute(select(Invoice.id).where(Invoice.id == int(match[1])).limit(1)).scalar()


def _best_first(session: Session, typed: str, most: int) -> list[Any]:
    """Read the customers that `typed` may mean, by rank."""
    rows: list[Any] = []
    for rank in Rank:
        if len(rows) < most:
            fits = customers_of_rank(session, typed, rank)
            rows += session.execute(_select_customers(fits, most - len(rows))).all()
    return rows


def _select_customers(condition: ColumnElement[bool], most: int) -> Select[*tuple[Any, ...]]:
    c, account = Customer, CreditAccount
    page = select(c.id).where(condition).order_by(c.name_key, c.id).limit(most).subquery()
    return (
        select(c.id, c.name, c.company, c.email, c.status, account.balance_minor)
        .join_from(page, c, c.id == page.c.id)
        .join(account, account.customer_id == page.c.id)
        .order_by(c.name_key, c.id)
    )


def _number(typed: str) -> tuple[int | None, bool]:
    """Return the number that was typed, if it is one that a row may have, and whether it had a `#`."""
    match = _NUMBER.fullmatch(typed)
    if match is None:
        return None, typed.startswith("#") and typed[1:].isdigit()
    return (int(match[2]) if int(match[2]) <= ID_MAX else None), bool(match[1])


def _beginning_with(session: Session, start: str, number: int | None) -> ColumnElement[bool]:
    """Return the condition for customers whose name or e-mail begins so, or whose number or external id it is."""
    c = Customer
    ways = [and_(key >= start, key < start + _LAST) for key in (c.name_key, c.email_key)]
    if number is not None:
        ways.append(or_(c.id == number, c.external_id == str(number)))
    if session.get_bind().dialect.name == "postgresql":
        return or_(*ways)
    return c.id.in_(select(union(*[select(c.id).where(way) for way in ways]).subquery().c.id))


def _holds(key: Any, word: str) -> ColumnElement[bool]:  # noqa: ANN401  (a column, in any of SQLAlchemy's guises)
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    condition: ColumnElement[bool] = key.like(f"%{escaped}%", escape="\\")
    return condition


def _is_rare(session: Session, index: Any, words: list[str]) -> bool:  # noqa: ANN401  (a table)
    """Return whether SQLite should look the words up; PostgreSQL decides by itself."""
    if session.get_bind().dialect.name != "sqlite":
        return False
    some = _found(index, words).limit(RARE_MAX + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one() <= RARE_MAX


def _found(index: Any, words: list[str]) -> Select[Any]:  # noqa: ANN401  (a table)
    """Select the row numbers under which SQLite's index has all words of three letters and up."""
    phrases = " ".join('"' + word.replace('"', '""') + '"' for word in words if len(word) >= TRIGRAM)
    return select(index.c.rowid).where(index.c[index.name].op("MATCH")(phrases))
