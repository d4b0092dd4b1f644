"""The panel's settings, and what each role may post alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from dataclasses import fields as fields_of
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import func, or_, select, update

from creditapp.db import now
from creditapp.errors import AmountsKeptError, SettingLockedError, StaleFormError
from creditapp.models import (
    CreditAccount,
    CreditEntry,
    Invoice,
    InvoiceKind,
    Product,
    PromoCode,
    Reason,
    Role,
    RoleRules,
    Setting,
    Subscription,
)
from creditapp.money import currency
from creditapp.services import audit
from creditapp.services.audit import Action

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor

COMPANY_CHARS_MAX = 80
DUPLICATE_WINDOW_DAYS_MAX = 90
RETURN_GRACE_DAYS_MAX = 366
RENEWAL_LEAD_DAYS_MAX = 60
PAYMENT_TERMS_DAYS_MAX = 120
AUTOMATIC_KINDS = tuple(kind for kind in InvoiceKind if kind is not InvoiceKind.ADD_FUNDS)
"""The kinds of invoice on which credit may be used by itself; funds are never added from credit."""
WHAT = "the settings"

_AREAS = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
_LOCKED = {"currency": "currency", "time_zone": "time zone"}
_AMOUNTS = (
    *("top_up_min_minor", "top_up_max_minor", "balance_max_minor"),
    *("referred_minor", "referrer_minor", "low_balance_minor"),
)
_AS_MADE = {name: Setting.__table__.c[name].default.arg for name in _AMOUNTS}
"""What other tabs say in the panel's currency, and what each says as long as nobody has chosen it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingFields:
    """What the form of the settings holds: cleaned and within its lengths."""

    credits_enabled: bool
    company_name: str
    currency: str
    time_zone: str
    duplicate_window_days: int
    automatic_on_new: bool
    automatic_on_arrival: bool
    automatic_on_due: bool
    automatic_kinds: str
    """Those of `AUTOMATIC_KINDS` that are chosen, in their order, with commas between."""
    full_cover_only: bool
    minimum_remainder_minor: int
    return_grace_days: int
    renewal_lead_days: int
    payment_terms_days: int
    prices_include_tax: bool


@dataclass(frozen=True, slots=True)
class RoleLimits:
    """What a role may post alone: minor units per entry, None for no limit, and whose entries it may reverse."""

    add_max_minor: int | None
    remove_max_minor: int | None
    reverses_own_only: bool


def save(session: Session, fields: SettingFields, *, version: int, by: Actor) -> None:
    """Save the settings; `version` is the one the form was opened on. Nothing is written when nothing differs.

    The currency and the time zone are fixed by the first entry or invoice. As long as there is none, a change of either
    first locks every credit account: `credits.adjust` and `invoices.create` read the settings after they have locked
    their account, so what they make is either seen here and refuses the change, or is made under the new settings.

    Raises:
        StaleFormError: somebody else saved the settings meanwhile.
        SettingLockedError: there are entries or invoices, and the currency or the time zone would change.
        AmountsKeptError: the currency would change under amounts that limits, reasons, products or these settings hold.
        ValueError: there is no such currency, or credit would be used by itself on a kind of invoice that takes none.
        ZoneInfoNotFoundError: there is no such time zone.
    """
    _check_kinds(fields.automatic_kinds)
    before = _lock(session, version)
    after = asdict(fields)
    if before == after:
        return
    moved = [name for name in _LOCKED if before[name] != after[name]]
    if moved:
        currency(fields.currency)
        ZoneInfo(fields.time_zone)
        _lock_accounts(session)
        if has_money(session):
            raise SettingLockedError(_LOCKED[moved[0]])
        if "currency" in moved and (fields.minimum_remainder_minor or _holds_amounts(session)):
            raise AmountsKeptError(currency=before["currency"])
    _write(session, version, after)
    audit.record(session, Action.SETTINGS_SAVED, by, "settings", 1, before, after)


