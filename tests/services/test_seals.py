"""A seal outside the database remembers what stood there: a tail that was cut with care is missed."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from flask import current_app
from sqlalchemy.orm import Session

from creditapp.db import ledger_key, snapshot, transact
from creditapp.jobs.tick import tick
from creditapp.services import audit, seals, verification
from creditapp.services.audit import Action
from tests.books import Books
from tests.factories import actor, give, make_customer, moment
from tests.services.tampering import tampered

pytestmark = pytest.mark.money

A_DAY = timedelta(days=1)
NOON = moment("2026-03-02 12:00")
CUT = (
    "DELETE FROM credit_entry_texts WHERE customer_id = :c AND seq = 2",
    "DELETE FROM credit_lots WHERE customer_id = :c AND seq = 2",
    "DELETE FROM credit_days WHERE amount_minor = 50",
    "DELETE FROM credit_entries WHERE customer_id = :c AND seq = 2",
    (
        "UPDATE credit_accounts SET balance_minor = 1000, entry_seq = 1, "
        "head_hash = (SELECT hash FROM credit_entries WHERE customer_id = :c AND seq = 1) WHERE customer_id = :c"
    ),
    "UPDATE credit_totals SET balance_minor = balance_minor - 50 WHERE balance_minor >= 1050",
)
CUT_AUDIT = (
    "DELETE FROM audit_details WHERE seq = (SELECT seq FROM audit_head)",
    "DELETE FROM audit_log WHERE seq = (SELECT seq FROM audit_head)",
    "UPDATE audit_head SET seq = seq - 1, hash = (SELECT hash FROM audit_log WHERE seq = audit_head.seq - 1)",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / seals.FILE


@pytest.fixture
def customer(app: object) -> int:
    """A customer with +1000 and, in a day's sum of its own, a quiet +50; and two audit rows."""
    made = make_customer(1000)
    give(made, 50)
    for name in ("first", "second"):
        transact(audit.record, Action.SETTINGS_SAVED, actor(), "settings", 1, after={"company": name})
    return made


def _seal(path: Path) -> int:
    with snapshot() as session:
        return seals.seal(session, path, NOON)


def _found(session: Session, path: Path | None) -> list[str]:
    return [
        str(finding)
        for finding in verification.verify(session, path)
        if finding.check not in {"guards", "days", "totals"}
    ]


def _reported(path: Path) -> list[str]:
    return [str(finding) for finding in verification.report(seals=path)]


def test_an_entry_cut_off_the_end_is_missed_by_the_seal_alone(customer: int, path: Path) -> None:
    _seal(path)

    with tampered(*CUT, c=customer) as session:
        blind, found = _found(session, None), _found(session, path)

    assert blind == []
    assert any(finding.startswith(f"seal: CR-{customer}-2: it was sealed at ") for finding in found), found
    assert "seals: 2 entries were sealed; there are 1" in found


def test_an_audit_row_cut_off_the_end_is_missed_by_the_seal_alone(customer: int, path: Path) -> None:
    _seal(path)

    with tampered(*CUT_AUDIT) as session:
        blind, found = _found(session, None), _found(session, path)

    assert blind == []
    assert any("audit seal: audit row" in finding and "is gone" in finding for finding in found), found


def test_what_took_a_sealed_entrys_place_is_not_it(customer: int, path: Path) -> None:
    _seal(path)

    with tampered("UPDATE credit_entries SET hash = key_digest WHERE customer_id = :c AND seq = 2", c=customer) as it:
        found = _found(it, path)

    assert any(f"seal: CR-{customer}-2: it is not the entry that was sealed" in finding for finding in found), found


def test_sealed_books_that_nobody_touched_are_found_clean(customer: int, path: Path) -> None:
    _seal(path)
    give(customer, -5)
    _seal(path)
    give(customer, 7)

    assert _reported(path) == []
    assert len(path.read_text().splitlines()) == 4
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_seal_holds_only_what_has_changed_since(customer: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "MARGIN", timedelta(days=-20_000))
    first, second = _seal(path), _seal(path)

    assert (first, second) == (1, 0)
    assert _reported(path) == []


def test_a_seal_of_many_takes_several_lines(app: object, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "HEADS_AT_ONCE", 2)
    for _ in range(5):
        make_customer(10)

    assert _seal(path) == 5
    assert len(path.read_text().splitlines()) == 4
    assert _reported(path) == []


def test_without_entries_there_is_nothing_to_seal(app: object, path: Path) -> None:
    make_customer()

    assert _seal(path) == 0
    assert not path.exists()


def test_acts_are_sealed_before_there_is_an_entry(app: object, path: Path) -> None:
    for name in ("first", "second"):
        transact(audit.record, Action.SETTINGS_SAVED, actor(), "settings", 1, after={"company": name})
    _seal(path)

    with tampered(*CUT_AUDIT) as session:
        found = _found(session, path)

    assert any("audit seal: audit row 2" in finding for finding in found), found
    assert _reported(path) == []


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_line_that_was_changed_is_found(customer: int, path: Path, number: int) -> None:
    _seal(path)
    _seal(path)
    lines = path.read_text().splitlines(keepends=True)
    lines[number - 1] = lines[number - 1].replace('"at":"2026', '"at":"2025')
    path.write_text("".join(lines))

    assert _reported(path) == [f"seals: line {number} of seals.jsonl, or the line before it, is not as it was written"]


def test_a_line_taken_out_of_the_middle_is_found(customer: int, path: Path) -> None:
    _seal(path)
    _seal(path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], *lines[2:]]))

    assert _reported(path) == ["seals: line 2 of seals.jsonl, or the line before it, is not as it was written"]


def test_a_line_of_junk_is_found_and_sealing_goes_on(customer: int, path: Path) -> None:
    _seal(path)
    with path.open("a") as file:
        file.write("junk\n")
    _seal(path)

    assert _reported(path) == ["seals: line 3 of seals.jsonl, or the line before it, is not as it was written"]


def test_a_line_that_the_power_cut_short_is_written_anew(customer: int, path: Path) -> None:
    _seal(path)
    with path.open("a") as file:
        file.write('{"at":"2026')
    before = _reported(path)
    _seal(path)

    assert (before, _reported(path)) == ([], [])
    assert len(path.read_text().splitlines()) == 4


def test_the_tick_seals_once_a_day(customer: int) -> None:
    path = Path(current_app.instance_path) / seals.FILE
    lines = []
    for at in (NOON, NOON + timedelta(minutes=1), NOON + A_DAY):
        tick(at)
        lines.append(len(path.read_text().splitlines()))

    assert lines == [2, 2, 4]
    with snapshot() as session:
        assert seals.last_sealed_at(ledger_key(session), path) == NOON + A_DAY
    assert _reported(path) == []


def test_the_books_of_the_shelf_can_be_sealed(books: Books, path: Path) -> None:
    assert _seal(path) == 2
    assert _reported(path) == []
