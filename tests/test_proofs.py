"""Take one protection away, and see it go wrong: what guards the money is needed, and its tests can fail."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, bindparam, create_engine, event, select, text, update
from sqlalchemy.orm import Session

from creditapp.db import db
from creditapp.gateways import ToldKind
from creditapp.models import CreditAccount
from creditapp.services import callbacks, payments, verification
from creditapp.services.bills import bill as bills_bill
from creditapp.services.callbacks import captures, events
from creditapp.services.ledger import Entry, plans
from creditapp.statements import Prepared
from creditapp.turns import Queue
from tests.books import Books
from tests.crowd import spend, together
from tests.factories import balance_of, make_customer, make_staff, new_key, reason_named
from tests.services.gateways import far_end
from tests.services.gateways.far_end import begin, captured, hear, renamed, told
from tests.services.invoices.desk import amounts, bill, pay
from tests.services.tampering import tampered
from tests.test_migrations import BROKEN, run

THREADS, SPENDS = 8, 25
BOTH = pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
POSTGRESQL = pytest.mark.parametrize("engine", ["postgresql"])
SQLITE = pytest.mark.parametrize("engine", ["sqlite"])


def race(work: Callable[[], Any]) -> Counter[str]:
    """Run `work` from many threads at once, again and again, and count how it ended."""

    def many() -> list[str]:
        return [outcome_of(work) for _ in range(SPENDS)]

    counted: Counter[str] = Counter()
    for outcome in together([many] * THREADS):
        assert isinstance(outcome, list)
        counted.update(outcome)
    return counted


def outcome_of(work: Callable[[], Any]) -> str:
    try:
        return str(type(work()).__name__)
    except Exception as error:  # noqa: BLE001  (counted by name)
        return type(error).__name__


def spending(customer: int) -> Callable[[], Entry]:
    reason, by = reason_named("Entered by mistake"), make_staff()
    return lambda: spend(customer, 1, reason, by.id, new_key())


@contextmanager
def stock_engine() -> Iterator[Engine]:
    """Yield an engine as SQLAlchemy makes it, without what `db.py` teaches ours."""
    engine = create_engine(db.engine.url, pool_size=THREADS)
    yield engine
    engine.dispose()


@BOTH
@pytest.mark.tampers
def test_read_check_write_as_everybody_writes_it_loses_money(app: Flask) -> None:
    customer = make_customer(THREADS * SPENDS // 2)
    paid: list[object] = []

    def spend_as_usual() -> None:
        with Session(stock) as session:
            account = session.get_one(CreditAccount, customer)
            if account.balance_minor >= 1:
                account.balance_minor -= 1
                session.commit()
                paid.append(1)

    with stock_engine() as stock:
        race(spend_as_usual)

    assert len(paid) > THREADS * SPENDS // 2


@POSTGRESQL
@pytest.mark.tampers
def test_a_lock_on_a_row_that_was_loaded_before_loses_money(app: Flask) -> None:
    customer = make_customer(THREADS * SPENDS // 2)
    paid: list[object] = []
    loaded = threading.Barrier(THREADS)

    def spend_with_the_page_open() -> None:
        with Session(stock) as session:
            shown = session.get_one(CreditAccount, customer)
            loaded.wait(60)
            locked = session.get_one(CreditAccount, customer, with_for_update=True)
            if locked.balance_minor >= 1:
                locked.balance_minor -= 1
                session.commit()
                paid.append(shown)

    with stock_engine() as stock:
        race(spend_with_the_page_open)

    assert len(paid) > THREADS * SPENDS // 2


@POSTGRESQL
def test_without_the_lock_writers_trip_over_each_other(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = make_customer(THREADS * SPENDS)
    unlocked = plans.select_account().where(plans.ACCOUNTS.c.customer_id == bindparam("customer_id"))
    monkeypatch.setattr(plans, "LOCK", Prepared(unlocked))

    outcomes = race(spending(customer))

    assert outcomes.keys() > {"Entry"}
    assert balance_of(customer) == THREADS * SPENDS - outcomes["Entry"]


@POSTGRESQL
def test_without_the_lock_and_the_check_behind_it_the_key_of_entries_holds(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = make_customer(THREADS * SPENDS)
    a = plans.ACCOUNTS
    unlocked = plans.select_account().where(a.c.customer_id == bindparam("customer_id"))
    unchecked = (
        update(a)
        .where(a.c.customer_id == bindparam("its_customer"), bindparam("seq_before", type_=a.c.entry_seq.type) >= 0)
        .values(
            balance_minor=bindparam("balance_minor"),
            entry_seq=bindparam("entry_seq"),
            head_hash=bindparam("head_hash"),
            changed_at=bindparam("changed_at"),
        )
    )
    monkeypatch.setattr(plans, "LOCK", Prepared(unlocked))
    monkeypatch.setattr(plans, "UPDATE_ACCOUNT", Prepared(unchecked))

    outcomes = race(spending(customer))

    assert outcomes["UniqueViolation"] > 0
    assert balance_of(customer) == THREADS * SPENDS - outcomes["Entry"]


@SQLITE
def test_on_sqlite_no_writer_has_to_try_twice(app: Flask) -> None:
    work = spending(make_customer(THREADS * SPENDS))

    with beginnings() as begun:
        outcomes = race(work)

    assert outcomes == {"Entry": THREADS * SPENDS}
    assert begun["BEGIN IMMEDIATE"] == THREADS * SPENDS


@SQLITE
def test_without_an_immediate_begin_and_the_queue_writers_do(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def no_turn(_queue: Queue, _seconds_max: float) -> Iterator[None]:
        yield

    customer = make_customer(THREADS * SPENDS)
    work = spending(customer)
    monkeypatch.setattr(Queue, "turn", no_turn)
    begun: Counter[str] = Counter()

    def begin_later(connection: Any) -> None:  # noqa: ANN401  (a Connection)
        driver = connection.connection.driver_connection
        if driver.in_transaction:
            driver.execute("ROLLBACK")
            driver.execute("BEGIN DEFERRED")
            begun["BEGIN DEFERRED"] += 1

    event.listen(db.engine, "begin", begin_later)
    race(work)
    event.remove(db.engine, "begin", begin_later)

    assert begun["BEGIN DEFERRED"] > THREADS * SPENDS


@contextmanager
def beginnings() -> Iterator[Counter[str]]:
    """Count how transactions are begun meanwhile."""
    begun: Counter[str] = Counter()

    def listen(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:  # noqa: ANN401
        begun[statement] += statement.startswith("BEGIN")

    event.listen(db.engine, "before_cursor_execute", listen)
    yield begun
    event.remove(db.engine, "before_cursor_execute", listen)


NOTHING_POSTED = Prepared(
    select(*plans.POSTED_COLUMNS).where(
        plans.ENTRIES.c.customer_id == bindparam("customer_id"),
        plans.ENTRIES.c.key == bindparam("posted_key"),
        plans.ENTRIES.c.seq < 0,
    )
)


@BOTH
def test_without_the_look_at_the_key_the_unique_one_refuses(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    customer, reason, by = make_customer(1000), reason_named("Entered by mistake"), make_staff()
    monkeypatch.setattr(plans, "POSTED", NOTHING_POSTED)

    outcomes = [outcome_of(partial(spend, customer, 300, reason, by.id, "k")) for _ in range(2)]

    assert outcomes[0] == "Entry"
    assert outcomes[1] in {"IntegrityError", "UniqueViolation"}
    assert balance_of(customer) == 700


@POSTGRESQL
def test_without_either_a_double_click_posts_twice(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    customer, reason, by = make_customer(1000), reason_named("Entered by mistake"), make_staff()
    monkeypatch.setattr(plans, "POSTED", NOTHING_POSTED)
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE credit_entries DROP CONSTRAINT uq_credit_entries_customer_id_key")

    outcomes = [outcome_of(partial(spend, customer, 300, reason, by.id, "k")) for _ in range(2)]

    assert outcomes == ["Entry", "Entry"]
    assert balance_of(customer) == 400


def paying(customer: int, invoice: int) -> Callable[[], object]:
    by = make_staff().actor
    return lambda: pay(customer, 1, invoice, by=by)


def unlock_invoices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let payments read account and invoices without a lock."""
    unlocked = plans.select_account().where(plans.ACCOUNTS.c.customer_id == bindparam("customer_id"))
    monkeypatch.setattr(plans, "LOCK", Prepared(unlocked))
    locked = payments._select_bills
    monkeypatch.setattr(payments, "_select_bills", lambda *of: SimpleNamespace(with_for_update=lambda: locked(*of)))


