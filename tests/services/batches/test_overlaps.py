"""Two incidents at one time: what one credits, the other does not credit unseen; and who locks what first."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from creditapp.db import db, transact
from creditapp.errors import BatchStateError
from creditapp.services import batch_lines, batches, downtime_lines, incidents
from tests.crowd import together
from tests.factories import (
    actor,
    balance_of,
    make_customer,
    make_incident,
    make_preview,
    make_subscription,
    moment,
    new_key,
)
from tests.services.batches.desk import issue, look, take_back

pytestmark = pytest.mark.money
TABLES = {"settings", "incidents", "batches", "credit_accounts"}


def previews(*titles: str, **given: Any) -> list[int]:  # noqa: ANN401  (of `IncidentFields`)
    """Record an outage of web07 under each title, and work all of them out before any is issued."""
    return [make_preview(make_incident(title=title, locations=("web07",), **given)) for title in titles]


def on_web07() -> int:
    customer_id = make_customer()
    make_subscription(customer_id, location="web07", price_minor=240_000)
    return customer_id


def test_an_outage_that_two_people_recorded_is_credited_once(app: Flask) -> None:
    people = [on_web07(), on_web07()]
    first, second = previews("Storage outage", "web07 down")
    issue(first, 2)
    before = [balance_of(each) for each in people]

    with pytest.raises(BatchStateError, match="2 of its lines have got credit for “Storage outage”"):
        issue(second, 2)

    assert [balance_of(each) for each in people] == before
    assert look(make_preview(2)).status == "ready"


def test_two_who_issue_overlapping_incidents_at_once_credit_one(app: Flask) -> None:
    customer_id = on_web07()
    both = previews("Storage outage", "web07 down")

    outcomes = together([partial(issue, each, 1, run=False) for each in both])

    assert sorted(type(each).__name__ for each in outcomes) == ["BatchStateError", "NoneType"]
    assert balance_of(customer_id) == 0


def test_what_was_flagged_is_credited_by_choice(app: Flask) -> None:
    customer_id = on_web07()
    [first] = previews("Storage outage")
    issue(first, 1)
    before = balance_of(customer_id)
    [second] = previews("web07 down")
    transact(batch_lines.tick, second, 1, by=actor(), key=new_key())

    issue(second, 1)

    assert balance_of(customer_id) == 2 * before


def test_incidents_at_other_times_or_taken_back_are_not_in_the_way(app: Flask) -> None:
    customer_id = on_web07()
    later = {"starts_at": moment("2026-03-02 13:20"), "ends_at": moment("2026-03-02 16:40")}
    [first], [second], [third] = previews("A"), previews("B", **later), previews("C")
    issue(first, 1)
    once = balance_of(customer_id)

    issue(second, 1)
    take_back(first, 1)
    issue(third, 1)

    assert balance_of(customer_id) == 2 * once


@pytest.mark.parametrize("engine", ["postgresql"])
def test_everybody_locks_incidents_before_batches(app: Flask) -> None:
    on_web07()
    incident_id = make_incident(locations=("web07",))
    batch_id = make_preview(incident_id)
    issuing = locked_by(partial(issue, batch_id, 1, run=False))
    issue_rest = locked_by(partial(transact, batches.go_on, batch_id))
    transact(batches.go_on, batch_id)
    reversal_id = transact(batches.reverse, batch_id, count=1, bill_spent_too=False, by=actor(), key=new_key())
    taking = locked_by(partial(transact, batches.go_on, reversal_id))
    ending = locked_by(partial(transact, batches.go_on, reversal_id))
    preparing = locked_by(partial(transact, downtime_lines.prepare, incident_id, by=actor(), key=new_key()))
    editing = locked_by(partial(transact, incidents.dismiss, incident_id, by=actor()))

    assert issuing == ["incidents", "batches"]
    assert issue_rest == ["batches", "credit_accounts"]
    assert taking == ["incidents", "batches", "credit_accounts"]
    assert ending == ["incidents", "batches"]
    assert preparing == editing == ["settings", "incidents", "batches"]


def locked_by(work: Callable[[], object]) -> list[str]:
    """Return which tables the work locks rows of, in the order in which it first does."""
    locked: list[str] = []

    def listen(*heard: Any) -> None:  # noqa: ANN401  (SQLAlchemy's signature)
        table = re.search(r"FROM (\w+).* FOR (?:UPDATE|SHARE)", heard[2], re.DOTALL)
        if table:
            locked.append(table[1])

    event.listen(db.engine, "before_cursor_execute", listen)
    try:
        work()
    finally:
        event.remove(db.engine, "before_cursor_execute", listen)
    return [table for table in dict.fromkeys(locked) if table in TABLES]
