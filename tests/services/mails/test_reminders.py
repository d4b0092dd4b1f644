"""Who has credit that is going to lapse is told, once."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from creditapp.db import db, transact_at
from creditapp.jobs import mail
from creditapp.models import CreditAccount, Mail
from creditapp.services.mails import reminders
from tests.factories import change_settings, close_customer, give, make_customer, make_reason, moment

GIVEN = moment("2026-03-01 12:00")


@pytest.fixture(autouse=True)
def _set_up(app: Flask) -> None:
    change_settings(mail_from="billing@kite.example", expiry_notice_days=14)


def expiring(days: int = 30, **customer: str) -> int:
    owner = make_customer(**customer)  # type: ignore[arg-type]  # e-mail and name alone
    give(owner, 1200, reason_id=make_reason(expires_after_days=days, is_quiet=True), at=GIVEN)
    return owner


def remind(at: datetime) -> int:
    told, after = transact_at(at, reminders.remind)
    while after is not None:
        more, after = transact_at(at, reminders.remind, after)
        told += more
    return told


def subjects() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(Mail.subject).where(Mail.event == "credit_expiring").order_by(Mail.id)))


@pytest.mark.money
def test_each_lot_is_told_of_once_within_the_days_of_notice() -> None:
    expiring(30)

    assert remind(GIVEN + timedelta(days=10)) == 0
    assert remind(GIVEN + timedelta(days=20)) == 1
    assert remind(GIVEN + timedelta(days=25)) == 0

    assert subjects() == ["$12.00 of your credit expires on 31 Mar 2026"]


@pytest.mark.money
def test_many_are_told_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminders, "LOTS_AT_ONCE", 2)
    for number in range(5):
        expiring(20 + number % 2, email=f"c{number}@b.example")
    expiring(20, email="")

    assert remind(GIVEN + timedelta(days=15)) == 5
    assert remind(GIVEN + timedelta(days=15)) == 0


def test_nobody_is_told_of_what_is_used_frozen_or_over() -> None:
    used, frozen, closed = expiring(), expiring(), expiring()
    give(used, -1200, at=GIVEN + timedelta(days=1))
    account = db.session.get_one(CreditAccount, frozen)
    account.frozen_at, account.frozen_reason = GIVEN, "Chargeback"
    db.session.commit()
    close_customer(closed)
    expiring(3)

    assert remind(GIVEN + timedelta(days=20)) == 0


@pytest.mark.parametrize("change", [{"expiry_notice_days": 0}, {"mail_from": ""}, {"credits_enabled": False}])
def test_reminders_can_be_switched_off(change: dict[str, object]) -> None:
    expiring()
    change_settings(**change)

    assert remind(GIVEN + timedelta(days=20)) == 0


def test_the_job_reminds_once_a_day() -> None:
    expiring()

    first = mail.run(GIVEN + timedelta(days=20))
    expiring()
    again = mail.run(GIVEN + timedelta(days=20, hours=2))
    next_day = mail.run(GIVEN + timedelta(days=21))

    assert [run.reminded for run in (first, again, next_day)] == [1, 0, 1]
