from __future__ import annotations

from functools import partial
from itertools import chain

import pytest
from flask import Flask
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from creditapp.db import transact
from creditapp.services import numbers
from tests.crowd import together

THREADS = 8
ROUNDS = 12

pytestmark = pytest.mark.money


def test_each_counter_counts_from_one_on_its_own(app: Flask) -> None:
    assert [transact(numbers.reserve, "invoices") for _ in range(3)] == [1, 2, 3]
    assert transact(numbers.reserve, "payments") == 1
    assert transact(numbers.reserve, "subscriptions") == 1


def test_a_block_is_taken_whole(app: Flask) -> None:
    assert transact(numbers.reserve, "invoices", 100) == 1
    assert transact(numbers.reserve, "invoices") == 101


def test_a_crowd_never_gets_a_number_twice(app: Flask) -> None:
    def take(count: int) -> list[int]:
        blocks = [transact(numbers.reserve, "invoices", count) for _ in range(ROUNDS)]
        return [first + offset for first in blocks for offset in range(count)]

    taken = together([partial(take, 1 + thread % 3) for thread in range(THREADS)])

    assert not [outcome for outcome in taken if isinstance(outcome, Exception)]
    handed_out = list(chain.from_iterable(one for one in taken if isinstance(one, list)))
    assert sorted(handed_out) == list(range(1, len(handed_out) + 1))


def test_a_transaction_that_failed_gives_its_number_back(app: Flask) -> None:
    def reserve_and_fail(session: Session) -> None:
        numbers.reserve(session, "invoices")
        raise LookupError

    with pytest.raises(LookupError):
        transact(reserve_and_fail)

    assert transact(numbers.reserve, "invoices") == 1


@pytest.mark.parametrize("count", [0, -1])
def test_fewer_than_one_number_is_refused(app: Flask, count: int) -> None:
    with pytest.raises(ValueError, match="cannot be reserved"):
        transact(numbers.reserve, "invoices", count)

    assert transact(numbers.reserve, "invoices") == 1


def test_a_counter_that_is_none_is_refused(app: Flask) -> None:
    with pytest.raises(NoResultFound):
        transact(numbers.reserve, "customers")
