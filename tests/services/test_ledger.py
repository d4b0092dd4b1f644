"""Posting many entries at once, and what the statements of a posting may and may not say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from string import ascii_lowercase
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from creditapp.db import db, transact, transact_at
from creditapp.errors import DomainError, InsufficientCreditError
from creditapp.models import (
    CreditAccount,
    CreditClass,
    CreditDay,
    CreditDraw,
    CreditEntry,
    CreditLot,
    CreditTotal,
    Kind,
)
from creditapp.services import credits, ledger
from creditapp.services.actor import SYSTEM
from creditapp.services.ledger import Entry, Posting
from tests.factories import actor, balance_of, give, make_customer, make_reason, new_key

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def issue(amount_minor: int, key: str, **fields: Any) -> Posting:  # noqa: ANN401  (fields of `Posting`)
    chosen: dict[str, Any] = {"kind": Kind.DOWNTIME, "description": "Downtime Credit", "by": SYSTEM}
    return Posting(amount_minor=amount_minor, key=key, content=(key, amount_minor), **chosen | fields)


def take(amount_minor: int, key: str, **fields: Any) -> Posting:  # noqa: ANN401  (fields of `Posting`)
    chosen: dict[str, Any] = {"kind": Kind.EXPIRED, "description": "Expired Credit", "by": SYSTEM}
    return Posting(amount_minor=-amount_minor, key=key, content=(key, amount_minor), **chosen | fields)


def told(results: list[Entry | DomainError]) -> list[Any]:
    """Return what the caller is told: the entry, or the refusal's sentence."""
    return [
        (r.seq, r.amount_minor, r.replayed) if isinstance(r, Entry) else re.sub(r"CR-\d+", "CR-C", str(r))
        for r in results
    ]


pytestmark = pytest.mark.money


def test_a_chunk_posts_to_many_customers_at_once(app: Flask) -> None:
    customers = [make_customer() for _ in range(20)]

    results = transact(ledger.post_many, [(customer, issue(100 + customer, "k")) for customer in customers])

    assert told(results) == [(1, 100 + customer, False) for customer in customers]
    assert [balance_of(customer) for customer in customers] == [100 + customer for customer in customers]


def test_a_chunk_goes_on_past_what_is_refused(app: Flask) -> None:
    customer, poor = make_customer(500), make_customer()

    results = transact(
        ledger.post_many,
        [
            (customer, take(200, "a")),
            (poor, take(1, "a")),
            (999, issue(5, "a")),
            (customer, take(301, "b")),
            (customer, issue(10**11 + 1, "c")),
            (customer, take(300, "d")),
        ],
    )

    assert told(results) == [
        (2, -200, False),
        "The balance is 0 minor units: there is nothing to remove.",
        "There is no user #999.",
        "The balance is 300 minor units: at most that can be removed, not 301 minor units.",
        "One entry can be at most 100000000000 minor units.",
        (3, -300, False),
    ]
    assert (balance_of(customer), balance_of(poor)) == (0, 0)


def test_a_chunk_that_is_run_again_only_fills_the_gaps(app: Flask) -> None:
    first, second = make_customer(), make_customer()
    chunk = [(first, issue(5, "batch 1")), (second, issue(6, "batch 1"))]
    transact(ledger.post_many, chunk[:1])

    results = transact(ledger.post_many, chunk)
    again = transact(ledger.post_many, chunk)

    assert told(results) == [(1, 5, True), (1, 6, False)]
    assert told(again) == [(1, 5, True), (1, 6, True)]


def test_the_same_key_twice_in_one_chunk_posts_once(app: Flask) -> None:
    customer = make_customer()

    results = transact(
        ledger.post_many, [(customer, issue(5, "k")), (customer, issue(5, "k")), (customer, issue(6, "k"))]
    )

    assert told(results[:2]) == [(1, 5, False), (1, 5, True)]
    assert "already sent once with other content" in str(results[2])


def test_what_is_issued_in_a_chunk_can_be_spent_in_it(app: Flask) -> None:
    customer = make_customer(50)

    results = transact(ledger.post_many, [(customer, issue(100, "a")), (customer, take(120, "b"))])

    assert told(results) == [(2, 100, False), (3, -120, False)]


