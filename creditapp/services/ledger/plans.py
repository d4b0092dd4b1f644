"""The statements of the ledger: one plan for both engines, each with `customer_id` first."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ClauseElement,
    Select,
    Table,
    Update,
    bindparam,
    case,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from creditapp.bulk import Given, RowUpdate
from creditapp.db import Base
from creditapp.models import (
    CreditAccount,
    CreditDay,
    CreditDraw,
    CreditEntry,
    CreditEntryText,
    CreditLot,
    CreditTotal,
    Setting,
)
from creditapp.services.ledger.terms import CLASS_ORDER
from creditapp.statements import Prepared

ENTRIES = Base.metadata.tables[CreditEntry.__tablename__]
TEXTS = Base.metadata.tables[CreditEntryText.__tablename__]
ACCOUNTS = Base.metadata.tables[CreditAccount.__tablename__]
LOTS = Base.metadata.tables[CreditLot.__tablename__]
DRAWS = Base.metadata.tables[CreditDraw.__tablename__]
DAYS = Base.metadata.tables[CreditDay.__tablename__]
TOTALS = Base.metadata.tables[CreditTotal.__tablename__]


def select_account() -> Select[Any]:
    """Select what an `Account` is made of."""
    c = ACCOUNTS.c
    return select(c.customer_id, c.balance_minor, c.entry_seq, c.head_hash, c.frozen_at, c.closed_at, c.changed_at)


def _upsert_day(engine: str) -> ClauseElement:
    row = (postgresql.insert if engine == "postgresql" else sqlite.insert)(DAYS)
    return row.on_conflict_do_update(
        index_elements=list(DAYS.primary_key.columns),
        set_={
            "amount_minor": DAYS.c.amount_minor + row.excluded.amount_minor,
            "lines": DAYS.c.lines + row.excluded.lines,
        },
    )


def _update_account(given: Given) -> Update:
    c = ACCOUNTS.c
    moved = {name: given[name] for name in ("balance_minor", "entry_seq", "head_hash", "changed_at")}
    its_own = (c.customer_id == given["its_customer"], c.entry_seq == given["seq_before"])
    return update(ACCOUNTS).where(*its_own).values(moved)


def _draw_on_lot(given: Given) -> Update:
    return _lot(given).values(remaining_minor=LOTS.c.remaining_minor - given["taken_minor"])


def _extend_lot(given: Given) -> Update:
    return _lot(given).values(expires_at=given["until"])


def _lot(given: Given) -> Update:
    return update(LOTS).where(LOTS.c.customer_id == given["its_customer"], LOTS.c.seq == given["its_seq"])


def _insert_all(table: Table) -> Prepared:
    return Prepared(insert(table).values({c.name: bindparam(c.name, type_=c.type) for c in table.c}))


LOT_COLUMNS = (LOTS.c.seq, LOTS.c["class"], LOTS.c.remaining_minor, LOTS.c.expires_at)
DRAWDOWN = (
    LOTS.c.expires_at.is_(None),
    LOTS.c.expires_at,
    case({str(class_): rank for class_, rank in CLASS_ORDER.items()}, value=LOTS.c["class"]),
    LOTS.c.seq,
)
POSTED_COLUMNS = (
    ENTRIES.c.customer_id,
    ENTRIES.c.seq,
    ENTRIES.c.kind,
    ENTRIES.c.amount_minor,
    ENTRIES.c.balance_after_minor,
    ENTRIES.c.key_digest,
)

LOCK = Prepared(select_account().where(ACCOUNTS.c.customer_id == bindparam("customer_id")).with_for_update())
POSTED = Prepared(
    select(*POSTED_COLUMNS).where(
        ENTRIES.c.customer_id == bindparam("customer_id"), ENTRIES.c.key == bindparam("posted_key")
    )
)
PANEL = Prepared(
    select(Setting.credits_enabled, Setting.currency, Setting.time_zone, Setting.duplicate_window_days)
    .add_columns(Setting.mail_from != "", Setting.low_balance_minor)
    .where(Setting.id == 1)
)
OPEN_LOTS = Prepared(
    select(*LOT_COLUMNS)
    .where(LOTS.c.customer_id == bindparam("customer_id"), LOTS.c.remaining_minor > 0)
    .order_by(*DRAWDOWN)
    .limit(bindparam("most"))
)
UPDATE_ACCOUNT = RowUpdate(
    _update_account,
    its_customer=ACCOUNTS.c.customer_id,
    seq_before=ACCOUNTS.c.entry_seq,
    balance_minor=ACCOUNTS.c.balance_minor,
    entry_seq=ACCOUNTS.c.entry_seq,
    head_hash=ACCOUNTS.c.head_hash,
    changed_at=ACCOUNTS.c.changed_at,
)
INSERT_ENTRY = _insert_all(ENTRIES)
INSERT_LOT = _insert_all(LOTS)
INSERT_DRAW = _insert_all(DRAWS)
INSERT_TEXT = Prepared(
    insert(TEXTS).values({c.name: bindparam(c.name, type_=c.type) for c in TEXTS.c if c.name != "erased_at"})
)
UPDATE_LOT = RowUpdate(
    _draw_on_lot, its_customer=LOTS.c.customer_id, its_seq=LOTS.c.seq, taken_minor=LOTS.c.remaining_minor
)
EXTEND_LOT = RowUpdate(_extend_lot, its_customer=LOTS.c.customer_id, its_seq=LOTS.c.seq, until=LOTS.c.expires_at)
UPSERT_DAY = Prepared(_upsert_day)
UPDATE_TOTAL = Prepared(
    update(TOTALS)
    .where(TOTALS.c.shard == bindparam("its_shard"))
    .values(
        balance_minor=TOTALS.c.balance_minor + bindparam("more_minor"),
        holders=TOTALS.c.holders + bindparam("more_holders"),
    )
)
