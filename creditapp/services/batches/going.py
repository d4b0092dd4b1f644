"""One chunk of a batch: its lines become entries, and the batch remembers how far it has come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, select, update

from creditapp.bulk import Given, RowUpdate, run_many
from creditapp.db import now
from creditapp.errors import AccountFrozenError, DomainError, OwnAccountError
from creditapp.models import BatchKind, BatchStatus, Kind, Product, Setting, Subscription
from creditapp.money import currency
from creditapp.queries import merged
from creditapp.services import ledger, self_dealing
from creditapp.services.actor import Actor
from creditapp.services.batches.batch import LINES, BatchRow, entry_key, lock_after_incident, write
from creditapp.services.batches.reversing import end, spent_lines
from creditapp.services.batches.taking import take_back
from creditapp.services.credits import rules
from creditapp.services.credits.rules import Why
from creditapp.services.downtime.log_line import log_line
from creditapp.services.ledger import Chunk, Posting
from creditapp.statements import Prepared, run

if TYPE_CHECKING:
    from sqlalchemy import Update
    from sqlalchemy.orm import Session

CHUNK = 500
"""How many lines a transaction posts: on SQLite everybody who writes waits for it."""
OUTCOME_CHARS_MAX = 300


class Line(NamedTuple):
    """A line that is to be posted."""

    line: int
    customer_id: int
    subscription_id: int | None
    down_seconds: int | None
    amount_minor: int
    reason_id: int | None
    note: str
    customer_note: str
    ticket_ref: str
    entry_key: str
    product: str | None
    """What the subscription is one of; None where the line is about none."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one chunk came to: lines posted and skipped, and whether there is more to do."""

    posted: int
    skipped: int
    goes_on: bool
    to_bill: int = 0
    """How many invoices are to be raised next, see `bill_spent`; their numbers are reserved before."""


def go_on(session: Session, batch_id: int, *, chunk: int = CHUNK) -> Step:
    """Deal with the next lines of a batch that is being issued, and return what came of it.

    A line that is refused is skipped and says why; the others go on. Safe to repeat, to kill, and to run by many at
    once: how far the batch has come moves in the same transaction.
    """
    batch = lock_after_incident(session, batch_id)
    if batch.status != BatchStatus.ISSUING:
        return Step(0, 0, goes_on=False)
    if batch.kind == BatchKind.REVERSAL:
        lines = _lines(session, batch.reverses_id or 0, batch.done_line, chunk, whole_customers=False)
        posted, posted_minor, skipped = take_back(session, batch, [line.line for line in lines])
    else:
        lines = _lines(session, batch_id, batch.done_line, chunk, whole_customers=batch.kind == BatchKind.DOWNTIME)
        posted, posted_minor, skipped = _Posting(session, batch).post(lines)
    to_bill = 0 if lines or batch.spent_choice != "invoice" else spent_lines(session, batch_id)
    is_done = not lines and not to_bill
    write(
        session,
        batch,
        done_line=lines[-1].line if lines else batch.done_line,
        posted=batch.posted + posted,
        posted_minor=batch.posted_minor + posted_minor,
        skipped=batch.skipped + skipped,
        **({"status": str(BatchStatus.DONE), "finished_at": now(session)} if is_done else {}),
    )
    if is_done:
        end(session, batch)
    return Step(posted, skipped, goes_on=not is_done, to_bill=to_bill)


def _lines(session: Session, batch_id: int, after: int, most: int, *, whole_customers: bool) -> Sequence[Line]:
    """Return the next lines to deal with; with `whole_customers`, all of a customer's or none."""
    lines = [Line(*row) for row in run(session, _NEXT(its_batch=batch_id, after=after, most=most + 1))[0].rows]
    if len(lines) <= most:
        return lines
    if not whole_customers:
        return lines[:most]
    last = lines[most].customer_id
    whole = [line for line in lines if line.customer_id != last]
    if whole:
        return whole
    return [Line(*row) for row in run(session, _WHOLE(its_batch=batch_id, after=after, its_customer=last))[0].rows]


