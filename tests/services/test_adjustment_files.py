"""Adjustments from a file: a verdict on each line, and each line posted once, however often the file comes."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from flask import Flask
from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.orm import Session

from creditapp.db import db, now, transact
from creditapp.errors import FormReusedError, ImportFileError
from creditapp.jobs import batches as jobs
from creditapp.models import (
    Batch,
    BatchLine,
    BatchPart,
    CreditAccount,
    CreditEntry,
    CreditEntryText,
    Reason,
    Role,
)
from creditapp.services import adjustment_files, batches
from creditapp.services.actor import Actor
from creditapp.services.adjustment_files import Terms, Totals, stored
from creditapp.services.adjustment_files.lines import cells_of
from tests.factories import (
    actor,
    balance_of,
    close_customer,
    give,
    limit_role,
    make_customer,
    make_reason,
    make_staff,
    merge_customers,
    new_key,
)

HEADER = "customer,amount,reason,note,customer_note,ticket,reference"


def file_of(*lines: str, header: str = HEADER) -> bytes:
    return "\r\n".join([header, *lines, ""]).encode()


def upload(content: bytes, *, by: Actor | None = None, key: str | None = None, again: bool = False) -> int:
    source = io.BytesIO(content)
    shape = adjustment_files.check(source)
    return transact(
        adjustment_files.upload, source, shape, name="june.csv", by=by or actor(), key=key or new_key(), again=again
    )


def prepare(content: bytes, *, by: Actor | None = None, again: bool = False) -> int:
    batch_id = upload(content, by=by, again=again)
    jobs.run_one(batch_id)
    return batch_id


def post(batch_id: int, *, by: Actor | None = None) -> Batch:
    count = totals(batch_id).to_post
    transact(batches.issue, batch_id, count=count, by=by or actor(), key=new_key())
    jobs.run_one(batch_id)
    return batch(batch_id)


def batch(batch_id: int) -> Batch:
    db.session.rollback()
    return db.session.get_one(Batch, batch_id)


def totals(batch_id: int) -> Totals:
    return Terms.from_json(batch(batch_id).terms).totals


def lines(batch_id: int) -> list[Row[int, int | None, int, str, str]]:
    db.session.rollback()
    c = BatchLine
    statement = select(c.line, c.customer_id, c.amount_minor, c.flag, c.problem).where(c.batch_id == batch_id)
    return list(db.session.execute(statement.order_by(c.line)))


def verdicts(*texts: str, header: str = HEADER, by: Actor | None = None) -> list[str]:
    """Return what is said of each line: nothing of one that can be posted."""
    return [line.problem for line in lines(prepare(file_of(*texts, header=header), by=by))]


def entries() -> int:
    db.session.rollback()
    return db.session.execute(select(func.count()).select_from(CreditEntry)).scalar_one()


@pytest.mark.money
def test_a_file_is_judged_and_then_posted_as_one_batch(app: Flask) -> None:
    one, two = make_customer(), make_customer(500)
    note = '"Line one\nLine two"'

    batch_id = prepare(file_of(f"{one},12.50,Courtesy,{note},Sorry,T-1,", f"#{two},-5,Entered by mistake,,,,"))

    assert [line[:4] for line in lines(batch_id)] == [(2, one, 1250, ""), (4, two, -500, "")]
    known = totals(batch_id)
    assert (known.to_post, known.added_minor, known.removed_minor) == (2, 1250, 500)
    assert entries() == 1
    done = post(batch_id)
    assert (done.status, done.posted, done.posted_minor, done.skipped) == ("done", 2, 750, 0)
    assert (balance_of(one), balance_of(two)) == (1250, 0)
    entry = db.session.execute(select(CreditEntry).where(CreditEntry.customer_id == one)).scalar_one()
    assert (entry.kind, entry.description, entry.batch_id) == ("added", "Credit Added", batch_id)
    text = db.session.execute(select(CreditEntryText).where(CreditEntryText.customer_id == one)).scalar_one()
    assert (text.note, text.customer_note, text.ticket_ref) == ("Line one\nLine two", "Sorry", "T-1")
    assert db.session.execute(select(func.count()).select_from(BatchPart)).scalar_one() == 0


@pytest.mark.money
def test_a_file_that_was_dropped_before_it_was_judged_is_forgotten(app: Flask) -> None:
    batch_id = upload(file_of(f"{make_customer()},12.50,Courtesy,,,,"))
    transact(batches.drop, batch_id, by=actor(), key=new_key())

    jobs.run()

    db.session.rollback()
    assert db.session.execute(select(func.count()).select_from(BatchPart)).scalar_one() == 0


@pytest.mark.money
def test_the_same_file_again_posts_nothing(app: Flask) -> None:
    one = make_customer(external_id="P-1", email="ana@kite.example")
    content = file_of("P-1,5,Courtesy,,,,", "P-1,6,Courtesy,,,,A-1")
    post(prepare(content))

    again = prepare(content)

    said = [line.problem for line in lines(again)]
    assert said == [f"Posted before, as CR-{one}-1.", f"Posted before, as CR-{one}-2."]
    assert (totals(again).to_post, totals(again).repeated, balance_of(one)) == (0, 2, 1100)


@pytest.mark.money
def test_a_corrected_file_posts_only_what_is_new(app: Flask) -> None:
    one, two = make_customer(email="ana@kite.example"), make_customer(email="bo@li.example")
    post(prepare(file_of(f"{one},5,Courtesy,,,,", f"{two},many,Courtesy,,,,")))

    corrected = prepare(file_of("ana@kite.example,5.00,courtesy,,,,", f"{two},7,Courtesy,,,,"))

    assert [line.flag for line in lines(corrected)] == ["repeated", ""]
    assert post(corrected).posted == 1
    assert (balance_of(one), balance_of(two)) == (500, 700)


@pytest.mark.money
def test_two_files_that_were_judged_before_either_was_posted_post_a_line_once(app: Flask) -> None:
    one = make_customer()
    first, second = (prepare(file_of(f"{one},5,Courtesy,,,,")) for _ in range(2))

    post(first)
    done = post(second)

    assert (done.posted, done.skipped, balance_of(one)) == (0, 1, 500)


@pytest.mark.money
def test_taking_a_file_back_undoes_what_its_lines_took_of_one_another(app: Flask) -> None:
    one = make_customer()
    batch_id = prepare(file_of(f"{one},10,Courtesy,,,,", f"{one},-4,Entered by mistake,,,,", f"{one},1,Courtesy,,,,"))
    post(batch_id)
    assert balance_of(one) == 700

    reversal_id = transact(batches.reverse, batch_id, count=3, bill_spent_too=True, by=actor(), key=new_key())
    jobs.run_one(reversal_id)

    assert balance_of(one) == 0
    assert transact(batches.spent_lines, reversal_id) == 0
    assert batch(reversal_id).posted_minor == -700


@pytest.mark.money
def test_lines_that_are_meant_again_are_posted_again_but_once(app: Flask) -> None:
    one = make_customer()
    content = file_of(f"{one},5,Courtesy,,,,", f"{one},5,Courtesy,,,,")
    post(prepare(file_of(f"{one},5,Courtesy,,,,")))

    post(prepare(content, again=True))
    known = totals(prepare(content, again=True))

    assert (known.to_post, known.repeated, balance_of(one)) == (0, 2, 1500)


@pytest.mark.money
def test_a_reference_is_posted_once_for_each_customer(app: Flask) -> None:
    one, two = make_customer(), make_customer()
    post(prepare(file_of(f"{one},5,Courtesy,,,,INC-7", f"{two},5,Courtesy,,,,INC-7")))

    said = verdicts(
        f"{one},5,Courtesy,another note,,,INC-7", f"{two},6,Courtesy,,,,INC-7", f"{one},5,Courtesy,,,,INC-8"
    )

    assert said == [
        f"Posted before, as CR-{one}-1.",
        f"The reference “INC-7” has posted +$5.00 as CR-{two}-1; use another one.",
        "",
    ]


@pytest.mark.money
def test_a_line_that_the_file_has_twice_is_refused_with_the_line_it_repeats(app: Flask) -> None:
    one = make_customer(email="ana@kite.example")
    many = [f"{one},{amount},Courtesy,,,," for amount in range(1, adjustment_files.CHUNK + 1)]

    batch_id = prepare(file_of(*many, "ana@kite.example,1.00,COURTESY,,,,", f"{one},2,Courtesy,other,,,"))

    assert [line.problem for line in lines(batch_id)[-2:]] == ["Line 2 asks for the same.", ""]
    assert totals(batch_id).causes == {"Twice in the file": 1}


@pytest.mark.money
def test_customers_are_found_by_number_external_id_or_email(app: Flask) -> None:
    one = make_customer(external_id="WH/77", email="Ana@Kite.example")
    two = make_customer(external_id=str(one), email="twin@kite.example")
    make_customer(email="twin@kite.example")
    gone = make_customer(email="once@kite.example")
    close_customer(gone)
    late = make_customer(email="once@kite.example")

    batch_id = prepare(
        file_of(
            "WH/77,1,Courtesy,,,,",
            "ANA@kite.example,2,Courtesy,,,,",
            f"{one},3,Courtesy,,,,",
            f"#{one},4,Courtesy,,,,",
            "twin@kite.example,5,Courtesy,,,,",
            "once@kite.example,6,Courtesy,,,,",
            f"{gone},7,Courtesy,,,,",
            "WH/78,8,Courtesy,,,,",
            ",9,Courtesy,,,,",
            "99999999999999999999,10,Courtesy,,,,",
        )
    )

    found = {line.line - 1: (line.customer_id, line.problem) for line in lines(batch_id)}
    assert found[1] == found[2] == (one, "")
    assert found[3][1].startswith(f"“{one}” is the number of one user and the external id of another.")
    assert found[4] == (one, "")
    assert found[5][1] == "Several users have the email “twin@kite.example”; name the one by number."
    assert found[6] == (late, "")
    assert found[7][1] == f"User #{gone} is closed: nothing is added or changed there any more."
    assert found[8][1] == "There is no user with the number, external id or email “WH/78”."
    assert found[9][1] == "Every line needs a user: the number, the external id or the email."
    assert found[10][1].startswith("There is no user with")
    assert two != one


@pytest.mark.money
@pytest.mark.parametrize("title", ["customer_id", "External ID", "E-Mail"])
def test_a_column_may_name_customers_in_one_way_alone(app: Flask, title: str) -> None:
    one = make_customer(external_id="77", email="ana@kite.example")
    make_customer(external_id=str(one))
    who = {"customer_id": str(one), "External ID": "77", "E-Mail": "ana@kite.example"}[title]

    batch_id = prepare(file_of(f"{who};5;Courtesy", header=f"{title};amount;reason"))

    assert [line.customer_id for line in lines(batch_id)] == [one]


def test_a_merged_customer_names_the_one_to_name(app: Flask) -> None:
    one, two = make_customer(), make_customer()
    merge_customers(one, into=two)

    assert verdicts(f"{one},5,Courtesy,,,,") == [f"User #{one} has been merged into #{two}; name that one."]


def test_each_line_is_told_what_is_wrong_with_it(app: Flask) -> None:
    one = make_customer()
    make_reason("Needs words", note_required=True)
    said = verdicts(
        f"{one},1e5,Courtesy,,,,",
        f"{one},0.00,Courtesy,,,,",
        f"{one},1.234,Courtesy,,,,",
        f"{one},99999999999,Courtesy,,,,",
        f"{one},5,Kindness,,,,",
        f"{one},5,,,,,",
        f"{one},-5,Courtesy,,,,",
        f"{one},5,Needs words,,,,",
        f"{one},5,Courtesy",
        f"{one},5,Courtesy,a\x00b,,,",
        f"{one},5,Courtesy,{'x' * 2001},,,",
        f"{one},5,Courtesy,,,,{'r' * 81}",
    )

    assert said == [
        "Enter the amount in digits, like 12.50.",
        "Enter an amount other than zero.",
        "USD has 2 decimals: write no more, like 12.50.",
        "Enter an amount of at most $1,000,000,000.00.",
        "There is no reason “Kindness”.",
        "Every line needs a reason, by its name in the settings.",
        "The reason “Courtesy” is only for adding credit; choose another.",
        "Write a note: “Needs words” asks for one.",
        "This line has 3 cells; the first line names 7.",
        "note: This text holds a NUL character; remove it.",
        "note: Use at most 2,000 characters; this has 2,001.",
        "reference: Use at most 80 characters; this has 81.",
    ]


def test_what_is_above_the_limit_of_the_one_who_sends_it_is_refused(app: Flask) -> None:
    limit_role(Role.MANAGER, add_max_minor=1000, remove_max_minor=500)
    manager, one = make_staff(Role.MANAGER).actor, make_customer(5000)

    said = verdicts(
        f"{one},10,Courtesy,,,,", f"{one},10.01,Courtesy,,,,", f"{one},-5.01,Entered by mistake,,,,", by=manager
    )

    assert said[0] == ""
    assert "$10.00" in said[1]
    assert "$5.00" in said[2]


def test_a_frozen_account_takes_adjustments(app: Flask) -> None:
    one = make_customer()

    def freeze(session: Session) -> None:
        account = session.get_one(CreditAccount, one)
        account.frozen_at, account.frozen_reason = now(session), "Fraud check"

    transact(freeze)

    assert verdicts(f"{one},5,Courtesy,,,,") == [""]


def test_a_refused_line_keeps_its_cells(app: Flask) -> None:
    batch_id = prepare(file_of('nobody,-5,=1+1,"two\nlines ""so""",,T,'))

    kept = db.session.execute(select(BatchLine.note).where(BatchLine.batch_id == batch_id)).scalar_one()
    assert cells_of(kept) == ["nobody", "-5", "=1+1", 'two\nlines "so"', "", "T", ""]


