"""Customers from a panel's export: every line of a good file, and not one of a bad one."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from flask import Flask
from sqlalchemy import func, select

from creditapp.db import db, snapshot, transact
from creditapp.errors import FormReusedError, ImportCrossedError, ImportFileError
from creditapp.models import AuditDetails, AuditRow, CreditAccount, CreditEntry, CreditLot, Customer
from creditapp.services import imports
from creditapp.services.demo.words import CUSTOMERS
from creditapp.services.imports import ImportRefusedError, Outcome, Report, Verdict
from tests.factories import actor, change_settings, give, make_customer, new_key

HEADER = "external_id,name,company,email,opening_balance,joined_on"
GOOD = "1,Ann Lee,Kite,ann@kite.example,12.50,2024-01-31"


def _file(*lines: str, header: str = HEADER) -> bytes:
    return "\r\n".join([header, *lines, ""]).encode()


def _check(content: bytes, *, bytes_max: int | None = None, told: list[Verdict] | None = None) -> Report:
    hear = None if told is None else told.append
    with snapshot() as session:
        return imports.check(session, io.BytesIO(content), bytes_max=bytes_max, told=hear)


def _post(content: bytes, *, key: str | None = None) -> Report:
    return transact(imports.post, io.BytesIO(content), by=actor(), key=key or new_key())


def _count(model: type[Customer | CreditEntry]) -> int:
    db.session.rollback()
    return db.session.execute(select(func.count()).select_from(model)).scalar_one()


def _customer(external_id: str) -> Customer:
    db.session.rollback()
    return db.session.execute(select(Customer).where(Customer.external_id == external_id)).scalar_one()


def _problem(content: bytes) -> str:
    """Return the one sentence about the one bad line, which keeps the whole file out."""
    report = _check(content)
    with pytest.raises(ImportRefusedError, match="nothing was imported"):
        _post(content)
    assert _count(Customer) == 0
    assert report.refused == 1
    ((problem,),) = [verdict.problems for verdict in report.bad]
    return f"{problem.column}: {problem.sentence}"


@pytest.mark.money
def test_every_line_of_the_sample_is_imported_as_it_is(app: Flask) -> None:
    with CUSTOMERS.open(encoding="utf-8-sig", newline="") as file:
        lines = {line["external_id"]: line for line in csv.DictReader(file)}

    report = _post(CUSTOMERS.read_bytes())

    assert (report.lines, report.new, report.refused) == (2000, 2000, 0)
    db.session.rollback()
    statement = select(Customer, CreditAccount.balance_minor).join(
        CreditAccount, CreditAccount.customer_id == Customer.id
    )
    for customer, balance_minor in db.session.execute(statement):
        line = lines.pop(customer.external_id or "")
        assert customer.name == unicodedata.normalize("NFC", line["name"])
        assert customer.company == unicodedata.normalize("NFC", line["company"])
        assert customer.email == line["email"]
        assert customer.joined_on == date.fromisoformat(line["joined_on"])
        assert balance_minor == int(line["opening_balance"].replace(".", ""))
    assert lines == {}


def test_the_sample_keeps_its_odd_cells(app: Flask) -> None:
    _post(CUSTOMERS.read_bytes())

    db.session.rollback()
    names = set(db.session.execute(select(Customer.name)).scalars())
    companies = set(db.session.execute(select(Customer.company)).scalars())
    assert {"  Zoë   Duarte ", "<script>alert(1)</script>", 'O\'Neill, Esther "Essie"'} <= names
    assert {"Line one\nLine two", '=HYPERLINK("x")', "+49 Verlag"} <= companies
    assert any("\N{RIGHT-TO-LEFT OVERRIDE}" in name for name in names)


@pytest.mark.money
def test_an_opening_balance_is_paid_credit_under_a_key_of_its_own(app: Flask) -> None:
    by = actor()

    transact(imports.post, io.BytesIO(_file(GOOD)), by=by, key=new_key())

    entry = db.session.execute(select(CreditEntry)).scalar_one()
    lot = db.session.execute(select(CreditLot)).scalar_one()
    assert (entry.kind, entry.description, entry.amount_minor) == ("opening", "Opening Balance", 1250)
    assert (entry.key, entry.actor, entry.actor_id) == ("opening", "staff", by.id)
    assert (lot.class_, lot.expires_at) == ("paid", None)


def test_a_balance_of_zero_makes_no_entry(app: Flask) -> None:
    _post(_file("1,Ann Lee,,ann@kite.example,0.00,2024-01-31"))

    assert (_count(Customer), _count(CreditEntry)) == (1, 0)


@pytest.mark.money
def test_the_same_file_again_adds_nothing(app: Flask) -> None:
    _post(_file(GOOD))

    report = _post(_file(GOOD))

    assert (report.new, report.unchanged, report.opening_minor) == (0, 1, 0)
    assert (_count(Customer), _count(CreditEntry)) == (1, 1)


@pytest.mark.money
def test_a_double_click_imports_once_and_says_the_same(app: Flask) -> None:
    key = new_key()
    first = _post(_file(GOOD), key=key)

    second = _post(_file(GOOD), key=key)

    assert second.replayed
    assert (second.new, second.opening_minor) == (first.new, first.opening_minor) == (1, 1250)
    assert _count(AuditRow) == 1  # type: ignore[arg-type]  # any model counts


def test_a_key_is_good_for_one_file(app: Flask) -> None:
    key = new_key()
    _post(_file(GOOD), key=key)

    with pytest.raises(FormReusedError):
        _post(_file(GOOD.replace("Ann", "Bob")), key=key)


def test_a_longer_file_adds_only_what_is_new(app: Flask) -> None:
    _post(_file(GOOD))

    report = _post(_file(GOOD, "2,Bob,,bob@kite.example,5,2024-02-29"))

    assert (report.new, report.unchanged, report.opening_minor) == (1, 1, 500)


def test_what_happened_since_does_not_make_a_line_differ(app: Flask) -> None:
    _post(_file(GOOD))
    give(_customer("1").id, -250)

    assert _check(_file(GOOD)).unchanged == 1


def test_a_profile_that_differs_stays_as_it_is_and_the_report_says_so(app: Flask) -> None:
    _post(_file(GOOD))
    told: list[Verdict] = []
    changed = _file(GOOD.replace("Ann Lee", "Ann Smith"))

    _check(changed, told=told)
    _post(changed)

    assert [verdict.sentence for verdict in told] == ["already there: the profile differs and stays as it is"]
    assert _customer("1").name == "Ann Lee"


def test_another_opening_balance_is_refused(app: Flask) -> None:
    _post(_file(GOOD))

    report = _check(_file(GOOD.replace("12.50", "13.00")))

    assert report.bad[0].sentence == (
        "refused: opening_balance: This customer is already there with an opening balance of 12.50, not 13.00. "
        "Adjust the credit on the user's page instead."
    )


def test_a_customer_made_by_hand_had_no_opening_balance(app: Flask) -> None:
    make_customer(external_id="1", name="Ann Lee", company="Kite", email="ann@kite.example")

    assert _check(_file(GOOD)).refused == 1
    assert _check(_file(GOOD.replace("12.50", "0"))).unchanged == 1


def test_an_import_is_one_act_in_the_audit_log(app: Flask) -> None:
    _post(_file(GOOD, "2,Bob,,bob@kite.example,5,2024-02-29"))

    row = db.session.execute(select(AuditRow)).scalar_one()
    details = db.session.execute(select(AuditDetails.details)).scalar_one()
    assert row.action == "customers_imported"
    assert details["after"]["new"] == 2
    assert details["after"]["opening_minor"] == 1750


@pytest.mark.parametrize(
    "header",
    [
        "External ID,Name,Company,E-mail,Opening Balance,Joined On",
        " id , NAME ,company name,email address,credit,date created",
        "Client_ID,Full Name,Organisation,EMAIL,balance,Created-At",
    ],
)
def test_columns_go_by_the_names_panels_use(app: Flask, header: str) -> None:
    assert _post(_file(GOOD, header=header)).new == 1


def test_columns_may_stand_in_any_order_among_others(app: Flask) -> None:
    header = "phone,balance,id,date created,email,name"

    report = _post(_file("555,7,9,2024-01-31,ann@kite.example,Ann", header=header))

    assert report.ignored_columns == ("phone",)
    assert (_customer("9").name, _customer("9").company) == ("Ann", "")


def test_semicolons_and_tabs_separate_too(app: Flask) -> None:
    for number, separator in enumerate(";\t"):
        line = GOOD.replace("1,", f"{number},", 1)
        assert _post(_file(line.replace(",", separator), header=HEADER.replace(",", separator))).new == 1


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_empty_lines_are_left_out(app: Flask, ends: str) -> None:
    content = ends.join([HEADER, "", GOOD, ",,,,,", ""]).encode()

    assert _post(content).lines == 1


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (",Ann,,a@b.example,1,2024-01-31", "external_id: Every line needs the customer's id"),
        ("x" * 65 + ",Ann,,a@b.example,1,2024-01-31", "external_id: Use at most 64 characters"),
        ('"1\n2",Ann,,a@b.example,1,2024-01-31', "external_id: An id has no line breaks"),
        ("1,  ,,a@b.example,1,2024-01-31", "name: Every customer needs a name"),
        ("1," + "x" * 201 + ",,a@b.example,1,2024-01-31", "name: Use at most 200 characters; this has 201."),
        ("1,A\x00nn,,a@b.example,1,2024-01-31", "name: This text holds a control character"),
        ("1,A\x1bnn,,a@b.example,1,2024-01-31", "name: This text holds a control character"),
        ("1,Ann,,a.b.example,1,2024-01-31", "email: This is no email address"),
        ("1,Ann,,a@b@c.example,1,2024-01-31", "email: This is no email address"),
        ("1,Ann,,a b@c.example,1,2024-01-31", "email: This is no email address"),
        ("1,Ann,,,1,2024-01-31", "email: This is no email address"),
        ("1,Ann,," + "x" * 250 + "@b.ex,1,2024-01-31", "email: Use at most 254 characters"),
        ("1,Ann,,a@b.example,,2024-01-31", "opening_balance: Enter an amount."),
        ("1,Ann,,a@b.example,-1,2024-01-31", "opening_balance: An opening balance is never below zero."),
        ("1,Ann,,a@b.example,1.234,2024-01-31", "opening_balance: USD has 2 decimals"),
        ('1,Ann,,a@b.example,"1,234.00",2024-01-31', "opening_balance: Write the amount without commas"),
        ("1,Ann,,a@b.example,$5,2024-01-31", "opening_balance: Enter the amount in digits"),
        ("1,Ann,,a@b.example,1e5,2024-01-31", "opening_balance: Enter the amount in digits"),
        ("1,Ann,,a@b.example,NaN,2024-01-31", "opening_balance: Enter the amount in digits"),
        ("1,Ann,,a@b.example,\uff11\uff12,2024-01-31", "opening_balance: Enter the amount in digits"),
        ("1,Ann,,a@b.example,999999999999,2024-01-31", "opening_balance: Enter an amount of at most"),
        ("1,Ann,,a@b.example,1,", "joined_on: Write the date as year-month-day"),
        ("1,Ann,,a@b.example,1,31.01.2024", "joined_on: Write the date as year-month-day"),
        ("1,Ann,,a@b.example,1,2024-02-30", "joined_on: Write the date as year-month-day"),
        ("1,Ann,,a@b.example,1,0024-01-31", "joined_on: Write the date as year-month-day"),
        ("1,Ann,,a@b.example,1,20240131", "joined_on: Write the date as year-month-day"),
        ("1,Ann,,a@b.example,1", ": This line has 5 cells; the first line names 6."),
        ("1,Ann,,a@b.example,1,2024-01-31,more", ": This line has 7 cells; the first line names 6."),
        ("=cmd|' /C calc'!A0,", ": This line has 2 cells; the first line names 6."),
    ],
)
def test_a_bad_cell_is_named_and_nothing_is_written(app: Flask, line: str, sentence: str) -> None:
    good = "77,Good,,good@b.example,1,2024-01-31"

    assert _problem(_file(good, line)).startswith(sentence)


def test_every_bad_cell_of_a_line_is_named(app: Flask) -> None:
    report = _check(_file("1,,,nobody,much,yesterday"))

    assert [problem.column for problem in report.bad[0].problems] == [
        "name",
        "email",
        "joined_on",
        "opening_balance",
    ]


def test_a_line_is_numbered_as_a_text_editor_counts(app: Flask) -> None:
    report = _check(_file('1,"Ann\nLee",,a@b.example,1,2024-01-31', "2,,,b@b.example,1,2024-01-31"))

    assert [verdict.line for verdict in report.bad] == [4]


def test_the_same_id_twice_in_a_file_names_the_other_line(app: Flask) -> None:
    assert _problem(_file(GOOD, GOOD)) == "external_id: Line 2 has the same id."


def test_ids_that_are_too_far_apart_for_one_chunk_are_still_the_same(app: Flask) -> None:
    lines = [f"{number},Ann,,a@b.example,0,2024-01-31" for number in range(imports.CHUNK + 5)]

    assert _problem(_file(*lines, lines[0])) == "external_id: Line 2 has the same id."


def test_a_currency_without_decimals_takes_whole_amounts(app: Flask) -> None:
    change_settings(currency="JPY")

    assert _check(_file(GOOD)).refused == 1
    assert _post(_file(GOOD.replace("12.50", "1250"))).opening_minor == 1250


def _bytes(text: str, encoding: str = "utf-8") -> bytes:
    return text.encode(encoding)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty."),
        (b"\xef\xbb\xbf", "The file is empty."),
        (b"\r\n\r\n", "The first line is empty; it must name the columns."),
        (_bytes(f"{HEADER}\n{GOOD}\n", "utf-16"), "This file is in UTF-16"),
        (_bytes(f"{HEADER}\n{GOOD}\n", "utf-16-le"), "This file is in UTF-16"),
        (_bytes(f"{HEADER}\n{GOOD}\n", "utf-16-be"), "This file is in UTF-16"),
        (b"PK\x03\x04rest of a workbook", "This file is a spreadsheet"),
        (b"\x1f\x8b\x08\x00packed", "This file is compressed"),
        (_bytes(f"{HEADER}\n{GOOD}\n2,M\u00fcller", "latin-1"), "Line 3 is not UTF-8 (byte 110 of the file)"),
        (_file(GOOD, header="name,email"), "The first line does not name “external_id”, “opening_balance”"),
        (b"\xef\xbb\xbf" + _bytes(f"M\u00fc,{HEADER}", "latin-1"), "Line 1 is not UTF-8 (byte 5 of the file)"),
        (_file(GOOD, header=HEADER + ",client id"), "The columns “external_id” and “client id” mean the same"),
        (_file(GOOD, '2,"Ann,,a@b.example,1,2024-01-31'), "Line 3 cannot be read: a quotation mark is opened here"),
        (_file(GOOD, '2,"Ann" Lee,,a@b.example,1,2024-01-31'), "Line 3 cannot be read: after a closing quotation"),
        (_file(GOOD, "2," + "x" * 131_073 + ",,a@b.example,1,2024-01-31"), "Line 3 cannot be read: a cell is longer"),
        (_file(GOOD, "2," + "x" * 200_000 + ",,a@b.example,1,2024-01-31"), "Line 3 cannot be read: a cell is longer"),
        (_file(GOOD, "2," + "x" * 1_000_001), "Line 3 is longer than 1,000,000 bytes."),
        (_bytes(f"{HEADER}\r{GOOD}\r"), "Line 1 cannot be read: its line break is an old one"),
        (_file(header=",".join("x" * 300)), "The first line names 300 columns"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_one_sentence_and_writes_nothing(
    app: Flask, content: bytes, sentence: str
) -> None:
    acts: list[Callable[[bytes], Report]] = [_check, _post]
    for act in acts:
        with pytest.raises(ImportFileError) as refusal:
            act(content)
        assert str(refusal.value).startswith(sentence)

    assert _count(Customer) == 0


def test_the_page_takes_no_file_beyond_its_limit(app: Flask) -> None:
    content = _file(*[GOOD.replace("1,", f"{number},", 1) for number in range(100)])

    with pytest.raises(ImportFileError, match="larger than"):
        _check(content, bytes_max=1000)

    assert _check(content, bytes_max=len(content)).new == 100


def test_a_report_keeps_the_first_thousand_bad_lines_and_counts_all(app: Flask) -> None:
    report = _check(_file(*["1,Ann,,nobody,1,2024-01-31"] * 1500))

    assert (report.refused, len(report.bad)) == (1500, 1000)


def test_each_line_is_told_in_order(app: Flask) -> None:
    told: list[Verdict] = []
    _post(_file(GOOD))

    content = _file(GOOD, "2,Bob,,b@b.example,5,2024-02-29", "3,,,b@b.example,5,2024-02-29")
    _check(content, told=told)

    assert [(verdict.line, verdict.outcome) for verdict in told] == [
        (2, Outcome.UNCHANGED),
        (3, Outcome.NEW),
        (4, Outcome.REFUSED),
    ]


@pytest.mark.money
def test_a_bad_last_line_takes_back_all_before_it(app: Flask) -> None:
    lines = [f"{number},Ann,,a@b.example,1,2024-01-31" for number in range(imports.CHUNK + 1)]

    with pytest.raises(ImportRefusedError):
        _post(_file(*lines, "x,Ann,,nobody,1,2024-01-31"))

    assert (_count(Customer), _count(CreditEntry)) == (0, 0)


@pytest.mark.money
def test_two_imports_of_one_file_at_once_make_each_customer_once(app: Flask) -> None:
    content, by = _file(*[f"{n},Ann,,a@b.example,1,2024-01-31" for n in range(300)]), actor()

    def attempt(key: str) -> int:
        with app.app_context():
            try:
                return transact(imports.post, io.BytesIO(content), by=by, key=key).new
            except ImportCrossedError:
                return 0

    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(attempt, [new_key(), new_key()]))

    assert sorted(made) == [0, 300]
    assert (_count(Customer), _count(CreditEntry)) == (300, 300)
