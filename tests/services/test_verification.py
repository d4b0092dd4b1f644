"""Whatever is changed behind the ledger's back is found, and the row is named."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.orm import Session

from creditapp.db import db, snapshot
from creditapp.services import verification
from tests.books import Books
from tests.factories import give, make_customer
from tests.services.tampering import tampered

pytestmark = pytest.mark.money


def _found(session: Session) -> list[str]:
    """What is found, but for the guards that were lifted to tamper."""
    return [str(finding) for finding in verification.verify(session) if finding.check != "guards"]


ENTRY = "customer_id = :c AND seq = "
COPIED = (
    "INSERT INTO credit_entries SELECT customer_id, 8, kind, amount_minor, balance_after_minor, description, is_quiet, "
    "reason_id, invoice_id, payment_id, subscription_id, batch_id, incident_id, promo_code_id, reversed_seq, "
    "other_customer_id, other_seq, actor, actor_id, 'forged', key_digest, effective_on, day, posted_at, text_digest, "
    f"hash FROM credit_entries WHERE {ENTRY} 5"
)
SWAPPED = (
    f"UPDATE credit_entries SET seq = 101 WHERE {ENTRY} 1; UPDATE credit_entries SET seq = 1 WHERE {ENTRY} 2; "
    f"UPDATE credit_entries SET seq = 2 WHERE {ENTRY} 101"
)

TAMPERINGS = {
    "an amount": (
        f"UPDATE credit_entries SET amount_minor = 999 WHERE {ENTRY} 1",
        "running balance: CR-{c}-1: it says 1000 afterwards; the entries up to it sum to 999",
    ),
    "an amount, in the chain": (
        f"UPDATE credit_entries SET amount_minor = 999 WHERE {ENTRY} 1",
        "chain: CR-{c}-1: its content or the entry before it is not what was sealed",
    ),
    "an amount, in the lots": (
        f"UPDATE credit_entries SET amount_minor = 999 WHERE {ENTRY} 1",
        "lots: CR-{c}-1: an entry of 999 has a lot of 1000",
    ),
    "an amount, in the draws": (
        f"UPDATE credit_entries SET amount_minor = -499 WHERE {ENTRY} 3",
        "draws: CR-{c}-3: an entry of -499 draws 500",
    ),
    "a wording": (
        f"UPDATE credit_entries SET description = 'Credit Gift' WHERE {ENTRY} 2",
        "chain: CR-{c}-2: its content or the entry before it is not what was sealed",
    ),
    "a maker": (
        f"UPDATE credit_entries SET actor_id = 999 WHERE {ENTRY} 2",
        "chain: CR-{c}-2: its content or the entry before it is not what was sealed",
    ),
    "a date": (
        f"UPDATE credit_entries SET day = '2020-01-01', effective_on = '2020-01-01' WHERE {ENTRY} 2",
        "chain: CR-{c}-2: its content or the entry before it is not what was sealed",
    ),
    "a hash": (
        f"UPDATE credit_entries SET hash = (SELECT hash FROM credit_entries WHERE {ENTRY} 1) WHERE {ENTRY} 7",
        "head: user #{c}: the account does not end in the hash of its newest entry",
    ),
    "two entries swapped": (
        SWAPPED,
        "chain: CR-{c}-1: its content or the entry before it is not what was sealed",
    ),
    "an entry cut out": (
        f"DELETE FROM credit_entries WHERE {ENTRY} 3",
        "sequence: CR-{c}-4: it is number 3 of its history",
    ),
    "an entry cut out, its draws": (
        f"DELETE FROM credit_entries WHERE {ENTRY} 3",
        "draws: CR-{c}-3: there are draws and no entry",
    ),
    "the newest entry cut off": (
        f"DELETE FROM credit_entries WHERE {ENTRY} 7",
        "sequence: user #{c}: the account counts 7 entries, not 6",
    ),
    "an entry forged": (COPIED, "chain: CR-{c}-8: its content or the entry before it is not what was sealed"),
    "an account thrown away": (
        "DELETE FROM credit_accounts WHERE customer_id = :c",
        "account: user #{c}: it has entries and no account",
    ),
    "a kind": (
        f"UPDATE credit_entries SET kind = 'removed' WHERE {ENTRY} 1",
        "sign: CR-{c}-1: 1000 does not fit “removed”",
    ),
    "a kind nobody knows": (
        f"UPDATE credit_entries SET kind = 'gift' WHERE {ENTRY} 1",
        "kind: CR-{c}-1: “gift” is no kind of entry",
    ),
    "the rules of a kind": (
        "UPDATE credit_kinds SET sign = 1 WHERE kind = 'removed'",
        "kinds: “removed” is (1, 'spends') in the table, (-1, 'spends') in the code",
    ),
    "a kind taken away": (
        "DELETE FROM credit_kinds WHERE kind = 'promo'",
        "kinds: “promo” is None in the table, (1, 'issues') in the code",
    ),
    "a balance": (
        "UPDATE credit_accounts SET balance_minor = balance_minor + 1 WHERE customer_id = :c",
        "balance: user #{c}: the balance is 731, the entries sum to 730",
    ),
    "a balance, against the lots": (
        "UPDATE credit_accounts SET balance_minor = balance_minor + 1 WHERE customer_id = :c",
        "lots: user #{c}: the balance is 731, what is left of the lots sums to 730",
    ),
    "a head": (
        f"UPDATE credit_accounts SET head_hash = (SELECT hash FROM credit_entries WHERE {ENTRY} 1)",
        "head: user #{c}: the account does not end in the hash of its newest entry",
    ),
    "a note": (
        f"UPDATE credit_entry_texts SET note = 'Nothing' WHERE {ENTRY} 1",
        "text: CR-{c}-1: its text is not what was sealed",
    ),
    "a note torn out": (
        f"DELETE FROM credit_entry_texts WHERE {ENTRY} 1",
        "text: CR-{c}-1: its text is missing",
    ),
    "a note slipped in": (
        "INSERT INTO credit_entry_texts (customer_id, seq, note) VALUES (:c, 7, 'As agreed')",
        "text: CR-{c}-7: it was posted without a text and has one",
    ),
    "a note to nothing": (
        "INSERT INTO credit_entry_texts (customer_id, seq, note) VALUES (:c, 99, 'As agreed')",
        "text: CR-{c}-99: there is a text and no entry",
    ),
    "a lot's rest": (
        f"UPDATE credit_lots SET remaining_minor = remaining_minor - 1 WHERE {ENTRY} 1",
        "lots: CR-{c}-1: its lot has 729 left; its draws leave 730",
    ),
    "a lot thrown away": (
        f"DELETE FROM credit_lots WHERE {ENTRY} 5",
        "lots: CR-{c}-5: an entry of 50 has a lot of None",
    ),
    "a lot of a spend": (
        "INSERT INTO credit_lots VALUES (:c, 3, 'paid', 500, 500, NULL)",
        "lots: CR-{c}-3: an entry of -500 has a lot of 500",
    ),
    "a lot of nothing": (
        "INSERT INTO credit_lots VALUES (:c, 99, 'paid', 500, 500, NULL)",
        "lots: CR-{c}-99: there is a lot and no entry",
    ),
    "a draw": (
        "UPDATE credit_draws SET amount_minor = amount_minor + 1 WHERE customer_id = :c AND entry_seq = 7",
        "draws: CR-{c}-7: an entry of -70 draws 71",
    ),
    "a draw by an issuing entry": (
        "INSERT INTO credit_draws (customer_id, entry_seq, lot_seq, amount_minor) VALUES (:c, 5, 1, 5)",
        "draws: CR-{c}-5: an entry of 50 draws 5",
    ),
    "a draw of the wrong sign": (
        "INSERT INTO credit_draws (customer_id, entry_seq, lot_seq, amount_minor) VALUES (:c, 7, 5, -5)",
        "draws: CR-{c}-7: its draw of -5 on lot 5 has the sign of the entry of -70",
    ),
    "a reversal of a reversal": (
        f"UPDATE credit_entries SET reversed_seq = 4 WHERE {ENTRY} 6",
        "reversals: CR-{c}-6: -50 cannot reverse 100 (“reversal”)",
    ),
    "a reversal of the same sign": (
        f"UPDATE credit_entries SET reversed_seq = 3 WHERE {ENTRY} 6",
        "reversals: CR-{c}-6: -50 cannot reverse -500 (“removed”)",
    ),
    "a reversal before its entry": (
        f"UPDATE credit_entries SET reversed_seq = 7 WHERE {ENTRY} 4",
        "reversals: CR-{c}-4: 100 cannot reverse -70 (“transfer_out”)",
    ),
    "a reversal above its entry": (
        f"UPDATE credit_entries SET amount_minor = -49 WHERE {ENTRY} 5",
        "reversals: CR-{c}-5: of -49, -50 is reversed",
    ),
    "a reversal from another lot": (
        f"UPDATE credit_entries SET reversed_seq = 2 WHERE {ENTRY} 6",
        "reversals: CR-{c}-6: it takes back a lot's entry and draws on lot 5 instead",
    ),
    "a reversal to a lot not drawn on": (
        "UPDATE credit_draws SET lot_seq = 5 WHERE customer_id = :c AND entry_seq = 4",
        "reversals: CR-{c}-4: it gives lot 5 more than was drawn from it",
    ),
    "half a transfer": (
        "UPDATE credit_entries SET other_seq = 2 WHERE customer_id = :o AND seq = 1",
        "pairs: CR-{o}-1: “transfer_in” and its other half, CR-{c}-2, do not match",
    ),
    "half a transfer, from the other side": (
        "UPDATE credit_entries SET amount_minor = 71 WHERE customer_id = :o AND seq = 1",
        "pairs: CR-{c}-7: “transfer_out” and its other half, CR-{o}-1, do not match",
    ),
    "a day's sum": (
        "UPDATE credit_days SET amount_minor = amount_minor + 1 WHERE kind = 'transfer_out'",
        "sums differ from the entries by 1 in 0 lines",
    ),
    "a day's lines": (
        "UPDATE credit_days SET lines = lines + 2 WHERE kind = 'transfer_out'",
        "sums differ from the entries by 0 in 2 lines",
    ),
    "a day's class": (
        "UPDATE credit_days SET class = 'paid' WHERE kind = 'transfer_out'",
        "sums differ from the entries by -70 in 1 lines",
    ),
    "a total": (
        "UPDATE credit_totals SET balance_minor = balance_minor + 1 WHERE shard = 1",
        "totals: shard 1: the total differs from the balances by 1, the holders by 0",
    ),
    "a count of holders": (
        "UPDATE credit_totals SET holders = holders - 1 WHERE shard = 1",
        "totals: shard 1: the total differs from the balances by 0, the holders by -1",
    ),
    "an audit row": (
        "UPDATE audit_log SET actor_id = 999 WHERE seq = 2",
        "audit chain: audit row 2: its content or the row before it is not what was sealed",
    ),
    "an audit row cut out": (
        "DELETE FROM audit_log WHERE seq = 2",
        "audit sequence: audit row 3: it is number 2 of the log",
    ),
    "the newest audit row cut off": (
        "DELETE FROM audit_log WHERE seq = 3",
        "audit head: the head does not stand at the log's last row, 2",
    ),
    "an audit row's details": (
        "UPDATE audit_details SET details = '{\"after\": {}}' WHERE seq = 2",
        "audit details: audit row 2: its details are not what was sealed",
    ),
    "an audit row's details torn out": (
        "DELETE FROM audit_details WHERE seq = 2",
        "audit details: audit row 2: its details are missing",
    ),
}


def test_books_that_nobody_touched_are_found_clean(books: Books) -> None:
    assert verification.report() == []


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_found_and_the_row_is_named(books: Books, what: str) -> None:
    statements, expected = TAMPERINGS[what]

    with tampered(*statements.split(";"), c=books.c, o=books.other) as session:
        found = _found(session)

    assert any(books.named(expected) in finding for finding in found), found


@pytest.mark.parametrize("engine", ["sqlite"])
def test_text_that_no_text_is_does_not_end_the_search(books: Books) -> None:
    garbage = f"UPDATE credit_entries SET description = CAST(x'ff41' AS TEXT) WHERE {ENTRY} 2"
    with tampered(garbage, c=books.c) as session:
        found = _found(session)

    assert found == [f"chain: CR-{books.c}-2: its content or the entry before it is not what was sealed"]


def test_an_entry_that_was_changed_is_the_only_one_named(books: Books) -> None:
    with tampered(f"UPDATE credit_entries SET description = 'Credit Gift' WHERE {ENTRY} 2", c=books.c) as session:
        found = _found(session)

    assert found == [f"chain: CR-{books.c}-2: its content or the entry before it is not what was sealed"]


def test_an_amount_that_is_no_whole_number_is_found(books: Books) -> None:
    if db.engine.dialect.name == "postgresql":
        with pytest.raises(DataError, match="out of range"), _with_amount("1e30", books):
            pytest.fail("PostgreSQL took it")
        return

    with _with_amount("499.5", books) as session:
        found = _found(session)

    assert f"whole numbers: CR-{books.c}-1: credit_entries.amount_minor is real" in found


def _with_amount(amount: str, books: Books) -> AbstractContextManager[Session]:
    return tampered(f"UPDATE credit_entries SET amount_minor = {amount} WHERE {ENTRY} 1", c=books.c)


def test_an_entry_dated_before_the_one_before_it_is_found(books: Books) -> None:
    earlier = f"UPDATE credit_entries SET day = '2020-01-01' WHERE {ENTRY} 2"

    with tampered(earlier, c=books.c) as session:
        found = _found(session)

    assert f"order: CR-{books.c}-2: it is dated before the entry before it" in found


JUNK = {
    "a day": ("credit_entries SET day = 'junk'", "unreadable: CR-{c}-2: its day is “junk”"),
    "an effective day": ("credit_entries SET effective_on = 20260302", "its effective_on is “20260302”"),
    "a moment": ("credit_entries SET posted_at = 'junk'", "unreadable: CR-{c}-2: its posted_at is “junk”"),
    "a moment no calendar has": ("credit_entries SET posted_at = 9e30", "CR-{c}-2: its posted_at is “9e+30”"),
    "a moment too late": (
        "credit_entries SET posted_at = 9000000000000000000",
        "its posted_at is “9000000000000000000”",
    ),
    "a hash": ("credit_entries SET hash = 'abc'", "unreadable: CR-{c}-2: its hash is “abc”"),
    "a digest": ("credit_entries SET key_digest = 7", "unreadable: CR-{c}-2: its key_digest is “7”"),
    "an amount": ("credit_entries SET amount_minor = 'plenty'", "whole numbers: CR-{c}-2: “plenty” is no whole number"),
    "a balance after": ("credit_entries SET balance_after_minor = 'x'", "CR-{c}-2: its balance_after_minor is “x”"),
    "a kind": ("credit_entries SET kind = x'00'", "unreadable: CR-{c}-2: its kind is “b'\\x00'”"),
}
JUNK_ELSEWHERE = {
    "a head": ("UPDATE credit_accounts SET head_hash = 'abc' WHERE customer_id = :c", "head: user #{c}"),
    "a balance": ("UPDATE credit_accounts SET balance_minor = 'x' WHERE customer_id = :c", "balance: user #{c}"),
    "a count": ("UPDATE credit_accounts SET entry_seq = 'x' WHERE customer_id = :c", "sequence: user #{c}"),
    "a salt": (f"UPDATE credit_entry_texts SET salt = 'x' WHERE {ENTRY} 1", "unreadable: CR-{c}-1: its salt is “x”"),
    "an audit moment": ("UPDATE audit_log SET at = 'x' WHERE seq = 2", "unreadable: audit row 2: its at is “x”"),
    "an audit hash": ("UPDATE audit_log SET hash = 'x' WHERE seq = 2", "unreadable: audit row 2: its hash is “x”"),
    "audit details": ("UPDATE audit_details SET details = '{' WHERE seq = 2", "audit row 2: its details is “{”"),
    "huge draws": ("UPDATE credit_draws SET amount_minor = 9223372036854775807", "sums: the database cannot add up"),
    "the audit head": ("UPDATE audit_head SET hash = 'x'", "audit head: the head does not stand"),
}
JUNK_ANYWHERE = {f"{what} elsewhere": spoiling for what, spoiling in JUNK_ELSEWHERE.items()} | {
    what: (f"UPDATE {change} WHERE {ENTRY} 2", expected) for what, (change, expected) in JUNK.items()
}


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("what", JUNK_ANYWHERE)
def test_what_cannot_be_read_is_found_and_the_row_is_named(books: Books, what: str) -> None:
    statement, expected = JUNK_ANYWHERE[what]

    with tampered(statement, c=books.c) as session:
        found = _found(session)

    assert any(books.named(expected) in finding for finding in found), found


def test_each_trigger_that_is_gone_is_missed(books: Books) -> None:
    with db.engine.connect() as connection, Session(bind=connection) as session:
        engine = connection.dialect.name
        guards = sorted(verification.expected_guards(engine))
        missed = {}
        for guard in guards:
            assert not list(verification.check_guards(session))
            connection.exec_driver_sql(_dropping(engine, guard))
            missed[guard] = [str(finding) for finding in verification.check_guards(session)][:1]
            session.rollback()
            connection.rollback()

    assert missed == {guard: [f"guards: the trigger {guard} is missing or switched off"] for guard in guards}


def _dropping(engine: str, guard: str) -> str:
    table = guard.removesuffix("_kept").removesuffix("_append_only").removesuffix("_fixed").rsplit("_no_", 1)[0]
    return f"DROP TRIGGER {guard}" if engine == "sqlite" else f"ALTER TABLE {table} DISABLE TRIGGER {guard}"


def test_texts_that_were_erased_break_nothing(books: Books) -> None:
    erase = (
        "UPDATE credit_entry_texts SET note = NULL, customer_note = NULL, ticket_ref = NULL, search_key = NULL, "
        f"salt = NULL, erased_at = (SELECT posted_at FROM credit_entries WHERE {ENTRY} 1) WHERE customer_id = :c"
    )

    with tampered(erase, c=books.c) as session:
        found = _found(session)

    assert found == []


@pytest.mark.tampers
def test_a_report_stops_at_the_number_asked_for(app: Flask) -> None:
    give(make_customer(500), -20)
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE credit_days SET amount_minor = amount_minor + 1")

    assert len(verification.report(1)) == 1
    assert len(verification.report()) == 2


def test_a_snapshot_cannot_write(app: Flask) -> None:
    with pytest.raises(DBAPIError, match=r"read-?only"), snapshot() as session:
        session.execute(text("UPDATE credit_totals SET holders = 1"))

    give(make_customer(), 5)


def test_a_snapshot_sees_nothing_of_what_is_posted_meanwhile(app: Flask) -> None:
    customer = make_customer(500)

    with snapshot() as session:
        before = session.execute(text("SELECT count(*) FROM credit_entries")).scalar_one()
        give(customer, 5)
        after = session.execute(text("SELECT count(*) FROM credit_entries")).scalar_one()

    assert (before, after) == (1, 1)
