"""The made-up panel: deterministic, plausible, and as true as a real one."""

from __future__ import annotations

import stat
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import func, select

from creditapp.db import db, snapshot
from creditapp.models import (
    CreditAccount,
    CreditEntry,
    CreditEntryText,
    CreditLot,
    Customer,
    Invoice,
    LogIn,
    Mail,
    Product,
    Role,
    Staff,
)
from creditapp.services import demo, imports, passwords, verification
from creditapp.services.demo import words
from tests.conftest import AppMaker
from tests.factories import change_settings, make_customer, make_staff, moment

UNTIL = moment("2026-03-20 16:00")


def _play(entries: int = 400, *, customers: int = 60, seed: int = 3) -> int:
    demo.grow(customers, seed=seed, until=UNTIL)
    return demo.play(entries, seed=seed, until=UNTIL)


def _entries(app: Flask) -> list[CreditEntry]:
    db.session.rollback()
    statement = select(CreditEntry).where(CreditEntry.kind != "opening")
    return list(
        db.session.execute(
            statement.order_by(CreditEntry.posted_at, CreditEntry.customer_id, CreditEntry.seq)
        ).scalars()
    )


def _facts(app: Flask) -> list[tuple[Any, ...]]:
    return [(e.customer_id, e.seq, e.kind, e.amount_minor, e.actor_id, e.posted_at, e.key) for e in _entries(app)]


@pytest.mark.money
def test_a_history_has_about_as_many_entries_as_asked_for(app: Flask) -> None:
    posted = _play(400)

    assert posted == len(_entries(app))
    assert 390 <= posted <= 420


def test_the_same_seed_makes_the_same_history(new_app: AppMaker) -> None:
    histories = []
    for seed in (3, 3, 4):
        with new_app("sqlite") as app:
            _play(200, seed=seed)
            histories.append(_facts(app))

    assert histories[0] == histories[1]
    assert histories[0] != histories[2]


def test_a_history_shows_what_happens_in_a_panel(app: Flask) -> None:
    _play(1200)

    entries = _entries(app)
    assert {entry.kind for entry in entries} == {"added", "removed", "correction", "reversal", "void", "expired"}
    assert len({entry.actor_id for entry in entries if entry.actor == "staff"}) >= 3
    assert len({entry.reason_id for entry in entries}) >= 6
    notes = set(db.session.execute(select(CreditEntryText.note)).scalars())
    assert any('"' in note for note in notes if note)
    assert any("🙂" in note for note in notes if note)
    assert any("\N{HEBREW LETTER HE}" in note for note in notes if note)
    assert db.session.execute(select(func.count(CreditEntryText.ticket_ref))).scalar_one() > 100


def test_people_work_in_office_hours_and_hardly_at_weekends(app: Flask) -> None:
    _play(800)

    moments = [entry.posted_at for entry in _entries(app)]
    assert all(7 <= posted_at.hour < 20 for posted_at in moments)
    assert sum(posted_at.weekday() >= 5 for posted_at in moments) < len(moments) / 10


def test_office_hours_are_the_panels(app: Flask) -> None:
    change_settings(time_zone="America/New_York")

    _play(300)

    there = ZoneInfo("America/New_York")
    assert all(7 <= entry.posted_at.astimezone(there).hour < 20 for entry in _entries(app))


def test_time_goes_forward_and_ends_when_it_should(app: Flask) -> None:
    _play(300)
    demo.play(100, seed=9, until=UNTIL + timedelta(days=3))

    rows = db.session.execute(
        select(CreditEntry.customer_id, CreditEntry.posted_at)
        .where(CreditEntry.kind != "opening")
        .order_by(CreditEntry.customer_id, CreditEntry.seq)
    ).all()
    for (customer_id, earlier), (other_id, later) in pairwise(rows):
        assert customer_id != other_id or earlier <= later
    assert max(posted_at for _customer_id, posted_at in rows) <= UNTIL + timedelta(days=3)


def test_a_history_goes_on_where_the_ledger_ends(app: Flask) -> None:
    _play(200)
    newest = max(entry.posted_at for entry in _entries(app))
    count = len(_entries(app))

    posted = demo.play(50, seed=5, until=UNTIL + timedelta(days=10))

    assert posted > 0
    assert all(entry.posted_at >= newest for entry in _entries(app)[count:])


def test_what_lapses_is_swept_up(app: Flask) -> None:
    _play(1200)

    with snapshot() as session:
        lapsed = session.execute(
            select(func.count())
            .select_from(CreditLot)
            .where(CreditLot.remaining_minor > 0, CreditLot.expires_at < UNTIL - timedelta(days=1))
        ).scalar_one()
    assert lapsed == 0


def test_a_busy_history_is_posted_many_at_a_time(app: Flask) -> None:
    demo.grow(300, seed=1, until=UNTIL)

    posted = demo.play(2500, seed=1, first=date(2026, 3, 17), until=UNTIL)

    moments = {entry.posted_at for entry in _entries(app)}
    assert 2450 <= posted <= 2550
    assert len(moments) < posted / 4


def test_customers_come_from_the_sample_first(app: Flask) -> None:
    assert demo.grow(5) == 5
    assert demo.grow(5) == 0

    external_ids = db.session.execute(select(Customer.external_id).order_by(Customer.id)).scalars().all()
    assert external_ids == ["1001", "1002", "1003", "1004", "1006"]


