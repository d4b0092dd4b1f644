"""Renewals and sweeps under a crowd: several processes, some of them killed, and a switch that is thrown meanwhile."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from multiprocessing.connection import Connection

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from creditapp.config import Config
from creditapp.db import db, init_database, transact
from creditapp.jobs import daily, renewing
from creditapp.models import CreditAccount, CreditEntry, Invoice, Kind
from creditapp.services import invoices, numbers, sweeps
from creditapp.services.actor import SYSTEM
from creditapp.services.credits import Trigger, applying
from creditapp.services.invoices import Line
from creditapp.services.sweeps import OpenInvoice
from creditapp.statements import Prepared
from tests.crowd import work_here
from tests.factories import change_settings, give, make_customer, make_product, make_subscription, moment

pytestmark = [pytest.mark.money, pytest.mark.slow]

SUBSCRIPTIONS = int(os.environ.get("SOAK_RENEWALS", "300"))
CHUNK = 20
RENEWERS, KILLED = 4, 2
ON = date(2026, 4, 1)
PRICE_MINOR = 1000
TOGGLES = int(os.environ.get("SOAK_TOGGLES", "20"))


@contextmanager
def renewers(count: int) -> Iterator[list[tuple[multiprocessing.process.BaseProcess, Connection]]]:
    """Start processes that renew everything that is due, and say so after each chunk."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["tests.test_renewals_crowd"])
    config = work_here(0, 0, 0, 0).config
    started: list[tuple[multiprocessing.process.BaseProcess, Connection]] = []
    for _ in range(count):
        ours, theirs = forks.Pipe(duplex=False)
        process: multiprocessing.process.BaseProcess = forks.Process(
            target=_be_a_renewer, args=(config, theirs), daemon=True
        )
        process.start()
        theirs.close()
        started.append((process, ours))
    try:
        yield started
    finally:
        for process, line in started:
            process.kill()
            process.join()
            process.close()
            line.close()


def _be_a_renewer(config: Config, line: Connection) -> None:
    app = Flask("creditapp", instance_path=str(config.instance_path))
    app.config.from_mapping(config.flask())
    init_database(app)
    with app.app_context():
        renewing.run(ON, chunk=CHUNK, progress=lambda count: line.send_bytes(b"%d" % count))
        db.engine.dispose()


