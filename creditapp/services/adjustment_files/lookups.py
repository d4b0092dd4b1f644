"""What the lines of a chunk are judged by, asked with a few statements for all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Select, case, func, select

from creditapp.bulk import among, pairs
from creditapp.db import Base
from creditapp.models import BatchLine, CreditAccount, CreditEntry, Customer, CustomerStatus
from creditapp.models.customer import EXTERNAL_ID_CHARS_MAX
from creditapp.services.adjustment_files.lines import Cause, RefusedLineError, Wish
from creditapp.services.credits import rules
from creditapp.services.credits.rules import Why
from creditapp.statements import Outcome, run
from creditapp.text import fold

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

NUMBER_DIGITS_MAX = 18
_BY_ID = ("customer", "external_id")
_BY_NUMBER = ("customer", "number")
_CUSTOMERS = Base.metadata.tables[Customer.__tablename__].c
_LINES = Base.metadata.tables[BatchLine.__tablename__].c
_GONE = (str(CustomerStatus.CLOSED), str(CustomerStatus.MERGED))


class _Found(NamedTuple):
    """A customer, as far as it matters whether credit can be given or taken there."""

    id: int
    status: str
    merged_into_id: int | None
    is_closed: bool


@dataclass(slots=True)
class Customers:
    """The customers that a chunk of lines may mean, by each way to name one."""

    by_number: dict[int, _Found] = field(default_factory=dict)
    by_external_id: dict[str, _Found] = field(default_factory=dict)
    by_email: dict[str, list[_Found]] = field(default_factory=dict)
    """Of each email those who can be credited; the closed ones where there is no other."""

    def find(self, wish: Wish) -> int:
        """Return the customer that the line means.

        Raises:
            RefusedLineError: nobody, several, or somebody who takes no more credit.
        """
        named = self._named(wish)
        if not named:
            raise RefusedLineError(Cause.USER, f"There is no user with {_WAYS[wish.way].format(wish.who)}.")
        if len(named) > 1:
            raise RefusedLineError(Cause.USER, self._several(wish))
        (found,) = named.values()
        if found.merged_into_id is not None:
            told = f"User #{found.id} has been merged into #{found.merged_into_id}; name that one."
            raise RefusedLineError(Cause.USER, told)
        if found.is_closed:
            raise RefusedLineError(
                Cause.USER, f"User #{found.id} is closed: nothing is added or changed there any more."
            )
        return found.id

    def _named(self, wish: Wish) -> dict[int, _Found]:
        named = []
        if self.by_number and (found := self.by_number.get(_number(wish) or 0)):
            named.append(found)
        if wish.way in _BY_ID and (found := self.by_external_id.get(wish.who)):
            named.append(found)
        if _is_email(wish):
            named += self.by_email.get(fold(wish.who), [])
        return {found.id: found for found in named}

    def _several(self, wish: Wish) -> str:
        if _is_email(wish) and len(self.by_email.get(fold(wish.who), [])) > 1:
            return f"Several users have the email “{wish.who}”; name the one by number."
        return (
            f"“{wish.who}” is the number of one user and the external id of another. Write #{wish.who} for the number, "
            "or call the column customer_id or external_id."
        )


def find_customers(session: Session, wishes: Iterable[Wish]) -> Customers:
    """Look up everybody whom the lines may mean."""
    wishes = list(wishes)
    customers = Customers()
    numbers = {number for wish in wishes if (number := _number(wish)) is not None}
    names = {wish.who for wish in wishes if wish.way in _BY_ID}
    emails = {fold(wish.who) for wish in wishes if _is_email(wish)}
    c = _CUSTOMERS
    for row in _rows(session, _select_customers().where(among(session, c.id, numbers)), numbers):
        customers.by_number[row[0]] = _Found(*row[:4])
    short = {name for name in names if len(name) <= EXTERNAL_ID_CHARS_MAX}
    for row in _rows(session, _select_customers().where(among(session, c.external_id, short)), short):
        customers.by_external_id[row[4]] = _Found(*row[:4])
    ids = [
        number
        for row in _rows(session, _select_emails(session, emails), emails)
        for number in row
        if number is not None
    ]
    for row in _rows(session, _select_customers().where(among(session, c.id, ids)), ids):
        customers.by_email.setdefault(row[5], []).append(_Found(*row[:4]))
    for key, found in customers.by_email.items():
        customers.by_email[key] = [one for one in found if not one.is_closed] or found[:1]
    return customers


def find_reasons(session: Session) -> dict[str, Why]:
    """Return every reason by its folded name."""
    return {fold(why.name): why for why in rules.read_reasons(session).values()}


def find_authority(session: Session, by: Actor) -> Sequence[Outcome]:
    """Return what `rules.check_authority` judges by."""
    calls = rules.authority_calls(by)
    return run(session, *calls) if calls else []


def find_earlier_lines(session: Session, batch_id: int, hashes: Collection[bytes]) -> dict[bytes, int]:
    """Return which of these lines the file had before the chunk, and where."""
    c = _LINES
    statement = select(c.row_hash, c.line).where(c.batch_id == batch_id, c.row_hash.in_(list(hashes)))
    return {bytes(row[0]): row[1] for row in _rows(session, statement, hashes)}


def find_posted(session: Session, keys: Sequence[tuple[int, str]]) -> dict[tuple[int, str], tuple[int, int]]:
    """Return what has been posted under these keys, each a customer and a key: the entry's number and its amount."""
    if not keys:
        return {}
    e, wanted = CreditEntry, pairs(session, keys)
    is_it = (e.customer_id == wanted.c.number) & (e.key == wanted.c.word)
    statement = select(e.customer_id, e.key, e.seq, e.amount_minor).select_from(wanted).join(e, is_it)
    return {(row[0], row[1]): (row[2], row[3]) for row in session.connection().execute(statement)}


def _select_customers() -> Select[Any]:
    c, account = _CUSTOMERS, CreditAccount
    is_closed = c.status.in_(_GONE) | account.closed_at.is_not(None)
    return select(c.id, c.status, c.merged_into_id, is_closed, c.external_id, c.email_key).join(
        account, account.customer_id == c.id
    )


def _select_emails(session: Session, emails: Collection[str]) -> Select[Any]:
    """Select at most four customers of each email, however many share it: two who are there, and two who have gone.

    That is enough to know whether it is one person's.
    """
    c = _CUSTOMERS
    gone = c.status.in_(_GONE)
    there, not_there = case((~gone, c.id)), case((gone, c.id))
    return (
        select(func.min(there), func.max(there), func.min(not_there))
        .where(among(session, c.email_key, emails))
        .group_by(c.email_key)
    )


def _rows(session: Session, statement: Select[Any], wanted: Collection[Any]) -> Sequence[Any]:
    return session.connection().execute(statement).all() if wanted else []


def _number(wish: Wish) -> int | None:
    """Return the customer's number that the line may mean: `1108` or `#1108`."""
    if wish.way not in _BY_NUMBER:
        return None
    digits = wish.who.removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= NUMBER_DIGITS_MAX else None


def _is_email(wish: Wish) -> bool:
    return wish.way == "email" or (wish.way == "customer" and "@" in wish.who)


_WAYS: Mapping[str, str] = {
    "customer": "the number, external id or email “{}”",
    "number": "the number “{}”",
    "external_id": "the external id “{}”",
    "email": "the email “{}”",
}
