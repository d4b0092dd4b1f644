"""The ledger: the only writer of entries, lots, draws, balances and their sums.

Amounts are minor units, plus is the customer's. A verb of the business (`credits.adjust`, …) runs inside `transact`
and goes: `open_account` (lock it, then read), decide, `post`. `post_many` does the same for a chunk of customers.

One entry means: a row in the chain of its customer, a new balance, the lots it made, drew on or gave back to, and the
sums of its day, all in the same transaction.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ClauseElement, bindparam, case, cast, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from creditapp.columns import UtcDateTime, to_microseconds
from creditapp.db import ledger_key, now
from creditapp.errors import (
    AmountRangeError,
    BalanceLimitError,
    CustomerClosedError,
    CustomerNotFoundError,
    DomainError,
    InsufficientCreditError,
    KeyReusedError,
)
from creditapp.models import (
    TOTAL_SHARDS,
    CreditAccount,
    CreditClass,
    CreditDay,
    CreditDraw,
    CreditEntry,
    CreditEntryText,
    CreditLot,
    CreditTotal,
    Effect,
    Kind,
    Setting,
)
from creditapp.money import AMOUNT_MINOR_MAX, BALANCE_MINOR_MAX
from creditapp.statements import Call, Outcome, Prepared, insert_rows, run, run_many
from creditapp.text import fold

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

ZERO_HASH = bytes(32)
LOTS_AT_ONCE = 32
"""How many open lots a debit reads before it asks for all of them."""

ENTRIES = CreditEntry.__table__
TEXTS = CreditEntryText.__table__
ACCOUNTS = CreditAccount.__table__
LOTS = CreditLot.__table__
DRAWS = CreditDraw.__table__
DAYS = CreditDay.__table__
TOTALS = CreditTotal.__table__


@dataclass(frozen=True, slots=True)
class KindRules:
    """How entries of one kind behave: which sign they may have (0: either) and what they do to lots."""

    sign: int
    effect: Effect
    reversible: bool = False
    """Staff may reverse it by hand; other kinds are undone where they came from."""


KINDS: dict[Kind, KindRules] = {
    Kind.ADDED: KindRules(1, Effect.ISSUES, reversible=True),
    Kind.REMOVED: KindRules(-1, Effect.SPENDS, reversible=True),
    Kind.OPENING: KindRules(1, Effect.ISSUES, reversible=True),
    Kind.CORRECTION: KindRules(0, Effect.BY_SIGN, reversible=True),
    Kind.OVERPAYMENT: KindRules(1, Effect.ISSUES, reversible=True),
    Kind.DUPLICATE_PAYMENT: KindRules(1, Effect.ISSUES, reversible=True),
    Kind.LOOSE_PAYMENT: KindRules(1, Effect.ISSUES, reversible=True),
    Kind.APPLIED: KindRules(-1, Effect.SPENDS),
    Kind.UNAPPLIED: KindRules(1, Effect.GIVES_BACK),
    Kind.RETURNED: KindRules(1, Effect.GIVES_BACK),
    Kind.INVOICE_REFUND: KindRules(1, Effect.ISSUES),
    Kind.TOP_UP: KindRules(1, Effect.ISSUES),
    Kind.CREDIT_REFUND: KindRules(-1, Effect.SPENDS),
    Kind.CHARGEBACK: KindRules(-1, Effect.SPENDS),
    Kind.DOWNTIME: KindRules(1, Effect.ISSUES, reversible=True),
    Kind.PROMO: KindRules(1, Effect.ISSUES, reversible=True),
    Kind.REFERRAL: KindRules(1, Effect.ISSUES, reversible=True),
    Kind.EXPIRED: KindRules(-1, Effect.SPENDS),
    Kind.VOID: KindRules(-1, Effect.BY_ORIGINAL),
    Kind.REVERSAL: KindRules(0, Effect.BY_ORIGINAL),
    Kind.TRANSFER_OUT: KindRules(-1, Effect.SPENDS),
    Kind.TRANSFER_IN: KindRules(1, Effect.ISSUES),
    Kind.MERGED_OUT: KindRules(-1, Effect.SPENDS),
    Kind.MERGED_IN: KindRules(1, Effect.ISSUES),
}


@dataclass(slots=True)
class Lot:
    """An open lot, as it stands inside this transaction."""

    seq: int
    class_: str
    remaining_minor: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Move:
    """What one entry does to one lot: plus takes from it, minus gives back."""

    lot_seq: int
    class_: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A posted entry, as the verbs return it. `replayed`: it had been posted before under the same key."""

    customer_id: int
    seq: int
    kind: str
    amount_minor: int
    balance_after_minor: int
    replayed: bool = False

    @property
    def reference(self) -> str:
        return reference(self.customer_id, self.seq)


