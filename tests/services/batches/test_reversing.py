"""Taking a batch back: the unspent goes, the spent is listed or asked for, and the incident can be credited anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from creditapp.db import db, transact
from creditapp.errors import BatchCountError, BatchStateError
from creditapp.jobs import batches as job
from creditapp.jobs.daily import expire
from creditapp.models import CreditEntry, Invoice
from creditapp.services import batches, credits
from tests.factories import (
    actor,
    balance_of,
    give,
    make_customer,
    make_invoice,
    make_preview,
    make_reason,
    make_subscription,
    new_key,
)
from tests.factories import make_incident as make_outage
from tests.services.batches.desk import (
    entries_of,
    issue,
    lines_of,
    look,
    make_batch,
    make_incident,
    preview_again,
    take_back,
)

pytestmark = pytest.mark.money


def spend(customer_id: int, amount_minor: int) -> None:
    invoice_id = make_invoice(customer_id, amount_minor)
    transact(credits.apply, customer_id, invoice_id, by=actor(), key=new_key())


def test_what_is_unspent_goes_back_line_by_line_and_both_sides_are_linked(app: Flask) -> None:
    a, b = make_customer(100), make_customer()
    batch_id = make_batch([(a, 111), (b, 222)])
    issue(batch_id, 2)

    reversal_id = take_back(batch_id, 2)

    assert (balance_of(a), balance_of(b)) == (100, 0)
    assert [amount for _c, amount, _d in entries_of(reversal_id)] == [-111, -222]
    reversal = look(reversal_id)
    assert (reversal.status, reversal.posted, reversal.posted_minor, reversal.reverses_id) == (
        "done",
        2,
        -333,
        batch_id,
    )
    db.session.rollback()
    entry = db.session.scalars(select(CreditEntry).where(CreditEntry.batch_id == reversal_id)).first()
    assert entry is not None
    assert (entry.kind, entry.reversed_seq) == ("reversal", 2)


def test_what_was_spent_is_left_and_listed(app: Flask) -> None:
    a, b = make_customer(), make_customer()
    batch_id = make_batch([(a, 111), (b, 222)])
    issue(batch_id, 2)
    spend(a, 80)
    spend(b, 222)

    reversal_id = take_back(batch_id, 2)

    assert (balance_of(a), balance_of(b)) == (0, 0)
    assert [(line.computed_minor, line.amount_minor) for line in lines_of(reversal_id)] == [(-111, -31), (-222, 0)]
    assert (look(reversal_id).posted, look(reversal_id).skipped) == (1, 1)
    assert transact(batches.spent_lines, reversal_id) == 2


def test_an_invoice_asks_for_what_was_spent(app: Flask) -> None:
    a, b = make_customer(), make_customer()
    batch_id = make_batch([(a, 111), (b, 222)])
    issue(batch_id, 2)
    spend(a, 80)

    reversal_id = take_back(batch_id, 2, bill_spent_too=True)

    billed = [line.invoice_id for line in lines_of(reversal_id)]
    assert billed[0] is not None
    assert billed[1] is None
    invoice = db.session.scalars(select(Invoice).where(Invoice.id == billed[0])).one()
    assert (invoice.customer_id, invoice.total_minor, invoice.status) == (a, 80, "unpaid")
    job.run()
    assert [line.invoice_id for line in lines_of(reversal_id)] == billed


def test_invoices_can_be_asked_for_afterwards_once(app: Flask) -> None:
    a = make_customer()
    batch_id = make_batch([(a, 111)])
    issue(batch_id, 1)
    spend(a, 111)
    reversal_id, key = take_back(batch_id, 1), new_key()

    transact(batches.want_bills, reversal_id, by=actor(), key=key)
    job.run()
    transact(batches.want_bills, reversal_id, by=actor(), key=key)
    job.run()

    assert len(db.session.scalars(select(Invoice).where(Invoice.customer_id == a)).all()) == 2
    with pytest.raises(BatchStateError, match="has nothing left"):
        transact(batches.want_bills, reversal_id, by=actor(), key=new_key())


def test_what_somebody_reversed_by_hand_is_not_taken_twice(app: Flask) -> None:
    a = make_customer(500)
    batch_id = make_batch([(a, 111)])
    issue(batch_id, 1)
    seq = db.session.scalars(select(CreditEntry.seq).where(CreditEntry.batch_id == batch_id)).one()
    transact(credits.reverse, a, seq, 100, by=actor(), key=new_key())

    reversal_id = take_back(batch_id, 1)

    assert balance_of(a) == 500
    assert [amount for _c, amount, _d in entries_of(reversal_id)] == [-11]


def test_a_batch_is_taken_back_once(app: Flask) -> None:
    a = make_customer()
    batch_id = make_batch([(a, 111)])
    issue(batch_id, 1)
    take_back(batch_id, 1)

    with pytest.raises(BatchStateError, match="taken back already"):
        take_back(batch_id, 1)

    assert balance_of(a) == 0


def test_the_same_form_sent_twice_takes_back_once(app: Flask) -> None:
    batch_id, key = make_batch([(make_customer(), 111)]), new_key()
    issue(batch_id, 1)

    first, again = (
        transact(batches.reverse, batch_id, count=1, bill_spent_too=False, by=actor(), key=key) for _time in range(2)
    )

    assert first == again


def test_a_wrong_number_typed_takes_nothing_back(app: Flask) -> None:
    batch_id = make_batch([(make_customer(), 111)])
    issue(batch_id, 1)

    with pytest.raises(BatchCountError):
        take_back(batch_id, 2)


def test_a_batch_that_was_not_issued_has_nothing_to_take_back(app: Flask) -> None:
    batch_id = make_batch([(make_customer(), 111)])

    with pytest.raises(BatchStateError, match="nothing that could be taken back"):
        take_back(batch_id, 0)


def test_a_stopped_batch_that_is_taken_back_cannot_go_on(app: Flask) -> None:
    a, b = make_customer(), make_customer()
    batch_id = make_batch([(a, 111), (b, 222)])
    issue(batch_id, 2, run=False)
    transact(batches.go_on, batch_id, chunk=1)
    transact(batches.stop, batch_id, by=actor(), key=new_key())
    take_back(batch_id, 1)

    with pytest.raises(BatchStateError, match="is being taken back"):
        transact(batches.resume, batch_id, by=actor(), key=new_key())

    assert (balance_of(a), balance_of(b)) == (0, 0)


def test_after_taking_back_the_incident_can_be_credited_rightly(app: Flask) -> None:
    a = make_customer()
    incident_id = make_incident()
    batch_id = make_batch([(a, 111)], incident_id=incident_id)
    issue(batch_id, 1)
    early_id = preview_again(batch_id)
    take_back(batch_id, 1)

    with pytest.raises(BatchStateError, match="preview it anew"):
        issue(early_id, 1)
    right_id = make_batch([(a, 150)], incident_id=incident_id)
    issue(right_id, 1)

    assert balance_of(a) == 150


def test_a_killed_reversal_goes_on_without_taking_twice(app: Flask) -> None:
    people = [make_customer() for _ in range(3)]
    batch_id = make_batch([(each, 100) for each in people])
    issue(batch_id, 3)
    reversal_id = transact(batches.reverse, batch_id, count=3, bill_spent_too=False, by=actor(), key=new_key())

    transact(batches.go_on, reversal_id, chunk=2)
    for each in people:
        give(each, 1000)
    job.run()

    assert [balance_of(each) for each in people] == [1000] * 3
    assert look(reversal_id).posted == 3


def test_an_incident_whose_batch_was_stopped_and_taken_back_can_be_previewed_anew(app: Flask) -> None:
    people = [make_customer(), make_customer()]
    for each in people:
        make_subscription(each, location="web07", price_minor=240_000)
    incident_id = make_outage(locations=("web07",))
    batch_id = make_preview(incident_id)
    issue(batch_id, 2, run=False)
    transact(batches.go_on, batch_id, chunk=1)
    transact(batches.stop, batch_id, by=actor(), key=new_key())
    take_back(batch_id, 1)

    issue(make_preview(incident_id), 2)

    assert [balance_of(each) > 0 for each in people] == [True, True]


def test_nobody_is_asked_to_pay_for_credit_that_lapsed(app: Flask) -> None:
    a = make_customer()
    reason_id = make_reason("Goodbye", expires_after_days=1)
    batch_id = make_batch([(a, 111)], reason_id=reason_id)
    issue(batch_id, 1)
    spend(a, 11)
    expire(datetime.now(UTC) + timedelta(days=3))

    reversal_id = take_back(batch_id, 1, bill_spent_too=True)

    [line] = lines_of(reversal_id)
    assert (line.computed_minor, line.amount_minor) == (-11, 0)
    invoice = db.session.scalars(select(Invoice).where(Invoice.id == line.invoice_id)).one()
    assert invoice.total_minor == 11


def test_who_has_been_billed_for_what_was_spent_can_be_credited_rightly(app: Flask) -> None:
    billed, left = make_customer(), make_customer()
    for each in (billed, left):
        make_subscription(each, location="web07", price_minor=240_000)
    incident_id = make_outage(locations=("web07",))
    first_id = make_preview(incident_id)
    issue(first_id, 2)
    given_minor = balance_of(billed)
    spend(billed, given_minor)
    take_back(first_id, 2, bill_spent_too=True)

    second_id = make_preview(incident_id)

    assert [(line.flag, line.is_included) for line in lines_of(second_id)] == [("", True)] * 2
    issue(second_id, 2)
    assert [balance_of(each) for each in (billed, left)] == [given_minor] * 2
