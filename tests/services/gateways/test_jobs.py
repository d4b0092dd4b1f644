"""What the worker asks of gateways: call-backs that nobody heard are made up for, and refunds are sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from creditapp.db import db, snapshot, transact
from creditapp.gateways import GatewayError, ToldKind, sandbox
from creditapp.gateways.sandbox import Act
from creditapp.jobs import gateways as jobs
from creditapp.models import PaymentIntent
from creditapp.services import asking, intents
from creditapp.services.intents import Begun
from creditapp.web.gateways import gateways, hear
from creditapp.web.paying import _asked
from tests.factories import make_customer
from tests.services.gateways.far_end import begin, outcome, told
from tests.services.invoices.desk import bill


def opened(app: Flask, begun: Begun) -> str:
    with app.test_request_context():
        started = gateways()["sandbox"].start(_asked(begun, "/"))
    transact(intents.attach, begun.customer_id, begun.intent_id, started.session_ref, started.page_url)
    return started.session_ref


def soon(minutes: int) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


def test_the_words_of_a_gateway_are_made_to_fit_before_they_are_kept(app: Flask) -> None:
    customer = make_customer()
    begun = begin(customer, bill(customer, 1000))
    failed = told(ToldKind.FAILED, "", begun, event_id="failed", failure="Do not\x00honour\n" + "x" * 500)

    with app.test_request_context():
        hear(gateways()["sandbox"], [failed], b"")

    failure = db.session.execute(select(PaymentIntent.failure)).scalar_one()
    assert failure.startswith("Do not honour xxx")
    assert len(failure) == intents.FAILURE_CHARS_MAX
    assert failure.isprintable()


@pytest.mark.parametrize("given", [{"dispute_ref": "dp\x00"}, {"currency": "U\x00"}, {"facts": {"type": "a" * 121}}])
def test_what_is_named_in_a_way_that_cannot_be_kept_is_refused(app: Flask, given: dict[str, Any]) -> None:
    with app.test_request_context(), pytest.raises(GatewayError, match="cannot be kept"):
        hear(gateways()["sandbox"], [told(ToldKind.DISPUTED, disputed_minor=1, **given)], b"")


def test_a_payment_whose_call_back_was_lost_is_found_by_asking(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    transact(sandbox.act, opened(app, begin(customer, invoice)), Act.PAY)

    rounds = [jobs.run(soon(minute)) for minute in (0, 3, 4)]

    assert sum(one.asked for one in rounds) == 1
    assert outcome(customer, invoice)["payments"] == [(1000, 0, 0)]


def test_a_payment_that_never_got_a_page_fails_after_an_hour(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    begin(customer, invoice)

    for minute in range(55, 185, 5):
        jobs.run(soon(minute))

    assert outcome(customer, invoice)["invoice"] == ("unpaid", 0, 0, None)


def put_open(app: Flask, count: int, begun_at: datetime) -> list[int]:
    """Let so many customers open a payment page and go away; return the numbers of their payments."""
    found = []
    for _ in range(count):
        customer = make_customer()
        begun = begin(customer, bill(customer, 1000))
        opened(app, begun)
        found.append(begun.intent_id)
    with db.engine.begin() as connection:
        mine = intents.INTENTS.c.id.in_(found)
        connection.execute(update(intents.INTENTS).where(mine).values(created_at=begun_at))
    return found


def asked_at(moment: datetime) -> list[int]:
    with snapshot() as session:
        return [one.intent_id for one in asking.to_ask_about(session, moment)]


@pytest.mark.money
def test_each_open_payment_is_asked_about_at_its_pace(app: Flask) -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    fresh, [young], [old] = (put_open(app, 1, noon - timedelta(minutes=age)) for age in (0, 3, 90))

    rounds = [asked_at(noon + timedelta(seconds=60 * minute)) for minute in range(2)]
    hour = [asked_at(noon + timedelta(seconds=60 * minute)) for minute in range(60)]

    assert sorted(one for each in rounds for one in each if one != old) == [young]
    assert sum(old in each for each in hour) == 1
    assert fresh[0] not in rounds[0] + rounds[1]


@pytest.mark.slow
def test_many_abandoned_payments_keep_no_new_one_waiting_and_all_are_asked_about(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    paces = tuple((age, step, 1) for age, step, _most in asking._PACES)
    monkeypatch.setattr(asking, "_PACES", paces)
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    old = put_open(app, 70, noon - timedelta(hours=5))
    [young] = put_open(app, 1, noon - timedelta(minutes=3))

    rounds = [asked_at(noon + timedelta(minutes=minute)) for minute in range(260)]

    assert max(map(len, rounds)) <= 3
    assert young in rounds[0] + rounds[1]
    assert {one for each in rounds for one in each} == {*old, young}