@dataclass(slots=True)
class Account:
    """A locked account: what it is now, and what it has become by the entries posted in this transaction."""

    customer_id: int
    balance_minor: int
    entry_seq: int
    head_hash: bytes
    frozen_at: datetime | None
    closed_at: datetime | None
    posted: Entry | None = None
    """What was posted earlier under the key it was opened with."""
    expired_minor: int = 0
    """In the balance, but no longer usable: lots past their date that no sweep has taken yet."""
    lots: list[Lot] = field(default_factory=list)
    """Open lots in drawdown order, read when a debit is coming."""

    @property
    def usable_minor(self) -> int:
        return self.balance_minor - self.expired_minor


@dataclass(frozen=True, slots=True)
class Panel:
    """The settings that matter to an entry, read after the lock."""

    credits_enabled: bool
    currency: str
    time_zone: str
    duplicate_window_days: int

    def day_of(self, moment: datetime) -> date:
        """Return the panel's calendar day at this moment."""
        return moment.astimezone(zone(self.time_zone)).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One entry to be made. `content` is what the request asked for: the same key with other content is refused."""

    kind: Kind
    amount_minor: int
    description: str
    by: Actor
    key: str
    content: tuple[Any, ...] = ()
    reason_id: int | None = None
    is_quiet: bool = False
    class_: CreditClass = CreditClass.GOODWILL
    expires_at: datetime | None = None
    moves: tuple[Move, ...] | None = None
    """Which lots to take from or give back to; None: the drawdown order decides."""
    draws_expired: bool = False
    invoice_id: int | None = None
    payment_id: int | None = None
    subscription_id: int | None = None
    batch_id: int | None = None
    incident_id: int | None = None
    promo_code_id: int | None = None
    reversed_seq: int | None = None
    other_customer_id: int | None = None
    other_seq: int | None = None
    effective_on: date | None = None
    note: str = ""
    customer_note: str = ""
    ticket_ref: str = ""


def reference(customer_id: int, seq: int) -> str:
    """Return the entry's name as people see it, `CR-1108-17`."""
    return f"CR-{customer_id}-{seq}"


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """Return the time zone with this name."""
    return ZoneInfo(name)


def open_account(
    session: Session, customer_id: int, posting_key: str, content: tuple[Any, ...], *also: Call, debit: bool = True
) -> tuple[Account, Panel, list[Outcome]]:
    """Lock one customer's account, then read what an entry depends on; return it with the outcomes of `also`.

    With `debit`, the open lots are read too. If the key has posted before, `Account.posted` says what.

    Raises:
        CustomerNotFoundError, CustomerClosedError: there is no account, or it takes no more entries.
        KeyReusedError: the key has been used for other content.
    """
    calls = [
        _LOCK(customer_id=customer_id),
        _POSTED(customer_id=customer_id, posted_key=posting_key),
        _PANEL(),
        *also,
    ]
    if debit:
        moment = now(session)
        calls += [
            _EXPIRED(customer_id=customer_id, moment=moment),
            _OPEN_LOTS(customer_id=customer_id, most=LOTS_AT_ONCE),
        ]
    locked, posted, panel, *rest = run(session, *calls)
    if not locked.rows:
        raise CustomerNotFoundError(customer_id)
    account = Account(*locked.rows[0])
    if posted.rows:
        account.posted = _replay(posted.rows[0], content)
    elif account.closed_at is not None:
        raise CustomerClosedError(customer_id)
    if debit:
        lots, expired = rest.pop(), rest.pop()
        account.expired_minor = expired.rows[0][0]
        rows = lots.rows
        if len(rows) == LOTS_AT_ONCE:
            rows = run(session, _OPEN_LOTS(customer_id=customer_id, most=2**31))[0].rows
        account.lots = [Lot(*row) for row in rows]
    return account, Panel(*panel.rows[0]), rest


