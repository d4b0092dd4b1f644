"""A verdict on each line of a chunk: to be posted, refused, or posted before by an earlier file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from creditapp.errors import AuthorityLimitError, DomainError, StaffDisabledError
from creditapp.models import LineFlag
from creditapp.services import ledger
from creditapp.services.adjustment_files import lookups
from creditapp.services.adjustment_files.columns import way_of
from creditapp.services.adjustment_files.lines import Cause, RefusedLineError, Wish, as_it_was, shown, understand
from creditapp.services.adjustment_files.lookups import Customers
from creditapp.services.credits import rules
from creditapp.text import fold

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.money import Currency
    from creditapp.services.actor import Actor
    from creditapp.services.adjustment_files.totals import Terms
    from creditapp.services.credits.rules import Why
    from creditapp.services.imports.files import RawLine
    from creditapp.statements import Outcome

PROBLEM_CHARS_MAX = 300
HASH_CHARS = 40
"""How much of a line's hash is in the key of its entry: 160 bits of SHA-256."""
DIGEST_CHARS = 24

Before = TypeVar("Before")
After = TypeVar("After")


@dataclass(frozen=True, slots=True)
class File:
    """The batch whose lines are judged, and on whose behalf."""

    batch_id: int
    digest: str
    terms: Terms
    by: Actor
    currency: Currency


class _Asked(NamedTuple):
    """A line that can be read, about a customer and for a reason that are there."""

    wish: Wish
    customer_id: int
    reason_id: int
    hash: bytes
    key: str


def judge(session: Session, file: File, chunk: Sequence[RawLine]) -> tuple[list[dict[str, Any]], list[Cause]]:
    """Return the rows of `batch_lines` that the chunk comes to, and what its refused lines were refused for."""
    refused: dict[int, RefusedLineError] = {}
    raws = {raw.number: raw for raw in chunk}
    wishes = _each(raws, lambda _line, raw: understand(raw, file.terms.table, file.currency), refused)
    desk = _Desk.open(session, file, wishes.values())
    asked = _each(wishes, desk.ask, refused)
    register = _Register.open(session, file, asked.values())
    rows = _each(asked, register.enter, refused)
    for line, refusal in refused.items():
        rows[line] = _refused(file, raws[line], wishes.get(line), asked.get(line), refusal)
    return [rows[line] for line in raws], [refusal.cause for refusal in refused.values()]


def _each(
    lines: Mapping[int, Before], step: Callable[[int, Before], After], refused: dict[int, RefusedLineError]
) -> dict[int, After]:
    """Take the step with each line; who is refused on it goes no further."""
    after: dict[int, After] = {}
    for line, before in lines.items():
        try:
            after[line] = step(line, before)
        except RefusedLineError as refusal:
            refused[line] = refusal
    return after


@dataclass(frozen=True, slots=True)
class _Desk:
    """Who is there, which reasons there are, and how much the one who sent the file may post alone."""

    file: File
    customers: Customers
    reasons: dict[str, Why]
    authority: Sequence[Outcome]

    @classmethod
    def open(cls, session: Session, file: File, wishes: Iterable[Wish]) -> _Desk:
        wishes = list(wishes)
        return cls(
            file,
            lookups.find_customers(session, wishes),
            lookups.find_reasons(session),
            lookups.find_authority(session, file.by),
        )

    def ask(self, line: int, wish: Wish) -> _Asked:
        """Return who and what is meant, if it may be posted as far as one line tells."""
        customer_id = self.customers.find(wish)
        why = self.reasons.get(fold(wish.reason))
        if why is None:
            raise RefusedLineError(Cause.REASON, f"There is no reason “{wish.reason}”.")
        try:
            rules.check_why(why, wish.amount_minor, wish.note)
            rules.check_authority(self.authority, wish.amount_minor)
        except DomainError as error:
            cause = Cause.LIMIT if isinstance(error, AuthorityLimitError | StaffDisabledError) else Cause.REASON
            raise RefusedLineError(cause, error.sentence(self.file.currency.format)) from None
        digest = wish.digest(customer_id, why.id)
        if wish.reference:
            named = hashlib.sha256(wish.reference.encode()).hexdigest()[:HASH_CHARS]  # entries hold no typed words
            key = f"import:ref:{named}"
        elif self.file.terms.again:
            key = f"import:{self.file.digest[:DIGEST_CHARS]}:{line}"
            digest = hashlib.sha256(key.encode()).digest()
        else:
            key = f"import:{digest.hex()[:HASH_CHARS]}"
        return _Asked(wish, customer_id, why.id, digest, key)


