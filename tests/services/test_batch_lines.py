"""What people change in a preview before it is issued."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from creditapp.db import db, transact
from creditapp.errors import BatchNotFoundError, BatchStateError, FormReusedError, LineError
from creditapp.models import AuditDetails, AuditRow, Batch, BatchLine, LineFlag
from creditapp.queries.batch_lines import LineFilter, distribution, totals
from creditapp.services import batch_lines
from tests.crowd import together
from tests.factories import (
    actor,
    freeze_account,
    make_customer,
    make_incident,
    make_preview,
    make_subscription,
    new_key,
)

NOWHERE = 10**9

pytestmark = pytest.mark.money


def a_preview() -> int:
    """Make a preview of four lines: fine, fine, suspended and frozen."""
    frozen = make_customer(name="Cleo Usman")
    on_web07(make_customer(name="Ada Lovelock"))
    on_web07(make_customer(name="Ben Sand"), price_minor=100_000)
    on_web07(make_customer(name="Dora Berg"), status="suspended")
    on_web07(frozen)
    freeze_account(frozen)
    return make_preview(make_incident(locations=("web07",)))


def on_web07(customer_id: int, *, price_minor: int = 2_400, **fields: Any) -> None:  # noqa: ANN401  (columns of `Subscription`)
    make_subscription(customer_id, location="web07", price_minor=price_minor, **fields)


def do(verb: Any, batch_id: int, *args: Any, **kw: Any) -> Any:  # noqa: ANN401  (a verb of the service)
    return transact(verb, batch_id, *args, **{"by": actor(), "key": new_key()} | kw)


def flagged(flag: str) -> int:
    db.session.rollback()
    return (
        db.session.execute(select(BatchLine.line).where(BatchLine.flag == flag).order_by(BatchLine.line))
        .scalars()
        .first()
        or 0
    )


def included(batch_id: int) -> set[int]:
    db.session.rollback()
    lines = select(BatchLine.line).where(BatchLine.batch_id == batch_id, BatchLine.is_included)
    return set(db.session.execute(lines).scalars())


def found(batch_id: int, line: int) -> BatchLine:
    db.session.rollback()
    return db.session.get_one(BatchLine, (batch_id, line), populate_existing=True)


def free_lines() -> list[int]:
    db.session.rollback()
    return list(
        db.session.execute(select(BatchLine.line).where(BatchLine.flag == "").order_by(BatchLine.line)).scalars()
    )


def test_a_line_is_left_out_and_included_again(app: Flask) -> None:
    batch = a_preview()
    one, other = free_lines()
    key = new_key()

    assert [do(batch_lines.untick, batch, one, key=key) for _ in range(2)] == [1, 1]
    assert included(batch) == {other}
    assert do(batch_lines.untick, batch, one) == 0
    assert do(batch_lines.tick, batch, one) == 1
    assert included(batch) == {one, other}


def test_all_that_fit_are_left_out_and_only_what_may_be_is_included(app: Flask) -> None:
    batch = a_preview()
    one, other = free_lines()

    assert do(batch_lines.untick, batch, LineFilter(text="sand")) == 1
    assert included(batch) == {one}
    assert do(batch_lines.untick, batch, LineFilter()) == 1
    assert do(batch_lines.tick, batch, LineFilter(least_minor=100)) == 1
    assert included(batch) == {other}
    assert do(batch_lines.tick, batch, LineFilter()) == 1
    assert included(batch) == {one, other}


def test_what_overlaps_is_included_by_choice_alone(app: Flask) -> None:
    batch = a_preview()
    line, _other = free_lines()
    do(batch_lines.untick, batch, LineFilter())
    transact(lambda s: s.execute(update(BatchLine).where(BatchLine.line == line).values(flag="overlap")) and None)

    assert do(batch_lines.tick, batch, LineFilter()) == 1
    assert line not in included(batch)
    assert do(batch_lines.tick, batch, LineFilter(flag=LineFlag.OVERLAP)) == 1
    assert line in included(batch)
    do(batch_lines.untick, batch, line)
    assert do(batch_lines.tick, batch, line) == 1


def test_what_cannot_be_credited_is_not_included_by_a_tick(app: Flask) -> None:
    batch = a_preview()
    frozen, suspended = flagged("frozen"), flagged("suspended")

    with pytest.raises(LineError, match=rf"Line {frozen} cannot be included. The balance is frozen."):
        do(batch_lines.tick, batch, frozen)
    with pytest.raises(LineError, match="change its amount and say why"):
        do(batch_lines.tick, batch, suspended)
    with pytest.raises(LineError, match="There is no line 99"):
        do(batch_lines.tick, batch, 99)

    assert included(batch) == set(free_lines())


def test_an_amount_is_changed_with_a_reason_and_written_down(app: Flask) -> None:
    batch, by = a_preview(), actor()
    line = flagged("suspended")

    for _ in range(2):
        do(batch_lines.change, batch, line, 500, why="Asked nicely", key="the same key")

    changed = found(batch, line)
    assert (changed.amount_minor, changed.computed_minor, changed.is_included) == (500, 11, True)
    assert (changed.changed_why, changed.changed_by) == ("Asked nicely", by.id)
    do(batch_lines.untick, batch, line)
    assert do(batch_lines.tick, batch, line) == 1
    written = select(AuditDetails.details).join(AuditRow).where(AuditRow.action == "preview_edited")
    first, *_later = db.session.execute(written.order_by(AuditRow.seq)).scalars()
    assert first["after"] == {"line": line, "amount_minor": 500, "is_included": True, "why": "Asked nicely"}
    assert len(_later) == 2


def test_a_change_that_makes_no_sense_is_refused(app: Flask) -> None:
    batch = a_preview()
    line, frozen = free_lines()[0], flagged("frozen")

    for amount_minor, why in ((0, "x"), (-5, "x"), (10**12, "x"), (5, ""), (5, "x" * 201)):
        with pytest.raises(LineError):
            do(batch_lines.change, batch, line, amount_minor, why=why)
    with pytest.raises(LineError, match="The balance is frozen"):
        do(batch_lines.change, batch, frozen, 500, why="x")
    do(batch_lines.change, batch, line, 5, why="x", key="the same key")
    with pytest.raises(FormReusedError):
        do(batch_lines.change, batch, line, 6, why="x", key="the same key")

    assert found(batch, line).amount_minor == 5


def test_only_a_preview_changes(app: Flask) -> None:
    batch = a_preview()
    transact(lambda session: session.execute(update(Batch).values(status="dropped")) and None)

    for verb in (batch_lines.tick, batch_lines.untick):
        with pytest.raises(BatchStateError, match="does not change any more"):
            do(verb, batch, 1)
    with pytest.raises(BatchStateError):
        do(batch_lines.change, batch, 1, 500, why="x")
    with pytest.raises(BatchNotFoundError):
        do(batch_lines.untick, NOWHERE, 1)


def test_two_who_change_a_preview_at_once_both_count(app: Flask) -> None:
    batch, by = a_preview(), actor()
    one, other = free_lines()

    outcomes = together(
        [partial(transact, batch_lines.untick, batch, line, by=by, key=new_key()) for line in (one, other, one)]
    )

    assert Counter(outcomes) == {0: 1, 1: 2}
    assert included(batch) == set()


def test_what_the_lines_come_to_is_summed_and_spread(app: Flask) -> None:
    batch = a_preview()

    sums = totals(db.session(), batch)

    assert (sums.lines, sums.included, sums.sum_minor, sums.largest_minor, sums.average_minor) == (4, 2, 459, 448, 230)
    assert sums.flagged == {"": 2, "suspended": 1, "frozen": 1}
    assert distribution(db.session(), batch, 11) == [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert distribution(db.session(), batch, 56) == [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