def post(session: Session, account: Account, panel: Panel, posting: Posting) -> Entry:
    """Make one entry on a locked account, with everything that follows from it, or refuse and write nothing.

    Raises:
        AmountRangeError: zero, or more than one entry may be.
        InsufficientCreditError: a debit of more than there is to draw on.
        BalanceLimitError: the balance would be above the largest one.
    """
    writes = _Writes(session)
    entry = writes.add(account, panel, posting)
    writes.flush()
    return entry


def post_many(session: Session, postings: Sequence[tuple[int, Posting]]) -> list[Entry | DomainError]:
    """Make many entries, each `(customer_id, posting)`, in one go: accounts are locked by rising id.

    What was asked before under the same key is returned as it was; what is refused comes back as the refusal, in its
    place, and the others go on. Keep a call to a thousand or so: their accounts stay locked until the commit.
    """
    customer_ids = sorted({customer_id for customer_id, _posting in postings})
    accounts = _lock_many(session, customer_ids)
    debtors = [c for c, posting in postings if posting.amount_minor < 0 and posting.moves is None]
    _read_lots(session, accounts, debtors)
    posted = _read_posted(session, customer_ids, [posting.key for _customer_id, posting in postings])
    panel = Panel(*run(session, _PANEL())[0].rows[0])
    writes = _Writes(session)
    results: list[Entry | DomainError] = []
    for customer_id, posting in postings:
        try:
            results.append(_post_one(writes, accounts.get(customer_id), panel, customer_id, posting, posted))
        except DomainError as refusal:
            results.append(refusal)
    writes.flush_many()
    return results


def create_accounts(session: Session, customer_ids: Iterable[int]) -> None:
    """Open an empty account for each of these new customers."""
    rows = [
        {"customer_id": customer_id, "balance_minor": 0, "entry_seq": 0, "head_hash": ZERO_HASH}
        for customer_id in customer_ids
    ]
    insert_rows(session, ACCOUNTS, rows)


def entry_hash(key: bytes, previous: bytes, row: dict[str, Any]) -> bytes:
    """Return the link of the chain: HMAC-SHA256 over the hash before it and every column of the entry."""
    facts = [
        row["customer_id"],
        row["seq"],
        row["kind"],
        row["amount_minor"],
        row["balance_after_minor"],
        row["description"],
        bool(row["is_quiet"]),
        *[row[name] for name in _LINKS],
        row["actor"],
        row["actor_id"],
        row["key"],
        row["key_digest"].hex(),
        row["effective_on"].isoformat(),
        row["day"].isoformat(),
        to_microseconds(row["posted_at"]),
        row["text_digest"].hex() if row["text_digest"] else None,
    ]
    return hmac.digest(key, previous + _canonical(facts), "sha256")


def text_digest(salt: bytes, note: str | None, customer_note: str | None, ticket_ref: str | None) -> bytes:
    """Return the salted digest under which an entry remembers its texts."""
    return hashlib.sha256(salt + _canonical([note, customer_note, ticket_ref])).digest()


_LINKS = (
    "reason_id",
    "invoice_id",
    "payment_id",
    "subscription_id",
    "batch_id",
    "incident_id",
    "promo_code_id",
    "reversed_seq",
    "other_customer_id",
    "other_seq",
)


