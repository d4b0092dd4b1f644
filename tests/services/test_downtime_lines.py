"""Who is affected by an incident, what each is owed, and that working it out may stop, repeat and race."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from creditapp.db import db, transact
from creditapp.errors import BatchNotFoundError, IncidentError, IncidentNotFoundError
from creditapp.models import Batch, BatchLine, DowntimePolicy, Kind, downtime_key
from creditapp.services import credits, downtime_lines, ledger
from creditapp.services.ledger import Entry, Posting
from tests.crowd import together
from tests.factories import (
    actor,
    change_settings,
    close_customer,
    freeze_account,
    make_customer,
    make_incident,
    make_preview,
    make_product,
    make_subscription,
    moment,
    new_key,
)

WEB07 = ("web07",)
NOWHERE = 10**9

pytestmark = pytest.mark.money


def batch_of(batch_id: int) -> Batch:
    db.session.rollback()
    return db.session.get_one(Batch, batch_id, populate_existing=True)


def lines_of(batch_id: int) -> list[BatchLine]:
    db.session.rollback()
    return list(
        db.session.execute(select(BatchLine).where(BatchLine.batch_id == batch_id).order_by(BatchLine.line)).scalars()
    )


def preview(**given: Any) -> list[BatchLine]:  # noqa: ANN401  (of `IncidentFields`)
    """Return the lines of a new incident's preview."""
    return lines_of(make_preview(make_incident(**given)))


def hit(**given: Any) -> set[int]:  # noqa: ANN401  (of `IncidentFields`)
    """Return which subscriptions an incident hit."""
    return {line.subscription_id or 0 for line in preview(**given)}


def flags(lines: list[BatchLine]) -> list[tuple[str, bool]]:
    return [(line.flag, line.is_included) for line in lines]


def on_web07(customer_id: int | None = None, **fields: Any) -> int:  # noqa: ANN401  (columns of `Subscription`)
    return make_subscription(customer_id or make_customer(), **{"location": "web07", "price_minor": 2_400, **fields})


def post_downtime(customer_id: int, subscription_id: int, incident_id: int, *, key: str | None = None) -> int:
    """Credit the subscription for the incident, and return the entry's number."""
    posting = Posting(
        kind=Kind.DOWNTIME,
        amount_minor=100,
        description="Downtime Credit: Storage outage, 3 h 20 min, Hosting #1",
        by=actor(),
        key=key or new_key(),
        incident_id=incident_id,
        subscription_id=subscription_id,
    )
    [entry] = transact(ledger.post_many, [(customer_id, posting)])
    assert isinstance(entry, Entry)
    return entry.seq


def take_back(customer_id: int, seq: int) -> None:
    transact(credits.reverse, customer_id, seq, by=actor(), key=new_key())


def test_whoever_depends_on_the_server_is_owed_a_share_of_the_month(app: Flask) -> None:
    customer = make_customer()
    product = make_product("Cloud L", tax_bp=1_900)
    subscription = on_web07(customer, product_id=product, label="shop.example")
    on_web07(location="web08")

    [line] = preview(locations=WEB07)

    assert (line.line, line.customer_id, line.subscription_id, line.label) == (
        1,
        customer,
        subscription,
        "Cloud L: shop.example",
    )
    assert (line.price_minor, line.months, line.tax_bp, line.down_seconds) == (2_400, 1, 1_900, 200 * 60)
    assert (line.computed_minor, line.amount_minor) == (11, 11)  # 24.00 × 200 min ÷ 44,640 min
    assert (line.flag, line.problem, line.is_included) == ("", "", True)
    assert line.entry_key == f"downtime:1:{subscription}:1"


def test_products_servers_and_users_say_together_who_was_hit(app: Flask) -> None:
    ada, ben = make_customer(), make_customer()
    hosting, servers = make_product(), make_product()
    here = on_web07(ada, product_id=hosting)
    there = on_web07(ada, product_id=hosting, location="web08")
    server = on_web07(ben, product_id=servers)
    other = on_web07(ben, location="web09")

    assert hit(product_ids=(hosting,)) == {here, there}
    assert hit(product_ids=(hosting, servers)) == {here, there, server}
    assert hit(locations=WEB07) == {here, server}
    assert hit(product_ids=(hosting,), locations=WEB07) == {here, there, server}
    assert hit(locations=("web07", "web09")) == {here, server, other}
    assert hit(customer_ids=(ada, ben)) == {here, there, server, other}
    assert hit(locations=WEB07, customer_ids=(ben,)) == {server}
    assert hit(product_ids=(hosting,), customer_ids=(ben,)) == set()