@BOTH
def test_payments_at_once_all_arrive(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, THREADS * SPENDS)

    assert race(paying(customer, invoice)) == {"Recorded": THREADS * SPENDS}
    assert amounts(customer, invoice) == ("paid", 0, THREADS * SPENDS, 0)


@POSTGRESQL
def test_without_the_locks_payments_trip_over_each_other(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = make_customer()
    invoice = bill(customer, THREADS * SPENDS)
    unlock_invoices(monkeypatch)

    outcomes = race(paying(customer, invoice))

    assert outcomes.keys() & {"RuntimeError", "UniqueViolation"}
    assert amounts(customer, invoice) == ("unpaid", 0, outcomes["Recorded"], 0)


@SQLITE
@pytest.mark.tampers
def test_without_the_events_that_came_before_a_refund_is_missed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def only_the_last(session: Session, gateway: str, ref: str) -> list[Any]:
        return list(session.execute(callbacks.select_events(gateway, ref)))[-1:]

    monkeypatch.setattr(events, "told_of", only_the_last)
    outcomes = []
    for number in range(2):
        customer = make_customer()
        invoice = bill(customer, 1000)
        ref = f"ch_{number}"
        story = [
            captured(begin(customer, invoice), ref=ref),
            told(ToldKind.REFUNDED, ref, refunded_minor=300, after_s=1),
        ]
        for one in reversed(story) if number else story:
            hear(one)
        outcomes.append(far_end.outcome(customer, invoice)["payments"])

    assert outcomes == [[(1000, 0, 0)]] * 2  # with them it is (1000, 0, 300)


@SQLITE
@pytest.mark.tampers
def test_a_payment_that_its_capture_has_forgotten_is_kept_once_by_its_key(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = make_customer()
    one = captured(begin(customer, bill(customer, 1000)))
    hear(one)

    forget_captures()
    hear(renamed(one, "again"))
    assert balance_of(customer) == 0
    forget_captures()
    monkeypatch.setattr(captures, "payment_key", lambda gateway, ref: f"{gateway}:{ref}:anew")
    hear(renamed(one, "once more"))

    assert balance_of(customer) == 1000


def forget_captures() -> None:
    with db.engine.begin() as connection:
        connection.execute(update(callbacks.CAPTURES).values(payment_id=None, customer_id=None))


@POSTGRESQL
@pytest.mark.tampers
def test_without_the_locks_and_the_version_money_is_lost_and_missed(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = make_customer()
    invoice = bill(customer, THREADS * SPENDS)
    unlock_invoices(monkeypatch)
    c = bills_bill.INVOICES.c
    unchecked = (
        update(bills_bill.INVOICES)
        .where(
            c.customer_id == bindparam("its_customer"),
            c.id == bindparam("its_id"),
            bindparam("version_before", type_=c.version.type) >= 0,
        )
        .values({name: bindparam(name, type_=c[name].type) for name in WRITTEN})
    )
    monkeypatch.setattr(bills_bill, "UPDATE", Prepared(unchecked))
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE invoice_events DROP CONSTRAINT pk_invoice_events")

    outcomes = race(paying(customer, invoice))

    paid_minor = amounts(customer, invoice)[2]
    assert paid_minor < outcomes["Recorded"]
    found = [str(finding) for finding in verification.report()]
    row = f"invoice #{invoice} of user #{customer}"
    assert f"paid: {row}: {paid_minor} was paid for it; payments gave it {outcomes['Recorded']}" in found


WRITTEN = (
    *("status", "credit_minor", "paid_minor", "refunded_minor", "paid_at", "closed_at", "events", "version"),
    "updated_at",
)


@BOTH
@pytest.mark.parametrize("rule", BROKEN)
def test_it_is_the_check_that_refuses(books: Books, rule: str) -> None:
    with tampered() as session:
        connection = session.connection()
        if connection.dialect.name == "postgresql":
            found = connection.execute(
                text("SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE conname LIKE :name"),
                {"name": f"ck_%{rule.split(',', maxsplit=1)[0]}"},
            )
            for table, name in found.all():
                connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        run(connection, BROKEN[rule], books)