def save_limits(session: Session, limits: Mapping[Role, RoleLimits], *, version: int, by: Actor) -> None:
    """Save what these roles may post alone; `version` is that of the settings. Limits bind from the next entry on.

    Raises:
        StaleFormError: somebody else saved the settings meanwhile.
    """
    _lock(session, version)
    r = RoleRules
    rows = session.execute(
        select(r.role, r.add_max_minor, r.remove_max_minor, r.reverses_own_only).where(r.role.in_(map(str, limits)))
    )
    saved = {Role(role): RoleLimits(add, remove, own) for role, add, remove, own in rows}
    changed = {role: rules for role, rules in limits.items() if saved[role] != rules}
    if not changed:
        return
    for role, rules in changed.items():
        session.execute(update(r).where(r.role == str(role)).values(**asdict(rules)))
    _write(session, version, {})
    before, after = _named(saved, changed), _named(changed, changed)
    audit.record(session, Action.LIMITS_SAVED, by, "settings", 1, before, after)


def has_money(session: Session) -> bool:
    """Return whether there is any entry or invoice: currency and time zone are fixed then."""
    found = (select(column).limit(1) for column in (CreditEntry.seq, Invoice.id))
    return any(session.execute(statement).first() is not None for statement in found)


def time_zones() -> tuple[str, ...]:
    """Return the time zones a panel can be run in, by name: UTC, and each place of the world once."""
    return "UTC", *sorted(name for name in available_timezones() if name.startswith(tuple(f"{a}/" for a in _AREAS)))


def lock(session: Session) -> None:
    """Keep everybody else from changing settings, limits and reasons until the commit."""
    session.execute(select(Setting.id).where(Setting.id == 1).with_for_update()).one()


def _lock(session: Session, version: int) -> dict[str, Any]:
    """Lock the settings and return them, if they are still those of this version."""
    s = Setting
    columns = [s.__table__.c[one.name] for one in fields_of(SettingFields)]
    row = session.execute(select(s.version, *columns).where(s.id == 1).with_for_update()).one()
    if row.version != version:
        raise StaleFormError(WHAT)
    return {column.key: getattr(row, column.key) for column in columns}


def _check_kinds(kinds: str) -> None:
    chosen = kinds.split(",") if kinds else []
    if chosen != [kind for kind in AUTOMATIC_KINDS if kind in chosen]:
        raise ValueError(f"{kinds!r} are not kinds on which credit is used by itself.")


def _lock_accounts(session: Session) -> None:
    every = select(CreditAccount.customer_id).order_by(CreditAccount.customer_id).with_for_update().subquery()
    session.execute(select(func.count()).select_from(every)).one()


def _holds_amounts(session: Session) -> bool:
    r = RoleRules
    limited = select(r.role).where(or_(r.add_max_minor.is_not(None), r.remove_max_minor.is_not(None))).limit(1)
    noted = select(Reason.id).where(Reason.note_above_minor.is_not(None)).limit(1)
    priced = [select(one.id).where(one.price_minor > 0).limit(1) for one in (Product, Subscription)]
    p, s = PromoCode, Setting
    promised = select(p.id).where(or_(p.amount_minor.is_not(None), p.most_minor.is_not(None))).limit(1)
    set_up = select(s.id).where(s.id == 1, or_(*(s.__table__.c[name] != as_made for name, as_made in _AS_MADE.items())))
    every = (limited, noted, promised, set_up, *priced)
    return any(session.execute(statement).first() is not None for statement in every)


def _write(session: Session, version: int, values: Mapping[str, Any]) -> None:
    row = update(Setting).where(Setting.id == 1)
    session.execute(row.values(**values, version=version + 1, updated_at=now(session)))


def _named(limits: Mapping[Role, RoleLimits], roles: Mapping[Role, RoleLimits]) -> dict[str, Any]:
    """Return the limits of these roles with one name each, as the audit log keeps them."""
    return {f"{role}_{name}": value for role in roles for name, value in asdict(limits[role]).items()}
