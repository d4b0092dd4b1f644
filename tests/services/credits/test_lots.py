"""Which credit is spent first, and when it lapses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from creditapp.db import db, transact, transact_at
from creditapp.models import (
    CreditClass,
    CreditDraw,
    Kind,
)
from creditapp.services import credits, ledger
from creditapp.services.actor import SYSTEM
from creditapp.services.ledger import Posting
from creditapp.services.ledger.accounts import LOTS_AT_ONCE
from tests.factories import (
    actor,
    balance_of,
    change_settings,
    give,
    make_customer,
    make_reason,
    new_key,
)
from tests.services.credits.desk import NOON, adjust, lots, refusal, set_balance, usable

pytestmark = pytest.mark.money


def test_the_soonest_expiry_goes_first_then_the_class_then_the_oldest(app: Flask) -> None:
    customer = make_customer()
    order = [
        (CreditClass.PAID, None),
        (CreditClass.GOODWILL, None),
        (CreditClass.GOODWILL, None),
        (CreditClass.PROMOTIONAL, None),
        (CreditClass.PAID, 20),
        (CreditClass.GOODWILL, 10),
        (CreditClass.PROMOTIONAL, 20),
    ]
    for class_, days in order:
        give(customer, 10, reason_id=make_reason(class_=class_, expires_after_days=days), at=NOON)
    drawn = []

    for _ in order:
        entry = adjust(customer, -10, at=NOON, duplicates_ok=True)
        draws = select(CreditDraw.lot_seq).where(CreditDraw.entry_seq == entry.seq)
        drawn.append(db.session.execute(draws).scalar_one())

    assert drawn == [6, 7, 5, 4, 2, 3, 1]


def test_one_removal_may_empty_several_lots(app: Flask) -> None:
    customer = make_customer()
    for amount_minor in (100, 200, 300):
        give(customer, amount_minor)

    adjust(customer, -350)

    assert lots(customer) == {1: 0, 2: 0, 3: 250}


def test_a_removal_can_draw_on_more_lots_than_are_read_at_once(app: Flask) -> None:
    customer = make_customer()
    postings = [_issue(f"lot {number}", 1) for number in range(LOTS_AT_ONCE * 2 + 1)]
    transact(ledger.post_many, [(customer, posting) for posting in postings])

    adjust(customer, -len(postings))

    assert set(lots(customer).values()) == {0}


def _issue(key: str, amount_minor: int) -> Posting:
    return Posting(
        kind=Kind.OPENING, amount_minor=amount_minor, description="Opening Balance", by=SYSTEM, key=key, content=(key,)
    )


LAST_MOMENT = datetime(2026, 3, 13, tzinfo=UTC)


@pytest.fixture
def customer(app: Flask) -> int:
    """10.00 that never expires and 5.00 that does, ten days after 2 March."""
    customer = make_customer(1000, at=NOON)
    give(customer, 500, reason_id=make_reason("Spring", expires_after_days=10), at=NOON)
    return customer


def test_credit_lapses_at_the_end_of_its_last_day(customer: int) -> None:
    assert usable(customer, LAST_MOMENT - timedelta(microseconds=1)) == 1500
    assert usable(customer, LAST_MOMENT) == 1000
    assert balance_of(customer) == 1500


def test_the_last_day_is_the_panels_own(app: Flask) -> None:
    change_settings(time_zone="America/New_York")
    customer = make_customer()
    give(customer, 500, reason_id=make_reason(expires_after_days=10), at=NOON)  # across the change of clocks

    end = datetime(2026, 3, 13, 4, tzinfo=UTC)
    assert usable(customer, end - timedelta(microseconds=1)) == 500
    assert usable(customer, end) == 0


def test_expired_credit_cannot_be_removed_and_the_refusal_says_so(customer: int) -> None:
    sentence = refusal(lambda: adjust(customer, -1001, at=LAST_MOMENT))
    adjust(customer, -1000, at=LAST_MOMENT)

    assert sentence == (
        "The balance is $15.00, but only $10.00 of it is usable (the rest has expired): "
        "at most that can be removed, not $10.01."
    )
    assert lots(customer) == {1: 0, 2: 500}


def test_before_the_hour_it_is_the_first_to_be_spent(customer: int) -> None:
    adjust(customer, -400, at=LAST_MOMENT - timedelta(microseconds=1))

    assert lots(customer) == {1: 1000, 2: 100}


def test_a_correction_downwards_may_take_what_has_expired(customer: int) -> None:
    set_balance(customer, 0, 1500)

    assert lots(customer) == {1: 0, 2: 0}


def test_a_reversal_takes_back_an_expired_lot(customer: int) -> None:
    transact_at(LAST_MOMENT, credits.reverse, customer, 2, by=actor(), key=new_key())

    assert balance_of(customer) == 1000
    assert lots(customer) == {1: 1000, 2: 0}
