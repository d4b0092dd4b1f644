"""What the panel's settings say about adding funds, refunds of credit, and referrals."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from dataclasses import fields as fields_of
from typing import TYPE_CHECKING

from sqlalchemy import Row, Select, select, update

from creditapp.db import now
from creditapp.errors import StaleFormError
from creditapp.models import Setting
from creditapp.money import AMOUNT_MINOR_MAX, BALANCE_MINOR_MAX
from creditapp.services import audit
from creditapp.services.audit import Action
from creditapp.services.settings import WHAT

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy.orm import Session

    from creditapp.services.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositFields:
    """What the tab *Deposits and codes* holds; amounts are minor units."""

    top_up_enabled: bool
    top_up_min_minor: int
    top_up_max_minor: int
    balance_max_minor: int
    """0: no limit."""
    top_up_needs_order: bool
    credit_refunds: bool
    referrals_enabled: bool
    referred_minor: int
    referrer_minor: int


def select_saved() -> Select[Any]:
    """Select what is saved, and the version of the settings."""
    return select(Setting.version, *_COLUMNS).where(Setting.id == 1)


def save(session: Session, fields: DepositFields, *, version: int, by: Actor) -> None:
    """Save the tab; `version` is that of the settings. Nothing is written when nothing differs.

    What was promised before stays: a referral brings what it did when its order was placed.

    Raises:
        StaleFormError: somebody else saved the settings meanwhile.
        ValueError: the limits contradict each other; forms know better.
    """
    _check(fields)
    saved: Row[Any] = session.execute(select_saved().with_for_update()).one()
    if saved.version != version:
        raise StaleFormError(WHAT)
    before, after = {column.key: getattr(saved, column.key) for column in _COLUMNS}, asdict(fields)
    if before == after:
        return
    moment = now(session)
    session.execute(update(Setting).where(Setting.id == 1).values(**after, version=version + 1, updated_at=moment))
    audit.record(session, Action.SETTINGS_SAVED, by, "settings", 1, before, after)


def _check(fields: DepositFields) -> None:
    if not 1 <= fields.top_up_min_minor <= fields.top_up_max_minor <= AMOUNT_MINOR_MAX:
        raise ValueError("The smallest deposit is above the largest one, or no amount.")
    if fields.balance_max_minor and not fields.top_up_min_minor <= fields.balance_max_minor <= BALANCE_MINOR_MAX:
        raise ValueError("The highest balance has no room for the smallest deposit.")


_COLUMNS = tuple(Setting.__table__.c[one.name] for one in fields_of(DepositFields))
