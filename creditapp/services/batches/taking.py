"""Taking back what lines of a batch gave: what is unspent of it, from its own lot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from creditapp.bulk import among, insert_rows, pairs
from creditapp.errors import DomainError
from creditapp.models import CreditEntry, CreditLot, Kind
from creditapp.queries import merged
from creditapp.services import ledger
from creditapp.services.actor import Actor
from creditapp.services.batches.batch import LINES, BatchRow, entry_key, find, says
from creditapp.services.credits.undoing import expired_minor, moves_back_of, reversed_minor
from creditapp.services.ledger import Chunk, Move, Posting

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class _Given:
    """What one line gave or took, as it stands after the accounts have been locked; minor units without sign."""

    line: int
    customer_id: int
    subscription_id: int | None
    label: str
    seq: int
    amount_minor: int
    reason_id: int | None
    is_quiet: bool
    reversed_minor: int
    expired_minor: int
    """What the sweep took because its date had passed: nobody has had it."""
    lot_class: Any
    unused_minor: int | None

    @property
    def left_minor(self) -> int:
        """What has neither been taken back before nor lapsed."""
        return abs(self.amount_minor) - self.reversed_minor - self.expired_minor

    def taken_minor(self, returned_minor: int) -> int:
        """What can be taken back, so much of it having been given back to its lot just now."""
        if self.unused_minor is None:
            return self.left_minor
        return min(self.left_minor, self.unused_minor + returned_minor)

    @property
    def why_nothing_is_left(self) -> str:
        """Why there is nothing to take, nor anything to ask for; empty where there is."""
        if self.left_minor > 0:
            return ""
        return "What was left of it has lapsed." if self.expired_minor else "It had been taken back before."


def take_back(session: Session, batch: BatchRow, lines: Collection[int]) -> tuple[int, int, int]:
    """Reverse what these lines of the other batch posted, as far as it is unspent, and keep a line for each.

    Returns how many lines were taken back at least in part, their sum with its sign, and how many not at all.
    """
    if not lines:
        return 0, 0, 0
    customers = _customers(session, batch, lines)
    chunk = Chunk(session, customers, (), debtors=())
    rows: list[dict[str, Any]] = []
    returned: defaultdict[tuple[int, int], int] = defaultdict(int)
    taken_minor = 0
    # What lines took goes back first: other lines may have given it.
    for given in sorted(_given(session, batch, lines, customers), key=lambda given: given.amount_minor > 0):
        amount_minor, outcome = 0, given.why_nothing_is_left
        wanted_minor = given.taken_minor(returned[given.customer_id, given.seq])
        if wanted_minor > 0:
            posting = _posting(session, batch, given, wanted_minor)
            try:
                amount_minor = chunk.post(given.customer_id, posting).amount_minor
            except DomainError as refusal:
                outcome = says(session, refusal)
            else:
                for move in posting.moves or ():
                    returned[given.customer_id, move.lot_seq] -= move.amount_minor
        taken_minor += amount_minor
        rows.append(_row(batch, given, amount_minor, outcome))
    chunk.write()
    insert_rows(session, LINES, rows)
    posted = sum(row["amount_minor"] != 0 for row in rows)
    return posted, taken_minor, len(rows) - posted


def _posting(session: Session, batch: BatchRow, given: _Given, taken_minor: int) -> Posting:
    gave = given.amount_minor > 0
    if gave:
        moves: tuple[Move, ...] = (Move(given.seq, given.lot_class, taken_minor),)
    else:
        moves = moves_back_of(session, given.customer_id, given.seq, taken_minor)
    return Posting(
        kind=Kind.REVERSAL,
        amount_minor=-taken_minor if gave else taken_minor,
        description=f"Reversal of {ledger.reference(given.customer_id, given.seq)}",
        by=Actor("staff" if batch.issued_by is not None else "system", batch.issued_by),
        key=_key(batch, given.line),
        content=("batch", batch.id, given.line),
        reason_id=given.reason_id,
        is_quiet=given.is_quiet,
        moves=moves,
        batch_id=batch.id,
        incident_id=batch.incident_id,
        subscription_id=given.subscription_id,
        reversed_seq=given.seq,
        note=batch.note,
    )


def _key(batch: BatchRow, line: int) -> str:
    return f"batch:{batch.id}:{line}"


def _customers(session: Session, batch: BatchRow, lines: Collection[int]) -> list[int]:
    c = LINES.c
    statement = select(c.customer_id).where(c.batch_id == batch.reverses_id, among(session, c.line, lines))
    named = set(session.connection().execute(statement).scalars())
    relatives = merged.relatives_among(session, named)
    return sorted(named.union(*relatives.values()))


def _given(session: Session, batch: BatchRow, lines: Collection[int], customers: Sequence[int]) -> list[_Given]:
    """Return what these lines posted; a line that posted nothing is not among it."""
    keys = _keys_of(session, batch, lines)
    if not keys:
        return []
    e, lot, wanted = CreditEntry, CreditLot, pairs(session, keys)
    statement = (
        select(
            *(e.customer_id, e.key, e.seq, e.amount_minor, e.reason_id, e.is_quiet),
            *(reversed_minor(), expired_minor(), lot.class_, lot.remaining_minor),
        )
        .select_from(wanted)
        .join(e, (e.customer_id == wanted.c.number) & (e.key == wanted.c.word))
        .outerjoin(lot, (lot.customer_id == e.customer_id) & (lot.seq == e.seq))
        .where(among(session, e.__table__.c.customer_id, customers), e.batch_id == batch.reverses_id)
    )
    found = []
    for customer_id, key, *rest in session.connection().execute(statement).all():
        line, subscription_id, label = keys[customer_id, key]
        found.append(_Given(line, customer_id, subscription_id, label, *rest))
    return sorted(found, key=lambda given: given.line)


def _keys_of(
    session: Session, batch: BatchRow, lines: Collection[int]
) -> dict[tuple[int, str], tuple[int, int | None, str]]:
    """Return line, subscription and label by customer and key of its entry.

    The entry may be of whoever the customer had been merged into when the line was posted.
    """
    other = find(session, batch.reverses_id or 0)
    c = LINES.c
    rows = session.connection().execute(
        select(c.line, c.customer_id, c.subscription_id, c.label, c.entry_key).where(
            c.batch_id == other.id, among(session, c.line, lines)
        )
    )
    found = rows.all()
    relatives = merged.relatives_among(session, {row.customer_id for row in found})
    return {
        (customer_id, entry_key(other, row.entry_key, row.subscription_id)): (row.line, row.subscription_id, row.label)
        for row in found
        for customer_id in (row.customer_id, *relatives.get(row.customer_id, ()))
    }


def _row(batch: BatchRow, given: _Given, amount_minor: int, outcome: str) -> dict[str, Any]:
    sign = -1 if given.amount_minor > 0 else 1
    return {
        "batch_id": batch.id,
        "line": given.line,
        "customer_id": given.customer_id,
        "subscription_id": given.subscription_id,
        "label": given.label,
        "price_minor": None,
        "months": None,
        "tax_bp": None,
        "down_seconds": None,
        "computed_minor": sign * given.left_minor,
        "amount_minor": amount_minor,
        "changed_why": "",
        "changed_by": None,
        "is_included": True,
        "flag": "",
        "problem": "",
        "outcome": outcome,
        "reason_id": given.reason_id,
        "note": "",
        "customer_note": "",
        "ticket_ref": "",
        "row_hash": None,
        "entry_key": _key(batch, given.line),
        "invoice_id": None,
    }