@pytest.mark.money
def test_a_file_is_read_on_where_it_was_left_across_pieces_and_chunks(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "PART_BYTES", 100)
    monkeypatch.setattr(adjustment_files, "PART_BYTES", 100)
    monkeypatch.setattr(adjustment_files, "CHUNK", 3)
    one = make_customer()
    texts = [f'{one},{n},Courtesy,"ä{n}\n\n{"é" * (n * 9)}",,,' for n in range(1, 12)]
    batch_id = upload(b"\xef\xbb\xbf" + file_of(*texts[:5], "", *texts[5:], "", ""))

    places = []
    while transact(adjustment_files.prepare_chunk, batch_id):
        places.append(batch(batch_id).prepared_item)

    assert len(places) == 3
    assert all(before < after for before, after in pairwise(places))
    found = lines(batch_id)
    assert [line.amount_minor for line in found] == [n * 100 for n in range(1, 12)]
    assert [line.line for line in found] == [2, 5, 8, 11, 14, *range(18, 36, 3)]
    assert (batch(batch_id).status, batch(batch_id).lines, batch(batch_id).expected) == ("ready", 11, 11)


def test_a_file_of_which_a_piece_is_missing_fails_and_posts_nothing(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "PART_BYTES", 100)
    monkeypatch.setattr(adjustment_files, "PART_BYTES", 100)
    batch_id = upload(file_of(*[f"{make_customer()},{n},Courtesy,,,," for n in range(1, 12)]))

    def lose(session: Session) -> None:
        session.execute(delete(BatchPart).where(BatchPart.part == 1))

    transact(lose)
    jobs.run_one(batch_id)

    assert (batch(batch_id).status, lines(batch_id)) == ("failed", [])
    assert batch(batch_id).problem != ""


