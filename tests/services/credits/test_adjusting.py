"""What an adjustment writes, and in which words."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from creditapp.db import db, transact
from creditapp.models import (
    CreditEntryText,
    Kind,
    Reason,
    Role,
)
from creditapp.money import AMOUNT_MINOR_MAX
from creditapp.services import credits
from creditapp.services.ledger import Entry
from tests.factories import (
    balance_of,
    change_settings,
    make_customer,
    make_reason,
    make_staff,
    reason_named,
)
from tests.services.credits.desk import NOON, adjust, row, set_balance, texts, undo

pytestmark = pytest.mark.money


@pytest.mark.parametrize("amount_minor", [1, 99, 1500, AMOUNT_MINOR_MAX])
def test_credit_that_is_added_is_the_balance_at_once(app: Flask, amount_minor: int) -> None:
    customer = make_customer()

    entry = adjust(customer, amount_minor)

    assert balance_of(customer) == amount_minor
    assert entry == Entry(customer, 1, Kind.ADDED, amount_minor, amount_minor)
    assert entry.reference == f"CR-{customer}-1"


@pytest.mark.parametrize(("amount_minor", "left_minor"), [(-1, 999), (-400, 600), (-1000, 0)])
def test_credit_that_is_removed_is_gone_at_once(app: Flask, amount_minor: int, left_minor: int) -> None:
    customer = make_customer(1000)

    entry = adjust(customer, amount_minor)

    assert balance_of(customer) == left_minor
    assert entry == Entry(customer, 2, Kind.REMOVED, amount_minor, left_minor)


def test_who_when_and_why_are_kept_with_the_entry(app: Flask) -> None:
    customer, staff = make_customer(), make_staff(Role.MANAGER)

    entry = adjust(
        customer, 500, by=staff.actor, note="Broken router", customer_note="Sorry!", ticket_ref="#81", at=NOON
    )

    kept = row(entry)
    assert (kept.actor, kept.actor_id, kept.posted_at) == ("staff", staff.id, NOON)
    assert kept.reason_id == reason_named("Courtesy")
    assert texts(entry) == ("Broken router", "Sorry!", "#81")


def test_the_customers_line_is_the_reasons_own_unless_another_is_written(app: Flask) -> None:
    customer = make_customer()

    plain = adjust(customer, 500)
    written = adjust(customer, 600, customer_note="With our apologies")

    assert texts(plain) == (None, "A credit from us to you", None)
    assert texts(written) == (None, "With our apologies", None)


def test_what_the_customer_was_told_stays_when_the_reason_is_reworded(app: Flask) -> None:
    customer, reason = make_customer(), make_reason("Storm", customer_text="For the storm of March")
    entry = adjust(customer, 500, reason_id=reason)

    transact(_reword, reason, "For bad weather")

    assert texts(entry)[1] == "For the storm of March"


def test_a_quiet_reason_makes_a_quiet_entry(app: Flask) -> None:
    customer = make_customer()

    quiet = adjust(customer, 500, reason_id=make_reason(is_quiet=True))
    loud = adjust(customer, 600)

    assert (row(quiet).is_quiet, row(loud).is_quiet) == (True, False)


def test_an_entry_without_words_keeps_no_text(app: Flask) -> None:
    entry = adjust(make_customer(), 500, reason_id=make_reason(customer_text=""))

    assert row(entry).text_digest is None
    assert db.session.get(CreditEntryText, (entry.customer_id, entry.seq)) is None


def test_the_day_is_the_panels_own(app: Flask) -> None:
    change_settings(time_zone="Pacific/Auckland")

    entry = adjust(make_customer(), 500, at=NOON)

    assert row(entry).day.isoformat() == "2026-03-03"
    assert row(entry).effective_on.isoformat() == "2026-03-03"


def _reword(session: Session, reason_id: int, words: str) -> None:
    session.execute(update(Reason).where(Reason.id == reason_id).values(customer_text=words))


def test_each_entry_is_logged_in_the_exact_words(app: Flask) -> None:
    customer = make_customer()

    added = adjust(customer, 1000)
    removed = adjust(customer, -300)
    corrected = set_balance(customer, 900, 700)
    reversal = undo(credits.reverse, removed)
    void = undo(credits.void, corrected)
    deletion = undo(credits.delete, adjust(customer, 50))

    assert [row(entry).description for entry in (added, removed, corrected, reversal, void, deletion)] == [
        "Credit Added",
        "Credit Removed",
        "Balance Correction",
        f"Reversal of CR-{customer}-2",
        f"Void of CR-{customer}-3",
        f"Reversal of CR-{customer}-6",
    ]