def test_an_empty_chunk_posts_nothing(app: Flask) -> None:
    assert transact(ledger.post_many, []) == []


def test_moves_that_do_not_add_up_are_a_mistake_of_ours(app: Flask) -> None:
    customer = make_customer(500)
    posting = take(100, "k", moves=(ledger.Move(1, CreditClass.GOODWILL, 99),))

    with pytest.raises(ValueError, match="add up"):
        transact(ledger.post_many, [(customer, posting)])


def test_a_sign_that_does_not_fit_the_kind_is_a_mistake_of_ours(app: Flask) -> None:
    customer = make_customer(500)

    with pytest.raises(ValueError, match="sign"):
        transact(ledger.post_many, [(customer, issue(-5, "k"))])


CHUNKS = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=2),
        st.one_of(
            st.tuples(st.just("issue"), st.integers(min_value=0, max_value=50), st.sampled_from(list(CreditClass))),
            st.tuples(st.just("take"), st.integers(min_value=1, max_value=80), st.just(CreditClass.PAID)),
        ),
        st.sampled_from([None, timedelta(days=-1), timedelta(days=1), timedelta(days=2)]),
        st.sampled_from(list(ascii_lowercase)),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(chunk=CHUNKS)
def test_a_chunk_comes_to_the_same_as_one_by_one(app: Flask, chunk: list[Any]) -> None:
    together, alone = [make_customer() for _ in range(3)], [make_customer() for _ in range(3)]
    verbs = {"issue": issue, "take": take}
    postings = [
        (
            number,
            verbs[verb](
                amount_minor, key, class_=class_, expires_at=NOON + lasts if lasts and verb == "issue" else None
            ),
        )
        for number, (verb, amount_minor, class_), lasts, key in chunk
    ]

    at_once = transact_at(NOON, ledger.post_many, [(together[number], posting) for number, posting in postings])
    one_by_one = [transact_at(NOON, post_alone, alone[number], posting) for number, posting in postings]

    assert told(at_once) == told(one_by_one)
    assert [state(customer) for customer in together] == [state(customer) for customer in alone]


def post_alone(session: Session, customer: int, posting: Posting) -> Entry | DomainError:
    try:
        account, panel, _ = ledger.open_account(
            session, customer, posting.key, posting.content, debit=posting.amount_minor < 0
        )
        return account.posted or ledger.post(session, account, panel, posting)
    except DomainError as refusal:
        return refusal


def state(customer: int) -> tuple[Any, ...]:
    """Return the account, its lots and draws, without what must differ (ids, hashes, salts)."""
    db.session.rollback()
    statements = [
        select(CreditAccount.balance_minor, CreditAccount.entry_seq).where(CreditAccount.customer_id == customer),
        select(CreditLot.seq, CreditLot.class_, CreditLot.remaining_minor).where(CreditLot.customer_id == customer),
        select(CreditDraw.entry_seq, CreditDraw.lot_seq, CreditDraw.amount_minor).where(
            CreditDraw.customer_id == customer
        ),
    ]
    return tuple(sorted(map(tuple, db.session.execute(statement))) for statement in statements)


def test_days_and_totals_are_kept_with_the_entries(app: Flask) -> None:
    customer = make_customer()
    promotional = make_reason("Spring", class_=CreditClass.PROMOTIONAL)
    give(customer, 100, reason_id=promotional, at=NOON)
    give(customer, 50, at=NOON)
    give(customer, -120, at=NOON)

    days = db.session.execute(
        select(CreditDay.kind, CreditDay.class_, CreditDay.amount_minor, CreditDay.lines).order_by(
            CreditDay.kind, CreditDay.class_
        )
    )
    total = db.session.get_one(CreditTotal, customer % 16)

    assert [tuple(row) for row in days] == [
        ("added", "goodwill", 50, 1),
        ("added", "promotional", 100, 1),
        ("removed", "goodwill", -20, 1),
        ("removed", "promotional", -100, 1),
    ]
    assert (total.balance_minor, total.holders) == (30, 1)


MONEY_TABLES = "credit_accounts|credit_entries|credit_entry_texts|credit_lots|credit_draws"


