"""Call-backs over HTTP: only what the gateway has signed about now gets in, and nothing makes it stumble."""

from __future__ import annotations

import json
import os
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from werkzeug.test import TestResponse

from creditapp.db import db
from creditapp.gateways import signing
from creditapp.gateways.sandbox import HEADER, MERCHANT
from creditapp.models import GatewayEvent
from tests.conftest import SANDBOX_KEY
from tests.factories import balance_of, make_customer
from tests.services.gateways.far_end import begin, outcome
from tests.services.invoices.desk import amounts, bill

URL = "/webhooks/sandbox"
FORGED = int(os.environ.get("CALLBACKS_FORGED", "150"))


def body(reference: str, **given: Any) -> bytes:  # noqa: ANN401
    said = {
        "id": "sc_1-captured",
        "type": "captured",
        "created": int(datetime.now(UTC).timestamp()),
        "session": "ss_1",
        "reference": reference,
        "charge": "sc_1",
        "amount": 1000,
        "currency": "USD",
        "merchant": MERCHANT,
    } | given
    return json.dumps(said).encode()


def send(app: Flask, sent: bytes, signature: str | None = None, *, url: str = URL) -> TestResponse:
    header = signing.sign(SANDBOX_KEY, sent, datetime.now(UTC)) if signature is None else signature
    return app.test_client().post(url, data=sent, headers={HEADER: header} if header else {})


def kept() -> int:
    db.session.rollback()
    return db.session.execute(select(func.count()).select_from(GatewayEvent)).scalar_one()


def test_a_signed_call_back_is_in_the_books_when_it_is_answered(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    sent = body(begin(customer, invoice).reference, amount=1200)

    answers = [send(app, sent).status_code for _ in range(3)]

    assert answers == [200, 200, 200]
    assert amounts(customer, invoice) == ("paid", 0, 1000, 0)
    assert balance_of(customer) == 200
    assert kept() == 1


def forgeries(genuine: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Return a body and a signature of which one at least is not what the gateway sent."""
    moment = datetime.now(UTC)
    good = signing.sign(SANDBOX_KEY, genuine, moment)
    stamp, _, digest = good.partition(",v1=")
    place = chance.randrange(len(genuine))
    changed = genuine[:place] + bytes([genuine[place] ^ (1 << chance.randrange(8))]) + genuine[place + 1 :]
    cut = good[: chance.randrange(len(good))]
    swapped = stamp + ",v1=" + "".join(chance.sample(digest, len(digest)))
    stale = timedelta(seconds=chance.choice([-1, 1]) * chance.randrange(302, 10**8))
    ways: list[tuple[bytes, str]] = [
        (changed, good),
        (genuine + chance.randbytes(chance.randrange(1, 40)), good),
        (genuine[: chance.randrange(len(genuine))], good),
        (genuine, ""),
        (genuine, cut),
        (genuine, swapped),
        (genuine, f"t={chance.randrange(10**13)},v1={digest}"),
        (genuine, good.upper()),
        (genuine, good + "," + good),
        (genuine, chance.randbytes(60).decode("latin-1").translate({10: None, 13: None, 0: None})),
        (genuine, signing.sign(SANDBOX_KEY, genuine, moment + stale)),
        (genuine, signing.sign(chance.randbytes(32), genuine, moment)),
        (chance.randbytes(chance.randrange(400)), good),
    ]
    return chance.choice(ways)


@pytest.mark.slow
def test_no_forged_or_stale_call_back_gets_in_or_makes_it_stumble(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    genuine = body(begin(customer, invoice).reference)
    chance = random.Random(FORGED)

    answers = [send(app, *forgeries(genuine, chance)).status_code for _ in range(FORGED)]

    assert set(answers) == {400}
    assert kept() == 0
    assert outcome(customer, invoice)["payments"] == []


NONSENSE = [
    b"",
    b"null",
    b"[]",
    b"{",
    b'"captured"',
    b"\xff\xfe",
    b"[" * 5000,
    body("1-1", type="stolen"),
    body("1-1", amount=-1),
    body("1-1", amount=1.5),
    body("1-1", amount=10**30),
    body("1-1", amount=True),
    body("1-1", id=""),
    body("1-1", id="x" * 121),
    body("1-1", charge="\x00"),
    body("1-1", created=10**18),
    body("").replace(b'"reference": ""', b'"reference": null'),
]


@pytest.mark.parametrize("sent", NONSENSE, ids=range(len(NONSENSE)))
def test_what_is_signed_and_makes_no_sense_is_refused(app: Flask, sent: bytes) -> None:
    assert send(app, sent).status_code == 400
    assert kept() == 0


def test_a_call_back_that_is_too_long_is_refused(app: Flask) -> None:
    assert send(app, b" " * (256 * 1024 + 1)).status_code == 413


@pytest.mark.parametrize("url", ["/webhooks/bank", "/webhooks/paypal", "/webhooks/%00"])
def test_what_is_no_gateway_with_call_backs_is_not_there(app: Flask, url: str) -> None:
    assert send(app, b"{}", url=url).status_code == 404


def test_without_a_key_nothing_is_taken(app: Flask) -> None:
    app.config["SANDBOX_KEY"] = b""
    sent = body("1-1")

    assert send(app, sent, signing.sign(b"", sent, datetime.now(UTC))).status_code == 404


@pytest.mark.tampers
def test_what_could_not_be_saved_is_told_again(app: Flask) -> None:
    customer = make_customer()
    invoice = bill(customer, 1000)
    sent = body(begin(customer, invoice).reference)
    trip = "CREATE TRIGGER trip BEFORE INSERT ON payments BEGIN SELECT RAISE(ABORT, 'no'); END"
    with db.engine.begin() as connection:
        connection.execute(text(trip))

    refused = send(app, sent).status_code
    with db.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER trip"))
    taken = send(app, sent).status_code

    assert (refused, taken) == (500, 200)
    assert amounts(customer, invoice) == ("paid", 0, 1000, 0)
