"""Open invoices of a customer who is merged: left as moved, and issued again under the survivor with their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from creditapp.db import now
from creditapp.models import CreditClass, InvoiceEvent, InvoiceKind, InvoiceStatus, Kind
from creditapp.services import ledger
from creditapp.services.bills import ALLOCATIONS, EVENTS, INVOICES, LINES, Bill, event_row, select_bill, write
from creditapp.services.credits.applying import applied_posting
from creditapp.services.credits.removing import Grace, moves_back, net_draws_call
from creditapp.services.ledger import Chunk, Lot, Posting
from creditapp.services.merging.lots import Arrived, Terms
from creditapp.statements import run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

MOVED = "moved"
"""What the history of an invoice says that was left behind; its amount is what is asked for under the survivor."""
ISSUED_AGAIN = "issued_again"
"""What the history of its twin begins with."""
_OPEN = (str(InvoiceStatus.DRAFT), str(InvoiceStatus.UNPAID))


@dataclass(frozen=True, slots=True)
class Moving:
    """An open invoice on its way: as it was, and what was on it, by class and expiry; minor units."""

    was: Mapping[str, Any]
    covered: tuple[tuple[Terms, int], ...]

    @property
    def id(self) -> int:
        return int(self.was["id"])

    @property
    def is_deposit(self) -> bool:
        return bool(self.was["kind"] == InvoiceKind.ADD_FUNDS)

    @property
    def total_minor(self) -> int:
        """What the twin comes to: the same, and credit covers what was covered before.

        But for an Add Funds invoice, on which no credit goes: what was paid of it is credit, as it was meant to be, and
        the twin asks for the rest.
        """
        return int(self.was["total_minor"] - (self.was["paid_minor"] if self.is_deposit else 0))


def leave(session: Session, chunk: Chunk, giver_id: int, taker_id: int, *, by: Actor) -> list[Moving]:
    """Take off all that is on the giver's open invoices, leave them as moved, and return them, by rising number.

    Credit goes back to its lots, lapsed or not, and what was paid in part becomes credit: both move with the balance.
    """
    i = INVOICES.c
    its_open = (i.customer_id == giver_id, i.status.in_(_OPEN))
    bills = [Bill(*row) for row in session.execute(select_bill().where(*its_open).order_by(i.id).with_for_update())]
    rows = {row["id"]: dict(row) for row in session.execute(select(INVOICES).where(*its_open)).mappings()}
    return [_leave(session, chunk, bill, rows[bill.id], taker_id, by=by) for bill in bills]


def issue_again(
    session: Session, chunk: Chunk, moving: list[Moving], arrived: Arrived, giver_id: int, taker_id: int, *, by: Actor
) -> None:
    """Issue the invoices again under the survivor, and use on each what was on it: so the same is due as before."""
    for one in moving:
        _issue(session, one, giver_id, taker_id, by=by)
        moves = tuple([move for terms, minor in one.covered for move in arrived.take(terms, minor)])
        if moves and not one.is_deposit:
            _use_again(session, chunk, one, taker_id, moves, by=by)


def _leave(session: Session, chunk: Chunk, bill: Bill, was: dict[str, Any], taker_id: int, *, by: Actor) -> Moving:
    covered: list[tuple[Terms, int]] = []
    entry_seqs: list[int] = []
    if bill.credit_minor:
        seq, covered = _give_back(session, chunk, bill, by=by)
        entry_seqs.append(seq)
    if bill.paid_minor > bill.refunded_minor:
        seq, terms = _to_credit(session, chunk, bill, by=by)
        covered.append((terms, bill.paid_minor - bill.refunded_minor))
        entry_seqs.append(seq)
    moving = Moving(was, _by_terms(covered))
    today = chunk.panel.day_of(now(session))
    bill.credit_minor, bill.refunded_minor = 0, bill.paid_minor
    bill.status, bill.closed_at = InvoiceStatus.CANCELLED, now(session)
    _mark(session, bill, moving, taker_id, today)
    facts = {"to": taker_id, "was": was["status"], "entries": entry_seqs}
    entry_seq = entry_seqs[0] if entry_seqs else None
    write(session, bill.written(session, MOVED, by, amount_minor=moving.total_minor, entry_seq=entry_seq, facts=facts))
    return moving


def _by_terms(covered: Iterable[tuple[Terms, int]]) -> tuple[tuple[Terms, int], ...]:
    """Return what was on an invoice with one sum for each class and expiry, in the order in which they came."""
    sums: dict[Terms, int] = {}
    for terms, minor in covered:
        sums[terms] = sums.get(terms, 0) + minor
    return tuple(sums.items())


def _give_back(session: Session, chunk: Chunk, bill: Bill, *, by: Actor) -> tuple[int, list[tuple[Terms, int]]]:
    """Give the credit on an invoice back to its lots, and return the entry and what came back, by class and expiry."""
    drawn = run(session, net_draws_call(bill.customer_id, bill.id))[0]
    moves = moves_back(drawn, bill.credit_minor, Grace(now(session), None))
    ends = {seq: (class_, expires_at) for seq, class_, _minor, expires_at in drawn.rows}
    account = chunk.account(bill.customer_id)
    known = {lot.seq for lot in account.lots}
    account.lots += [
        Lot(move.lot_seq, move.class_, 0, ends[move.lot_seq][1]) for move in moves if move.lot_seq not in known
    ]
    posting = Posting(
        kind=Kind.RETURNED,
        amount_minor=bill.credit_minor,
        description=f"Credit Returned from Invoice #{bill.id}",
        by=by,
        key=f"moved:{bill.id}",
        moves=moves,
        invoice_id=bill.id,
    )
    back = [((str(move.class_), ends[move.lot_seq][1]), -move.amount_minor) for move in moves]
    return chunk.post(bill.customer_id, posting).seq, back


def _to_credit(session: Session, chunk: Chunk, bill: Bill, *, by: Actor) -> tuple[int, Terms]:
    """Turn what was paid of an invoice into credit, and return the entry and the terms of its lot."""
    posting = Posting(
        kind=Kind.INVOICE_REFUND,
        amount_minor=bill.paid_minor - bill.refunded_minor,
        description=f"Refund of Invoice #{bill.id} to Credit",
        by=by,
        key=f"moved:{bill.id}:money",
        class_=CreditClass.PAID,
        invoice_id=bill.id,
    )
    entry = chunk.post(bill.customer_id, posting)
    a = ALLOCATIONS.c
    its_shares = (a.customer_id == bill.customer_id, a.invoice_id == bill.id)
    session.execute(update(ALLOCATIONS).where(*its_shares).values(refunded_minor=a.amount_minor))
    return entry.seq, (str(CreditClass.PAID), None)


def _mark(session: Session, bill: Bill, moving: Moving, taker_id: int, today: date) -> None:
    """Note where the invoice went, and give a draft its dates: whatever is no draft has them."""
    i = INVOICES.c
    values = {
        "moved_to_id": taker_id,
        "payment_started_at": None,
        "issued_on": moving.was["issued_on"] or today,
        "due_on": bill.due_on or today,
    }
    session.execute(update(INVOICES).where(i.customer_id == bill.customer_id, i.id == bill.id).values(values))


def _issue(session: Session, moving: Moving, giver_id: int, taker_id: int, *, by: Actor) -> None:
    """Insert the twin: the same number, lines, dates and kind, with nothing on it yet."""
    moment = now(session)
    twin = {
        **moving.was,
        "customer_id": taker_id,
        "credit_minor": 0,
        "paid_minor": 0,
        "refunded_minor": 0,
        "events": 1,
        "key": f"moved:{giver_id}:{moving.id}",
        "key_digest": ledger.content_digest(("moved", giver_id, moving.id)),
        "moved_to_id": None,
        "moved_from_id": giver_id,
        "version": 1,
        "updated_at": moment,
    }
    lines = [dict(row) for row in session.execute(_select_lines(giver_id, moving.id)).mappings()]
    if moving.is_deposit:
        rest_minor = moving.total_minor
        twin |= {"net_minor": rest_minor, "tax_minor": 0, "total_minor": rest_minor}
        lines = [{**lines[0], "unit_minor": rest_minor, "net_minor": rest_minor, "gross_minor": rest_minor}]
    session.execute(insert(INVOICES).values(twin))
    session.execute(insert(LINES), [{**line, "customer_id": taker_id} for line in lines])
    first = event_row(
        *(taker_id, moving.id, 1, moment, ISSUED_AGAIN, by),
        amount_minor=moving.total_minor,
        payment_id=_clawed_back(session, giver_id, moving),
        facts={"from": giver_id},
    )
    session.execute(insert(EVENTS).values(first))


def _use_again(
    session: Session, chunk: Chunk, moving: Moving, taker_id: int, moves: tuple[ledger.Move, ...], *, by: Actor
) -> None:
    """Use the credit that came off an invoice on its twin: of the same class and expiry, and as much."""
    i = INVOICES.c
    row = session.execute(select_bill().where(i.customer_id == taker_id, i.id == moving.id)).one()
    bill, amount_minor = Bill(*row), sum(move.amount_minor for move in moves)
    posting = applied_posting(bill, amount_minor, by=by, key=f"moved:{bill.id}:{chunk.account(taker_id).entry_seq + 1}")
    posting.moves, posting.is_quiet = moves, True
    entry = chunk.post(taker_id, posting)
    bill.credit_minor = amount_minor
    facts = {"trigger": MOVED}
    write(
        session,
        bill.written(session, "credit_applied", by, amount_minor=amount_minor, entry_seq=entry.seq, facts=facts),
    )


def _select_lines(giver_id: int, invoice_id: int) -> Any:  # noqa: ANN401  (a SELECT)
    line = LINES.c
    its_own = (line.customer_id == giver_id, line.invoice_id == invoice_id)
    return select(LINES).where(*its_own).order_by(line.line)


def _clawed_back(session: Session, giver_id: int, moving: Moving) -> int | None:
    """Return the payment that a claw-back invoice is about: its history names it before any that pays."""
    if moving.was["kind"] != InvoiceKind.CLAWBACK:
        return None
    e = InvoiceEvent
    named = (e.customer_id == giver_id, e.invoice_id == moving.id, e.payment_id.is_not(None))
    return session.execute(select(e.payment_id).where(*named).order_by(e.seq).limit(1)).scalar()