def test_only_what_was_active_meanwhile_is_affected(app: Flask) -> None:
    began_that_day = on_web07(started_on=date(2026, 3, 2))
    on_web07(started_on=date(2026, 3, 3))
    on_web07(status="pending")
    on_web07(status="cancelled", cancelled_on=date(2026, 3, 2))
    ended_later = on_web07(status="cancelled", cancelled_on=date(2026, 3, 3))

    found = preview(locations=WEB07)

    assert {line.subscription_id: line.down_seconds for line in found} == dict.fromkeys(
        (began_that_day, ended_later), 200 * 60
    )


def test_what_began_or_ended_during_the_outage_is_reckoned_for_its_part(app: Flask) -> None:
    change_settings(time_zone="Europe/Berlin")
    late = on_web07(started_on=date(2026, 3, 3))
    early = on_web07(status="cancelled", cancelled_on=date(2026, 3, 3))

    lines = preview(locations=WEB07, starts_at=moment("2026-03-02 12:00"), ends_at=moment("2026-03-03 12:00"))

    # The panel's 3 March begins at 23:00 UTC.
    assert {line.subscription_id: line.down_seconds for line in lines} == {late: 13 * 3600, early: 11 * 3600}


def test_maintenance_that_was_announced_does_not_count(app: Flask) -> None:
    on_web07()

    [line] = preview(locations=WEB07, windows=((moment("2026-03-02 11:00"), moment("2026-03-02 12:00")),))

    assert line.down_seconds == 140 * 60


def test_what_cannot_be_credited_is_flagged_and_left_out(app: Flask) -> None:
    suspended = on_web07(status="suspended")
    free = on_web07(price_minor=0)
    on_web07(frozen := make_customer())
    on_web07(closed := make_customer())
    freeze_account(frozen)
    close_customer(closed)

    lines = preview(locations=WEB07)

    assert flags(lines) == [("suspended", False), ("small", False), ("frozen", False), ("closed", False)]
    assert [line.subscription_id for line in lines[:2]] == [suspended, free]
    assert [line.problem for line in lines] == [
        "The subscription is suspended.",
        "It comes to nothing.",
        "The balance is frozen.",
        "The user is closed, or was merged into another.",
    ]


def test_what_is_below_the_minimum_is_not_given(app: Flask) -> None:
    on_web07()
    on_web07(price_minor=1_000_000)
    minimum = update(DowntimePolicy).where(DowntimePolicy.id == 1).values(minimum_minor=100)
    transact(lambda session: session.execute(minimum))

    small, large = preview(locations=WEB07)

    assert (small.flag, small.amount_minor, small.is_included) == ("small", 0, False)
    assert (large.flag, large.amount_minor, large.is_included) == ("", 4_480, True)


def test_a_subscription_is_credited_once_for_an_incident(app: Flask) -> None:
    customer, other = make_customer(), make_customer()
    subscription, by_hand, open_one = on_web07(customer), on_web07(other), on_web07()
    incident = make_incident(locations=WEB07)
    seq = post_downtime(customer, subscription, incident, key=downtime_key(incident, subscription, 1))
    post_downtime(other, by_hand, incident)

    assert flags(lines_of(make_preview(incident))) == [("credited", False), ("credited", False), ("", True)]

    take_back(customer, seq)
    lines = lines_of(make_preview(incident))

    assert flags(lines) == [("credited", False), ("credited", False), ("", True)]  # its key has been used up
    assert lines[2].subscription_id == open_one


def test_credit_for_an_overlapping_incident_is_flagged_until_it_is_taken_back(app: Flask) -> None:
    customer = make_customer()
    subscription = on_web07(customer)
    before = make_incident(starts_at=moment("2026-03-02 08:00"), ends_at=moment("2026-03-02 10:00"))
    network = make_incident(title="Network down", starts_at=moment("2026-03-02 13:00"), ends_at=None)
    incident = make_incident(locations=WEB07)
    post_downtime(customer, subscription, before)

    assert flags(lines_of(make_preview(incident))) == [("", True)]

    seq = post_downtime(customer, subscription, network)
    [line] = lines_of(make_preview(incident))

    assert (line.flag, line.is_included) == ("overlap", False)
    assert line.problem == f"Has been credited for “Network down” (incident #{network}), which overlaps this one."
    other = make_customer()
    post_downtime(other, on_web07(other), network)
    take_back(customer, seq)
    assert flags(lines_of(make_preview(incident))) == [("", True), ("overlap", False)]


