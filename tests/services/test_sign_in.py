from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from creditapp.db import db, transact, transact_at
from creditapp.errors import WrongPasswordError
from creditapp.models import AuditRow, FormDraft, LogIn, LogInSession
from creditapp.services import sign_in
from creditapp.services.sign_in import Checked
from tests.factories import StaffMember, make_staff, moment

pytestmark = pytest.mark.usefixtures("app")
START = moment("2026-03-02 12:00")


def log_in_of(person: StaffMember) -> int:
    found = sign_in.find_staff_log_in(db.session(), person.email)
    assert found is not None
    return found.log_in_id


def hash_of(person: StaffMember) -> str:
    found = sign_in.find_staff_log_in(db.session(), person.email)
    assert found is not None
    return found.password_hash


def begin(person: StaffMember, *, instead_of: str = "", new_hash: str | None = None) -> str:
    return transact_at(
        START,
        sign_in.open_session,
        log_in_of(person),
        by=person.actor,
        browser="A browser",
        checked=Checked(hash_of(person), new_hash),
        instead_of=instead_of,
    )


def rows() -> list[LogInSession]:
    db.session.rollback()
    return list(db.session.scalars(select(LogInSession)))


@pytest.mark.parametrize("email", ["ada@panel.example", "ADA@PANEL.EXAMPLE", " Ada@Panel.Example "])
def test_a_log_in_is_found_whatever_the_capitals(email: str) -> None:
    person = make_staff(email="Ada@panel.example")

    found = sign_in.find_staff_log_in(db.session(), email)

    assert found is not None
    assert found.staff_id == person.id


@pytest.mark.parametrize("email", ["", "ada", "ada@panel.example.evil", "àda@panel.example", "ada@panel.example\u200b"])
def test_another_e_mail_finds_nobody(email: str) -> None:
    make_staff(email="ada@panel.example")

    assert sign_in.find_staff_log_in(db.session(), email) is None


def test_accents_tell_two_people_apart() -> None:
    first, second = make_staff(email="jose@panel.example"), make_staff(email="josé@panel.example")

    assert log_in_of(first) != log_in_of(second)


def test_a_session_knows_its_token_by_digest_only() -> None:
    token = begin(make_staff())

    [row] = rows()
    assert row.token_digest == sign_in.token_digest(token)
    assert (row.created_at, row.ends_at) == (START, START + sign_in.SESSION_MAX)


def test_tokens_are_never_the_same() -> None:
    person = make_staff()

    assert len({begin(person) for _ in range(5)}) == 5


def test_a_session_that_is_replaced_ends() -> None:
    person = make_staff()
    first = begin(person)

    second = begin(person, instead_of=first)

    assert [row.token_digest for row in rows()] == [sign_in.token_digest(second)]


def test_a_better_hash_is_kept() -> None:
    person = make_staff()

    begin(person, new_hash="$argon2id$better")

    assert db.session.get_one(LogIn, log_in_of(person), populate_existing=True).password_hash == "$argon2id$better"


def test_a_password_that_was_changed_after_it_was_checked_opens_nothing() -> None:
    person = make_staff()
    checked = Checked(hash_of(person))
    begin(person, new_hash="$argon2id$another")

    with pytest.raises(WrongPasswordError):
        transact(sign_in.open_session, log_in_of(person), by=person.actor, browser="", checked=checked)

    assert len(rows()) == 1


def test_closing_one_session_leaves_the_others() -> None:
    person = make_staff()
    token, other = begin(person), begin(person)

    transact(sign_in.close_session, token, by=person.actor)
    transact(sign_in.close_session, token, by=person.actor)  # repeated, nothing more happens

    assert [row.token_digest for row in rows()] == [sign_in.token_digest(other)]


def test_a_touch_is_noted_and_moves_nothing_else() -> None:
    token = begin(make_staff())

    transact_at(START + timedelta(minutes=5), sign_in.touch, token)

    [row] = rows()
    assert (row.seen_at, row.ends_at) == (START + timedelta(minutes=5), START + sign_in.SESSION_MAX)


def keep(token: str) -> str | None:
    return transact_at(START, sign_in.keep_draft, token, "/admin/somewhere", [["note", "Typed"]])


def test_a_draft_is_found_by_the_same_person_alone_and_for_half_an_hour() -> None:
    person, other = make_staff(), make_staff()
    draft_id = keep(begin(person))
    assert draft_id is not None

    def find(by: StaffMember, minutes: int) -> FormDraft | None:
        later = START + timedelta(minutes=minutes)
        return sign_in.find_draft(db.session(), draft_id, log_in_of(by), later)

    found = find(person, 29)
    assert found is not None
    assert (found.path, found.fields) == ("/admin/somewhere", [["note", "Typed"]])
    assert find(other, 1) is None
    assert find(person, 30) is None


def test_a_person_keeps_the_newest_drafts_only() -> None:
    token, other = begin(make_staff()), begin(make_staff())
    kept = keep(other)
    ids = []
    for minute in range(8):
        moment = START + timedelta(minutes=minute)
        ids.append(transact_at(moment, sign_in.keep_draft, token, "/admin/somewhere", [["note", "Typed"]]))

    assert set(db.session.scalars(select(FormDraft.id))) == {kept, *ids[3:]}


def test_nothing_is_kept_for_a_session_nobody_began() -> None:
    assert keep("no token of ours") is None
    assert db.session.scalars(select(FormDraft)).all() == []


@pytest.mark.money
def test_failures_and_successes_are_chained_in_the_audit_log() -> None:
    person = make_staff()
    transact(sign_in.record_failure, staff_id=person.id, address="10.0.0.9")
    transact(sign_in.record_failure, staff_id=None, address="10.0.0.9")
    token = begin(person)
    transact(sign_in.close_session, token, by=person.actor)

    def acts(session: Session) -> list[tuple[str, str, int | None]]:
        found = session.execute(select(AuditRow.action, AuditRow.actor, AuditRow.object_id).order_by(AuditRow.seq))
        return [(row.action, row.actor, row.object_id) for row in found]

    assert transact(acts) == [
        ("sign_in_failed", "system", person.id),
        ("sign_in_failed", "system", None),
        ("signed_in", "staff", person.id),
        ("signed_out", "staff", person.id),
    ]
