"""Staff accounts and their passwords."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import func, select

from creditapp.db import db, transact
from creditapp.errors import PasswordError, TakenError
from creditapp.models import AuditDetails, AuditRow, LogIn, Role, Staff
from creditapp.services import passwords, staff
from creditapp.services.actor import SYSTEM
from tests.factories import change_settings

GOOD = "seven green turtles swim"


def _count(model: type[Staff | LogIn]) -> int:
    return db.session.execute(select(func.count()).select_from(model)).scalar_one()


def test_somebody_gets_a_log_in_with_a_role(app: Flask) -> None:
    staff_id = transact(staff.create, "Ann@Panel.example", "Ann Lee", Role.AGENT, GOOD, by=SYSTEM)

    person = db.session.get_one(Staff, staff_id)
    log_in = db.session.get_one(LogIn, person.log_in_id)
    assert (person.name, person.role, log_in.kind) == ("Ann Lee", "agent", "staff")
    assert (log_in.email, log_in.email_key) == ("Ann@Panel.example", "ann@panel.example")
    assert passwords.verify(log_in.password_hash, GOOD)


def test_making_a_staff_account_is_audited_without_the_password(app: Flask) -> None:
    staff_id = transact(staff.create, "ann@panel.example", "Ann Lee", Role.AGENT, GOOD, by=SYSTEM)

    row = db.session.execute(select(AuditRow)).scalar_one()
    details = db.session.execute(select(AuditDetails.details)).scalar_one()
    assert (row.action, row.object_kind, row.object_id) == ("staff_created", "staff", staff_id)
    assert details["after"] == {"name": "Ann Lee", "email": "ann@panel.example", "role": "agent"}


@pytest.mark.money
@pytest.mark.parametrize("again", ["ann@panel.example", "ANN@PANEL.EXAMPLE", " ann@panel.example"])
def test_an_email_opens_one_staff_account(app: Flask, again: str) -> None:
    transact(staff.create, "ann@panel.example", "Ann", Role.AGENT, GOOD, by=SYSTEM)

    with pytest.raises(TakenError, match="is taken"):
        transact(staff.create, again, "Another Ann", Role.ADMIN, GOOD, by=SYSTEM)

    assert (_count(Staff), _count(LogIn)) == (1, 1)


def test_a_bad_password_makes_no_account(app: Flask) -> None:
    change_settings(company_name="Meridian Hosting")

    with pytest.raises(PasswordError, match="your own name, email or company"):
        transact(staff.create, "ann@panel.example", "Ann", Role.ADMIN, "MeridianHosting2026", by=SYSTEM)

    assert (_count(Staff), _count(LogIn)) == (0, 0)


@pytest.mark.parametrize(
    "password",
    [
        "seven green turtles swim",
        "               seven",  # spaces count, and stay
        "пятнадцать букв и ещё",
        "🦊🐢🦉🐝🐙🦋🐞🦔🐿🦫🦦🦥🐌🐛🐜",
        "x" * 8 + "abcdefgh" * 60,
        "correct horse battery staple!! 1923 Vilnius",
        "aS9#kd02mQ!x7Lp",
    ],
)
def test_long_passwords_of_any_characters_are_good(password: str) -> None:
    passwords.check(password, email="ann@panel.example", company="Meridian Hosting")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "at least 15"),
        ("fourteen chars", "at least 15 characters; this has 14"),
        ("é" * 7 + "1234567", "at least 15"),
        ("e\u0301" * 10, "this has 10"),  # counted as people count
        ("x" * 1025, "at most 1,024"),
        ("x" * 10_000_000, "at most 1,024"),
        ("aaaaaaaaaaaaaaaaaaaa", "repeats"),
        ("abcabcabcabcabcabc", "repeats"),
        ("123456789012345", "tried first"),
        ("passwordpassword", "tried first"),
        ("Password 12345678", "tried first"),
        ("Correct Horse Battery Staple", "tried first"),
        ("qwertyuiopasdfghjkl", "tried first"),
        ("creditapp-admin-2026", "tried first"),
        ("ann.lee@panel.example", "tried first"),
        ("Meridian Hosting 1", "tried first"),
        ("AnnaLeeAnnaLee1", "tried first"),
        ("1qazxsw23edcvfr4", "used most"),
        ("q1w2e3r4t5y6u7i8o9p0", "used most"),
        ("Metallica 2026 2026", "used most"),
        ("greyhoungreyhoun", "used most"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(password: str, why: str) -> None:
    with pytest.raises(PasswordError, match=why):
        passwords.check(password, email="ann.lee@panel.example", name="Anna Lee", company="Meridian Hosting")


def test_a_shorter_password_is_good_beside_a_second_factor() -> None:
    passwords.check("kx7!rumpel", chars_min=passwords.CHARS_MIN_BESIDE_A_FACTOR)

    for password, why in (("kx7!rum", "at least 8 characters; this has 7"), ("ultraman", "used most")):
        with pytest.raises(PasswordError, match=why):
            passwords.check(password, chars_min=passwords.CHARS_MIN_BESIDE_A_FACTOR)


def test_the_whole_password_counts() -> None:
    kept = passwords.hash_password("long words " * 18 + "a")

    assert passwords.verify(kept, "long words " * 18 + "a")
    assert not passwords.verify(kept, "long words " * 18 + "b")


def test_the_same_characters_typed_on_another_keyboard_are_the_same_password() -> None:
    kept = passwords.hash_password("caf\u00e9 with seven friends")

    assert passwords.verify(kept, "cafe\u0301 with seven friends")


def test_each_hash_has_a_salt_of_its_own() -> None:
    assert passwords.hash_password(GOOD) != passwords.hash_password(GOOD)


@pytest.mark.parametrize("kept", [None, "", "not a hash", "$argon2id$v=19$m=65536,t=3,p=4$broken"])
def test_nobody_signs_in_without_a_hash(kept: str | None) -> None:
    assert not passwords.verify(kept, GOOD)


def test_an_endless_password_is_not_hashed() -> None:
    assert not passwords.verify(passwords.hash_password(GOOD), GOOD + "x" * 10_000_000)


def test_a_hash_of_another_cost_asks_to_be_renewed() -> None:
    assert passwords.needs_rehash(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(GOOD))
    assert not passwords.needs_rehash(passwords.hash_password(GOOD))