def test_more_customers_are_made_up_from_several_alphabets(app: Flask) -> None:
    make_customer()

    demo.grow(400)

    made = db.session.execute(select(Customer).where(Customer.external_id.startswith(words.PREFIX))).scalars()
    names = {customer.name for customer in made}
    assert db.session.execute(select(func.count()).select_from(CreditAccount)).scalar_one() == 400
    for letter in ("а", "α", "ل", "ל", "김", "あ", "र"):  # noqa: RUF001  (each of another alphabet)
        assert any(letter <= sign <= chr(ord(letter) + 60) for name in names for sign in name), letter


def test_growing_again_goes_on_counting(app: Flask) -> None:
    make_customer()
    demo.grow(10)

    demo.grow(25)

    assert db.session.execute(select(func.count()).select_from(Customer)).scalar_one() == 25


def test_without_staff_somebody_is_hired_to_post(app: Flask) -> None:
    _play(50)

    assert db.session.execute(select(func.count()).select_from(Staff)).scalar_one() > 0


def test_nothing_is_played_without_customers(app: Flask) -> None:
    assert demo.play(100, until=UNTIL) == 0


def test_a_demo_is_for_an_empty_panel_only(app: Flask) -> None:
    def is_wanted() -> bool:
        with snapshot() as session:
            return demo.is_wanted(session)

    assert is_wanted()

    make_staff(Role.ADMIN)

    assert not is_wanted()


@pytest.mark.slow
def test_installing_makes_the_same_panel_on_both_engines(new_app: AppMaker, tmp_path: Path) -> None:
    books = []
    for engine in ("sqlite", "postgresql"):
        with new_app(engine) as app:
            told: list[int] = []
            posted = demo.install(tmp_path, until=UNTIL, entries=600, subscribers=0.1, progress=told.append)
            assert posted == sum(told)
            assert 580 <= posted <= 640
            _assert_everybody_came(app)
            _assert_business_was_done()
            books.append(_books())
            db.session.remove()
            assert verification.report() == []

    assert books[0] == books[1]


def _assert_everybody_came(app: Flask) -> None:
    with snapshot() as session, words.CUSTOMERS.open("rb") as sample:
        report = imports.check(session, sample)
    assert (report.new, report.unchanged, report.refused) == (1, 1999, 0)  # nobody knows who was deleted
    assert max(entry.posted_at for entry in _entries(app)) > UNTIL - timedelta(days=4)
    mails = db.session.execute(select(Mail.status, Mail.created_at).order_by(Mail.id)).all()
    assert [row.created_at for row in mails] == sorted(row.created_at for row in mails)
    assert {"sent"} <= {row.status for row in mails} <= {"sent", "waiting"}


def _assert_business_was_done() -> None:
    """What renews is invoiced and paid, more or less in time."""
    i, e = Invoice, CreditEntry
    invoices = db.session.execute(select(i)).scalars().all()
    assert {invoice.kind for invoice in invoices} == {"order", "renewal", "manual"}
    assert {invoice.status for invoice in invoices} == {"paid", "unpaid", "cancelled", "refunded"}
    paid = [invoice for invoice in invoices if invoice.status == "paid"]
    assert {(invoice.credit_minor > 0, invoice.paid_minor > 0) for invoice in paid} == {
        *((True, True), (True, False), (False, True))
    }
    overdue = [one for one in invoices if one.status == "unpaid" and one.due_on and one.due_on < UNTIL.date()]
    assert 0 < len(overdue) < len(invoices) / 10
    months = {one.issued_on.month for one in invoices if one.issued_on}
    assert len(months) >= 6
    assert all(one.created_at <= UNTIL for one in invoices)
    kinds = set(db.session.execute(select(e.kind)).scalars())
    assert {"applied", "overpayment", "returned", "invoice_refund", "added", "expired"} <= kinds
    assert db.session.execute(select(func.count()).select_from(Product)).scalar_one() == 8


def _books() -> tuple[list[Any], list[Any]]:
    """Return all entries, each customer's in the order of time, and all invoices."""
    e, i = CreditEntry, Invoice
    entries = db.session.execute(
        select(e.customer_id, e.seq, e.posted_at, e.kind, e.amount_minor).order_by(e.customer_id, e.seq)
    ).all()
    for one, following in pairwise(entries):
        assert one.customer_id != following.customer_id or one.posted_at <= following.posted_at
    billed = select(i.id, i.customer_id, i.status, i.credit_minor, i.paid_minor, i.created_at)
    return list(entries), list(db.session.execute(billed.order_by(i.id, i.customer_id)).all())


@pytest.mark.slow
def test_the_four_sign_ins_open_the_door_and_only_the_owner_reads_them(app: Flask, tmp_path: Path) -> None:
    demo.install(tmp_path, until=UNTIL, entries=30, subscribers=0)

    kept = demo.sign_ins.read(tmp_path)
    assert [one.role for one in kept] == [Role.ADMIN, Role.MANAGER, Role.AGENT, Role.AUDITOR]
    assert stat.S_IMODE((tmp_path / demo.sign_ins.FILE).stat().st_mode) == 0o600
    hashes = {log_in.email: log_in.password_hash for log_in in db.session.execute(select(LogIn)).scalars()}
    assert all(passwords.verify(hashes[one.email], one.password) for one in kept)


def test_sign_ins_are_made_once(tmp_path: Path) -> None:
    made = demo.sign_ins.read_or_make(tmp_path)

    assert demo.sign_ins.read_or_make(tmp_path) == made
    assert len({one.password for one in made}) == 4


def test_sign_ins_of_another_database_are_not_shown(app: Flask, tmp_path: Path) -> None:
    made = demo.sign_ins.read_or_make(tmp_path)

    with snapshot() as session:
        assert demo.sign_ins.usable(session, made) == []
