"""The managed list of promo codes. Switched off, never deleted: entries name them."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from creditapp.db import now
from creditapp.errors import CodeError, StaleFormError, TakenError
from creditapp.models import Customer, PromoCode
from creditapp.services import audit, customers, request_keys
from creditapp.services.audit import Action
from creditapp.text import fold

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,39}", re.ASCII)
DESCRIPTION_CHARS_MAX = 200
EXPIRY_DAYS_MAX = 3660
USES_MAX = 1_000_000_000
WHAT = "this promo code"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoFields:
    """A code as its form has it: either a fixed amount, or a part of the order's total with or without a most."""

    code: str
    description: str = ""
    amount_minor: int | None = None
    percent_bp: int | None = None
    most_minor: int | None = None
    grants_when_paid: bool = True
    once_per_customer: bool = True
    first_order_only: bool = False
    uses_max: int | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    days_to_expiry: int | None = None
    is_active: bool = True

    def columns(self) -> dict[str, Any]:
        """Return what the row holds of these, and the folded code by which it is found."""
        return {**asdict(self), "code_key": fold(self.code)}


def create(session: Session, fields: PromoFields, *, by: Actor, key: str) -> int:
    """Add a code, and return its id. The same key again adds no second one.

    Raises:
        TakenError: another code reads the same, capitals apart, or a customer's referral code does.
        CodeError: the fields contradict each other.
        FormReusedError: the key has added another code.
    """
    _check(fields)
    customers.lock_settings(session)
    content = (*(None if value is None else str(value) for value in asdict(fields).values()), by.kind, by.id)
    earlier = request_keys.claim(session, "promo", key, content)
    if earlier is not None:
        return int(earlier)
    _check_free(session, fields)
    moment = now(session)
    row = insert(PromoCode).values(**fields.columns(), uses=0, version=1, created_at=moment, updated_at=moment)
    try:
        promo_id: int = session.execute(row.returning(PromoCode.id)).scalar_one()
    except IntegrityError as error:
        raise _taken(error, fields) from error
    request_keys.keep(session, "promo", key, str(promo_id))
    audit.record(session, Action.PROMO_CREATED, by, "promo_code", promo_id, after=asdict(fields))
    return promo_id


def edit(session: Session, promo_id: int, fields: PromoFields, *, version: int, by: Actor) -> None:
    """Save a code; `version` is the one the form was opened on. Orders that used it before keep what it was to bring.

    Nothing is written when nothing differs. What it is called stays as it is once it has been used: entries say so.

    Raises:
        CodeError: there is no such code, its name is fixed, it was used more often, or the fields contradict.
        StaleFormError: somebody else saved it meanwhile.
        TakenError: another code reads the same.
    """
    _check(fields)
    customers.lock_settings(session)
    saved, uses, saved_version = _lock(session, promo_id)
    if saved == fields:
        return
    if saved_version != version:
        raise StaleFormError(WHAT)
    if saved.code != fields.code:
        if uses:
            raise CodeError("The code has been used, and stays what it is called. Make a new one.")
        _check_free(session, fields)
    if fields.uses_max is not None and fields.uses_max < uses:
        raise CodeError(f"The code has been used {uses:,} times already.", box="uses_max")
    try:
        _write(session, promo_id, version, fields.columns())
    except IntegrityError as error:
        raise _taken(error, fields) from error
    audit.record(session, Action.PROMO_EDITED, by, "promo_code", promo_id, asdict(saved), asdict(fields))


def switch_off(session: Session, promo_id: int, *, by: Actor) -> None:
    """Let no further order use the code; what it has promised still comes. Safe to repeat.

    Raises:
        CodeError: there is no such code.
    """
    customers.lock_settings(session)
    saved, _uses, version = _lock(session, promo_id)
    if not saved.is_active:
        return
    _write(session, promo_id, version, {"is_active": False})
    audit.record(session, Action.PROMO_EDITED, by, "promo_code", promo_id, {"is_active": True}, {"is_active": False})


def _check(fields: PromoFields) -> None:
    if not CODE.fullmatch(fields.code):
        raise CodeError("Use 3 to 40 letters, digits, hyphens and underscores, beginning with a letter or digit.")
    if (fields.amount_minor is None) == (fields.percent_bp is None):
        raise CodeError("A code brings either a fixed amount, or a part of the order.")
    if fields.most_minor is not None and fields.percent_bp is None:
        raise CodeError("Only a part of the order has a most.")
    if fields.starts_on and fields.ends_on and fields.ends_on < fields.starts_on:
        raise CodeError("The last day must not be before the first.")


def _check_free(session: Session, fields: PromoFields) -> None:
    """Refuse what a customer passes on as a referral code: an order could not tell which is meant."""
    same = select(Customer.id).where(Customer.referral_code == fold(fields.code)).limit(1)
    if session.execute(same).first() is not None:
        raise TakenError("code", fields.code)


def _lock(session: Session, promo_id: int) -> tuple[PromoFields, int, int]:
    p = PromoCode.__table__.c
    names = list(PromoFields.__dataclass_fields__)
    row = session.execute(
        select(p.uses, p.version, *[p[name] for name in names]).where(p.id == promo_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise CodeError("There is no such promo code.")
    return PromoFields(**{name: getattr(row, name) for name in names}), row.uses, row.version


def _write(session: Session, promo_id: int, version: int, values: dict[str, Any]) -> None:
    row = update(PromoCode).where(PromoCode.id == promo_id)
    session.execute(row.values(**values, version=version + 1, updated_at=now(session)))


def _taken(error: IntegrityError, fields: PromoFields) -> Exception:
    """Return the refusal that a broken unique key means, or the error itself when it is another one."""
    return TakenError("code", fields.code) if "code_key" in str(error.orig) else error
