"""Merging two customers: what moves, what stays, and that no cent is lost or made."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from creditapp.db import db, transact, transact_at
from creditapp.errors import MergedError, MergeMovedError, MergeRefusedError, NotApplicableError
from creditapp.gateways import ToldKind
from creditapp.models import CreditAccount, CreditEntry, CreditLot, Customer, Invoice, LogIn, Subscription
from creditapp.services import batches, credits, invoices, merging, numbers, refunds, renewals, top_ups, verification
from creditapp.services.merging import Merged, Seen
from tests.conftest import AppMaker
from tests.factories import (
    actor,
    balance_of,
    close_customer,
    freeze_account,
    give,
    make_client,
    make_customer,
    make_incident,
    make_invoice,
    make_payment,
    make_preview,
    make_reason,
    make_refund,
    make_subscription,
    new_key,
)
from tests.services.batches.desk import issue, lines_of, look, make_batch, preview_again, take_back
from tests.services.gateways.far_end import begin, captured, hear, told

AT = datetime.now(UTC)
CLASSES = ("goodwill", "promotional", "paid")
pytestmark = pytest.mark.money


def merge(customer_id: int, into: int, **given: Any) -> Merged:  # noqa: ANN401  (of the service)
    terms: dict[str, Any] = {"into": into, "by": actor(), "key": new_key()} | given
    return transact(merging.merge, customer_id, **terms)


def lots_of(customer_id: int) -> list[tuple[str, int, datetime | None]]:
    db.session.rollback()
    lot = CreditLot
    rows = db.session.execute(
        select(lot.class_, lot.remaining_minor, lot.expires_at)
        .where(lot.customer_id == customer_id, lot.remaining_minor > 0)
        .order_by(lot.seq)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def invoice_of(customer_id: int, invoice_id: int) -> Invoice:
    db.session.rollback()
    return db.session.get_one(Invoice, (customer_id, invoice_id))


def due_of(invoice: Invoice) -> int:
    return invoice.total_minor - invoice.credit_minor - invoice.paid_minor


def test_the_balance_moves_and_each_lot_keeps_its_class_and_expiry(app: Flask) -> None:
    discarded, kept = make_customer(), make_customer(500)
    lapsing = make_reason("Spring offer", class_="promotional", expires_after_days=30)
    give(discarded, 1000)
    give(discarded, 300)
    give(discarded, 200, reason_id=lapsing)
    before = lots_of(discarded)

    merged = merge(discarded, kept)

    assert merged.moved_minor == 1500
    assert (balance_of(discarded), balance_of(kept)) == (0, 2000)
    [own, promotional, goodwill] = lots_of(kept)
    assert (own, promotional) == (("goodwill", 500, None), before[2])
    assert goodwill == ("goodwill", 1300, None)
    e = CreditEntry
    words = select(e.description, e.amount_minor).where(e.kind.in_(("merged_out", "merged_in")))
    assert sorted(tuple(row) for row in db.session.execute(words)) == [
        (f"Merged from User #{discarded}", 200),
        (f"Merged from User #{discarded}", 1300),
        (f"Merged into User #{kept}", -1300),
        (f"Merged into User #{kept}", -200),
    ]


def test_an_open_invoice_keeps_its_number_and_what_is_due_on_it(app: Flask) -> None:
    discarded, kept = make_customer(1000), make_customer(700)
    subscription = make_subscription(discarded)
    invoice_id, draft_id = make_invoice(discarded, 4000), make_invoice(discarded, 900, is_draft=True)
    transact(credits.apply, discarded, invoice_id, 600, by=actor(), key=new_key())
    make_payment(discarded, 150, invoice_id)
    paid_id = make_invoice(discarded, 100)
    make_payment(discarded, 100, paid_id)

    merge(discarded, kept)

    old, twin = invoice_of(discarded, invoice_id), invoice_of(kept, invoice_id)
    assert (old.status, old.moved_to_id, due_of(twin)) == ("cancelled", kept, 3250)
    assert (twin.status, twin.moved_from_id, twin.credit_minor, twin.due_on) == ("unpaid", discarded, 750, old.due_on)
    assert invoice_of(kept, draft_id).status == "draft"
    assert invoice_of(discarded, paid_id).status == "paid"
    assert balance_of(kept) == 700 + 400
    moved = db.session.get_one(Subscription, (discarded, subscription))
    goes_on = db.session.get_one(Subscription, (kept, subscription))
    assert (moved.status, moved.moved_to_id, goes_on.status) == ("cancelled", kept, "active")
    assert goes_on.next_due_on == moved.next_due_on


def test_refusals_say_why_and_the_same_form_merges_once(app: Flask) -> None:
    first, second, gone = make_customer(100), make_customer(), make_customer()
    close_customer(gone)
    key = new_key()

    with pytest.raises(MergeRefusedError):
        merge(first, first)
    with pytest.raises(MergeRefusedError):
        merge(first, gone)
    with pytest.raises(MergeMovedError):
        merge(first, second, seen={first: Seen(1, 99)})
    assert not merge(first, second, key=key, seen={first: Seen(1, 100), second: Seen(1, 0)}).replayed
    assert merge(first, second, key=key).replayed
    with pytest.raises(MergedError) as refused:
        merge(first, gone)
    assert refused.value.sentence(str) == f"User #{first} was merged into user #{second}: do it there."
    with pytest.raises(MergedError):
        give(first, 5)
    assert balance_of(second) == 100


def test_chains_stay_flat(app: Flask) -> None:
    a, b, c = make_customer(100), make_customer(20), make_customer(3)
    invoice_id = make_invoice(a, 500)
    transact(credits.apply, a, invoice_id, 40, by=actor(), key=new_key())

    merge(a, b)
    merge(b, c)

    db.session.rollback()
    into = select(Customer.merged_into_id).where(Customer.id.in_((a, b)))
    assert list(db.session.execute(into).scalars()) == [c, c]
    assert (balance_of(c), due_of(invoice_of(c, invoice_id))) == (83, 460)


def test_what_was_frozen_stays_frozen_and_a_log_in_moves_or_ends(app: Flask) -> None:
    client, other = make_client(100), make_customer()
    freeze_account(client.id)
    merge(client.id, other)
    second = make_client(30)
    merge(second.id, other)

    account = db.session.get_one(CreditAccount, other)
    assert account.frozen_reason == f"User #{client.id}, merged into this one: Under review"
    log_ins = db.session.execute(select(LogIn.email, LogIn.customer_id).where(LogIn.kind == "customer"))
    assert [tuple(row) for row in log_ins] == [(client.email, other)]
    assert balance_of(other) == 130


def test_what_was_paid_of_a_deposit_is_credit_and_the_rest_is_still_asked_for(app: Flask) -> None:
    customer, kept = make_customer(), make_customer()
    number = transact(numbers.reserve, "invoices")
    transact(top_ups.ask, customer, number, 5000, by=actor(), key=new_key())
    make_payment(customer, 1200, number)

    merge(customer, kept)
    make_payment(kept, 3800, number)

    assert invoice_of(kept, number).status == "paid"
    assert balance_of(kept) == 5000


def test_call_backs_of_a_payment_that_was_begun_before_pay_the_invoice_where_it_is_now(app: Flask) -> None:
    customer, middle, kept = make_customer(), make_customer(), make_customer()
    invoice_id = make_invoice(customer, 1000)
    begun = begin(customer, invoice_id)
    merge(customer, middle)
    again = begin(middle, invoice_id)
    assert (again.intent_id, again.replayed) == (begun.intent_id, True)
    merge(middle, kept)

    taken = hear(captured(begun, 1500))

    assert (taken.status, taken.customer_id) == ("done", kept)
    assert invoice_of(kept, invoice_id).status == "paid"
    assert balance_of(kept) == 500
    late = hear(captured(begun, 1000, ref="ch_2", event_id="late"))
    assert (late.status, balance_of(kept)) == ("done", 1500)


def test_a_payment_that_failed_lets_the_invoice_go(app: Flask) -> None:
    customer, kept = make_customer(), make_customer(300)
    invoice_id = make_invoice(customer, 1000)
    begun = begin(customer, invoice_id)
    merge(customer, kept)
    with pytest.raises(NotApplicableError):
        transact(credits.apply, kept, invoice_id, by=actor(), key=new_key())

    hear(told(ToldKind.FAILED, "", begun, event_id="failed"))

    assert transact(credits.apply, kept, invoice_id, by=actor(), key=new_key()).decision.amount_minor == 300


def test_a_dispute_about_an_old_payment_is_taken_from_the_survivor_and_given_back(app: Flask) -> None:
    customer, kept = make_customer(), make_customer(100)
    begun = begin(customer, make_invoice(customer, 1000))
    hear(captured(begun, 1800))
    hear(told(ToldKind.DISPUTED, disputed_minor=200, event_id="early", after_s=1, dispute_ref="d1"))
    merge(customer, kept)
    assert balance_of(kept) == 700

    hear(told(ToldKind.DISPUTED, disputed_minor=1600, event_id="all", after_s=2, dispute_ref="d2"))

    owed = select(Invoice.customer_id, Invoice.total_minor).where(Invoice.kind == "clawback")
    db.session.rollback()
    assert [tuple(row) for row in db.session.execute(owed)] == [(kept, 1000)]
    # 600 of the payment had become credit; the 100 that were the survivor's own went to the new invoice.
    assert balance_of(kept) == 0
    for number, name in enumerate(("d1", "d2")):
        hear(told(ToldKind.DISPUTE_CLOSED, disputed_minor=0, event_id=name, after_s=3 + number, dispute_ref=name))
    assert (balance_of(kept), balance_of(customer)) == (900, 0)


def test_an_old_invoice_can_be_refunded_and_what_comes_back_passes_on(app: Flask) -> None:
    customer, kept = make_customer(400), make_customer()
    invoice_id = make_invoice(customer, 1000)
    transact(credits.apply, customer, invoice_id, 400, by=actor(), key=new_key())
    make_payment(customer, 600, invoice_id)
    refund_id = make_refund(customer, 250)
    merge(customer, kept)

    transact(invoices.refund_to_credit, customer, invoice_id, by=actor(), key=new_key())
    transact(refunds.settle, customer, refund_id, "RF-1")

    assert (balance_of(customer), balance_of(kept)) == (0, 1000)
    assert sorted(lot[:2] for lot in lots_of(kept)) == [("goodwill", 400), ("paid", 600)]
    assert invoice_of(customer, invoice_id).status == "refunded"


def test_a_batch_credits_the_survivor_once_and_can_be_taken_back(app: Flask) -> None:
    customer, kept = make_customer(), make_customer()
    batch_id = make_batch([(customer, 500), (kept, 70)])
    copy_id = preview_again(batch_id)
    merge(customer, kept)

    issue(batch_id, 2)
    issue(copy_id, 2)

    assert balance_of(kept) == 570
    assert look(copy_id).posted == 0
    take_back(batch_id, 2)
    assert balance_of(kept) == 0


def test_a_batch_that_waits_for_a_merge_credits_the_survivor(app: Flask) -> None:
    customer, kept = make_customer(), make_customer()
    batch_id = make_batch([(customer, 500)])
    issue(batch_id, 1, run=False)
    merged, by = threading.Event(), actor()

    def go_on() -> None:
        merged.wait(10)
        with app.app_context():
            transact(batches.go_on, batch_id)

    def merge_slowly(session: Session) -> None:
        merging.merge(session, customer, into=kept, by=by, key="slow")
        merged.set()
        threading.Event().wait(0.3)

    other = threading.Thread(target=go_on)
    other.start()
    transact(merge_slowly)
    other.join(20)

    assert (balance_of(customer), balance_of(kept)) == (0, 500)


def test_an_incident_that_named_the_one_hits_the_other(app: Flask) -> None:
    customer, kept = make_customer(), make_customer()
    make_subscription(customer, started_on=date(2025, 1, 1))
    incident = make_incident(customer_ids=(customer,))
    merge(customer, kept)

    preview = make_preview(incident)

    [line] = lines_of(preview)
    assert (line.customer_id, line.is_included) == (kept, True)


def test_a_period_is_billed_once_whoever_it_was_billed_to(app: Flask) -> None:
    customer, kept = make_customer(), make_customer()
    subscription = make_subscription(customer, next_due_on=date(2026, 4, 1))
    renew(date(2026, 4, 1))
    merge(customer, kept)
    renew(date(2026, 4, 1))
    renew(date(2026, 5, 1))

    db.session.rollback()
    i = Invoice
    billed = select(i.customer_id, i.period_start).where(i.subscription_id == subscription, i.moved_to_id.is_(None))
    assert sorted(tuple(row) for row in db.session.execute(billed)) == [
        (kept, date(2026, 4, 1)),
        (kept, date(2026, 5, 1)),
    ]


def renew(day: date) -> None:
    due = transact(renewals.due_after, day)
    first = transact(numbers.reserve, "invoices", max(1, len(due)))
    transact(renewals.renew, due, first, on=day)


@settings(max_examples=8)
@given(
    st.lists(
        st.tuples(st.integers(1, 900), st.sampled_from(CLASSES), st.sampled_from((None, 1, 40)), st.booleans()),
        min_size=1,
        max_size=6,
    )
)
def test_what_both_had_by_class_and_date_is_what_the_survivor_has(
    new_app: AppMaker, found: list[tuple[int, str, int | None, bool]]
) -> None:
    with new_app("sqlite"):
        customer, kept = make_customer(), make_customer()
        for minor, class_, days, is_kept in found:
            reason = make_reason(class_=class_, expires_after_days=days)
            give(kept if is_kept else customer, minor, reason_id=reason, at=AT)
        before = sums_of(customer) + sums_of(kept)
        if balance_of(customer):
            paid_in_part = make_invoice(customer, 10_000)
            spent = transact_at(AT, credits.apply, customer, paid_in_part, by=actor(), key=new_key())
            merge(customer, kept)
            assert due_of(invoice_of(kept, paid_in_part)) == 10_000 - spent.decision.amount_minor
            transact(invoices.cancel, kept, paid_in_part, by=actor(), key=new_key())
        else:
            merge(customer, kept)
        assert sums_of(kept) == before
        assert verification.report() == []


def sums_of(customer_id: int) -> Counter[tuple[str, datetime | None]]:
    found: Counter[tuple[str, datetime | None]] = Counter()
    for class_, minor, expires_at in lots_of(customer_id):
        found[class_, expires_at] += minor
    return found
