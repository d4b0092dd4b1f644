"""What every page needs of the settings, read once for each request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from flask import g
from sqlalchemy import select

from creditapp.db import db
from creditapp.models import Setting
from creditapp.money import Currency, currency
from creditapp.services.ledger import zone
from creditapp.statements import Prepared, run


@dataclass(frozen=True, slots=True)
class Panel:
    """The settings as pages show them."""

    credits_enabled: bool
    currency: Currency
    company_name: str
    zone: ZoneInfo
    duplicate_window_days: int

    def today(self) -> date:
        """Return the calendar day it is in the panel's zone."""
        return datetime.now(UTC).astimezone(self.zone).date()


def current_panel() -> Panel:
    """Return the settings as they were when this request first asked."""
    if "panel" not in g:
        row = run(db.session(), _SETTINGS())[0].rows[0]
        g.panel = Panel(row[0], currency(row[1]), row[2], zone(row[3]), row[4])
    panel: Panel = g.panel
    return panel


def forget_panel() -> None:
    """Have the settings read anew: they have just been saved."""
    g.pop("panel", None)


_SETTINGS = Prepared(
    select(
        Setting.credits_enabled,
        Setting.currency,
        Setting.company_name,
        Setting.time_zone,
        Setting.duplicate_window_days,
    ).where(Setting.id == 1)
)