def test_a_preview_keeps_what_it_was_worked_out_by(app: Flask) -> None:
    on_web07()
    incident = make_incident(locations=WEB07, customer_note="We are sorry.")
    batch = batch_of(make_preview(incident))

    assert (batch.kind, batch.status, batch.title, batch.lines, batch.expected) == (
        "downtime",
        "ready",
        "Storage outage",
        1,
        1,
    )
    assert (batch.incident_id, batch.credit_round, batch.customer_note) == (incident, 1, "We are sorry.")
    basis = downtime_lines.Basis.from_json(batch.terms)
    assert (basis.policy, basis.terms.method, basis.outage.starts_at) == (
        "Pro rata",
        "pro_rata",
        moment("2026-03-02 10:00"),
    )


def test_preparing_stops_and_goes_on_in_chunks_and_nobody_is_there_twice(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downtime_lines, "CHUNK", 3)
    customers = [make_customer() for _ in range(4)]
    wanted = [(customer, on_web07(customer)) for customer in customers for _ in range(2)]
    batch_id = transact(downtime_lines.prepare, make_incident(locations=WEB07), by=actor(), key=new_key())

    assert transact(downtime_lines.prepare_chunk, batch_id)
    with pytest.raises(InterruptedError):
        transact(_killed, batch_id)
    outcomes = together([partial(transact, downtime_lines.prepare_chunk, batch_id)] * 4)

    assert [one for one in outcomes if isinstance(one, Exception)] == []
    assert [(line.customer_id, line.subscription_id) for line in lines_of(batch_id)] == wanted
    assert [line.line for line in lines_of(batch_id)] == list(range(1, 9))
    batch = batch_of(batch_id)
    assert (batch.status, batch.lines) == ("ready", 8)
    assert transact(downtime_lines.prepare_chunk, batch_id) is False


def _killed(session: Session, batch_id: int) -> None:
    downtime_lines.prepare_chunk(session, batch_id)
    raise InterruptedError


def test_preparing_anew_drops_the_preview_before(app: Flask) -> None:
    on_web07()
    incident = make_incident(locations=WEB07)
    first = transact(downtime_lines.prepare, incident, by=actor(), key=new_key())
    second = make_preview(incident)

    assert transact(downtime_lines.prepare_chunk, first) is False
    assert (batch_of(first).status, batch_of(second).status) == ("dropped", "ready")
    third = make_preview(incident)
    assert (batch_of(second).status, batch_of(third).status) == ("dropped", "ready")


def test_two_who_preview_at_once_leave_one_preview(app: Flask) -> None:
    on_web07()
    incident, by, key = make_incident(locations=WEB07), actor(), new_key()

    same = together([partial(transact, downtime_lines.prepare, incident, by=by, key=key)] * 3)
    assert len(set(same)) == 1
    together([partial(transact, downtime_lines.prepare, incident, by=by, key=new_key())] * 3)

    db.session.rollback()
    alive = select(Batch.id).where(Batch.incident_id == incident, Batch.status == "preparing")
    assert len(db.session.execute(alive).all()) == 1


def test_what_cannot_be_worked_out_is_refused(app: Flask) -> None:
    for given, problem in (
        ({"ends_at": None}, "Enter when it ended: what still lasts cannot be credited."),
        (
            {"ends_at": datetime.now(UTC) + timedelta(minutes=5), "starts_at": datetime.now(UTC)},
            "It ends in the future",
        ),
        ({"policy_id": None}, "Choose the policy by which it is credited."),
        ({"locations": ()}, "Say what was hit: servers or locations, products, or users."),
    ):
        incident = make_incident(**{"locations": WEB07} | given)
        with pytest.raises(IncidentError, match=problem):
            transact(downtime_lines.prepare, incident, by=actor(), key=new_key())

    assert db.session.execute(select(Batch.id)).all() == []


def test_an_incident_or_batch_that_is_not_there_is_refused(app: Flask) -> None:
    with pytest.raises(IncidentNotFoundError):
        transact(downtime_lines.prepare, NOWHERE, by=actor(), key=new_key())
    with pytest.raises(BatchNotFoundError):
        transact(downtime_lines.prepare_chunk, NOWHERE)
