"""The second factor: codes of a phone (TOTP, RFC 6238), and ten codes that stand in for it, each once.

The secret is kept nowhere: it is made anew from a salt in the database and a key outside of it. Who reads the
database, a copy or a backup of it, can make no code and cannot guess a recovery code either.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import TYPE_CHECKING

import pyotp
from sqlalchemy import Row, delete, func, insert, select, update

from creditapp.db import ledger_key, now
from creditapp.errors import FactorError, LinkError, WrongCodeError
from creditapp.models import LogIn, RecoveryCode, RoleRules, Staff
from creditapp.services import audit, sessions, sign_in
from creditapp.services.audit import Action

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

DIGITS = 6
STEP_S = 30
STEPS_EITHER_WAY = 1
"""A phone's clock may be off by so many steps, and a person may be as slow as that."""
SALT_BYTES = 20
SECRET_BYTES = 20
"""What SHA-1 takes, and RFC 4226 asks for."""
RECOVERY_CODES = 10
RECOVERY_CHARS = 10
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""No characters that are taken for one another when they are copied by hand."""
_SECRET_DOMAIN, _RECOVERY_DOMAIN = b"creditapp second factor", b"creditapp recovery code"


def secret_of(key: bytes, log_in_id: int, salt: bytes) -> str:
    """Return the secret that a phone and we make codes from, in base 32."""
    made = hmac.digest(key, b"\x00".join((_SECRET_DOMAIN, b"%d" % log_in_id, salt)), "sha256")
    return base64.b32encode(made[:SECRET_BYTES]).decode()


def begin(session: Session, log_in_id: int) -> None:
    """Make what a new secret comes from. It asks for nothing until a first code of it was right.

    Raises:
        FactorError: there is one already.
    """
    if _lock(session, log_in_id).totp_since is not None:
        raise FactorError("A second factor is set up already: switch it off first.")
    salt = secrets.token_bytes(SALT_BYTES)
    session.execute(update(LogIn).where(LogIn.id == log_in_id).values(totp_salt=salt, totp_step=None))


def confirm(session: Session, log_in_id: int, code: str, *, token: str, by: Actor) -> tuple[str, list[str]]:
    """Switch the second factor on by a first code, end all other sessions, and return a new token and ten codes.

    The codes stand in for the second factor, each once. They are shown only here.

    Raises:
        WrongCodeError: it is not the code of this moment.
        FactorError: the set-up has not begun, or is over.
    """
    log_in = _lock(session, log_in_id)
    if log_in.totp_salt is None or log_in.totp_since is not None:
        raise FactorError("Begin to set up the second factor once more.")
    step = _step_of(session, log_in, code)
    if step is None:
        raise WrongCodeError
    _write(session, log_in_id, totp_since=now(session), totp_step=step)
    codes = _make_codes(session, log_in_id)
    fresh = sessions.keep_one(session, log_in_id, token)
    audit.record(session, Action.FACTOR_SET_UP, by, by.kind, by.id)
    return fresh, codes


def check(session: Session, log_in_id: int, code: str, *, by: Actor) -> None:
    """Use up a code of the phone, or a recovery code.

    Raises:
        WrongCodeError: it is neither, or was used before.
    """
    log_in = _lock(session, log_in_id)
    step = _step_of(session, log_in, code) if log_in.totp_since is not None else None
    if step is not None:
        _write(session, log_in_id, totp_step=step)
    elif _use_recovery_code(session, log_in_id, code):
        left = {"left": count_left(session, log_in_id)}
        audit.record(session, Action.RECOVERY_CODE_USED, by, by.kind, by.id, after=left)
    else:
        raise WrongCodeError


def complete(session: Session, half_token: str, code: str, *, by: Actor, browser: str, instead_of: str = "") -> str:
    """Open the session whose password was right before, and return its token.

    Raises:
        WrongCodeError: the code is not right, or was used before.
        LinkError: the sign-in took too long, or was ended meanwhile: by another password, role or code, or disabled.
    """
    half = sign_in.find_half(session, half_token, now(session))
    if half is None:
        raise LinkError
    check(session, half.log_in_id, code, by=by)
    if not sign_in.end(session, half_token):  # it was there before the lock, and was ended while we waited for that
        raise LinkError
    return sign_in.open_session(session, half.log_in_id, by=by, browser=browser, instead_of=instead_of)


def make_recovery_codes(session: Session, log_in_id: int, *, by: Actor) -> list[str]:
    """Make ten codes in the place of those there are, and return them; they are shown only here.

    Raises:
        FactorError: there is no second factor that they could stand in for.
    """
    if _lock(session, log_in_id).totp_since is None:
        raise FactorError("Set up a second factor first.")
    codes = _make_codes(session, log_in_id)
    audit.record(session, Action.RECOVERY_CODES_MADE, by, by.kind, by.id)
    return codes


def switch_off(session: Session, log_in_id: int, *, token: str, by: Actor) -> str:
    """Switch one's own second factor off, end all other sessions, and return a new token for this one.

    Raises:
        FactorError: one's role asks for it, or there is none.
    """
    if _lock(session, log_in_id).totp_since is None:
        raise FactorError("There is no second factor to switch off.")
    rules = select(RoleRules.totp_required).join(Staff, Staff.role == RoleRules.role)
    if session.scalar(rules.where(Staff.log_in_id == log_in_id)):
        raise FactorError("Your role asks for a second factor: it cannot be switched off.")
    forget(session, log_in_id)
    fresh = sessions.keep_one(session, log_in_id, token)
    audit.record(session, Action.FACTOR_SWITCHED_OFF, by, by.kind, by.id)
    return fresh


def forget(session: Session, log_in_id: int) -> None:
    """Take the second factor and its recovery codes away. Auditing is the caller's."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.log_in_id == log_in_id))
    _write(session, log_in_id, totp_salt=None, totp_since=None, totp_step=None)


