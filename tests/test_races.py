"""Many at once: nothing is spent twice, nothing is lost, and nobody is turned away for the crowd."""

from __future__ import annotations

import threading
from collections import Counter
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from creditapp.db import db, snapshot, transact
from creditapp.errors import DomainError, InsufficientCreditError, ReversalExceedsError
from creditapp.models import CreditAccount, CreditEntry, CreditTotal, Kind
from creditapp.services import credits, ledger
from creditapp.services.actor import Actor
from creditapp.services.ledger import Entry, Posting
from tests.crowd import spend, together, work_here, workshop
from tests.factories import balance_of, give, make_customer, make_staff, new_key, reason_named

pytestmark = pytest.mark.money

THREADS = 8
SPENDS = 100


def kinds_of(outcomes: list[Entry | Exception]) -> Counter[str]:
    return Counter(type(outcome).__name__ for outcome in outcomes)


def test_exactly_half_is_accepted_when_half_is_there(app: Flask) -> None:
    customer, reason, by = make_customer(THREADS * SPENDS // 2), reason_named("Entered by mistake"), make_staff()

    def spend_all() -> list[Entry | Exception]:
        return [attempt(partial(spend, customer, 1, reason, by.id, new_key())) for _ in range(SPENDS)]

    outcomes = [outcome for thread in together([spend_all] * THREADS) for outcome in each(thread)]

    assert kinds_of(outcomes) == {"Entry": THREADS * SPENDS // 2, "InsufficientCreditError": THREADS * SPENDS // 2}
    assert balance_of(customer) == 0


def attempt(work: partial[Entry]) -> Entry | Exception:
    try:
        return work()
    except Exception as error:  # noqa: BLE001  (counted by the test)
        return error


def each(outcome: list[Entry | Exception] | Exception) -> list[Entry | Exception]:
    return [outcome] if isinstance(outcome, Exception) else outcome


@pytest.mark.slow
def test_processes_of_their_own_spend_no_more_than_there_is(app: Flask) -> None:
    customer, reason, by = make_customer(100), reason_named("Entered by mistake"), make_staff()

    work = work_here(customer, reason, by.id, spends=50)
    with workshop() as start:
        spenders = [start(f"spender {number}", work) for number in range(4)]
        for spender in spenders:
            spender.finish()
        ends = [(spender.process.exitcode, spender.turned_away) for spender in spenders]

    acknowledged = [key for spender in spenders for key in spender.acknowledged]
    assert ends == [(0, 0)] * 4
    assert len(acknowledged) == len(set(acknowledged)) == 100
    assert balance_of(customer) == 0


def test_a_double_click_is_harmless_however_often_it_is_clicked(app: Flask) -> None:
    customer, reason, by = make_customer(1000), reason_named("Entered by mistake"), make_staff()
    click = partial(spend, customer, 300, reason, by.id, "the key in the form")

    outcomes = together([click] * 16)

    assert kinds_of(outcomes) == {"Entry": 16}
    assert {(o.seq, o.balance_after_minor) for o in outcomes if isinstance(o, Entry)} == {(2, 700)}
    assert sum(not o.replayed for o in outcomes if isinstance(o, Entry)) == 1


def test_an_entry_is_reversed_once(app: Flask) -> None:
    customer, by = make_customer(1000), make_staff()
    entry = give(customer, 500)

    outcomes = together(
        [partial(transact, credits.reverse, customer, entry.seq, by=by.actor, key=new_key()) for _ in range(16)]
    )

    assert kinds_of(outcomes) == {"Entry": 1, "ReversalExceedsError": 15}
    assert balance_of(customer) == 1000


def test_partial_reversals_together_never_exceed_the_entry(app: Flask) -> None:
    customer, by = make_customer(1000), make_staff()
    entry = give(customer, -500)

    outcomes = together(
        [partial(transact, credits.reverse, customer, entry.seq, 60, by=by.actor, key=new_key()) for _ in range(16)]
    )

    assert kinds_of(outcomes) == {"Entry": 8, ReversalExceedsError.__name__: 8}
    assert balance_of(customer) == 500 + 8 * 60


def test_a_balance_the_page_has_loaded_before_is_hearsay(app: Flask) -> None:
    customer, reason, by = make_customer(4 * THREADS), reason_named("Entered by mistake"), make_staff()
    loaded = threading.Barrier(THREADS)

    def spend_with_the_page_open() -> list[Entry | Exception]:
        outcomes = []
        for _ in range(8):
            account = db.session.get_one(CreditAccount, customer)
            shown_minor = account.balance_minor
            loaded.wait(60)
            outcomes.append(attempt(partial(spend, customer, 1, reason, by.id, new_key())))
            assert shown_minor >= 0
        return outcomes

    outcomes = [o for thread in together([spend_with_the_page_open] * THREADS) for o in each(thread)]

    assert kinds_of(outcomes) == {"Entry": 4 * THREADS, InsufficientCreditError.__name__: 4 * THREADS}
    assert balance_of(customer) == 0


def test_two_corrections_at_once_cannot_both_be_right(app: Flask) -> None:
    customer, by, reason = make_customer(1000), make_staff(), reason_named("Balance correction")
    targets = [1100 + number for number in range(8)]

    outcomes = together(
        [
            partial(
                transact,
                credits.set_balance,
                customer,
                t,
                seen_minor=1000,
                reason_id=reason,
                by=by.actor,
                key=new_key(),
            )
            for t in targets
        ]
    )

    assert kinds_of(outcomes) == {"Entry": 1, "BalanceMovedError": 7}


def test_a_reader_sees_one_total_while_others_write(app: Flask) -> None:
    customers, reason, by = [make_customer(50) for _ in range(4)], reason_named("Entered by mistake"), make_staff()
    done = threading.Event()

    def write(customer: int) -> list[tuple[int, ...]]:
        for _ in range(40):
            spend(customer, 1, reason, by.id, new_key())
        return []

    def read() -> list[tuple[int, ...]]:
        seen = []
        while not done.is_set():
            with snapshot() as session:
                seen.append(totals(session))
        return seen

    def write_all() -> list[tuple[int, ...]]:
        try:
            for outcome in together([partial(write, customer) for customer in customers]):
                assert outcome == []
        finally:
            done.set()
        return []

    read_totals, written = together([read, write_all])

    assert written == []
    assert isinstance(read_totals, list)
    assert len(set(read_totals)) > 1
    assert all(len(set(total)) == 1 for total in read_totals)


def totals(session: Session) -> tuple[int, ...]:
    columns = (CreditAccount.balance_minor, CreditEntry.amount_minor, CreditTotal.balance_minor)
    return tuple(int(session.execute(select(func.sum(column))).scalar_one()) for column in columns)


def test_batches_that_cross_do_not_block_each_other(app: Flask) -> None:
    customers, by = [make_customer(100) for _ in range(6)], make_staff()

    def batch(number: int) -> list[Entry | DomainError]:
        order = customers if number % 2 else customers[::-1]
        results: list[Entry | DomainError] = []
        for turn in range(5):
            postings = [(customer, removal(1, f"{number} {turn}", by.actor)) for customer in order]
            results += transact(ledger.post_many, postings)
        return results

    outcomes = together([partial(batch, number) for number in range(8)])

    assert [len(o) if isinstance(o, list) else o for o in outcomes] == [30] * 8
    assert all(isinstance(result, Entry) for o in outcomes if isinstance(o, list) for result in o)
    assert [balance_of(customer) for customer in customers] == [60] * 6


def removal(amount_minor: int, key: str, by: Actor) -> Posting:
    return Posting(
        kind=Kind.REMOVED, amount_minor=-amount_minor, description="Credit Removed", by=by, key=key, content=(key,)
    )