class _Posting:
    """The lines of one chunk, posted by the one who issued the batch."""

    def __init__(self, session: Session, batch: BatchRow) -> None:
        self.session = session
        self.batch = batch
        self.by = Actor("staff" if batch.issued_by is not None else "system", batch.issued_by)
        self.reasons = rules.read_reasons(session)
        self.write_money: Callable[[int], str] = currency(session.execute(select(Setting.currency)).scalar_one()).format
        self.terms: dict[int, dict[str, Any]] = {}
        self.own = self_dealing.own_accounts(session, self.by)

    def post(self, lines: Sequence[Line]) -> tuple[int, int, int]:
        """Post what can be posted, and return how many lines that were, their sum, and how many were skipped."""
        keys = [entry_key(self.batch, line.entry_key, line.subscription_id) for line in lines]
        lines, chunk = self._lock(lines, keys)
        before = self._posted_before_merging([line.customer_id for line in lines], keys)
        posted = posted_minor = 0
        skipped: dict[int, str] = {}
        for line, key in zip(lines, keys, strict=True):
            earlier = before.get((line.customer_id, key))
            if earlier is not None:
                skipped[line.line] = f"It was posted before, as {earlier}."
                continue
            try:
                entry = chunk.post(line.customer_id, self._posting(chunk, line, key))
            except DomainError as refusal:
                skipped[line.line] = refusal.sentence(self.write_money)
            else:
                if entry.replayed:
                    skipped[line.line] = f"It was posted before, as {entry.reference}."
                else:
                    posted += 1
                    posted_minor += entry.amount_minor
        chunk.write()
        run_many(
            self.session,
            [
                _SKIP(its_batch=self.batch.id, its_line=line, outcome=sentence[:OUTCOME_CHARS_MAX])
                for line, sentence in skipped.items()
            ],
        )
        return posted, posted_minor, len(skipped)

    def _lock(self, lines: Sequence[Line], keys: Sequence[str]) -> tuple[Sequence[Line], Chunk]:
        """Return the lines with whom they go to, and the accounts of those, locked.

        Somebody may merge while the locks are waited for; then those of the survivors are locked, too.
        """
        while True:
            lines = self._to_survivors(lines)
            customers = [line.customer_id for line in lines]
            debtors = [line.customer_id for line in lines if line.amount_minor < 0]
            chunk = Chunk(self.session, customers, zip(customers, keys, strict=True), debtors)
            closed = {one for one, account in chunk.accounts.items() if account.closed_at is not None}
            if not merged.survivors_among(self.session, closed):  # who was merged is closed
                return lines, chunk

    def _to_survivors(self, lines: Sequence[Line]) -> list[Line]:
        """Return the lines with whom they go to: those of customers who have been merged since, to the survivor."""
        owners = merged.survivors_among(self.session, {line.customer_id for line in lines})
        return [line._replace(customer_id=owners.get(line.customer_id, line.customer_id)) for line in lines]

    def _posted_before_merging(self, customers: Sequence[int], keys: Sequence[str]) -> dict[tuple[int, str], str]:
        """Return what was posted under these keys to those who have been merged into these customers since."""
        absorbed = merged.absorbed_by(self.session, set(customers))
        theirs = {owner: {each for each, into in absorbed.items() if into == owner} for owner in absorbed.values()}
        asked = {(each, key) for owner, key in zip(customers, keys, strict=True) for each in theirs.get(owner, ())}
        return {
            (absorbed[customer_id], key): ledger.reference(customer_id, seq)
            for (customer_id, key), seq in ledger.posted_seqs(self.session, asked).items()
        }

    def _posting(self, chunk: Chunk, line: Line, key: str) -> Posting:
        if line.customer_id in self.own:
            raise OwnAccountError(line.customer_id)
        account = chunk.account(line.customer_id)
        reason_id = line.reason_id or self.batch.reason_id or 0
        why = self.reasons[reason_id]
        if self.batch.kind != BatchKind.DOWNTIME:
            adds = line.amount_minor > 0
            return Posting(
                kind=Kind.ADDED if adds else Kind.REMOVED,
                amount_minor=line.amount_minor,
                description="Credit Added" if adds else "Credit Removed",
                by=self.by,
                key=key,
                content=("import", line.amount_minor, reason_id, line.note, line.customer_note, line.ticket_ref),
                batch_id=self.batch.id,
                note=line.note,
                customer_note=line.customer_note or why.customer_text,
                ticket_ref=line.ticket_ref,
                **self._terms(why, chunk),
            )
        if account.frozen_at is not None:
            raise AccountFrozenError(line.customer_id)
        if line.product is None or line.subscription_id is None:
            raise RuntimeError(f"Line {line.line} of batch {self.batch.id} names no subscription that is there.")
        return Posting(
            kind=Kind.DOWNTIME,
            amount_minor=line.amount_minor,
            description=log_line(self.batch.title, line.down_seconds or 0, line.product, line.subscription_id),
            by=self.by,
            key=key,
            batch_id=self.batch.id,
            incident_id=self.batch.incident_id,
            subscription_id=line.subscription_id,
            note=line.note,
            customer_note=self.batch.customer_note or why.customer_text,
            **self._terms(why, chunk),
        )

    def _terms(self, why: Why, chunk: Chunk) -> dict[str, Any]:
        """Return what a reason decides, worked out once for the chunk."""
        if why.id not in self.terms:
            self.terms[why.id] = why.terms(chunk.panel, now(self.session))
        return self.terms[why.id]


def _select_next() -> Select[*tuple[Any, ...]]:
    c, s, p = LINES.c, Subscription, Product
    return (
        select(*[c[name] for name in Line._fields if name != "product"], p.name)
        .outerjoin(s, and_(s.customer_id == c.customer_id, s.id == c.subscription_id))
        .outerjoin(p, p.id == s.product_id)
        .where(c.batch_id == bindparam("its_batch"), c.line > bindparam("after"), c.is_included, c.amount_minor != 0)
        .order_by(c.line)
    )


_NEXT = Prepared(_select_next().limit(bindparam("most")))
_WHOLE = Prepared(_select_next().where(LINES.c.customer_id == bindparam("its_customer")))


def _skip(given: Given) -> Update:
    c = LINES.c
    its_own = (c.batch_id == given["its_batch"], c.line == given["its_line"])
    return update(LINES).where(*its_own).values(outcome=given["outcome"])


_SKIP = RowUpdate(_skip, its_batch=LINES.c.batch_id, its_line=LINES.c.line, outcome=LINES.c.outcome)
