"""The command line: what it prints, where, and how it exits."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select, text

from creditapp.db import db, transact_at
from creditapp.jobs.worker import queue
from creditapp.models import CreditEntry, Customer, RequestKey, Role, Staff
from creditapp.services import customers, demo, passwords
from creditapp.services.actor import SYSTEM
from creditapp.services.demo.words import CUSTOMERS
from tests.browser import Browser
from tests.conftest import LEDGER_KEY, SECRET_KEY
from tests.factories import make_customer, make_staff, moment, new_key
from tests.phones import give_factor

ROOT = Path(__file__).resolve().parent.parent
HEADER = "external_id,name,company,email,opening_balance,joined_on\n"
GOOD = "seven green turtles swim"


def _run(app: Flask, *words: str, typed: str | None = None) -> Result:
    result = app.test_cli_runner().invoke(args=words, input=typed)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def _count(model: type[Customer | CreditEntry | Staff]) -> int:
    db.session.rollback()
    return db.session.execute(select(func.count()).select_from(model)).scalar_one()


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    path = tmp_path / "customers.csv"
    path.write_text(HEADER + "1,Ann Lee,,ann@kite.example,12.50,2024-01-31\n2,Bob,,b@kite.example,0,2024-02-29\n")
    return path


@pytest.fixture
def own_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'panel.db'}"


def test_staff_are_created_with_a_password_from_standard_input(app: Flask) -> None:
    result = _run(
        app,
        *("staff", "create", "ann@panel.example", "--role", "manager", "--name", "Ann Lee", "--password-stdin"),
        typed=f"{GOOD}\nanother line\n",
    )

    assert result.output == "Created staff #1: Ann Lee <ann@panel.example>, manager.\n"
    assert result.exit_code == 0
    person = db.session.get_one(Staff, 1)
    hash_ = db.session.execute(text("SELECT password_hash FROM log_ins")).scalar_one()
    assert (person.name, person.role) == ("Ann Lee", "manager")
    assert passwords.verify(hash_, GOOD)


@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [
        ("ann@panel.example", "short", "Use at least 15 characters; this has 5."),
        ("ann@panel.example", "", "Use at least 15 characters; this has 0."),
        ("ann", GOOD, "“ann” is no email address."),
        ("a@" + "x" * 300, GOOD, "Use at most 254 characters"),
    ],
)
def test_a_refused_staff_account_is_one_sentence_on_stderr(
    app: Flask, email: str, password: str, sentence: str
) -> None:
    result = _run(app, "staff", "create", email, "--role", "agent", "--password-stdin", typed=f"{password}\n")

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert result.stdout == ""
    assert _count(Staff) == 0


def test_a_taken_email_is_refused(app: Flask) -> None:
    words = ("staff", "create", "ann@panel.example", "--role", "agent", "--password-stdin")
    _run(app, *words, typed=GOOD)

    result = _run(app, *words, typed=GOOD)

    assert (result.exit_code, _count(Staff)) == (1, 1)
    assert "is taken" in result.stderr


def test_the_first_admin_comes_in_by_a_link(app: Flask, browser: Browser) -> None:
    result = _run(app, "staff", "invite", "ann@panel.example", "--role", "admin", "--name", "Ann Lee")
    assert (result.exit_code, _count(Staff)) == (0, 0)

    page = browser.submit(result.output.strip(), password=GOOD, password_again=GOOD)

    assert page.path == "/sign-in"
    assert browser.submit(page, email="ann@panel.example", password=GOOD).path == "/admin/users"
    db.session.rollback()
    last = _run(app, "staff", "disable", "ann@panel.example")
    assert "the last admin" in last.stderr
    assert _run(app, "staff", "invite", "ann@panel.example", "--role", "agent").exit_code == 1


def test_who_is_locked_out_is_let_in_and_who_has_left_kept_out(app: Flask) -> None:
    person = make_staff(Role.AGENT, email="ann@panel.example")
    give_factor(person)

    assert "password alone" in _run(app, "staff", "reset-factor", "ANN@panel.example").output
    assert "no second factor" in _run(app, "staff", "reset-factor", "ann@panel.example").stderr
    assert _run(app, "staff", "disable", "ann@panel.example").output == f"Disabled staff #{person.id}.\n"
    assert _run(app, "staff", "disable", "nobody@panel.example").exit_code == 1
    assert db.session.get_one(Staff, person.id).disabled_at is not None


def test_no_password_is_asked_for_in_a_pipe(app: Flask) -> None:
    result = _run(app, "staff", "create", "ann@panel.example", "--role", "agent", typed=GOOD)

    assert result.exit_code == 1
    assert "--password-stdin" in result.stderr


def test_a_dry_run_tells_each_line_and_imports_nothing(app: Flask, sheet: Path) -> None:
    result = _run(app, "customers", "import", str(sheet), "--dry-run")

    assert result.output.splitlines() == [
        "line 2: 1: new",
        "line 3: 2: new",
        "2 lines: 2 new, 0 already there, 0 refused. Opening balances: $12.50. Nothing was imported: a dry run.",
    ]
    assert (result.exit_code, _count(Customer)) == (0, 0)


def test_an_import_says_what_it_came_to(app: Flask, sheet: Path) -> None:
    result = _run(app, "customers", "import", str(sheet))

    assert result.exit_code == 0
    assert result.output.endswith("0 refused. Opening balances: $12.50. Imported.\n")
    assert (_count(Customer), _count(CreditEntry)) == (2, 1)


def test_importing_again_adds_nothing(app: Flask, sheet: Path) -> None:
    _run(app, "customers", "import", str(sheet))

    result = _run(app, "customers", "import", str(sheet))

    assert "2 lines: 0 new, 2 already there, 0 refused." in result.output
    assert _count(CreditEntry) == 1


def test_a_refused_line_goes_to_stderr_and_exits_1(app: Flask, sheet: Path) -> None:
    sheet.write_text(sheet.read_text() + "3,,,nobody,1,2024-01-31\n")

    result = _run(app, "customers", "import", str(sheet))

    assert (result.exit_code, _count(Customer)) == (1, 0)
    assert "line 4: 3: refused: name: Every customer needs a name." in result.stderr
    assert "Nothing was imported." in result.stderr
    assert "line 4" not in result.stdout


def test_two_customers_are_merged_once_it_is_said_twice(app: Flask) -> None:
    discarded, kept = make_customer(700, name="Ada Byron"), make_customer(50, name="Ada King")
    words = ("customers", "merge", str(discarded), "--into", str(kept))

    asked = _run(app, *words, typed="n\n")
    done = _run(app, *words, typed="y\n")
    again = _run(app, *words, "--yes")

    question = f"Merge #{discarded} Ada Byron ($7.00) into #{kept} Ada King ($0.50)? This cannot be undone."
    assert (asked.exit_code, asked.output.startswith(question)) == (1, True)
    assert done.output.splitlines()[-1] == (
        f"#{discarded} was merged into #{kept}: $7.00, 0 open invoices and 0 subscriptions moved."
    )
    assert again.exit_code == 1
    assert f"User #{discarded} was merged into user #{kept}: do it there." in again.stderr


def test_a_file_that_cannot_be_read_is_one_sentence(app: Flask, sheet: Path) -> None:
    sheet.write_bytes(sheet.read_text().encode("utf-16"))

    result = _run(app, "customers", "import", str(sheet))

    assert result.exit_code == 1
    assert result.stderr == "Error: This file is in UTF-16; save it as “CSV UTF-8” and try again.\n"


def test_a_file_that_is_not_there_is_a_usage_error(app: Flask) -> None:
    assert _run(app, "customers", "import", "no-such-file.csv").exit_code == 2


@pytest.mark.slow
def test_the_sample_imports_on_the_command_line(app: Flask) -> None:
    result = _run(app, "customers", "import", str(CUSTOMERS))

    assert "2,000 lines: 2,000 new, 0 already there, 0 refused. Opening balances: $102,083.61." in result.output


@pytest.mark.money
def test_a_whole_ledger_is_said_to_be_whole(app: Flask) -> None:
    make_customer(500)
    make_customer()

    result = _run(app, "ledger", "verify")

    assert result.output == "The ledger is whole: 2 customers, 1 entry.\n"
    assert result.exit_code == 0


@pytest.mark.tampers
def test_a_ledger_that_was_tampered_with_exits_1_and_names_the_row(app: Flask) -> None:
    customer_id = make_customer(500)
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE credit_accounts SET balance_minor = 501"))

    result = _run(app, "ledger", "verify")

    assert result.exit_code == 1
    assert f"user #{customer_id}" in result.stdout
    assert "The ledger is not whole" in result.stderr


def test_a_tick_happens_at_the_moment_it_is_told(app: Flask) -> None:
    fields = customers.CustomerFields(name="Ann", email="a@b.example", joined_on=moment().date())
    transact_at(moment("2026-03-02 12:00"), customers.create, fields, by=SYSTEM, key=new_key())

    early = _run(app, "tick", "--at", "2026-05-31T13:59+02:00")
    late = _run(app, "tick", "--at", "2026-05-31 12:00")

    assert "0 request keys" in early.output
    assert "1 request keys" in late.output
    assert db.session.execute(select(RequestKey.scope)).scalars().all() == ["daily"]  # what the tick itself remembers


def test_a_tick_at_no_moment_is_a_usage_error(app: Flask) -> None:
    result = _run(app, "tick", "--at", "tomorrow")

    assert result.exit_code == 2
    assert "2026-03-02T12:00" in result.stderr


def test_a_demo_is_made_to_measure(app: Flask) -> None:
    result = _run(app, "demo", "--customers", "30", "--entries", "60", "--seed", "5", "--until", "2026-03-20")

    assert result.exit_code == 0
    assert re.search(r"Made 30 customers and posted \d+ entries\.\n$", result.output)
    assert _count(Customer) == 30
    assert _count(CreditEntry) >= 55


@pytest.mark.slow
def test_setup_fills_an_empty_panel_once_and_prints_the_sign_ins_each_time(tmp_path: Path, own_url: str) -> None:
    first = _setup(tmp_path, own_url)
    second = _setup(tmp_path, own_url)

    sign_ins = [line.split() for line in first.stdout.splitlines() if "@" in line]
    assert [line[0] for line in sign_ins] == ["Admin", "Manager", "Support", "Auditor", "Customer"]
    assert [line.split() for line in second.stdout.splitlines() if "@" in line] == sign_ins
    assert "Making up" not in second.stdout
    assert (tmp_path / "demo-sign-ins").exists()


def _environment(folder: Path, url: str) -> dict[str, str]:
    return os.environ | {
        "CREDITAPP_INSTANCE": str(folder),
        "DATABASE_URL": url,
        "CREDITAPP_SECRET_KEY": SECRET_KEY,
        "CREDITAPP_LEDGER_KEY": LEDGER_KEY.decode(),
    }


def _setup(folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "setup"],
        cwd=ROOT,
        env=_environment(folder, url),
        capture_output=True,
        text=True,
        check=True,
    )


def test_setup_leaves_a_panel_with_customers_alone(app: Flask) -> None:
    make_customer()

    result = _run(app, "setup")

    assert result.output == ""
    assert (_count(Customer), _count(Staff)) == (1, 0)


def test_setup_can_do_without_a_demo(app: Flask) -> None:
    assert _run(app, "setup", "--no-demo").output == ""
    assert _count(Customer) == 0


@pytest.mark.slow
def test_the_worker_stops_when_it_is_told_to(tmp_path: Path, own_url: str) -> None:
    environment = _environment(tmp_path, own_url)
    command = [sys.executable, "-m", "flask", "--app", "app"]
    subprocess.run([*command, "setup", "--no-demo"], cwd=ROOT, env=environment, check=True)
    with subprocess.Popen([*command, "worker"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "The worker is ready.\n"

        worker.send_signal(signal.SIGTERM)

        assert worker.wait(timeout=30) == 0


@pytest.mark.money
def test_the_queue_ticks_every_minute(app: Flask) -> None:
    huey = queue(app)

    (tick,) = huey._registry.periodic_tasks

    assert tick.validate_datetime(moment())
    huey.storage.close()


@pytest.mark.parametrize(
    "words",
    [
        ("setup",),
        ("demo",),
        ("staff", "create"),
        ("customers", "import"),
        ("customers", "merge"),
        ("invoices", "renew"),
        ("tick",),
        ("worker",),
    ],
)
def test_every_command_says_what_it_does(app: Flask, words: tuple[str, ...]) -> None:
    result = _run(app, *words, "--help")

    assert result.exit_code == 0
    assert "xit" in result.output or "deleted" in result.output
    assert demo.ENTRIES == 6000