def test_renewers_at_once_and_killed_make_one_invoice_each(app: Flask) -> None:
    product_id = make_product(price_minor=PRICE_MINOR)
    customers = [make_customer(PRICE_MINOR * 2 if n % 3 else PRICE_MINOR // 2) for n in range(SUBSCRIPTIONS // 3)]
    subscriptions = {make_subscription(customer_id, product_id) for customer_id in customers * 3}

    with renewers(RENEWERS) as those:
        for process, line in those[:KILLED]:
            with suppress(EOFError):
                line.recv_bytes()  # in the midst of its second chunk
            process.kill()
        for process, line in those[KILLED:]:
            with suppress(EOFError):
                while True:
                    line.recv_bytes()
            process.join()
    renewing.run(ON)

    _check_the_books(subscriptions)


def _check_the_books(subscriptions: set[int]) -> None:
    db.session.rollback()
    rows = db.session.execute(select(Invoice.subscription_id, Invoice.period_start, Invoice.credit_minor)).all()
    assert sorted(row.subscription_id for row in rows) == sorted(subscriptions)
    assert {row.period_start for row in rows} == {ON}
    e = CreditEntry
    applied = select(e.invoice_id, func.sum(-e.amount_minor)).where(e.kind == Kind.APPLIED).group_by(e.invoice_id)
    on_invoices = select(Invoice.id, Invoice.credit_minor).where(Invoice.credit_minor > 0)
    assert sorted(map(tuple, db.session.execute(applied))) == sorted(map(tuple, db.session.execute(on_invoices)))
    left_minor = db.session.execute(select(func.sum(CreditAccount.balance_minor))).scalar_one()
    assert left_minor == 0  # each had less than three invoices' worth, and all of it is used, once


def _due_invoices(count: int) -> None:
    """Make some customers with credit, and so many invoices of theirs that are due."""
    change_settings(automatic_on_due=True)
    customers = [make_customer(100 * count) for _ in range(5)]
    transact(_bill, [customers[number % len(customers)] for number in range(count)], _first(count))


def _first(count: int) -> int:
    return transact(numbers.reserve, "invoices", count)


def _bill(session: Session, customers: list[int], first: int) -> None:
    line = Line(description="Hosting", unit_minor=100)
    for number, customer_id in enumerate(customers, start=first):
        invoices.create(session, customer_id, number, [line], by=SYSTEM, key=f"make:{number}", due_on=ON)


def _applied() -> int:
    db.session.rollback()
    return db.session.execute(
        select(func.count()).select_from(CreditEntry).where(CreditEntry.kind == Kind.APPLIED)
    ).scalar_one()


def test_nothing_is_applied_after_credits_were_switched_off(app: Flask) -> None:
    _due_invoices(TOGGLES * 20)
    stop, here = threading.Event(), app

    def sweep() -> None:
        with here.app_context():
            while not stop.is_set():
                daily.use_on_due(moment("2026-04-02 12:00"), ON)
            db.session.remove()

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    late = 0
    try:
        for _ in range(TOGGLES):
            change_settings(credits_enabled=False)
            at_the_switch = _applied()
            stop.wait(0.01)
            late += _applied() - at_the_switch
            change_settings(credits_enabled=True)
            stop.wait(0.01)
    finally:
        stop.set()
        sweeper.join()

    assert late == 0
    assert _applied() > TOGGLES
    assert _open()  # there was something to do to the end


def test_the_switch_waits_for_whoever_has_read_it(app: Flask) -> None:
    assert _applied_at_the_switch(app) == 1


@pytest.mark.parametrize("engine", ["postgresql"])
def test_without_its_lock_the_switch_waits_for_nobody(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without FOR SHARE on the settings credit is applied after the switch has committed: the lock is what holds."""
    monkeypatch.setattr(applying, "RULES", _without_its_lock(applying.RULES))
    is_serializable = "isolation_level" in app.config["SQLALCHEMY_ENGINE_OPTIONS"]

    # At SERIALIZABLE one of the two is tried again, and sees the switch: nothing is applied late either.
    assert (_applied_at_the_switch(app), _applied()) == (0, 0 if is_serializable else 1)


def _applied_at_the_switch(app: Flask) -> int:
    """Switch credits off while somebody uses some, and return what had been used when the switch was committed."""
    _due_invoices(1)
    with app.app_context():
        (invoice,) = _open()
    has_read, switched = threading.Event(), threading.Event()

    def use_slowly(session: Session) -> None:
        sweeps.use_on(session, invoice, Trigger.DUE)
        has_read.set()
        switched.wait(0.5)

    def sweep() -> None:
        with app.app_context():
            transact(use_slowly)
            db.session.remove()

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    has_read.wait()
    change_settings(credits_enabled=False)
    at_the_switch = _applied()
    switched.set()
    sweeper.join()
    return at_the_switch


def _without_its_lock(rules: Prepared) -> Prepared:
    unlocked = rules._plan._generate()  # type: ignore[union-attr]  # a Select
    unlocked._for_update_arg = None
    return Prepared(unlocked)


def _open() -> list[OpenInvoice]:
    db.session.rollback()
    return sweeps.due_after(db.session(), ON, None)


def test_two_sweeps_at_once_use_credit_once(app: Flask) -> None:
    customer_id = make_customer()
    change_settings(automatic_on_due=True)
    transact(_bill, [customer_id] * 30, _first(30))
    give(customer_id, 2950)

    threads = [threading.Thread(target=_sweep, args=(app,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    db.session.rollback()
    credit = db.session.execute(select(func.sum(Invoice.credit_minor))).scalar_one()
    assert (credit, _applied()) == (2950, 30)


def _sweep(app: Flask) -> None:
    with app.app_context():
        daily.use_on_due(moment("2026-04-02 12:00"), ON)
        db.session.remove()
