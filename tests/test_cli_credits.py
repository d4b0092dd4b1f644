"""`flask credits import`: adjustments from a file on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from creditapp.db import db
from creditapp.models import BatchLine, CreditEntry, Role
from tests.factories import StaffMember, balance_of, make_customer, make_staff


@pytest.fixture
def manager(app: Flask) -> StaffMember:
    return make_staff(Role.MANAGER, email="mona@panel.example")


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "june.csv"


def run(app: Flask, *words: str) -> Result:
    db.session.rollback()
    return app.test_cli_runner().invoke(args=["credits", "import", *words])


def count(model: type[CreditEntry | BatchLine]) -> int:
    db.session.rollback()
    return db.session.execute(select(func.count()).select_from(model)).scalar_one()


def test_without_post_a_file_is_only_judged(app: Flask, sheet: Path, manager: StaffMember) -> None:
    one = make_customer()
    sheet.write_text(f"customer,amount,reason,colour\n{one},5,Courtesy,red\n{one},1e5,Courtesy,red\n")

    result = run(app, str(sheet), "--staff", manager.email)

    assert result.stderr == "line 3: Enter the amount in digits, like 12.50.\n"
    assert result.stdout.splitlines() == [
        "2 lines: 1 to post, 1 refused, 0 posted before. $5.00 added, $0.00 removed. Columns not read: colour.",
        "Nothing was posted.",
    ]
    assert (result.exit_code, count(CreditEntry), count(BatchLine)) == (1, 0, 0)


@pytest.mark.money
def test_with_post_the_good_lines_are_posted_once(app: Flask, sheet: Path, manager: StaffMember) -> None:
    one = make_customer(200)
    sheet.write_text(
        f"customer;amount;reason\n{one};5;Courtesy\n{one};-1;Entered by mistake\n{one};-99;Entered by mistake\n"
    )

    first = run(app, str(sheet), "--staff", "MONA@panel.example", "--post")
    second = run(app, str(sheet), "--staff", manager.email, "--post")

    assert first.stdout.splitlines()[-1] == "Batch #1: 2 posted, 1 skipped; the batch says why."
    assert "1 to post, 0 refused, 2 posted before." in second.stdout
    assert (first.exit_code, balance_of(one)) == (0, 600)
    entry = db.session.execute(select(CreditEntry).where(CreditEntry.batch_id == 1).limit(1)).scalar_one()
    assert (entry.actor, entry.actor_id) == ("staff", manager.id)


def test_a_file_that_cannot_be_read_is_one_sentence_on_stderr(app: Flask, sheet: Path, manager: StaffMember) -> None:
    sheet.write_bytes("customer,amount,reason\n".encode("utf-16"))

    result = run(app, str(sheet), "--staff", manager.email, "--post")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: This file is in UTF-16; save it as “CSV UTF-8” and try again.\n"


@pytest.mark.parametrize(
    ("email", "sentence"),
    [
        ("nobody@panel.example", "Nobody on the staff signs in as nobody@panel.example."),
        ("gone@panel.example", "Nobody on the staff signs in as gone@panel.example."),
        ("agent@panel.example", "agent@panel.example may not post adjustments from a file"),
    ],
)
def test_only_somebody_who_may_can_be_named(app: Flask, sheet: Path, email: str, sentence: str) -> None:
    make_staff(Role.AGENT, email="agent@panel.example")
    make_staff(Role.ADMIN, email="gone@panel.example", disabled=True)
    sheet.write_text(f"customer,amount,reason\n{make_customer()},5,Courtesy\n")

    result = run(app, str(sheet), "--staff", email, "--post")

    assert (result.exit_code, count(CreditEntry)) == (1, 0)
    assert sentence in result.stderr
