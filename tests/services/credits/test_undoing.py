"""Reversing, voiding, deleting: history stays, and never more is undone than was done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from creditapp.db import transact_at
from creditapp.models import CreditClass, InvoiceKind, Kind
from creditapp.money import AMOUNT_MINOR_MAX, BALANCE_MINOR_MAX
from creditapp.services import credits, sweeps
from creditapp.services.ledger import Entry
from tests.factories import (
    actor,
    balance_of,
    give,
    make_customer,
    make_invoice,
    make_payment,
    make_reason,
    new_key,
)
from tests.services.credits.desk import adjust, lots, refusal, row, set_balance, texts, undo

pytestmark = pytest.mark.money


def test_a_whole_addition_is_taken_back_from_its_own_lot(app: Flask) -> None:
    customer = make_customer(300)
    entry = adjust(customer, 500)

    reversal = undo(credits.reverse, entry, note="Typo")

    assert reversal == Entry(customer, 3, Kind.REVERSAL, -500, 300)
    assert row(reversal).reversed_seq == 2
    assert row(reversal).reason_id == row(entry).reason_id
    assert texts(reversal)[0] == "Typo"
    assert lots(customer) == {1: 300, 2: 0}


def test_an_addition_can_be_taken_back_in_parts_until_nothing_is_left(app: Flask) -> None:
    customer = make_customer()
    entry = adjust(customer, 500)

    undo(credits.reverse, entry, 200)
    too_much = refusal(lambda: undo(credits.reverse, entry, 301))
    undo(credits.reverse, entry, 300)

    assert too_much == f"At most $3.00 of CR-{customer}-1 can still be reversed."
    assert balance_of(customer) == 0
    assert refusal(lambda: undo(credits.reverse, entry, 1)) == (f"CR-{customer}-1 has been reversed in full already.")


@pytest.mark.parametrize("amount_minor", [0, -1, -500])
def test_a_part_must_be_a_part(app: Flask, amount_minor: int) -> None:
    entry = adjust(make_customer(), 500)

    sentence = refusal(lambda: undo(credits.reverse, entry, amount_minor))

    assert sentence == f"At most $5.00 of {entry.reference} can still be reversed."


def test_what_has_been_used_cannot_be_taken_back(app: Flask) -> None:
    customer = make_customer()
    entry = adjust(customer, 500)
    adjust(customer, -300)

    whole = refusal(lambda: undo(credits.reverse, entry))
    undo(credits.reverse, entry, 200)
    rest = refusal(lambda: undo(credits.reverse, entry))

    assert whole == f"Only $2.00 of CR-{customer}-1 is unused: at most that can be taken back."
    assert rest == f"The rest of CR-{customer}-1 has been used: there is nothing left to take back."


def test_a_removal_is_given_back_to_the_lots_it_came_from(app: Flask) -> None:
    customer = make_customer()
    give(customer, 500)
    give(customer, 200, reason_id=make_reason(class_=CreditClass.PROMOTIONAL))
    removal = adjust(customer, -600)

    undo(credits.reverse, removal)

    assert lots(customer) == {1: 500, 2: 200}


def test_a_part_of_a_removal_goes_back_to_the_lot_drawn_last(app: Flask) -> None:
    customer = make_customer()
    give(customer, 500)
    give(customer, 200, reason_id=make_reason(class_=CreditClass.PROMOTIONAL))
    removal = adjust(customer, -600)

    undo(credits.reverse, removal, 300)
    first = lots(customer)
    undo(credits.reverse, removal, 300)

    assert first == {1: 400, 2: 0}
    assert lots(customer) == {1: 500, 2: 200}


def test_a_correction_is_reversed_whichever_way_it_went(app: Flask) -> None:
    customer = make_customer(1000)

    undo(credits.reverse, set_balance(customer, 400, 1000))
    undo(credits.reverse, set_balance(customer, 1300, 1000))

    assert balance_of(customer) == 1000


def test_a_reversal_is_not_reversed(app: Flask) -> None:
    customer = make_customer()
    reversal = undo(credits.reverse, adjust(customer, 500))
    void = undo(credits.void, adjust(customer, 600))

    for entry in (reversal, void):
        assert refusal(lambda: undo(credits.reverse, entry)) == (  # noqa: B023  (called at once)
            f"{entry.reference} cannot be reversed: it is a reversal itself; post a new adjustment."
        )


def test_what_came_from_elsewhere_is_undone_there(app: Flask) -> None:
    customer = make_customer()
    make_payment(customer, 500, make_invoice(customer, 500, kind=InvoiceKind.ADD_FUNDS))
    entry = Entry(customer, 1, Kind.TOP_UP, 500, 500)
    assert balance_of(customer) == 500

    assert refusal(lambda: undo(credits.reverse, entry)) == (
        f"CR-{customer}-1 cannot be reversed: it is undone where it came from."
    )


def test_there_is_nothing_to_reverse_under_a_number_nobody_posted(app: Flask) -> None:
    customer = make_customer(500)
    nothing = Entry(customer, 99, Kind.ADDED, 1, 1)

    assert refusal(lambda: undo(credits.reverse, nothing)) == f"There is no entry CR-{customer}-99."


def test_another_customers_entry_is_not_found(app: Flask) -> None:
    mine, other = make_customer(500), make_customer()
    adjust(mine, 100)

    assert refusal(lambda: undo(credits.reverse, Entry(other, 2, Kind.ADDED, 100, 600))) == (
        f"There is no entry CR-{other}-2."
    )


def test_reversing_a_removal_can_meet_the_ceiling(app: Flask) -> None:
    customer = make_customer(500)
    removal = adjust(customer, -500)
    for _ in range(BALANCE_MINOR_MAX // AMOUNT_MINOR_MAX):
        give(customer, AMOUNT_MINOR_MAX)

    assert refusal(lambda: undo(credits.reverse, removal)) == (
        "A balance can be at most $10,000,000,000.00: add at most $0.00."
    )


def test_a_void_takes_the_unused_rest(app: Flask) -> None:
    customer = make_customer()
    entry = adjust(customer, 500)
    adjust(customer, -300)

    void = undo(credits.void, entry)

    assert void == Entry(customer, 3, Kind.VOID, -200, 0)
    assert refusal(lambda: undo(credits.void, entry)) == (
        f"The rest of CR-{customer}-1 has been used: there is nothing left to take back."
    )


def test_only_what_added_credit_has_a_rest_to_void(app: Flask) -> None:
    removal = adjust(make_customer(500), -300)

    assert refusal(lambda: undo(credits.void, removal)) == (
        f"{removal.reference} cannot be reversed: it added no credit, so there is no rest to void."
    )


def test_an_unused_entry_can_be_deleted_and_stays_readable(app: Flask) -> None:
    customer = make_customer()
    entry = adjust(customer, 500)

    deletion = undo(credits.delete, entry)

    assert deletion == Entry(customer, 2, Kind.REVERSAL, -500, 0)
    assert row(entry).amount_minor == 500


def test_a_removal_can_be_deleted_too(app: Flask) -> None:
    customer = make_customer(500)

    undo(credits.delete, adjust(customer, -200))

    assert balance_of(customer) == 500


def test_a_used_entry_is_not_deleted_but_offered_for_voiding(app: Flask) -> None:
    customer = make_customer()
    entry = adjust(customer, 500)
    adjust(customer, -300)

    part = refusal(lambda: undo(credits.delete, entry))
    adjust(customer, -200)
    whole = refusal(lambda: undo(credits.delete, entry))

    assert part == f"CR-{customer}-1 has been used in part and cannot be deleted. Void the unused $2.00 instead."
    assert whole == f"CR-{customer}-1 has been used up and cannot be deleted."


@pytest.mark.parametrize(
    ("amount_minor", "used_minor", "reversed_minor", "sentence"),
    [
        (500, 0, 200, "has been reversed in part and cannot be deleted. Void the unused $3.00 instead."),
        (500, 0, 500, "has been reversed in full and cannot be deleted."),
        (500, 100, 0, "has been used in part and cannot be deleted. Void the unused $4.00 instead."),
        (
            *(500, 100, 200),
            "has been used in part and reversed in part and cannot be deleted. Void the unused $2.00 instead.",
        ),
        (500, 300, 200, "has been used in part and reversed in part and cannot be deleted."),
        (500, 500, 0, "has been used up and cannot be deleted."),
        (-500, 0, 200, "has been reversed in part and cannot be deleted. Reverse the remaining $3.00 instead."),
        (-500, 0, 500, "has been reversed in full and cannot be deleted."),
    ],
)
def test_the_refusal_to_delete_says_what_became_of_the_entry(
    app: Flask, amount_minor: int, used_minor: int, reversed_minor: int, sentence: str
) -> None:
    customer = make_customer(500 if amount_minor < 0 else 0)
    entry = adjust(customer, amount_minor)
    if used_minor:
        adjust(customer, -used_minor)
    if reversed_minor:
        undo(credits.reverse, entry, reversed_minor)

    assert refusal(lambda: undo(credits.delete, entry)) == f"{entry.reference} {sentence}"


@pytest.mark.parametrize(
    ("used_minor", "reversed_minor", "deleting", "voiding"),
    [
        (0, 0, "has expired", "All of {} has expired"),
        (300, 0, "has been used in part, has expired in part", "All of {} has been used or has expired"),
        (0, 200, "has been reversed in part, has expired in part", "The rest of {} has expired"),
        (
            *(300, 100),
            "has been used in part and reversed in part, has expired in part",
            "The rest of {} has been used or has expired",
        ),
    ],
)
def test_what_expired_is_not_said_to_be_used(
    app: Flask, used_minor: int, reversed_minor: int, deleting: str, voiding: str
) -> None:
    customer, given_at = make_customer(), datetime(2026, 3, 2, 12, tzinfo=UTC)
    entry = give(customer, 500, reason_id=make_reason(expires_after_days=5), at=given_at)
    if used_minor:
        give(customer, -used_minor, at=given_at)
    if reversed_minor:
        transact_at(given_at, credits.reverse, customer, entry.seq, reversed_minor, by=actor(), key=new_key())
    transact_at(given_at + timedelta(days=30), sweeps.expire)

    assert refusal(lambda: undo(credits.delete, entry)) == f"{entry.reference} {deleting} and cannot be deleted."
    sentence = f"{voiding.format(entry.reference)}: there is nothing left to take back."
    assert refusal(lambda: undo(credits.void, entry)) == sentence


def test_what_was_used_up_is_not_said_to_be_reversed(app: Flask) -> None:
    customer = make_customer()
    entry = adjust(customer, 500)
    adjust(customer, -500)

    assert refusal(lambda: undo(credits.void, entry)) == (
        f"All of {entry.reference} has been used: there is nothing left to take back."
    )


def test_a_deletion_cannot_be_deleted_twice(app: Flask) -> None:
    entry = adjust(make_customer(), 500)
    undo(credits.delete, entry)

    assert refusal(lambda: undo(credits.delete, entry)) == (
        f"{entry.reference} has been reversed in full and cannot be deleted."
    )
