"""A batch: confirmed once, posted chunk by chunk, each customer exactly once."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from creditapp.db import db, transact
from creditapp.errors import BatchCountError, BatchStateError, BatchTooLargeError
from creditapp.jobs import batches as job
from creditapp.models import CreditEntry, Mail, Product, Role, Subscription
from creditapp.services import batches
from creditapp.services.batches import going
from tests.factories import (
    actor,
    balance_of,
    change_settings,
    close_customer,
    limit_role,
    make_customer,
    make_subscription,
    new_key,
)
from tests.services.batches.desk import (
    entries_of,
    issue,
    lines_of,
    look,
    make_batch,
    make_incident,
    preview_again,
)

pytestmark = pytest.mark.money


def product_of(subscription_id: int) -> str:
    statement = select(Product.name).join(Subscription, Subscription.product_id == Product.id)
    return db.session.execute(statement.where(Subscription.id == subscription_id)).scalar_one()


def test_every_line_becomes_an_entry_that_says_what_it_is_for(app: Flask) -> None:
    a, b = make_customer(100), make_customer()
    batch_id = make_batch([(a, 111), (b, 222)])

    issue(batch_id, 2)

    batch = look(batch_id)
    assert (batch.status, batch.posted, batch.posted_minor, batch.skipped) == ("done", 2, 333, 0)
    assert (balance_of(a), balance_of(b)) == (211, 222)
    one, other = (f"{product_of(line.subscription_id)} #{line.subscription_id}" for line in lines_of(batch_id))
    assert entries_of(batch_id) == [
        (a, 111, f"Downtime Credit: web07 down, 3 h 20 min, {one}"),
        (b, 222, f"Downtime Credit: web07 down, 3 h 20 min, {other}"),
    ]
    entry = db.session.execute(select(CreditEntry).where(CreditEntry.batch_id == batch_id)).scalars().first()
    assert entry is not None
    assert (entry.incident_id, entry.kind) == (batch.incident_id, "downtime")
    assert entry.subscription_id == lines_of(batch_id)[0].subscription_id


def test_what_was_unticked_is_left_out(app: Flask) -> None:
    a, b = make_customer(), make_customer()
    batch_id = make_batch([(a, 111), (b, 222)])
    transact(_untick, batch_id, 1)

    issue(batch_id, 1)

    assert (balance_of(a), balance_of(b)) == (0, 222)
    assert look(batch_id).posted == 1


def _untick(session: object, batch_id: int, line: int) -> None:
    row = session.get(type(lines_of(batch_id)[0]), (batch_id, line))  # type: ignore[attr-defined]
    row.is_included = False


def test_a_batch_goes_chunk_by_chunk_and_never_through_a_customer(app: Flask) -> None:
    first, second = make_customer(), make_customer()
    batch_id = make_batch([(first, 1), (first, 2), (first, 3), (second, 4), (second, 5)])
    issue(batch_id, 5, run=False)

    steps: list[batches.Step] = []
    while not steps or steps[-1].goes_on:
        steps.append(transact(batches.go_on, batch_id, chunk=4))
        steps.append(transact(batches.go_on, batch_id, chunk=1)) if len(steps) == 1 else None

    assert [step.posted for step in steps] == [3, 2, 0]
    assert (balance_of(first), balance_of(second)) == (6, 9)


def test_a_killed_chunk_leaves_nothing_and_the_next_one_does_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = make_customer(), make_customer()
    batch_id = make_batch([(a, 111), (b, 222)])
    issue(batch_id, 2, run=False)

    with monkeypatch.context() as patch:
        patch.setattr(going, "write", _die)
        with pytest.raises(KeyboardInterrupt):
            transact(batches.go_on, batch_id)
    assert (balance_of(a), look(batch_id).done_line) == (0, 0)

    job.run_one(batch_id)
    transact(batches.go_on, batch_id)
    assert (balance_of(a), balance_of(b)) == (111, 222)
    assert look(batch_id).posted == 2


def _die(*_args: object, **_values: object) -> None:
    raise KeyboardInterrupt


def test_the_same_form_sent_twice_issues_once(app: Flask) -> None:
    a = make_customer()
    batch_id, key = make_batch([(a, 111)]), new_key()

    issue(batch_id, 1, key=key)
    issue(batch_id, 1, key=key)

    assert balance_of(a) == 111


def test_who_comes_second_is_told_that_it_has_been_issued(app: Flask) -> None:
    batch_id = make_batch([(make_customer(), 111)])
    issue(batch_id, 1, run=False)

    with pytest.raises(BatchStateError, match="is being issued already"):
        issue(batch_id, 1)


def test_another_batch_of_the_same_incident_credits_nobody_twice(app: Flask) -> None:
    a, b = make_customer(), make_customer()
    batch_id = make_batch([(a, 111), (b, 222)])
    other_id = preview_again(batch_id)
    issue(batch_id, 2)

    issue(other_id, 2)

    assert (balance_of(a), balance_of(b)) == (111, 222)
    assert (look(other_id).posted, look(other_id).skipped) == (0, 2)
    assert all("CR-" in line.outcome for line in lines_of(other_id))


def test_a_wrong_number_typed_confirms_nothing(app: Flask) -> None:
    batch_id = make_batch([(make_customer(), 111)])

    with pytest.raises(BatchCountError, match="type how many lines are issued: 1, not 2"):
        issue(batch_id, 2)

    assert look(batch_id).status == "ready"


def test_lines_above_the_limit_of_who_issues_are_refused_together(app: Flask) -> None:
    limit_role(Role.AGENT, add_max_minor=200)
    batch_id = make_batch([(make_customer(), 111), (make_customer(), 222), (make_customer(), 333)])

    with pytest.raises(BatchTooLargeError) as refusal:
        issue(batch_id, 3, by=actor(Role.AGENT))

    assert "2 lines are above that; the largest is 333" in str(refusal.value)
    issue(batch_id, 3, by=actor(Role.MANAGER))
    assert look(batch_id).posted == 3


def test_a_customer_who_was_closed_meanwhile_is_skipped_and_the_others_go_on(app: Flask) -> None:
    a, b = make_customer(), make_customer()
    batch_id = make_batch([(a, 111), (b, 222)])
    issue(batch_id, 2, run=False)
    close_customer(a)

    job.run_one(batch_id)

    assert (balance_of(a), balance_of(b)) == (0, 222)
    assert [line.outcome for line in lines_of(batch_id)] == [
        f"User #{a} is closed: nothing is added or changed there any more.",
        "",
    ]
    assert (look(batch_id).status, look(batch_id).posted, look(batch_id).skipped) == ("done", 1, 1)


def test_a_batch_can_be_stopped_and_goes_on_where_it_was(app: Flask) -> None:
    people = [make_customer() for _ in range(4)]
    batch_id = make_batch([(each, 100) for each in people])
    issue(batch_id, 4, run=False)
    transact(batches.go_on, batch_id, chunk=2)

    transact(batches.stop, batch_id, by=actor(), key=new_key())
    job.run()
    assert [balance_of(each) for each in people] == [100, 100, 0, 0]
    assert look(batch_id).status == "stopped"

    transact(batches.resume, batch_id, by=actor(), key=new_key())
    job.run()
    assert [balance_of(each) for each in people] == [100] * 4
    assert look(batch_id).status == "done"


def test_the_lines_of_an_issued_batch_are_fixed_in_the_database(app: Flask) -> None:
    batch_id = make_batch([(make_customer(), 111)])
    issue(batch_id, 1, run=False)

    for statement in (
        f"UPDATE batch_lines SET amount_minor = 999 WHERE batch_id = {batch_id}",
        f"UPDATE batch_lines SET is_included = FALSE WHERE batch_id = {batch_id}",
        f"DELETE FROM batch_lines WHERE batch_id = {batch_id}",
        f"DELETE FROM batches WHERE id = {batch_id}",
    ):
        with db.engine.connect() as connection, pytest.raises(DBAPIError):
            connection.exec_driver_sql(statement)


def test_a_dropped_batch_loses_its_lines_and_cannot_be_issued(app: Flask) -> None:
    batch_id = make_batch([(make_customer(), 111)])

    transact(batches.drop, batch_id, by=actor(), key=new_key())
    job.run()

    assert lines_of(batch_id) == []
    with pytest.raises(BatchStateError, match="was dropped"):
        issue(batch_id, 1)


def test_a_batch_stopped_before_its_first_chunk_can_be_dropped(app: Flask) -> None:
    batch_id = make_batch([(make_customer(), 111)])
    issue(batch_id, 1, run=False)
    transact(batches.stop, batch_id, by=actor(), key=new_key())

    transact(batches.drop, batch_id, by=actor(), key=new_key())
    job.run()

    assert (look(batch_id).status, lines_of(batch_id)) == ("dropped", [])


def test_a_batch_that_has_posted_cannot_be_dropped(app: Flask) -> None:
    batch_id = make_batch([(make_customer(), 111), (make_customer(), 222)])
    issue(batch_id, 2, run=False)
    transact(batches.go_on, batch_id, chunk=1)
    transact(batches.stop, batch_id, by=actor(), key=new_key())

    with pytest.raises(BatchStateError, match="has been stopped"):
        transact(batches.drop, batch_id, by=actor(), key=new_key())


def test_a_customer_with_several_lines_is_told_once(app: Flask) -> None:
    change_settings(mail_from="billing@panel.example")
    a = make_customer(email="a@customer.example")
    batch_id = make_batch([(a, 111), (a, 222)])

    issue(batch_id, 2)

    db.session.rollback()
    mails = db.session.scalars(select(Mail).where(Mail.customer_id == a)).all()
    assert [mail.recipient for mail in mails] == ["a@customer.example"]
    assert "$3.33" in mails[0].text
    assert "Sorry for the outage" in mails[0].text


def test_credit_of_a_batch_is_used_on_arrival_where_the_switch_is_on(app: Flask) -> None:
    from tests.factories import make_invoice  # noqa: PLC0415

    change_settings(automatic_on_arrival=True)
    a = make_customer()
    make_subscription(a)
    make_invoice(a, 100)
    batch_id = make_batch([(a, 150)], incident_id=make_incident())
    issue(batch_id, 1, run=False)

    job.run()

    assert balance_of(a) == 50
