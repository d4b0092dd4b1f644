"""What the settings pages read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select

from creditapp.models import Reason, RoleRules, Setting
from creditapp.services.credits.applying import select_rules
from creditapp.services.credits.rule import Rules

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def select_settings() -> Select[Any]:
    """Return the settings, as their form holds them."""
    s = Setting
    return (
        select(s.credits_enabled, s.company_name, s.currency, s.time_zone, s.duplicate_window_days, s.version)
        .add_columns(s.automatic_on_new, s.automatic_on_arrival, s.automatic_on_due, s.automatic_kinds)
        .add_columns(s.full_cover_only, s.minimum_remainder_minor, s.return_grace_days)
        .add_columns(s.renewal_lead_days, s.payment_terms_days, s.prices_include_tax)
        .where(s.id == 1)
    )


def select_limits() -> Select[str, int | None, int | None, bool]:
    """Return what each role may post alone."""
    r = RoleRules
    return select(r.role, r.add_max_minor, r.remove_max_minor, r.reverses_own_only)


def select_reasons() -> Select[Reason]:
    """Return every reason, in the order of the list."""
    return select(Reason).order_by(Reason.position, Reason.id)


def read_rules(session: Session) -> Rules:
    """Return the switches of credit use as they stand; nothing is locked, so the services read them anew."""
    return Rules(*session.execute(select_rules()).one())
