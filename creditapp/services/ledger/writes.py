"""The rows that entries come to, gathered first and written together."""

from __future__ import annotations

import secrets
from collections import defaultdict
from datetime import date, datetime
from operator import attrgetter
from typing import Any

from sqlalchemy.orm import Session

from creditapp.bulk import insert_rows, run_many
from creditapp.db import ledger_key, now
from creditapp.errors import AmountRangeError, BalanceLimitError, InsufficientCreditError
from creditapp.models import TOTAL_SHARDS, Effect
from creditapp.money import AMOUNT_MINOR_MAX, BALANCE_MINOR_MAX
from creditapp.services.ledger import plans
from creditapp.services.ledger.chain import LINKS, content_digest, entry_hash, text_digest
from creditapp.services.ledger.kinds import KINDS, KindRules
from creditapp.services.ledger.terms import Account, Entry, Lot, Move, Panel, Posting
from creditapp.statements import Call, run
from creditapp.text import fold

_links_of = attrgetter(*LINKS)


class Writes:
    """The rows that entries of one transaction come to, gathered before any is written."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.moment = now(session)
        self.key = ledger_key(session)
        self.days_of: dict[datetime, date] = {}
        self.many_shards = session.connection().dialect.name == "postgresql"
        self.accounts: dict[int, tuple[Account, int]] = {}
        self.entries: list[dict[str, Any]] = []
        self.texts: list[dict[str, Any]] = []
        self.lots: list[dict[str, Any]] = []
        self.draws: list[dict[str, Any]] = []
        self.taken: dict[tuple[int, int], int] = defaultdict(int)
        self.extended: dict[tuple[int, int], datetime] = {}
        self.days: dict[tuple[date, str, int, str, int], list[int]] = defaultdict(lambda: [0, 0])
        self.totals: dict[int, list[int]] = defaultdict(lambda: [0, 0])

    def add(self, account: Account, panel: Panel, posting: Posting) -> Entry:
        """Check the posting and move the account; nothing is kept of a posting that is refused."""
        rules = KINDS[posting.kind]
        amount_minor = posting.amount_minor
        _check_amount(amount_minor, rules)
        balance_minor = account.balance_minor + amount_minor
        if balance_minor > BALANCE_MINOR_MAX:
            raise BalanceLimitError(limit_minor=BALANCE_MINOR_MAX, balance_minor=account.balance_minor)
        issues = rules.effect is Effect.ISSUES or (rules.effect is Effect.BY_SIGN and amount_minor > 0)
        moves = () if issues else _moves(account, posting, account.moment(self.moment))
        if balance_minor < 0:
            raise InsufficientCreditError(
                available_minor=account.balance_minor,
                balance_minor=account.balance_minor,
                debit_minor=-amount_minor,
            )
        self._keep(account, panel, posting, moves, issues=issues, balance_minor=balance_minor)
        return Entry(account.customer_id, account.entry_seq, posting.kind, amount_minor, balance_minor)

    def _keep(
        self,
        account: Account,
        panel: Panel,
        posting: Posting,
        moves: tuple[Move, ...],
        *,
        issues: bool,
        balance_minor: int,
    ) -> None:
        customer_id, seq, before_minor = account.customer_id, account.entry_seq + 1, account.balance_minor
        posted_at = account.moment(self.moment)
        day = self._day(panel, posted_at)
        row: dict[str, Any] = {
            "customer_id": customer_id,
            "seq": seq,
            "kind": str(posting.kind),
            "amount_minor": posting.amount_minor,
            "balance_after_minor": balance_minor,
            "description": posting.description,
            "is_quiet": posting.is_quiet,
            **dict(zip(LINKS, _links_of(posting), strict=True)),
            "actor": posting.by.kind,
            "actor_id": posting.by.id,
            "key": posting.key,
            "key_digest": content_digest(posting.content),
            "effective_on": posting.effective_on or day,
            "day": day,
            "posted_at": posted_at,
            "text_digest": self._keep_text(customer_id, seq, posting),
        }
        row["hash"] = entry_hash(self.key, account.head_hash, row)
        self.entries.append(row)
        self.accounts.setdefault(customer_id, (account, account.entry_seq))
        account.balance_minor, account.entry_seq, account.head_hash = balance_minor, seq, row["hash"]
        account.changed_at = posted_at
        if issues:
            self._keep_lot(account, posting)
        for move in moves:
            self._keep_draw(account, seq, move)
        self._sum_up(row, moves, posting, before_minor)

    def _day(self, panel: Panel, moment: datetime) -> date:
        if moment not in self.days_of:
            self.days_of[moment] = panel.day_of(moment)
        return self.days_of[moment]

    def _keep_text(self, customer_id: int, seq: int, posting: Posting) -> bytes | None:
        note, customer_note, ticket = (
            posting.note or None,
            posting.customer_note or None,
            posting.ticket_ref or None,
        )
        if note is None and customer_note is None and ticket is None:
            return None
        salt = secrets.token_bytes(16)
        self.texts.append(
            {
                "customer_id": customer_id,
                "seq": seq,
                "note": note,
                "customer_note": customer_note,
                "ticket_ref": ticket,
                "search_key": (fold(" ".join(filter(None, (ticket, note)))) or None) if ticket or note else None,
                "salt": salt,
            }
        )
        return text_digest(salt, note, customer_note, ticket)

    def _keep_lot(self, account: Account, posting: Posting) -> None:
        self.lots.append(
            {
                "customer_id": account.customer_id,
                "seq": account.entry_seq,
                "class": str(posting.class_),
                "opening_minor": posting.amount_minor,
                "remaining_minor": posting.amount_minor,
                "expires_at": posting.expires_at,
            }
        )
        account.lots.append(Lot(account.entry_seq, posting.class_, posting.amount_minor, posting.expires_at))
        if len(account.lots) > 1:
            account.lots.sort(key=lambda lot: lot.drawdown_order)

    def _keep_draw(self, account: Account, seq: int, move: Move) -> None:
        self.draws.append(
            {
                "customer_id": account.customer_id,
                "entry_seq": seq,
                "lot_seq": move.lot_seq,
                "amount_minor": move.amount_minor,
            }
        )
        self.taken[account.customer_id, move.lot_seq] += move.amount_minor
        if move.expires_at is not None:
            self.extended[account.customer_id, move.lot_seq] = move.expires_at
        for lot in account.lots:
            if lot.seq == move.lot_seq:
                lot.remaining_minor -= move.amount_minor

    def _sum_up(self, row: dict[str, Any], moves: tuple[Move, ...], posting: Posting, before_minor: int) -> None:
        by_class = {} if moves else {str(posting.class_): posting.amount_minor}
        for move in moves:
            class_ = str(move.class_)
            by_class[class_] = by_class.get(class_, 0) - move.amount_minor
        shard = row["customer_id"] % TOTAL_SHARDS
        for class_, amount_minor in by_class.items():
            key = (row["day"], row["kind"], row["reason_id"] or 0, class_, shard if self.many_shards else 0)
            self.days[key][0] += amount_minor
            self.days[key][1] += 1
        self.totals[shard][0] += row["amount_minor"]
        self.totals[shard][1] += (row["balance_after_minor"] > 0) - (before_minor > 0)

    def flush(self, *also: Call) -> None:
        """Write everything in one round trip, `also` with it: what a single entry does. Each call touches one row."""
        outcomes = run(
            self.session,
            *self._account_updates(),
            *[plans.INSERT_ENTRY(**row) for row in self.entries],
            *[plans.INSERT_TEXT(**row) for row in self.texts],
            *[plans.INSERT_LOT(**row) for row in self.lots],
            *[plans.INSERT_DRAW(**row) for row in self.draws],
            *self._lot_updates(),
            *self._lot_extensions(),
            *self._day_updates(),
            *self._total_updates(),
            *also,
        )
        if any(outcome.touched != 1 for outcome in outcomes):
            raise RuntimeError("A row of the ledger was not where it should be.")

    def flush_many(self) -> None:
        """Write everything with one statement for each table: what a chunk of customers does."""
        run_many(self.session, self._account_updates())
        insert_rows(self.session, plans.ENTRIES, self.entries)
        insert_rows(self.session, plans.TEXTS, self.texts)
        insert_rows(self.session, plans.LOTS, self.lots)
        insert_rows(self.session, plans.DRAWS, self.draws)
        run_many(self.session, self._lot_updates())
        run_many(self.session, self._lot_extensions())
        run_many(self.session, self._day_updates())
        run_many(self.session, self._total_updates())

    def _account_updates(self) -> list[Call]:
        return [
            plans.UPDATE_ACCOUNT(
                its_customer=account.customer_id,
                seq_before=seq_before,
                balance_minor=account.balance_minor,
                entry_seq=account.entry_seq,
                head_hash=account.head_hash,
                changed_at=account.changed_at,
            )
            for account, seq_before in self.accounts.values()
        ]

    def _lot_updates(self) -> list[Call]:
        return [
            plans.UPDATE_LOT(its_customer=customer_id, its_seq=seq, taken_minor=taken_minor)
            for (customer_id, seq), taken_minor in sorted(self.taken.items())
        ]

    def _lot_extensions(self) -> list[Call]:
        return [
            plans.EXTEND_LOT(its_customer=customer_id, its_seq=seq, until=until)
            for (customer_id, seq), until in sorted(self.extended.items())
        ]

    def _day_updates(self) -> list[Call]:
        return [
            plans.UPSERT_DAY(
                **{
                    "day": day,
                    "kind": kind,
                    "reason_id": reason_id,
                    "class": class_,
                    "shard": shard,
                    "amount_minor": amount_minor,
                    "lines": lines,
                }
            )
            for (day, kind, reason_id, class_, shard), (amount_minor, lines) in sorted(self.days.items())
        ]

    def _total_updates(self) -> list[Call]:
        return [
            plans.UPDATE_TOTAL(its_shard=shard, more_minor=amount_minor, more_holders=holders)
            for shard, (amount_minor, holders) in sorted(self.totals.items())
        ]


def _check_amount(amount_minor: int, rules: KindRules) -> None:
    if type(amount_minor) is not int:
        raise TypeError("An amount is a whole number of minor units.")
    if amount_minor == 0 or abs(amount_minor) > AMOUNT_MINOR_MAX:
        raise AmountRangeError(amount_minor=amount_minor, limit_minor=AMOUNT_MINOR_MAX)
    if rules.sign * amount_minor < 0:
        raise ValueError("The sign of the amount does not fit the kind of entry.")


def _moves(account: Account, posting: Posting, moment: datetime) -> tuple[Move, ...]:
    """Return which lots a spending or returning entry touches."""
    if posting.moves is not None:
        if sum(move.amount_minor for move in posting.moves) != -posting.amount_minor:
            raise ValueError("The moves do not add up to the amount.")
        return posting.moves
    moves, left_minor = [], -posting.amount_minor
    for lot in account.drawable(moment, expired_too=posting.draws_expired):
        taken_minor = min(lot.remaining_minor, left_minor)
        if taken_minor == 0:
            break
        left_minor -= taken_minor
        moves.append(Move(lot.seq, lot.class_, taken_minor))
    if left_minor > 0:
        raise InsufficientCreditError(
            available_minor=-posting.amount_minor - left_minor,
            balance_minor=account.balance_minor,
            debit_minor=-posting.amount_minor,
        )
    return tuple(moves)
