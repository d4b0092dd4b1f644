"""Codes of a phone, and those that stand in for them: each is taken once, and the database makes none."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import pytest
from sqlalchemy import func, select, update

from creditapp.db import db, transact, transact_at
from creditapp.errors import FactorError, LinkError, WrongCodeError, WrongPasswordError
from creditapp.models import LogIn, LogInSession, RecoveryCode, Role, RoleRules
from creditapp.services import second_factor, sign_in
from creditapp.services.sign_in import token_digest
from tests.conftest import LEDGER_KEY
from tests.crowd import together
from tests.factories import make_staff, moment
from tests.phones import STEP, Phone, give_factor, log_in_of, salt_of

pytestmark = pytest.mark.usefixtures("app")
START = moment("2026-03-02 12:00")


def is_taken(log_in_id: int, code: str, at: datetime) -> bool:
    try:
        transact_at(at, second_factor.check, log_in_id, code, by=make_staff().actor)
    except WrongCodeError:
        return False
    return True


def test_a_code_is_taken_once_and_one_step_early_or_late() -> None:
    person = make_staff()
    phone, _codes = give_factor(person, at=START)
    log_in_id, then = log_in_of(person), START + 10 * STEP

    assert not is_taken(log_in_id, phone.code(START), START)  # the one it was set up with
    assert [is_taken(log_in_id, phone.code(then, steps=steps), then) for steps in (-2, 2)] == [False, False]
    assert is_taken(log_in_id, f" {phone.code(then)[:3]} {phone.code(then)[3:]} ", then)
    assert not is_taken(log_in_id, phone.code(then), then)
    assert not is_taken(log_in_id, phone.code(then, steps=-1), then)  # older than the newest that was taken
    assert is_taken(log_in_id, phone.code(then, steps=1), then)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "٣٤٥٦٧٨", "abcdef", "0" * 5000, "-23456", "\x00"])
def test_what_is_no_code_is_refused(code: str) -> None:
    person = make_staff()
    give_factor(person, at=START)

    assert not is_taken(log_in_of(person), code, START + 10 * STEP)


def test_a_recovery_code_stands_in_once_and_new_ones_take_the_place_of_all() -> None:
    person = make_staff()
    _phone, codes = give_factor(person, at=START)
    log_in_id = log_in_of(person)
    assert len(set(codes)) == second_factor.RECOVERY_CODES

    assert is_taken(log_in_id, codes[3].upper().replace("-", " "), START)
    assert not is_taken(log_in_id, codes[3], START)
    assert second_factor.count_left(db.session(), log_in_id) == 9
    fresh = transact(second_factor.make_recovery_codes, log_in_id, by=person.actor)

    assert [is_taken(log_in_id, code, START) for code in (codes[4], fresh[4])] == [False, True]


def test_nobody_elses_codes_are_taken() -> None:
    ada, eve = make_staff(), make_staff()
    phone, codes = give_factor(ada, at=START)
    give_factor(eve, at=START)
    then = START + 10 * STEP

    assert [is_taken(log_in_of(eve), code, then) for code in (phone.code(then), codes[0])] == [False, False]


def test_who_reads_the_database_can_make_no_code() -> None:
    person = make_staff()
    phone, codes = give_factor(person, at=START)
    log_in_id = log_in_of(person)

    held = {*db.session.scalars(select(RecoveryCode.digest)), salt_of(log_in_id)}

    assert second_factor.secret_of(LEDGER_KEY, log_in_id, salt_of(log_in_id)) == phone.secret
    assert second_factor.secret_of(b"another key", log_in_id, salt_of(log_in_id)) != phone.secret
    assert not held & {token_digest(form) for code in codes for form in (code, code.replace("-", ""))}


def test_a_second_factor_that_the_role_asks_for_stays() -> None:
    person = make_staff(Role.MANAGER)
    give_factor(person, at=START)
    log_in_id = log_in_of(person)
    with pytest.raises(FactorError, match="set up already"):
        transact(second_factor.begin, log_in_id)
    transact(lambda session: session.execute(update(RoleRules).values(totp_required=True)))

    with pytest.raises(FactorError, match="role asks"):
        transact(second_factor.switch_off, log_in_id, token="", by=person.actor)

    transact(lambda session: session.execute(update(RoleRules).values(totp_required=False)))
    transact(second_factor.switch_off, log_in_id, token="", by=person.actor)
    log_in = db.session.get_one(LogIn, log_in_id, populate_existing=True)
    assert (log_in.totp_salt, log_in.totp_since, log_in.totp_step) == (None, None, None)
    assert second_factor.count_left(db.session(), log_in_id) == 0


@pytest.mark.money
def test_of_eight_who_send_the_same_code_at_once_one_comes_in() -> None:
    person = make_staff()
    phone, codes = give_factor(person, at=START)
    log_in_id, then = log_in_of(person), START + 10 * STEP

    for code in (phone.code(then), codes[0]):
        check = partial(transact_at, then, second_factor.check, log_in_id, code, by=person.actor)
        outcomes = together([check] * 8)

        assert [type(one) for one in outcomes].count(WrongCodeError) == 7
        assert outcomes.count(None) == 1


@pytest.mark.money
def test_half_a_sign_in_becomes_one_session_and_none_once_it_was_ended() -> None:
    person = make_staff()
    _phone, codes = give_factor(person, at=START)
    log_in_id = log_in_of(person)
    known = sign_in.find_staff_log_in(db.session(), person.email)
    assert known is not None
    checked = sign_in.Checked(known.password_hash)
    db.session.rollback()
    with pytest.raises(WrongPasswordError):  # somebody whose password was checked before there was a second factor
        transact(sign_in.open_session, log_in_id, by=person.actor, browser="", checked=checked)
    half = transact(sign_in.open_half, log_in_id, by=person.actor, browser="", checked=checked)

    outcomes = together(
        [partial(transact, second_factor.complete, half, code, by=person.actor, browser="") for code in codes[:8]]
    )

    assert [type(one) for one in outcomes].count(LinkError) == 7, outcomes
    assert db.session.scalar(select(func.count()).select_from(LogInSession)) == 1
    assert second_factor.count_left(db.session(), log_in_id) == 9


def test_a_phone_that_was_told_another_secret_is_of_no_use() -> None:
    person = make_staff()
    give_factor(person, at=START)

    assert not is_taken(log_in_of(person), Phone("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").code(START), START + 10 * STEP)
