"""What the worker asks of gateways: call-backs that nobody heard are made up for, and refunds are sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Flask

from creditapp.db import transact
from creditapp.gateways import sandbox
from creditapp.gateways.sandbox import Act
from creditapp.jobs import gateways as jobs
from creditapp.services import intents
from creditapp.services.intents import Begun
from creditapp.web.gateways import gateways
from creditapp.web.paying import _asked
from tests.factories import make_customer
from tests.services.gateways.far_end import begin, outcome
from tests.services.invoices.desk import bill


def opened(app: Flask, begun: Begun) -> str:
    with app.test_request_context():
        started = gateways()["sandbox"].start(_asked(begun, "/"))
    transact(intents.attach, begun.customer_id, begun.intent_id, started.session_ref, started.page_url)
    return started.session_ref


def soon(minutes: int) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


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