class _Writes:
    """The rows that entries of one transaction come to, gathered before any is written."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.moment = now(session)
        self.key = ledger_key(session)
        self.many_shards = session.connection().dialect.name == "postgresql"
        self.accounts: dict[int, tuple[Account, int]] = {}
        self.entries: list[dict[str, Any]] = []
        self.texts: list[dict[str, Any]] = []
        self.lots: list[dict[str, Any]] = []
        self.draws: list[dict[str, Any]] = []
        self.taken: dict[tuple[int, int], int] = defaultdict(int)
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
        moves = () if issues else _moves(account, posting, self.moment)
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
        day = panel.day_of(self.moment)
        row: dict[str, Any] = {
            "customer_id": customer_id,
            "seq": seq,
            "kind": str(posting.kind),
            "amount_minor": posting.amount_minor,
            "balance_after_minor": balance_minor,
            "description": posting.description,
            "is_quiet": posting.is_quiet,
            **{name: getattr(posting, name) for name in _LINKS},
            "actor": posting.by.kind,
            "actor_id": posting.by.id,
            "key": posting.key,
            "key_digest": _content_digest(posting.content),
            "effective_on": posting.effective_on or day,
            "day": day,
            "posted_at": self.moment,
            "text_digest": self._keep_text(customer_id, seq, posting),
        }
        row["hash"] = entry_hash(self.key, account.head_hash, row)
        self.entries.append(row)
        self.accounts.setdefault(customer_id, (account, account.entry_seq))
        account.balance_minor, account.entry_seq, account.head_hash = balance_minor, seq, row["hash"]
        if issues:
            self._keep_lot(account, posting)
        for move in moves:
            self._keep_draw(account, seq, move)
        self._sum_up(row, moves, posting, before_minor)

    def _keep_text(self, customer_id: int, seq: int, posting: Posting) -> bytes | None:
        note, customer_note, ticket = posting.note or None, posting.customer_note or None, posting.ticket_ref or None
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
                "search_key": fold(" ".join(filter(None, (ticket, note)))) or None,
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
        account.lots.sort(key=_drawdown_order)

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
        for lot in account.lots:
            if lot.seq == move.lot_seq:
                lot.remaining_minor -= move.amount_minor

    def _sum_up(self, row: dict[str, Any], moves: tuple[Move, ...], posting: Posting, before_minor: int) -> None:
        by_class: dict[str, int] = defaultdict(int)
        for move in moves:
            by_class[str(move.class_)] -= move.amount_minor
        if not moves:
            by_class[str(posting.class_)] = posting.amount_minor
        shard = row["customer_id"] % TOTAL_SHARDS
        for class_, amount_minor in by_class.items():
            key = (row["day"], row["kind"], row["reason_id"] or 0, class_, shard if self.many_shards else 0)
            self.days[key][0] += amount_minor
            self.days[key][1] += 1
        self.totals[shard][0] += row["amount_minor"]
        self.totals[shard][1] += (row["balance_after_minor"] > 0) - (before_minor > 0)

    def flush(self) -> None:
        """Write everything in one round trip: what a single entry does."""
        outcomes = run(
            self.session,
            *self._account_updates(),
            *[_INSERT_ENTRY(**row) for row in self.entries],
            *[_INSERT_TEXT(**row) for row in self.texts],
            *[_INSERT_LOT(**row) for row in self.lots],
            *[_INSERT_DRAW(**row) for row in self.draws],
            *self._lot_updates(),
            *self._day_updates(),
            *self._total_updates(),
        )
        if any(outcome.touched != 1 for outcome in outcomes):
            raise RuntimeError("A row of the ledger was not where it should be.")

    def flush_many(self) -> None:
        """Write everything with one statement for each table: what a chunk of customers does."""
        run_many(self.session, self._account_updates())
        insert_rows(self.session, ENTRIES, self.entries)
        insert_rows(self.session, TEXTS, self.texts)
        insert_rows(self.session, LOTS, self.lots)
        insert_rows(self.session, DRAWS, self.draws)
        run_many(self.session, self._lot_updates())
        run_many(self.session, self._day_updates())
        run_many(self.session, self._total_updates())

    def _account_updates(self) -> list[Call]:
        return [
            _UPDATE_ACCOUNT(
                its_customer=account.customer_id,
                seq_before=seq_before,
                balance_minor=account.balance_minor,
                entry_seq=account.entry_seq,
                head_hash=account.head_hash,
                changed_at=self.moment,
            )
            for account, seq_before in self.accounts.values()
        ]

    def _lot_updates(self) -> list[Call]:
        return [
            _UPDATE_LOT(its_customer=customer_id, its_seq=seq, taken_minor=taken_minor)
            for (customer_id, seq), taken_minor in sorted(self.taken.items())
        ]

    def _day_updates(self) -> list[Call]:
        return [
            _UPSERT_DAY(
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
            _UPDATE_TOTAL(its_shard=shard, more_minor=amount_minor, more_holders=holders)
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
    for lot in account.lots:
        expired = lot.expires_at is not None and lot.expires_at <= moment
        if left_minor == 0 or lot.remaining_minor == 0 or (expired and not posting.draws_expired):
            continue
        taken_minor = min(lot.remaining_minor, left_minor)
        left_minor -= taken_minor
        moves.append(Move(lot.seq, lot.class_, taken_minor))
    if left_minor > 0:
        raise InsufficientCreditError(
            available_minor=-posting.amount_minor - left_minor,
            balance_minor=account.balance_minor,
            debit_minor=-posting.amount_minor,
        )
    return tuple(moves)


_CLASS_ORDER = {CreditClass.PROMOTIONAL: 0, CreditClass.GOODWILL: 1, CreditClass.PAID: 2}


def _drawdown_order(lot: Lot) -> tuple[bool, float, int, int]:
    expires = lot.expires_at.timestamp() if lot.expires_at else 0.0
    return lot.expires_at is None, expires, _CLASS_ORDER[CreditClass(lot.class_)], lot.seq


def _post_one(
    writes: _Writes,
    account: Account | None,
    panel: Panel,
    customer_id: int,
    posting: Posting,
    posted: dict[tuple[int, str], tuple[Any, ...]],
) -> Entry:
    if account is None:
        raise CustomerNotFoundError(customer_id)
    earlier = posted.get((customer_id, posting.key))
    if earlier is not None:
        return _replay(earlier, posting.content)
    if account.closed_at is not None:
        raise CustomerClosedError(customer_id)
    entry = writes.add(account, panel, posting)
    posted[customer_id, posting.key] = (*_posted_row(entry), _content_digest(posting.content))
    return entry


def _posted_row(entry: Entry) -> tuple[Any, ...]:
    return entry.customer_id, entry.seq, entry.kind, entry.amount_minor, entry.balance_after_minor


def _replay(row: tuple[Any, ...], content: tuple[Any, ...]) -> Entry:
    *facts, digest = row
    entry = Entry(*facts)
    if digest != _content_digest(content):
        raise KeyReusedError(entry.reference)
    return replace(entry, replayed=True)


def _content_digest(content: tuple[Any, ...]) -> bytes:
    return hashlib.sha256(_canonical(list(content))).digest()


def _canonical(facts: list[Any]) -> bytes:
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode()


def _lock_many(session: Session, customer_ids: list[int]) -> dict[int, Account]:
    statement = (
        _select_account().where(ACCOUNTS.c.customer_id.in_(customer_ids)).order_by(ACCOUNTS.c.customer_id)
    ).with_for_update()
    return {row[0]: Account(*row) for row in session.connection().execute(statement)}


def _read_lots(session: Session, accounts: dict[int, Account], customer_ids: Iterable[int]) -> None:
    wanted = set(customer_ids) & accounts.keys()
    if not wanted:
        return
    statement = (
        select(LOTS.c.customer_id, *_LOT_COLUMNS)
        .where(LOTS.c.customer_id.in_(wanted), LOTS.c.remaining_minor > 0)
        .order_by(LOTS.c.customer_id, *_DRAWDOWN)
    )
    moment = now(session)
    for customer_id, *lot_row in session.connection().execute(statement):
        lot = Lot(*lot_row)
        accounts[customer_id].lots.append(lot)
        if lot.expires_at is not None and lot.expires_at <= moment:
            accounts[customer_id].expired_minor += lot.remaining_minor


def _read_posted(session: Session, customer_ids: list[int], keys: list[str]) -> dict[tuple[int, str], tuple[Any, ...]]:
    if not keys:
        return {}
    statement = select(*_POSTED_COLUMNS, ENTRIES.c.key).where(
        ENTRIES.c.customer_id.in_(customer_ids), ENTRIES.c.key.in_(set(keys))
    )
    return {(row[0], row[-1]): tuple(row[:-1]) for row in session.connection().execute(statement)}


def _select_account() -> Any:  # noqa: ANN401  (a Select of six columns)
    c = ACCOUNTS.c
    return select(c.customer_id, c.balance_minor, c.entry_seq, c.head_hash, c.frozen_at, c.closed_at)


def _upsert_day(engine: str) -> ClauseElement:
    row = (postgresql.insert if engine == "postgresql" else sqlite.insert)(DAYS)
    return row.on_conflict_do_update(
        index_elements=list(DAYS.primary_key.columns),
        set_={
            "amount_minor": DAYS.c.amount_minor + row.excluded.amount_minor,
            "lines": DAYS.c.lines + row.excluded.lines,
        },
    )


def _insert_all(table: Any) -> Prepared:  # noqa: ANN401  (a Table)
    return Prepared(insert(table).values({c.name: bindparam(c.name, type_=c.type) for c in table.c}))


_LOT_COLUMNS = (LOTS.c.seq, LOTS.c["class"], LOTS.c.remaining_minor, LOTS.c.expires_at)
_DRAWDOWN = (
    LOTS.c.expires_at.is_(None),
    LOTS.c.expires_at,
    case({str(class_): rank for class_, rank in _CLASS_ORDER.items()}, value=LOTS.c["class"]),
    LOTS.c.seq,
)
_POSTED_COLUMNS = (
    ENTRIES.c.customer_id,
    ENTRIES.c.seq,
    ENTRIES.c.kind,
    ENTRIES.c.amount_minor,
    ENTRIES.c.balance_after_minor,
    ENTRIES.c.key_digest,
)

_LOCK = Prepared(_select_account().where(ACCOUNTS.c.customer_id == bindparam("customer_id")).with_for_update())
_POSTED = Prepared(
    select(*_POSTED_COLUMNS).where(
        ENTRIES.c.customer_id == bindparam("customer_id"), ENTRIES.c.key == bindparam("posted_key")
    )
)
_PANEL = Prepared(
    select(Setting.credits_enabled, Setting.currency, Setting.time_zone, Setting.duplicate_window_days).where(
        Setting.id == 1
    )
)
_EXPIRED = Prepared(
    select(cast(func.coalesce(func.sum(LOTS.c.remaining_minor), 0), BigInteger)).where(
        LOTS.c.customer_id == bindparam("customer_id"),
        LOTS.c.remaining_minor > 0,
        LOTS.c.expires_at <= bindparam("moment", type_=UtcDateTime()),
    )
)
_OPEN_LOTS = Prepared(
    select(*_LOT_COLUMNS)
    .where(LOTS.c.customer_id == bindparam("customer_id"), LOTS.c.remaining_minor > 0)
    .order_by(*_DRAWDOWN)
    .limit(bindparam("most"))
)
_UPDATE_ACCOUNT = Prepared(
    update(ACCOUNTS)
    .where(ACCOUNTS.c.customer_id == bindparam("its_customer"), ACCOUNTS.c.entry_seq == bindparam("seq_before"))
    .values(
        balance_minor=bindparam("balance_minor"),
        entry_seq=bindparam("entry_seq"),
        head_hash=bindparam("head_hash"),
        changed_at=bindparam("changed_at"),
    )
)
_INSERT_ENTRY = _insert_all(ENTRIES)
_INSERT_LOT = _insert_all(LOTS)
_INSERT_DRAW = _insert_all(DRAWS)
_INSERT_TEXT = Prepared(
    insert(TEXTS).values({c.name: bindparam(c.name, type_=c.type) for c in TEXTS.c if c.name != "erased_at"})
)
_UPDATE_LOT = Prepared(
    update(LOTS)
    .where(LOTS.c.customer_id == bindparam("its_customer"), LOTS.c.seq == bindparam("its_seq"))
    .values(remaining_minor=LOTS.c.remaining_minor - bindparam("taken_minor"))
)
_UPSERT_DAY = Prepared(_upsert_day)
_UPDATE_TOTAL = Prepared(
    update(TOTALS)
    .where(TOTALS.c.shard == bindparam("its_shard"))
    .values(
        balance_minor=TOTALS.c.balance_minor + bindparam("more_minor"),
        holders=TOTALS.c.holders + bindparam("more_holders"),
    )
)