def test_preparing_what_is_ready_does_nothing(app: Flask) -> None:
    batch_id = prepare(file_of(f"{make_customer()},5,Courtesy,,,,"))

    assert transact(adjustment_files.prepare_chunk, batch_id) is False
    assert transact(adjustment_files.prepare_chunk, 999) is False
    assert len(lines(batch_id)) == 1


def test_an_upload_sent_twice_is_kept_once(app: Flask) -> None:
    content, key = file_of(f"{make_customer()},5,Courtesy,,,,"), new_key()
    first = upload(content, key=key)

    assert upload(content, key=key) == first
    with pytest.raises(FormReusedError):
        upload(content + b"1,1,Courtesy,,,,", key=key)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        (b"\r\n", "The first line is empty; it must name the columns."),
        (b"customer,amount,reason\r\n", "The file names its columns, but holds no line below them."),
        (b"amount,reason\r\n5,Courtesy\r\n", "The first line names no column for the user."),
        (b"customer,reason\r\n5,Courtesy\r\n", "The first line does not name “amount”."),
        (b"customer,email,amount,reason\r\n", "The columns “customer” and “email” all name the user"),
        (b"customer,user,amount,reason\r\n", "The columns “customer” and “user” mean the same"),
        (file_of("1,5,Courtesy,,,,").decode().encode("utf-16"), "This file is in UTF-16"),
        (b"PK\x03\x04\x14\x00\x06\x00", "This file is a spreadsheet"),
        (b"\x1f\x8b\x08\x00", "This file is compressed"),
        (file_of("1,5,Courtesy,,,,", "1,5,Courtesy,caf\xe9,,,").replace(b"\xc3\xa9", b"\xe9"), "Line 3 is not UTF-8"),
        (file_of(f"1,5,Courtesy,{'x' * 200_000},,,"), "Line 2 cannot be read: a cell is longer than 131,072"),
        (file_of("1,5,Courtesy,,,,", '1,5,Courtesy,"never closed,,,'), "Line 3 cannot be read: a quotation mark"),
        (b"customer,amount,reason\n" + b"x" * 1_000_002, "Line 2 is longer than 1,000,000 bytes."),
    ],
)
def test_what_is_no_file_of_adjustments_is_refused_whole_with_the_line(content: bytes, words: str) -> None:
    with pytest.raises(ImportFileError) as refusal:
        adjustment_files.check(io.BytesIO(content))

    assert str(refusal.value.sentence(str)).startswith(words)


def test_a_removal_that_the_balance_does_not_cover_is_skipped_and_says_so(app: Flask) -> None:
    one = make_customer(500)

    batch_id = prepare(file_of(f"{one},-9,Entered by mistake,,,,", f"{one},-2,Entered by mistake,,,,"))
    done = post(batch_id)

    assert (done.posted, done.skipped, balance_of(one)) == (1, 1, 300)


def test_a_reason_that_was_switched_off_is_refused(app: Flask) -> None:
    give(make_customer(), 100)

    def switch_off(session: Session) -> None:
        session.execute(update(Reason).where(Reason.name == "Courtesy").values(is_active=False))

    transact(switch_off)

    [said] = verdicts(f"{make_customer()},5,Courtesy,,,,")
    assert said == "The reason “Courtesy” has been switched off; choose another."
