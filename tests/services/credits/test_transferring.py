"""Transfers: linked pairs, of the same class and expiry, whoever asks at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from creditapp.db import db, transact
from creditapp.errors import (
    AccountFrozenError,
    AuthorityLimitError,
    CustomerClosedError,
    DomainError,
    EntryUsedError,
    InsufficientCreditError,
    NotReversibleError,
    TransferError,
)
from creditapp.models import CreditEntry, CreditLot, Role
from creditapp.services import credits, freezing
from tests.crowd import together
from tests.factories import (
    actor,
    balance_of,
    close_customer,
    give,
    limit_role,
    make_customer,
    make_invoice,
    make_reason,
    new_key,
    reason_named,
)

pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.money]


def move(giver: int, taker: int, amount_minor: int, *, key: str = "", role: Role = Role.ADMIN) -> credits.Transferred:
    return transact(
        credits.transfer,
        giver,
        taker,
        amount_minor,
        reason_id=reason_named("Courtesy"),
        by=actor(role),
        key=key or new_key(),
        note="They are brothers",
    )


def lots_of(customer: int) -> list[tuple[str, int, datetime | None]]:
    db.session.rollback()
    lot = CreditLot
    rows = db.session.execute(
        select(lot.class_, lot.remaining_minor, lot.expires_at)
        .where(lot.customer_id == customer, lot.remaining_minor > 0)
        .order_by(lot.seq)
    )
    return [(class_, minor, expires_at) for class_, minor, expires_at in rows]


def entries_of(customer: int) -> list[tuple[str, int, int | None, int | None]]:
    db.session.rollback()
    e = CreditEntry
    rows = db.session.execute(
        select(e.description, e.amount_minor, e.other_customer_id, e.other_seq)
        .where(e.customer_id == customer)
        .order_by(e.seq)
    )
    return [(words, minor, other, seq) for words, minor, other, seq in rows]


def test_what_moves_keeps_its_class_and_its_date_and_is_linked_both_ways() -> None:
    giver, taker = make_customer(), make_customer(700)
    spring = make_reason(class_="promotional", expires_after_days=30)
    give(giver, 200, reason_id=spring)
    give(giver, 1000)
    give(giver, 300)
    [(_class, _minor, lapses), *_rest] = lots_of(giver)

    done, again = (move(giver, taker, 1100, key="once") for _time in range(2))

    assert (done.replayed, again.replayed) == (False, True)
    assert lots_of(giver) == [("goodwill", 100, None), ("goodwill", 300, None)]
    assert lots_of(taker)[1:] == [("promotional", 200, lapses), ("goodwill", 900, None)]
    assert entries_of(giver)[3:] == [
        (f"Transfer to User #{taker}", -200, taker, 2),
        (f"Transfer to User #{taker}", -900, taker, 3),
    ]
    assert entries_of(taker)[1:] == [
        (f"Transfer from User #{giver}", 200, giver, 4),
        (f"Transfer from User #{giver}", 900, giver, 5),
    ]


def test_nothing_moves_where_it_must_not() -> None:
    giver, taker, frozen, closed = (make_customer(1000) for _one in range(4))
    transact(freezing.freeze, frozen, "Under review", by=actor())
    close_customer(closed)
    limit_role(Role.MANAGER, add_max_minor=300, remove_max_minor=900)

    def refusal(giver: int, taker: int, amount_minor: int, role: Role = Role.ADMIN) -> type[DomainError]:
        with pytest.raises(DomainError) as refused:
            move(giver, taker, amount_minor, role=role)
        return refused.type

    assert refusal(giver, giver, 100) is TransferError
    assert refusal(giver, taker, 1001) is InsufficientCreditError
    assert refusal(giver, frozen, 100) is AccountFrozenError
    assert refusal(frozen, taker, 100) is AccountFrozenError
    assert refusal(giver, closed, 100) is CustomerClosedError
    assert refusal(closed, taker, 100) is CustomerClosedError
    assert refusal(giver, taker, 301, Role.MANAGER) is AuthorityLimitError
    assert [balance_of(one) for one in (giver, taker, frozen, closed)] == [1000] * 4


def test_a_transfer_is_taken_back_as_a_whole_by_either_half() -> None:
    giver, taker = make_customer(1000), make_customer()
    first, second = move(giver, taker, 400), move(giver, taker, 500)
    assert first.taken is not None
    assert second.taken is not None
    act: dict[str, Any] = {"by": actor(), "key": new_key()}

    with pytest.raises(NotReversibleError):
        transact(credits.reverse, taker, first.taken.seq, by=actor(), key=new_key())
    transact(credits.take_back, giver, first.given.seq, **act)
    assert transact(credits.take_back, giver, first.given.seq, **act).replayed
    transact(credits.apply, taker, make_invoice(taker, 100), by=actor(), key=new_key())

    assert (balance_of(giver), balance_of(taker)) == (500, 400)
    for customer, seq in ((taker, second.taken.seq), (giver, second.given.seq), (giver, first.given.seq)):
        with pytest.raises(EntryUsedError):
            transact(credits.take_back, customer, seq, by=actor(), key=new_key())


def test_two_who_give_to_each_other_at_once_do_not_lock_each_other_out() -> None:
    one, other = make_customer(5000), make_customer(5000)
    ways = [(one, other), (other, one)]

    def often(giver: int, taker: int) -> int:
        return len([move(giver, taker, 10) for _time in range(15)])

    done = together([partial(often, *way) for way in ways * 2])

    assert done == [15] * 4
    assert (balance_of(one), balance_of(other)) == (5000, 5000)


def test_what_has_lapsed_does_not_move() -> None:
    giver, taker = make_customer(), make_customer()
    short = make_reason(expires_after_days=1)
    give(giver, 500, reason_id=short, at=datetime.now(UTC) - timedelta(days=5))
    give(giver, 300)

    with pytest.raises(InsufficientCreditError) as refused:
        move(giver, taker, 400)

    assert refused.value.available_minor == 300
