"""Renewals by command line and by tick: what is made, what credit pays of it, and when."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from creditapp.db import db, now, transact, transact_at
from creditapp.jobs import daily, renewing
from creditapp.jobs.tick import tick
from creditapp.models import CreditAccount, Customer, Invoice, RequestKey, Subscription, SubscriptionStatus
from creditapp.services import invoices, numbers
from creditapp.services.actor import SYSTEM
from creditapp.services.invoices import Line
from creditapp.services.products import NAME_CHARS_MAX
from tests.factories import (
    balance_of,
    change_settings,
    give,
    make_customer,
    make_product,
    make_reason,
    make_subscription,
    moment,
)

pytestmark = pytest.mark.money


def _run(app: Flask, *words: str) -> Result:
    result = app.test_cli_runner().invoke(args=words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def _renew(app: Flask, on: str = "2026-04-01") -> Result:
    return _run(app, "invoices", "renew", "--on", on)


def _invoices(customer_id: int | None = None) -> list[Invoice]:
    db.session.rollback()
    statement = select(Invoice).order_by(Invoice.customer_id, Invoice.subscription_id, Invoice.period_start)
    if customer_id is not None:
        statement = statement.where(Invoice.customer_id == customer_id)
    return list(db.session.execute(statement).scalars())


def _close(session: Session, customer_id: int) -> None:
    account = update(CreditAccount).where(CreditAccount.customer_id == customer_id)
    session.execute(account.values(closed_at=now(session)))


def _say_yes(session: Session, customer_id: int) -> None:
    session.execute(update(Customer).where(Customer.id == customer_id).values(automatic_credit=True))


def _bill(customer_id: int, total_minor: int, *, due_on: date, at: datetime) -> int:
    invoice_id = transact(numbers.reserve, "invoices")
    line = Line(description="Hosting", unit_minor=total_minor)
    made = transact_at(
        at, invoices.create, customer_id, invoice_id, [line], by=SYSTEM, key=f"make:{invoice_id}", due_on=due_on
    )
    return made.id


def test_a_renewal_is_paid_by_credit_in_full_in_part_or_not_at_all(app: Flask) -> None:
    product_id = make_product("Hosting", price_minor=4000)
    customers = [make_customer(credit_minor) for credit_minor in (5000, 4000, 2500, 0)]
    for customer_id in customers:
        make_subscription(customer_id, product_id)

    result = _renew(app)

    assert result.stdout == (
        "Renewals for 2026-04-01: 4 invoices made, paid by credit: 2 in full, 1 in part, 1 not at all "
        "($105.00 in all); 0 refused.\n"
    )
    assert (result.exit_code, result.stderr) == (0, "")
    found = [(invoice.credit_minor, invoice.status) for invoice in _invoices()]
    assert found == [(4000, "paid"), (4000, "paid"), (2500, "unpaid"), (0, "unpaid")]
    assert [balance_of(customer_id) for customer_id in customers] == [1000, 0, 0, 0]


def test_credits_off_leaves_the_balance_and_on_again_uses_it(app: Flask) -> None:
    customer_id = make_customer(1500)
    make_subscription(customer_id)

    change_settings(credits_enabled=False)
    off = _renew(app)
    change_settings(credits_enabled=True)
    on = _renew(app, "2026-05-01")

    assert "1 invoice made, paid by credit: 0 in full, 0 in part, 1 not at all" in off.stdout
    assert "1 invoice made, paid by credit: 1 in full" in on.stdout
    assert [invoice.credit_minor for invoice in _invoices()] == [0, 1000]
    assert balance_of(customer_id) == 500


def test_renewing_again_makes_no_second_invoice(app: Flask) -> None:
    make_subscription(make_customer(1500))

    _renew(app)
    again = _renew(app)

    assert "0 invoices made" in again.stdout
    assert len(_invoices()) == 1


def test_invoices_are_made_as_many_days_ahead_as_the_settings_say(app: Flask) -> None:
    make_subscription(make_customer(), next_due_on=date(2026, 4, 8))
    make_subscription(make_customer(), next_due_on=date(2026, 4, 9))

    _renew(app, "2026-04-01")

    (invoice,) = _invoices()
    assert (invoice.issued_on, invoice.due_on) == (date(2026, 4, 1), date(2026, 4, 8))


def test_missed_periods_get_their_invoices_too(app: Flask) -> None:
    lately, long_ago = make_customer(1500), make_customer(2500)
    make_subscription(lately, next_due_on=date(2026, 3, 31))
    make_subscription(long_ago, next_due_on=date(2025, 12, 31), anchor_day=31)

    tally = renewing.run(date(2026, 4, 1), chunk=1)

    assert (tally.made, tally.in_full, tally.in_part, tally.not_at_all) == (5, 3, 1, 1)
    starts = [(invoice.period_start, invoice.credit_minor) for invoice in _invoices(long_ago)]
    assert starts == [
        (date(2025, 12, 31), 1000),
        (date(2026, 1, 31), 1000),
        (date(2026, 2, 28), 500),
        (date(2026, 3, 31), 0),
    ]


def test_only_active_subscriptions_renew(app: Flask) -> None:
    customer_id = make_customer(1500)
    for status in (SubscriptionStatus.PENDING, SubscriptionStatus.SUSPENDED):
        make_subscription(customer_id, status=status)
    make_subscription(customer_id, status=SubscriptionStatus.CANCELLED, cancelled_on=date(2026, 1, 1))

    assert renewing.run(date(2026, 4, 1)).made == 0


def test_who_is_refused_is_named_and_the_others_go_on(app: Flask) -> None:
    refused, dear, fine = make_customer(), make_customer(), make_customer(1500)
    number = make_subscription(refused)
    make_subscription(dear, make_product(price_minor=100_000_000_000, tax_bp=1900))
    make_subscription(fine)
    transact(_close, refused)

    result = _renew(app)

    assert result.exit_code == 1
    assert "1 invoice made" in result.stdout
    assert "2 refused." in result.stdout
    closed, too_much = result.stderr.splitlines()
    assert closed.startswith(f"user #{refused}: subscription #{number}, period from 2026-04-01: ")
    assert too_much.startswith(f"user #{dear}: ")
    assert [invoice.customer_id for invoice in _invoices()] == [fine]


def test_the_longest_names_hold_nobody_up(app: Flask) -> None:
    customer_id = make_customer()
    make_subscription(customer_id, make_product("N" * NAME_CHARS_MAX), label="L" * 200)

    assert _renew(app).exit_code == 0
    assert len(_invoices(customer_id)) == 1


def test_the_tick_does_the_work_of_the_day_once(app: Flask) -> None:
    customer_id = make_customer(1500, at=moment("2026-03-01 12:00"))
    make_subscription(customer_id)

    first = _run(app, "tick", "--at", "2026-04-01T00:00")
    make_subscription(customer_id)
    again = _run(app, "tick", "--at", "2026-04-01T23:59")
    next_day = _run(app, "tick", "--at", "2026-04-02T00:00")

    assert "Renewals for 2026-04-01: 1 invoice made, paid by credit: 1 in full" in first.stdout
    assert "The work of the day had been done." in again.stdout
    assert "Renewals for 2026-04-02: 1 invoice made, paid by credit: 0 in full, 1 in part" in next_day.stdout


def test_the_tick_catches_up_on_the_days_it_missed(app: Flask) -> None:
    change_settings(renewal_lead_days=0, automatic_on_due=True)
    early = moment("2026-03-01 12:00")
    customer_id = make_customer(at=early)
    overdue = _bill(customer_id, 700, due_on=date(2026, 3, 10), at=early)
    give(customer_id, 2800, at=early)
    give(customer_id, 50, reason_id=make_reason(expires_after_days=3), at=early)
    make_subscription(customer_id, next_due_on=date(2026, 3, 20))

    ticked = tick(moment("2026-04-21 00:00"))

    assert ticked.day is not None
    assert (ticked.day.renewed.made, ticked.day.due.invoices, ticked.day.expired) == (2, 1, 1)
    credit = {invoice.id: invoice.credit_minor for invoice in _invoices(customer_id)}
    assert (sum(credit.values()), credit[overdue]) == (2700, 700)
    assert balance_of(customer_id) == 100


def test_a_day_that_broke_off_is_done_by_the_next_tick(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    make_subscription(make_customer(1500, at=moment("2026-03-01 12:00")))
    with monkeypatch.context() as broken:
        broken.setattr(daily, "use_on_due", _break)
        with pytest.raises(OSError, match="plug"):
            tick(moment("2026-04-01 00:00"))

    ticked = tick(moment("2026-04-01 00:01"))

    assert ticked.day is not None
    assert (ticked.day.renewed.made, len(_invoices())) == (0, 1)


def _break(*_arguments: object) -> None:
    raise OSError("Somebody pulled the plug.")


@pytest.mark.parametrize(("switch", "used"), [(True, 2), (False, 0)])
def test_what_is_due_is_paid_from_credit_oldest_first_if_the_switch_is_on(app: Flask, switch: bool, used: int) -> None:
    change_settings(automatic_on_due=switch)
    early = moment("2026-03-01 12:00")
    customer_id = make_customer(at=early)
    newer = _bill(customer_id, 700, due_on=date(2026, 3, 20), at=early)
    older = _bill(customer_id, 700, due_on=date(2026, 3, 10), at=early)
    later = _bill(customer_id, 700, due_on=date(2026, 3, 22), at=early)
    give(customer_id, 1000, at=early)

    ticked = tick(moment("2026-03-21 00:00"))

    assert ticked.day is not None
    assert ticked.day.due.invoices == used
    credit = {invoice.id: invoice.credit_minor for invoice in _invoices(customer_id)}
    assert credit == ({older: 700, newer: 300, later: 0} if switch else {older: 0, newer: 0, later: 0})


def test_a_customers_own_yes_stands_above_the_switches(app: Flask) -> None:
    change_settings(automatic_on_due=False, automatic_on_arrival=False)
    early = moment("2026-03-01 12:00")
    willing, other = make_customer(at=early), make_customer(at=early)
    transact(_say_yes, willing)
    for customer_id in (willing, other):
        _bill(customer_id, 700, due_on=date(2026, 3, 10), at=early)
        give(customer_id, 300, at=early)

    due = tick(moment("2026-03-10 00:00")).day
    for customer_id in (willing, other):
        give(customer_id, 100, at=moment("2026-03-10 08:00"))
    arrived = tick(moment("2026-03-10 08:01")).arrived

    assert due is not None
    assert (due.due.invoices, arrived.invoices, arrived.credit_minor) == (1, 1, 100)
    assert (balance_of(willing), balance_of(other)) == (0, 400)


def test_credit_that_arrived_is_used_by_the_next_tick_if_the_switch_is_on(app: Flask) -> None:
    change_settings(automatic_on_arrival=True)
    early = moment("2026-03-01 12:00")
    customer_id = make_customer(at=early)
    _bill(customer_id, 700, due_on=date(2026, 3, 20), at=early)
    give(customer_id, 1000, at=moment("2026-03-02 12:00"))

    late = tick(moment("2026-03-02 12:20")).arrived
    give(customer_id, 1, at=moment("2026-03-02 12:30"))
    soon = tick(moment("2026-03-02 12:31")).arrived

    assert (late.invoices, soon.invoices, soon.credit_minor) == (0, 1, 700)
    assert balance_of(customer_id) == 301


def test_lots_of_a_frozen_balance_wait_until_it_is_released(app: Flask) -> None:
    start = moment("2026-03-01 12:00")
    customer_id = make_customer()
    give(customer_id, 1000, reason_id=make_reason(expires_after_days=10), at=start)

    def freeze(session: Session, frozen_at: datetime | None) -> None:
        session.execute(update(CreditAccount).values(frozen_at=frozen_at, frozen_reason=frozen_at and "Dispute"))

    transact(freeze, start)
    assert daily.expire(start + timedelta(days=20)) == 0
    transact(freeze, None)
    assert daily.expire(start + timedelta(days=20)) == 1
    assert balance_of(customer_id) == 0


def test_the_day_is_the_panels_own(app: Flask) -> None:
    change_settings(time_zone="Pacific/Apia", renewal_lead_days=0)
    make_subscription(make_customer(), next_due_on=date(2026, 4, 1))

    before = daily.run_day(moment("2026-03-31 10:59"))
    after = daily.run_day(moment("2026-03-31 11:01"))

    assert before is not None
    assert after is not None
    assert (before.renewed.made, after.renewed.made) == (0, 1)
    db.session.rollback()
    days = db.session.execute(select(RequestKey.key).order_by(RequestKey.key)).scalars().all()
    assert days == ["2026-03-31", "2026-04-01"]


def test_a_refused_sweep_goes_on_with_the_next(app: Flask) -> None:
    change_settings(automatic_on_due=True)
    early = moment("2026-03-01 12:00")
    gone, there = make_customer(100, at=early), make_customer(100, at=early)
    for customer_id in (gone, there):
        _bill(customer_id, 700, due_on=date(2026, 3, 10), at=early)
    transact(_close, gone)

    used = daily.use_on_due(moment("2026-03-10 00:00"), date(2026, 3, 10))

    assert (used.refused, used.invoices, used.credit_minor) == (1, 1, 100)


def test_a_subscription_that_was_turned_back_moves_on_without_a_second_invoice(app: Flask) -> None:
    customer_id = make_customer(5000)
    make_subscription(customer_id, next_due_on=date(2026, 4, 1))
    _renew(app)
    transact(lambda session: session.execute(update(Subscription).values(next_due_on=date(2026, 4, 1))))

    again = _renew(app)

    assert "0 invoices made" in again.stdout
    assert len(_invoices(customer_id)) == 1
    assert balance_of(customer_id) == 4000
    assert db.session.execute(select(Subscription.next_due_on)).scalar_one() == date(2026, 5, 1)