@contextmanager
def overheard() -> Iterator[list[str]]:
    """Yield the list of statements that run meanwhile, as the database hears them."""
    heard: list[str] = []

    def listen(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:  # noqa: ANN401
        heard.append(statement)

    event.listen(db.engine, "before_cursor_execute", listen)
    try:
        yield heard
    finally:
        event.remove(db.engine, "before_cursor_execute", listen)


def unfit(statement: str) -> str | None:
    """Return what keeps the statement from running on a distributed engine, if anything does."""
    if re.search(r"advisory|nextval|currval|lastval|LOCK TABLE", statement, re.IGNORECASE):
        return "a lock or a counter of one server"
    if re.search(rf"\b({MONEY_TABLES})\b", statement) and "customer_id" not in _conditions(statement):
        return "no customer_id"
    return None


def _conditions(statement: str) -> str:
    """Return where a statement looks (or, of an insert, what it fills)."""
    if re.match(r"\s*(INSERT|COPY)", statement):
        return statement
    return statement.partition("WHERE")[2]


def test_every_statement_about_money_names_its_customer(app: Flask) -> None:
    customer, by = make_customer(500), actor()
    reason = make_reason()
    verbs = [
        partial(credits.adjust, amount_minor=100, reason_id=reason, note="Note"),
        partial(credits.adjust, amount_minor=-30, reason_id=reason),
        partial(credits.set_balance, target_minor=600, seen_minor=570, reason_id=reason),
        partial(credits.reverse, seq=3),
        partial(credits.void, seq=2),
        partial(credits.delete, seq=4),
    ]

    with overheard() as heard:
        for verb in verbs:
            transact(verb, customer_id=customer, by=by, key=new_key())
        transact(ledger.post_many, [(customer, issue(5, "a")), (customer, take(5, "b"))])

    assert len(heard) > 60
    assert [(statement, unfit(statement)) for statement in heard if unfit(statement)] == []


@pytest.mark.parametrize(
    ("statement", "is_unfit"),
    [
        ("SELECT pg_advisory_xact_lock(5)", True),
        ("SELECT nextval('customers_id_seq')", True),
        ("SELECT balance_minor FROM credit_accounts", True),
        ("SELECT customer_id FROM credit_accounts FOR UPDATE", True),
        ("UPDATE credit_lots SET remaining_minor = 0 WHERE seq = 1", True),
        ("UPDATE credit_lots SET remaining_minor = 0 WHERE customer_id = 1", False),
        ("SELECT time_zone FROM settings WHERE id = 1", False),
    ],
)
def test_a_statement_unfit_for_many_servers_would_be_heard(statement: str, is_unfit: bool) -> None:
    assert (unfit(statement) is not None) is is_unfit


def test_a_debit_tells_usable_from_expired(app: Flask) -> None:
    customer = make_customer()
    transact_at(NOON, ledger.post_many, [(customer, issue(100, "a", expires_at=NOON + timedelta(days=1)))])

    (refused,) = transact_at(NOON + timedelta(days=1), ledger.post_many, [(customer, take(1, "b"))])

    assert isinstance(refused, InsufficientCreditError)
    assert (refused.available_minor, refused.balance_minor) == (0, 100)


def test_an_account_opens_empty(app: Flask) -> None:
    account = db.session.get_one(CreditAccount, make_customer())

    assert (account.balance_minor, account.entry_seq, account.head_hash) == (0, 0, bytes(32))


def test_a_clock_set_back_over_midnight_dates_no_entry_before_the_last(app: Flask) -> None:
    customer = make_customer()
    yesterday = NOON - timedelta(days=1)
    transact_at(NOON, post_alone, customer, issue(100, "a"))

    transact_at(yesterday, post_alone, customer, issue(5, "b"))
    transact_at(yesterday, ledger.post_many, [(customer, issue(7, "c")), (customer, take(2, "d"))])

    columns = (CreditEntry.day, CreditEntry.posted_at)
    rows = db.session.execute(select(*columns).where(CreditEntry.customer_id == customer))
    assert {(row.day, row.posted_at) for row in rows} == {(NOON.date(), NOON)}