@dataclass(frozen=True, slots=True)
class _Register:
    """Which lines the file has had so far, and what earlier files have posted."""

    file: File
    first: dict[bytes, int]
    """By the hash of a line, where it stands first."""
    posted: dict[tuple[int, str], tuple[int, int]]

    @classmethod
    def open(cls, session: Session, file: File, asked: Iterable[_Asked]) -> _Register:
        asked = list(asked)
        return cls(
            file,
            lookups.find_earlier_lines(session, file.batch_id, {one.hash for one in asked}),
            lookups.find_posted(session, [(one.customer_id, one.key) for one in asked]),
        )

    def enter(self, line: int, asked: _Asked) -> dict[str, Any]:
        """Return the line's row, unless the file has had it, or its reference has posted something else."""
        wish = asked.wish
        first = self.first.setdefault(asked.hash, line)
        if first != line:
            what = f"has the reference “{wish.reference}” for this user" if wish.reference else "asks for the same"
            raise RefusedLineError(Cause.TWICE, f"Line {first} {what}.")
        row = _row(self.file, line, wish.who, asked) | {"row_hash": asked.hash, "entry_key": asked.key}
        earlier = self.posted.get((asked.customer_id, asked.key))
        if earlier is None:
            return row
        entry, was_minor = ledger.reference(asked.customer_id, earlier[0]), earlier[1]
        if was_minor != wish.amount_minor:
            told = self.file.currency.signed(was_minor)
            raise RefusedLineError(
                Cause.TWICE, f"The reference “{wish.reference}” has posted {told} as {entry}; use another one."
            )
        problem = f"Posted before, as {entry}."
        return row | {"flag": str(LineFlag.REPEATED), "is_included": False, "problem": problem}


def _refused(
    file: File, raw: RawLine, wish: Wish | None, asked: _Asked | None, refusal: RefusedLineError
) -> dict[str, Any]:
    """Return the row of a refused line, which keeps the cells in `note`, so that it can be given back."""
    place = file.terms.table.places[way_of(file.terms.table)]
    who = raw.cells[place] if place < len(raw.cells) else ""
    row = _row(file, raw.number, shown(wish.who if wish else who), asked)
    return row | {
        "amount_minor": 0,
        "computed_minor": wish.amount_minor if wish else 0,
        "is_included": False,
        "flag": str(LineFlag.REFUSED),
        "problem": refusal.sentence[:PROBLEM_CHARS_MAX],
        "note": as_it_was(raw.cells),
        "customer_note": "",
        "ticket_ref": "",
    }


def _row(file: File, line: int, label: str, asked: _Asked | None) -> dict[str, Any]:
    wish = asked.wish if asked else None
    amount_minor = wish.amount_minor if wish else 0
    return {
        "batch_id": file.batch_id,
        "line": line,
        "customer_id": asked.customer_id if asked else None,
        "label": label,
        "computed_minor": amount_minor,
        "amount_minor": amount_minor,
        "changed_why": "",
        "is_included": True,
        "flag": str(LineFlag.NONE),
        "problem": "",
        "outcome": "",
        "reason_id": asked.reason_id if asked else None,
        "note": wish.note if wish else "",
        "customer_note": wish.customer_note if wish else "",
        "ticket_ref": wish.ticket if wish else "",
        "row_hash": None,
        "entry_key": "",
    }
