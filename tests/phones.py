"""A phone that makes codes of somebody's second factor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyotp
from sqlalchemy import select

from creditapp.db import db, transact, transact_at
from creditapp.models import LogIn
from creditapp.services import second_factor, sign_in
from tests.conftest import LEDGER_KEY
from tests.factories import StaffMember

STEP = timedelta(seconds=second_factor.STEP_S)


@dataclass(frozen=True, slots=True)
class Phone:
    """What was told a secret."""

    secret: str

    def code(self, at: datetime | None = None, *, steps: int = 0) -> str:
        """Return the code of this moment, or of so many steps later: none is taken twice."""
        return pyotp.TOTP(self.secret).at((at or datetime.now(UTC)) + steps * STEP)


def log_in_of(person: StaffMember) -> int:
    """Return the log-in of this member of the staff."""
    found = sign_in.find_staff_log_in(db.session(), person.email)
    assert found is not None
    db.session.rollback()
    return found.log_in_id


def give_factor(person: StaffMember, *, at: datetime | None = None) -> tuple[Phone, list[str]]:
    """Set up a second factor for this person at this moment; return the phone and the ten recovery codes.

    Now stands for two minutes ago, so that no code of now has been taken.
    """
    log_in_id, moment = log_in_of(person), at or datetime.now(UTC) - 4 * STEP
    transact(second_factor.begin, log_in_id)
    phone = Phone(second_factor.secret_of(LEDGER_KEY, log_in_id, salt_of(log_in_id)))
    confirmed = transact_at(moment, second_factor.confirm, log_in_id, phone.code(moment), token="", by=person.actor)
    return phone, confirmed[1]


def salt_of(log_in_id: int) -> bytes:
    """Return what the second factor of this log-in is made from."""
    salt = db.session.scalar(select(LogIn.totp_salt).where(LogIn.id == log_in_id))
    db.session.rollback()
    assert salt is not None
    return salt