def count_left(session: Session, log_in_id: int) -> int:
    """Return how many recovery codes have not been used."""
    r = RecoveryCode
    unused = select(func.count()).where(r.log_in_id == log_in_id, r.used_at.is_(None))
    return session.execute(unused).scalar_one()


def _lock(session: Session, log_in_id: int) -> Row[*tuple[Any, ...]]:
    log_in = LogIn
    columns = (log_in.id, log_in.totp_salt, log_in.totp_since, log_in.totp_step)
    return session.execute(select(*columns).where(log_in.id == log_in_id).with_for_update(key_share=True)).one()


def _write(session: Session, log_in_id: int, **values: object) -> None:
    session.execute(update(LogIn).where(LogIn.id == log_in_id).values(**values))


def _step_of(session: Session, log_in: Row[*tuple[Any, ...]], code: str) -> int | None:
    """Return the step of time whose code this is, newer than the newest that was taken; None: it is no such code."""
    typed = "".join(code.split())
    if len(typed) != DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    phone = pyotp.HOTP(secret_of(ledger_key(session), log_in.id, log_in.totp_salt), digits=DIGITS)
    middle = _current_step(now(session))
    steps = range(middle - STEPS_EITHER_WAY, middle + STEPS_EITHER_WAY + 1)
    right = [step for step in steps if hmac.compare_digest(phone.at(step), typed)]
    newer = [step for step in right if log_in.totp_step is None or step > log_in.totp_step]
    return newer[0] if newer else None


def _current_step(moment: datetime) -> int:
    return int(moment.timestamp()) // STEP_S


def _make_codes(session: Session, log_in_id: int) -> list[str]:
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(RECOVERY_CHARS)) for _ in range(RECOVERY_CODES)]
    session.execute(delete(RecoveryCode).where(RecoveryCode.log_in_id == log_in_id))
    moment = now(session)
    rows = [
        {"log_in_id": log_in_id, "digest": _digest(session, log_in_id, code), "created_at": moment} for code in codes
    ]
    session.execute(insert(RecoveryCode), rows)
    half = RECOVERY_CHARS // 2
    return [f"{code[:half]}-{code[half:]}" for code in codes]


def _use_recovery_code(session: Session, log_in_id: int, code: str) -> bool:
    typed = "".join(c for c in code.casefold() if c.isalnum())
    if len(typed) != RECOVERY_CHARS:
        return False
    r = RecoveryCode
    own = (r.log_in_id == log_in_id, r.digest == _digest(session, log_in_id, typed), r.used_at.is_(None))
    used = session.connection().execute(update(r).where(*own).values(used_at=now(session)))
    return used.rowcount == 1


def _digest(session: Session, log_in_id: int, code: str) -> bytes:
    return hmac.digest(
        ledger_key(session), b"\x00".join((_RECOVERY_DOMAIN, b"%d" % log_in_id, code.encode())), "sha256"
    )
